"""Loudness rider: a measured gain that brings the output to the target loudness, and holds it there.

It looks at what came out, after the limiter, in steps of 100 ms, and at the gain that was on then.
Their ratio is how loud the music would be without any gain, including what the limiter takes, so
one division closes the loop. The mean over a gated window (BS.1770's gates) gives the gain to go to:

- the window grows from the first step to ten seconds, so it settles at once and then stands firm;
- when the last second differs from the window by more than a jump, the window starts again;
- close to the goal the gain creeps, far from it it runs, down faster than up;
- a slow integral of the loudness since the start takes out what is left;
- silence changes nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.units import LUFS_OFFSET_DB

STEP_S = 0.1
WINDOW_STEPS = 100
JUMP_DB = 6.0
JUMP_UP_STEPS, JUMP_DOWN_STEPS = 4, 12
NEAR_DB = 3.0
RISE_SHARE = 0.3
BIAS_LIMIT_DB = 2.0
GAIN_LIMIT_DB = 40.0
_SETTLED_STEPS = 30
_BIAS_STEP = 0.004

_RING = 0
_AT = WINDOW_STEPS
_STEPS, _GOAL, _GAIN, _BIAS, _LONG_ENERGY, _LONG_STEPS = (_AT + 1 + k for k in range(6))
STATE_SIZE = _AT + 7

SETTINGS_SIZE = 3
SLOW_DB_PER_S, FAST_DB_PER_S, GATE_LUFS = range(SETTINGS_SIZE)


def new_state() -> NDArray[np.float64]:
    """Nothing heard, gain 0 dB: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE)


@kernel("float64(float64[::1], int64, float64)")
def _mean_above(state, steps, gate):
    """Mean energy of the newest `steps` that lie above `gate`; 0 if there are none."""
    total, count = 0.0, 0
    at = int(state[_AT])
    for _ in range(steps):
        at = at - 1 if at > 0 else WINDOW_STEPS - 1
        if state[_RING + at] > gate:
            total += state[_RING + at]
            count += 1
    return total / count if count > 0 else 0.0


@kernel("float64(float64[::1], int64)")
def _gated_mean(state, steps):
    """Mean energy of the newest `steps` after the relative gate of BS.1770 (-10 LU)."""
    return _mean_above(state, steps, 0.1 * _mean_above(state, steps, 0.0))


@kernel("void(float64[::1], float64[::1], float64, float64, float64)")
def hear(state, settings, energy, gain_db, target_lufs):
    """Take up one step of 100 ms of output.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    settings : float64, shape (SETTINGS_SIZE,)
    energy : float64
        K-weighted mean square of the output, summed over channels.
    gain_db : float64
        Mean gain that was applied to it.
    target_lufs : float64

    Thread: audio. Allocates: no.
    """
    bare = energy * 10.0 ** (-0.1 * gain_db)
    if LUFS_OFFSET_DB + 10.0 * math.log10(bare + 1e-20) < settings[GATE_LUFS]:
        return
    at = int(state[_AT])
    state[_RING + at] = bare
    state[_AT] = (at + 1) % WINDOW_STEPS
    steps = min(int(state[_STEPS]) + 1, WINDOW_STEPS)

    window = _gated_mean(state, steps)
    if steps > JUMP_DOWN_STEPS:
        jump = 10.0 ** (0.1 * JUMP_DB)
        if _mean_above(state, JUMP_UP_STEPS, 0.0) > jump * window:
            steps = JUMP_UP_STEPS
        elif jump * _mean_above(state, JUMP_DOWN_STEPS, 0.0) < window:
            steps = JUMP_DOWN_STEPS
        window = _gated_mean(state, steps)
    state[_STEPS] = steps

    state[_LONG_STEPS] += 1.0
    share = 1.0 / min(state[_LONG_STEPS], 600.0)
    state[_LONG_ENERGY] += share * (energy - state[_LONG_ENERGY])
    if state[_LONG_STEPS] > _SETTLED_STEPS:
        error = target_lufs - (LUFS_OFFSET_DB + 10.0 * math.log10(state[_LONG_ENERGY] + 1e-20))
        state[_BIAS] += _BIAS_STEP * min(max(error, -1.0), 1.0)
        state[_BIAS] = min(max(state[_BIAS], -BIAS_LIMIT_DB), BIAS_LIMIT_DB)

    goal = target_lufs - (LUFS_OFFSET_DB + 10.0 * math.log10(window + 1e-20)) + state[_BIAS]
    state[_GOAL] = min(max(goal, -GAIN_LIMIT_DB), GAIN_LIMIT_DB)


@kernel("void(float64[::1], float64[::1], float64, float64, float64)")
def move(state, settings, low_db, high_db, elapsed_s):
    """Move the gain towards its goal.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    settings : float64, shape (SETTINGS_SIZE,)
    low_db, high_db : float64
        Where the gain has to stay.
    elapsed_s : float64
        Time since the last call.

    Thread: audio. Allocates: no.
    """
    goal = min(max(state[_GOAL], low_db), high_db)
    error = goal - state[_GAIN]
    fast = settings[FAST_DB_PER_S] * (1.0 if error < 0.0 else RISE_SHARE)
    slow = settings[SLOW_DB_PER_S] * min(abs(error), 1.0)
    # One rate runs into the other, so that nothing jerks where "far" ends.
    far = min(max((abs(error) - NEAR_DB) / NEAR_DB, 0.0), 1.0)
    rate = slow + far * (fast - slow) if fast > slow else slow
    step = rate * elapsed_s
    state[_GAIN] += min(max(error, -step), step)


@kernel("float64(float64[::1])")
def gain_db(state):
    """The gain now, in dB.

    Thread: audio. Allocates: no.
    """
    return state[_GAIN]
