"""The time of a device's clock, out of callback times that the scheduler made late.

A delay-locked loop (F. Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005), whose
bandwidth falls as that of a straight line fitted to all times so far, down to `FLOOR_RAD_S`. One
block moves it by no more than `CLIP_S` allows, so that a callback that comes very late does not pull it away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel

FLOOR_RAD_S = 2.0 * np.pi * 0.005
"""The narrowest bandwidth: slow enough for a ratio steady within 5 ppm, fast enough for a clock that warms up."""

_LINE_FIT = 2.5
"""Over the age: the gains of a line fitted to all times so far lie at 2.45 (rate) and 2.83 (time)."""

_PRIOR_S = 1.0
"""The nominal rate, known within some hundred ppm, counts for as much as this much listening."""

CLIP_S = 0.005
RELOCK_S = 0.25
"""A clock that is off by this much, or off by more than `CLIP_S` for this long, has jumped."""

_MOST_RATE_ERROR = 0.01
_LONG_AGO_S = -1e12

TIME_S, PERIOD_S, AGE_S, OFF_S, NOMINAL_S = 0, 1, 2, 3, 4
STATE_SIZE = 5
"""When the last block ended; a sample's length; since the lock; how long it has been off; nominal length."""


def new_state(rate_hz: float) -> NDArray[np.float64]:
    """A clock that nobody has heard yet: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.array([_LONG_AGO_S, 1.0 / rate_hz, 0.0, 0.0, 1.0 / rate_hz])


@kernel("float64(float64)")
def bandwidth_rad_s(age_s):
    """Bandwidth of a loop that has listened for a time.

    Thread: audio. Allocates: no.
    """
    return max(_LINE_FIT / (_PRIOR_S + age_s), FLOOR_RAD_S)


@kernel("void(float64[::1], int64, int64)")
def tick(state, samples, now_ns):
    """A callback came: the device has moved on by its samples, at about this time.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
        TIME_S becomes the filtered time.
    samples : int64
        The length of this callback's block: what a capture device delivers, what a playback
        device has room for.
    now_ns : int64
        Monotonic time, from any start. After a jump in either direction the clock locks anew.

    Thread: audio. Allocates: no.
    """
    if samples <= 0:
        return
    length_s = samples * state[PERIOD_S]
    due_s = state[TIME_S] + length_s
    late_s = now_ns * 1e-9 - due_s
    state[OFF_S] = 0.0 if abs(late_s) <= CLIP_S else state[OFF_S] + length_s
    if abs(late_s) >= RELOCK_S or state[OFF_S] >= RELOCK_S:
        state[TIME_S], state[AGE_S], state[OFF_S] = now_ns * 1e-9, 0.0, 0.0
        return
    late_s = min(max(late_s, -CLIP_S), CLIP_S)
    share = min(bandwidth_rad_s(state[AGE_S]) * length_s, 0.5)
    state[TIME_S] = due_s + np.sqrt(2.0) * share * late_s
    period_s = state[PERIOD_S] + share * share * late_s / samples
    nominal_s = state[NOMINAL_S]
    state[PERIOD_S] = min(max(period_s, nominal_s * (1.0 - _MOST_RATE_ERROR)), nominal_s * (1.0 + _MOST_RATE_ERROR))
    state[AGE_S] += length_s
