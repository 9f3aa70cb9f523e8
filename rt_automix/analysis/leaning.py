"""The kernels of `auto_style`: a lean from what is heard to the profiles that are like it."""

from __future__ import annotations

import math

import numpy as np

from rt_automix.analysis import layout as at
from rt_automix.analysis import means
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.matching import MIN_MUSIC_S
from rt_automix.analysis.tone import TONE_BANDS, VECTOR_SIZE
from rt_automix.dsp.jit import kernel

TIME_CONSTANT_S = 10.0
"""How slowly it follows, in seconds of music, on top of the slowness of the statistics."""
LONGEST_STEP_S = 1.0

LIKENESS_DB = 0.5
"""A profile that is this much farther away counts for less by a factor of e."""
REACH_DB = 10.0
"""Differences saturate here: an empty band says little."""
SIDE_MID_WEIGHT, DYNAMICS_WEIGHT = 0.04, 4.0
"""What a squared dB of either counts for, beside the mean squared dB of tone."""
OWN_SHARE = 0.5
"""How much of the difference to the mix is left to the song."""

FARTHEST_DB = np.array([1.5] * TONE_BANDS + [1.2, 1.0])
"""It leans softly within this: tone bands, side/mid ratio, dynamics."""

_FARTHEST = FARTHEST_DB.copy()
_SAY = np.array([1.0 / TONE_BANDS] * TONE_BANDS + [SIDE_MID_WEIGHT, DYNAMICS_WEIGHT])

_work = at.Region()
_VECTOR = _work.take(VECTOR_SIZE)
_HEARD = _work.take(at.LEAN_SIZE)
_MIX = _work.take(at.LEAN_SIZE)
WORK_SIZE = _work.size

_SIDE_MID, _DYNAMICS = TONE_BANDS, TONE_BANDS + 1


@kernel("float64(float64[::1], float64[::1])")
def _distance_db(heard, style):
    """How unlike a profile is to what is heard, in tone, width and dynamics."""
    total = 0.0
    for k in range(at.LEAN_SIZE):
        away_db = min(max(heard[k] - style[k], -REACH_DB), REACH_DB)
        total += _SAY[k] * away_db * away_db
    return math.sqrt(total)


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _wish(styles, heard, mix):
    """How far to lean towards the mix of the profiles, each with a share by its distance: into `mix`."""
    count, size = styles.shape[0] // at.LEAN_SIZE, at.LEAN_SIZE
    nearest_db = math.inf
    for s in range(count):
        nearest_db = min(nearest_db, _distance_db(heard, styles[s * size : (s + 1) * size]))
    total = 0.0
    for k in range(size):
        mix[k] = 0.0
    for s in range(count):
        style = styles[s * size : (s + 1) * size]
        share = math.exp((nearest_db - _distance_db(heard, style)) / LIKENESS_DB)
        total += share
        for k in range(size):
            mix[k] += share * style[k]
    for k in range(size):
        wish_db = (1.0 - OWN_SHARE) * (mix[k] / total - heard[k])
        mix[k] = _FARTHEST[k] * math.tanh(wish_db / _FARTHEST[k])


@kernel("void(float64[::1], float64[::1])")
def _hear(statistics, work):
    """What an input's level does not touch of what is heard."""
    values = work[_VECTOR : _VECTOR + VECTOR_SIZE]
    means.vector(statistics, values)
    for k in range(TONE_BANDS):
        work[_HEARD + k] = values[k]
    work[_HEARD + _SIDE_MID] = values[at.AIM_SIDE_MID]
    work[_HEARD + _DYNAMICS] = values[at.AIM_DYNAMICS]


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _put(heard, lean, aim):
    for k in range(TONE_BANDS):
        aim[at.AIM_BANDS + k] = heard[k] + lean[k]
    aim[at.AIM_SIDE_MID] = heard[_SIDE_MID] + lean[_SIDE_MID]
    aim[at.AIM_DYNAMICS] = heard[_DYNAMICS] + lean[_DYNAMICS]


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", door=True)
def follow(statistics, wanted, styles, decision, work, aim):
    """What to aim at: `wanted`, or what it makes of the music where it is the profile called `auto`.

    The lean moves with music only, never by more than LONGEST_STEP_S of it at a time.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    wanted : float64, shape (layout.AIM_SIZE,)
    styles : float64, shape (n * layout.LEAN_SIZE,)
        What an input's level does not touch of each profile to choose from.
    decision : float64, shape (layout.DECISION_SIZE,)
        Its lean is updated.
    work : float64, shape (WORK_SIZE,), scratch
    aim : float64, shape (layout.AIM_SIZE,), filled

    Thread: worker. Allocates: no.
    """
    for k in range(at.AIM_SIZE):
        aim[k] = wanted[k]
    heard_s = statistics[at.HEARD_FRAMES] * HOP_S
    new_s = min(max(heard_s - decision[at.LEAN_HEARD_S], 0.0), LONGEST_STEP_S)
    decision[at.LEAN_HEARD_S] = heard_s
    if wanted[at.AIM_IS_AUTO] == 0.0 or heard_s == 0.0:
        return
    _hear(statistics, work)
    heard, lean = work[_HEARD : _HEARD + at.LEAN_SIZE], decision[at.LEAN : at.LEAN + at.LEAN_SIZE]
    if new_s > 0.0 and heard_s >= MIN_MUSIC_S:
        mix = work[_MIX : _MIX + at.LEAN_SIZE]
        _wish(styles, heard, mix)
        step = 1.0 - math.exp(-new_s / TIME_CONSTANT_S)
        for k in range(at.LEAN_SIZE):
            lean[k] += step * (mix[k] - lean[k])
    _put(heard, lean, aim)


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", door=True)
def settle(statistics, wanted, styles, work, aim):
    """Where `follow` would end, were the music to go on like that; the same parameters but for the state.

    Thread: worker. Allocates: no.
    """
    for k in range(at.AIM_SIZE):
        aim[k] = wanted[k]
    if wanted[at.AIM_IS_AUTO] != 0.0 and statistics[at.HEARD_FRAMES] * HOP_S >= MIN_MUSIC_S:
        _hear(statistics, work)
        heard, mix = work[_HEARD : _HEARD + at.LEAN_SIZE], work[_MIX : _MIX + at.LEAN_SIZE]
        _wish(styles, heard, mix)
        _put(heard, mix, aim)
