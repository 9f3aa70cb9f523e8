"""How far what is heard is from its own master, with the doubt: Wiener's estimate in closed form.

What is heard, less the mean of masters, is what makes this master differ from the mean plus what was done
to it. Of both the covariances are known (`training.correction.masters`), in the basis that makes both diagonal; what
was done has one of several scales, none among them, each with its share. The mean over the scales, weighted by
how well each explains what is heard, is the correction; its standard deviation is the doubt. Where a scale
of nothing explains it as well, next to nothing is corrected: a master is left alone.

N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", 1949; over several scales as
in J. Portilla and others, "Image Denoising Using Scale Mixtures of Gaussians in the Wavelet Domain", IEEE Trans.
Image Processing 12, 2003.
"""

from __future__ import annotations

import math

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import corrector
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.tone import TONE_BANDS
from rt_automix.dsp.jit import kernel

EMPTY_DB, EMPTY_SLOPE_DB = -24.0, 1.5
"""Bands so far under the mean of masters are empty: they have no say, and nothing is corrected there."""
LOOKS = 3
"""What is empty is known once the level is, and that once it is known what is empty."""
FARTHEST_DB = 24.0
"""No band says more about a master than this."""
MOST_DB = 6.0
"""No band is corrected by more: what needs it is no mix of a master, or the guess is none."""

_work = at.Region()
_SAY = _work.take(TONE_BANDS)
_AWAY = _work.take(TONE_BANDS)
_MODES = _work.take(at.MODES)
_SPREADS = _work.take(at.MODES)
_SHARES = _work.take(at.SCALES)
_PART = _work.take(TONE_BANDS)
_LEARNED, _LEARNED_DOUBT = _work.take(TONE_BANDS), _work.take(TONE_BANDS)
_NETWORK = _work.take(corrector.WORK_SIZE)
WORK_SIZE = _work.size

_FAR_DB = 300.0
_SIDE_MID, _DYNAMICS = TONE_BANDS, TONE_BANDS + 1
_FIRST_LOG2 = math.log2(at.FIRST_KNOT_S)


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _look(heard, masters, work):
    """How far each tone band is from the mean of masters, and how much it has to say."""
    for b in range(TONE_BANDS):
        work[_AWAY + b] = heard[b] - masters[at.MEAN + b]
    for _ in range(LOOKS):
        total, mean = 0.0, 0.0
        for b in range(TONE_BANDS):
            away = min(max(work[_AWAY + b], -_FAR_DB), _FAR_DB)
            work[_SAY + b] = 1.0 / (1.0 + math.exp((EMPTY_DB - away) / EMPTY_SLOPE_DB))
            total += work[_SAY + b]
            mean += work[_SAY + b] * away
        for b in range(TONE_BANDS):
            work[_AWAY + b] -= mean / max(total, 1e-9)
    for b in range(TONE_BANDS):
        work[_AWAY + b] = work[_SAY + b] * min(max(work[_AWAY + b], -FARTHEST_DB), FARTHEST_DB)


@kernel("float64(float64)")
def _knot(heard_s):
    """Where a listening time is between those that are known."""
    return min(math.log2(max(heard_s, at.FIRST_KNOT_S)) - _FIRST_LOG2, at.KNOTS - 1.001)


@kernel("void(float64[::1], float64, float64[::1])")
def _spread(masters, heard_s, work):
    """Variance of masters in each mode after so much music, between the two nearest times that are known."""
    position = _knot(heard_s)
    low = int(position)
    part = position - low
    for i in range(at.MODES):
        below, above = masters[at.SPREADS + low * at.MODES + i], masters[at.SPREADS + (low + 1) * at.MODES + i]
        work[_SPREADS + i] = (1.0 - part) * below + part * above


