"""Does the music get steadily quieter? A fade-out is told from the ups and downs of music by its trend.

Mann's test of a trend with Kendall's tau (Mann 1945, Econometrica 13, eq. 1; Kendall 1938, Biometrika 30): of all
pairs of two levels, how many are quieter later, less those that are louder, as a share of all. Ranks, so neither a
drum nor a rest between two words counts for more than its place; a drop at once makes no more than half.

The levels are those of half seconds, looked at over the last 6.5 and 10 s, and of two seconds, over 14 s. The numbers
were searched on music.
"""

from __future__ import annotations

import math

from rt_automix.dsp.jit import kernel

LEVEL_STEPS = 5
SHORT, MIDDLE, STRETCHES, STRETCH = 13, 20, 7, 4
"""Levels that are looked at one by one, and stretches of levels, for what fades so slowly that one shows little."""
FADES, STRETCHES_FADE, RECENTLY = 0.66, 0.56, 0.49
"""A tau from which it is a fade, and what its newer half has to have, which a drop has not."""
FELL_DB = 1.9
"""What the newer half has to be quieter by."""
FADES_STILL, HOLD_LEVELS = 0.29, 5
"""Over the middle stretch it goes on with that; without it, it is over after so long."""
FALLS = 0.53
"""A tau of the middle stretch from which the level falls just now, be it by ever so little."""

_KEPT = STRETCHES * STRETCH
_ENERGY, _STEPS, _COUNT, _LEFT, _TAU, _SLOWLY, _LEVELS = range(7)
_STRETCHES = _LEVELS + _KEPT
STATE_SIZE = _STRETCHES + STRETCHES


@kernel("float64(float64[::1], int64, int64)")
def _tau(state, start, count):
    """Kendall's tau of `count` levels, the newest first: 1 where each is quieter than all before it."""
    quieter = 0
    for later in range(start, start + count - 1):
        for k in range(later + 1, start + count):
            quieter += state[later] < state[k]
    return 4.0 * quieter / (count * (count - 1.0)) - 1.0


@kernel("float64(float64[::1], int64, int64)")
def _mean_db(state, start, count):
    total = 0.0
    for k in range(start, start + count):
        total += state[k]
    return total / count


@kernel("boolean(float64[::1], int64)")
def _fades_in(state, count):
    """Whether the newest `count` levels are a fade."""
    half = count // 2
    fell_db = _mean_db(state, _LEVELS + count - half, half) - _mean_db(state, _LEVELS, half)
    if state[_COUNT] < count or fell_db < FELL_DB:
        return False
    return _tau(state, _LEVELS, count) > FADES and _tau(state, _LEVELS, half) > RECENTLY


@kernel("boolean(float64[::1])")
def _fades_slowly(state):
    """Whether the stretches are a fade."""
    for k in range(STRETCHES):
        state[_STRETCHES + k] = _mean_db(state, _LEVELS + k * STRETCH, STRETCH)
    return state[_COUNT] >= _KEPT and _tau(state, _STRETCHES, STRETCHES) > STRETCHES_FADE


@kernel("void(float64[::1], float64)")
def hear(state, energy):
    """Take up the energy of a step of 100 ms.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
        Zeros where nothing has been heard.
    energy : float64

    Thread: audio. Allocates: no.
    """
    state[_ENERGY] += energy
    state[_STEPS] += 1.0
    if state[_STEPS] < LEVEL_STEPS:
        return
    for k in range(_KEPT - 1, 0, -1):
        state[_LEVELS + k] = state[_LEVELS + k - 1]
    state[_LEVELS] = 10.0 * math.log10(state[_ENERGY] / LEVEL_STEPS + 1e-20)
    state[_ENERGY], state[_STEPS] = 0.0, 0.0
    state[_COUNT] = min(state[_COUNT] + 1.0, _KEPT)
    state[_TAU] = _tau(state, _LEVELS, MIDDLE) if state[_COUNT] >= MIDDLE else 0.0
    if state[_LEFT] > 0.0 and state[_TAU] <= FADES_STILL:
        state[_LEFT] -= 1.0
    state[_SLOWLY] = 1.0 if _fades_slowly(state) else 0.0
    if _fades_in(state, SHORT) or _fades_in(state, MIDDLE):
        state[_LEFT] = HOLD_LEVELS


@kernel("boolean(float64[::1])")
def fades(state):
    """Whether the music fades out.

    Thread: audio. Allocates: no.
    """
    return state[_LEFT] > 0.0


@kernel("boolean(float64[::1])")
def falls(state):
    """Whether it gets quieter just now.

    Thread: audio. Allocates: no.
    """
    return state[_TAU] > FALLS or state[_SLOWLY] > 0.0


@kernel("void(float64[::1])")
def begin(state):
    """Somebody else knows that it fades.

    Thread: audio. Allocates: no.
    """
    state[_LEFT] = HOLD_LEVELS
