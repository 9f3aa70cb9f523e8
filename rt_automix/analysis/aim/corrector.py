"""The learned correction's kernel: small networks that hear tone and texture.

They are trained by `training.correction.correct`. Each is told how far tone is from the mean of masters, width,
dynamics, the main components of the texture, for how long has been listened, the peaks over the loudness, and how
bold to be; it answers with the correction and the logarithms of its doubts. Two hidden layers, rectified; the answers
of all are averaged.
"""

from __future__ import annotations

import math

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing import texture
from rt_automix.analysis.tone import TONE_BANDS
from rt_automix.dsp.jit import kernel

LEAST_S = 4.0
"""A texture of less says nothing."""
FARTHEST_SD = 6.0
"""What a network is told is held within so many standard deviations."""
LEAST_LOG_DOUBT, MOST_LOG_DOUBT = -4.0, 3.0

_work = at.Region()
_TOLD = _work.take(at.TOLD_SIZE)
_INPUTS = _work.take(at.NET_INPUTS)
_SCALED = _work.take(at.NET_INPUTS)
_FIRST = _work.take(at.NET_FIRST)
_SECOND = _work.take(at.NET_SECOND)
_ANSWER = _work.take(2 * TONE_BANDS)
WORK_SIZE = _work.size

_BANDS, _COMPONENTS = TONE_BANDS, at.NET_COMPONENTS


@kernel("void(float64[::1], int64, float64[::1], float64[::1], int64)")
def _layer(masters, where, told, said, is_last):
    """A layer: weights, those of one input after another, then what is added; rectified unless it is the last."""
    size, count = told.shape[0], said.shape[0]
    added = masters[where + count * size : where + count * size + count]
    for row in range(count):
        said[row] = added[row]
    for k in range(size):
        weights, value = masters[where + k * count : where + (k + 1) * count], told[k]
        for row in range(count):
            said[row] += weights[row] * value
    if is_last == 0:
        for row in range(count):
            said[row] = max(said[row], 0.0)


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64[::1])")
def _tell(statistics, masters, heard, away, boldness, work):
    """All that a network is told."""
    told, inputs = work[_TOLD : _TOLD + at.TOLD_SIZE], work[_INPUTS : _INPUTS + at.NET_INPUTS]
    texture.describe(statistics, told)
    for b in range(_BANDS):
        inputs[b] = away[b]
    inputs[_BANDS] = heard[at.AIM_SIDE_MID]
    inputs[_BANDS + 1] = heard[at.AIM_DYNAMICS]
    for k in range(at.TOLD_SIZE):
        told[k] -= masters[at.NET_TEXTURE_MEAN + k]
    found = inputs[_BANDS + 2 : _BANDS + 2 + _COMPONENTS]
    for c in range(_COMPONENTS):
        found[c] = 0.0
    for k in range(at.TOLD_SIZE):
        first, value = at.NET_TEXTURE_PARTS + k * _COMPONENTS, told[k]
        parts = masters[first : first + _COMPONENTS]
        for c in range(_COMPONENTS):
            found[c] += parts[c] * value
    inputs[_BANDS + 2 + _COMPONENTS] = math.log2(max(statistics[at.HEARD_FRAMES] * HOP_S, 1.0))
    inputs[_BANDS + 3 + _COMPONENTS] = heard[at.AIM_PLR]
    inputs[_BANDS + 4 + _COMPONENTS] = boldness


@kernel(
    "int64(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64[::1], float64[::1], float64[::1])"
)
def answer(statistics, masters, heard, away, boldness, work, correction, doubt):
    """What the networks say, the mean of them.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    masters : float64, shape (layout.MASTERS_SIZE,)
    heard : float64, shape (VECTOR_SIZE,)
        In the order of a profile's vector.
    away : float64, shape (TONE_BANDS,)
        How far tone is from the mean of masters, empty bands being 0.
    boldness : float, 0..1
    work : float64, shape (WORK_SIZE,), scratch
    correction, doubt : float64, shape (TONE_BANDS,), filled, in dB
        To be added to what is heard in each tone band, and the standard deviation of that.

    Returns
    -------
    int64: 1, or 0 where there is no answer: no networks, too little music, or numbers that are none.

    Thread: worker. Allocates: no.
    """
    seconds = statistics[at.TEXTURE + at.T_FRAMES] * HOP_S
    if masters[at.HAS_NETWORK] == 0.0 or seconds < LEAST_S:
        return 0
    _tell(statistics, masters, heard, away, boldness, work)
    inputs, scaled = work[_INPUTS : _INPUTS + at.NET_INPUTS], work[_SCALED : _SCALED + at.NET_INPUTS]
    first, second = work[_FIRST : _FIRST + at.NET_FIRST], work[_SECOND : _SECOND + at.NET_SECOND]
    said = work[_ANSWER : _ANSWER + 2 * TONE_BANDS]
    for k in range(TONE_BANDS):
        correction[k], doubt[k] = 0.0, 0.0
    for member in range(at.NET_MEMBERS):
        where = at.NET + member * at.NET_SIZE
        for k in range(at.NET_INPUTS):
            away_sd = (inputs[k] - masters[where + at.N_MEAN + k]) / masters[where + at.N_DEVIATION + k]
            scaled[k] = min(max(away_sd, -FARTHEST_SD), FARTHEST_SD)
        _layer(masters, where + at.N_FIRST, scaled, first, 0)
        _layer(masters, where + at.N_SECOND, first, second, 0)
        _layer(masters, where + at.N_LAST, second, said, 1)
        for k in range(TONE_BANDS):
            log_doubt = min(max(said[TONE_BANDS + k], LEAST_LOG_DOUBT), MOST_LOG_DOUBT)
            correction[k] += said[k] / at.NET_MEMBERS
            doubt[k] += math.exp(log_doubt) / at.NET_MEMBERS
    total = 0.0
    for k in range(TONE_BANDS):
        total += correction[k] + doubt[k]
    return 1 if abs(total) < 1e6 else 0