@kernel("void(float64[::1], float64, float64[::1])")
def _weigh(masters, boldness, work):
    """Share of each scale of damage, given what is heard: Bayes' rule, boldness leaning the prior."""
    best = -math.inf
    for k in range(at.SCALES):
        scale = masters[at.SCALE + k]
        fit = 0.0
        for i in range(at.MODES):
            variance = work[_SPREADS + i] + scale * scale
            mode = work[_MODES + i]
            fit -= 0.5 * (mode * mode / variance + math.log(variance))
        lean = (2.0 * boldness - 1.0) * masters[at.BOLD] * scale
        work[_SHARES + k] = masters[at.TEMPER] * fit + masters[at.PRIOR + k] + lean
        best = max(best, work[_SHARES + k])
    total = 0.0
    for k in range(at.SCALES):
        work[_SHARES + k] = math.exp(work[_SHARES + k] - best)
        total += work[_SHARES + k]
    for k in range(at.SCALES):
        work[_SHARES + k] /= total


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1])")
def _gather(masters, work, correction, doubt):
    """Mean and variance over the scales of what was done to each tone band."""
    for b in range(TONE_BANDS):
        correction[b], doubt[b] = 0.0, 0.0
    for k in range(at.SCALES):
        scale, share = masters[at.SCALE + k], work[_SHARES + k]
        for b in range(TONE_BANDS):
            work[_PART + b] = 0.0
        for i in range(at.MODES):
            spread = work[_SPREADS + i]
            gain = scale * scale / (spread + scale * scale)
            for b in range(TONE_BANDS):
                effect = masters[at.SYNTHESIS + i * TONE_BANDS + b]
                work[_PART + b] += effect * gain * work[_MODES + i]
                doubt[b] += share * effect * effect * gain * spread
        for b in range(TONE_BANDS):
            part = work[_PART + b]
            correction[b] += share * part
            doubt[b] += share * part * part
    for b in range(TONE_BANDS):
        doubt[b] = math.sqrt(max(doubt[b] - correction[b] * correction[b], 0.0))


@kernel("float64(float64[::1], int64, float64)")
def _by_time(masters, table, heard_s):
    """A number that is known by listening time, after so much."""
    position = _knot(heard_s)
    low = int(position)
    part = position - low
    return (1.0 - part) * masters[table + low] + part * masters[table + low + 1]


@kernel("float64(float64[::1], float64[::1], float64[::1], float64, float64[::1], float64[::1], float64[::1])")
def _blend(statistics, masters, heard, boldness, work, done, doubt):
    """Mix in what the networks say, by listening time; their share, 0 where there is no answer."""
    learned = work[_LEARNED : _LEARNED + TONE_BANDS]
    learned_doubt = work[_LEARNED_DOUBT : _LEARNED_DOUBT + TONE_BANDS]
    parts, away = work[_NETWORK : _NETWORK + corrector.WORK_SIZE], work[_AWAY : _AWAY + TONE_BANDS]
    bold = boldness ** masters[at.NET_BOLDNESS]
    if corrector.answer(statistics, masters, heard, away, bold, parts, learned, learned_doubt) == 0:
        return 0.0
    share = _by_time(masters, at.BLEND, statistics[at.HEARD_FRAMES] * HOP_S)
    for k in range(TONE_BANDS):
        done[k] = (1.0 - share) * done[k] - share * learned[k]  # what was done is what is to be undone
        doubt[k] = math.sqrt((1.0 - share) * doubt[k] * doubt[k] + share * learned_doubt[k] * learned_doubt[k])
    return share


@kernel("float64(float64[::1], float64[::1])")
def _mean_square(work, values):
    """Mean square over the tone bands, by what each has to say."""
    square, total = 0.0, 0.0
    for b in range(TONE_BANDS):
        square += work[_SAY + b] * values[b] * values[b]
        total += work[_SAY + b]
    return square / max(total, 1e-9)


@kernel("void(float64, float64, float64[::1], float64[::1], float64[::1])")
def _rest(middle_db, boldness, work, correction, doubt):
    """Leave small corrections undone, for they are more doubt than damage; the bolder, the fewer."""
    square = _mean_square(work, correction)
    rest_db = 2.0 * (1.0 - boldness) * middle_db
    share = square / max(square + rest_db * rest_db, 1e-12)
    for b in range(TONE_BANDS):
        left = (1.0 - share) * correction[b]
        correction[b] *= share
        doubt[b] = math.sqrt(doubt[b] * doubt[b] + left * left)


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _fit(masters, work, doubt):
    """Scale the doubt so that its RMS is what errors have been found to be where networks expected as much."""
    expected_db = math.sqrt(max(_mean_square(work, doubt), 1e-6))
    times = masters[at.NET_DOUBT] * expected_db ** (masters[at.NET_DOUBT + 1] - 1.0)
    for b in range(TONE_BANDS):
        doubt[b] *= times


@kernel("void(float64[::1], int64, float64, float64[::1], float64[::1], int64)")
def _read(masters, table, value, correction, doubt, into):
    """Mean and standard deviation of what was done to a number, from a table over its own value."""
    low, step = masters[table], masters[table + 1]
    position = min(max((value - low) / step, 0.0), at.TABLE_POINTS - 1.001)
    below = int(position)
    part, first = position - below, table + 2 + 2 * below
    correction[into] = (1.0 - part) * masters[first] + part * masters[first + 2]
    doubt[into] = (1.0 - part) * masters[first + 1] + part * masters[first + 3]


@kernel("void(float64[::1], float64[::1], float64[::1], float64, float64[::1], float64[::1], float64[::1])", door=True)
def estimate(statistics, heard, masters, boldness, work, correction, doubt):
    """How far tone, width and dynamics of what has been heard are from those of its own master.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    heard : float64, shape (VECTOR_SIZE,)
        The same in the order of a profile's vector.
    masters : float64, shape (layout.MASTERS_SIZE,)
        What is known of masters; see `masters`.
    boldness : float, 0..1
        How large damage is expected to be; at 0 nothing is corrected.
    work : float64, shape (WORK_SIZE,), scratch
    correction : float64, shape (layout.LEAN_SIZE,), filled
        To be added to what is heard: tone bands, side/mid ratio, dynamics, in dB.
    doubt : float64, shape (layout.LEAN_SIZE,), filled
        Standard deviation of each, in dB.

    Thread: worker. Allocates: no.
    """
    bold = boldness if boldness == boldness else 0.0
    bold = min(max(bold, 0.0), 1.0)
    _look(heard, masters, work)
    for i in range(at.MODES):
        mode = 0.0
        for b in range(TONE_BANDS):
            mode += masters[at.ANALYSIS + i * TONE_BANDS + b] * work[_AWAY + b]
        work[_MODES + i] = mode
    heard_s = statistics[at.HEARD_FRAMES] * HOP_S
    _spread(masters, heard_s, work)
    _weigh(masters, bold, work)
    _gather(masters, work, correction, doubt)
    _read(masters, at.WIDTH_TABLE, heard[at.AIM_SIDE_MID], correction, doubt, _SIDE_MID)
    _read(masters, at.DYNAMICS_TABLE, heard[at.AIM_DYNAMICS], correction, doubt, _DYNAMICS)
    middle_db = masters[at.REST]
    learned = _blend(statistics, masters, heard, bold, work, correction, doubt)
    if learned > 0.0:
        middle_db = _by_time(masters, at.NET_REST, heard_s) * math.sqrt(_mean_square(work, doubt))
    _rest(middle_db, bold, work, correction, doubt)
    if learned > 0.0:
        _fit(masters, work, doubt)
    share = min(2.0 * bold, 1.0)
    for k in range(at.LEAN_SIZE):
        say = work[_SAY + k] if k < TONE_BANDS else 1.0
        told = -share * say * correction[k]
        # What is no number says nothing, and must not stay in what is slowly followed.
        correction[k] = min(max(told, -MOST_DB), MOST_DB) if told == told else 0.0
        doubt[k] = min(doubt[k], _FAR_DB) if doubt[k] >= 0.0 else _FAR_DB
