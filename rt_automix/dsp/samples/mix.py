"""Small steps on a pair of channels: guarding, ramped gain, width, delay, crossfade.

Samples are counted in int32 where the count becomes a float: of int64 processors convert one at a time.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors.logexp import bits_of, float_of

SANE_PEAK = np.float32(32.0)
"""+30 dBFS. Anything beyond it, or not a number, is a fault upstream and becomes silence."""


@kernel("int64(float32[::1], float32[::1])", door=True)
def guard(left, right):
    """Replace what is not sane audio by zeros, in place; returns how many samples were.

    Thread: audio. Allocates: no.
    """
    faults = 0
    for i in range(left.shape[0]):
        left_is_sane = abs(left[i]) <= SANE_PEAK
        right_is_sane = abs(right[i]) <= SANE_PEAK
        left[i] = left[i] if left_is_sane else np.float32(0.0)
        right[i] = right[i] if right_is_sane else np.float32(0.0)
        faults += (0 if left_is_sane else 1) + (0 if right_is_sane else 1)
    return faults


@kernel("float32(float32[::1], float32[::1])")
def peak(left, right):
    """Largest magnitude of both channels.

    Thread: audio. Allocates: no.
    """
    # Positive floats sort like their bits, and an integer maximum becomes vectors.
    largest = np.int32(0)
    for i in range(left.shape[0]):
        largest = max(largest, bits_of(abs(left[i])), bits_of(abs(right[i])))
    return float_of(largest)


@kernel("void(float32[::1], float32[::1], int64, float32, float32)")
def gain(left, right, offset, start_lin, step_lin):
    """Multiply by a gain that moves by `step_lin` per sample, in place.

    Parameters
    ----------
    left, right : float32, shape (n,)
    offset : int64
        Samples since the ramp began: the result does not depend on how the ramp is cut.
    start_lin : float32
        Gain before the ramp's first sample.
    step_lin : float32

    Thread: audio. Allocates: no.
    """
    for i in range(left.shape[0]):
        factor = start_lin + step_lin * np.float32(np.int32(offset + i + 1))
        left[i] *= factor
        right[i] *= factor


@kernel("void(float32[::1], float32[::1], int64, float32, float32, float32, float32)")
def width_and_gain(left, right, offset, width_start, width_step, start_lin, step_lin):
    """Scale the side signal, then the whole, by ramps as in `gain`, in place.

    Written as `left + (width - 1) side`, so that width 1 changes no bit.
    Thread: audio. Allocates: no.
    """
    one, half = np.float32(1.0), np.float32(0.5)
    for i in range(left.shape[0]):
        extra = (width_start + width_step * np.float32(np.int32(offset + i + 1)) - one) * (half * (left[i] - right[i]))
        factor = start_lin + step_lin * np.float32(np.int32(offset + i + 1))
        left[i] = (left[i] + extra) * factor
        right[i] = (right[i] - extra) * factor


@kernel("void(float32[::1], float32[::1], float32[::1], float32[::1], int64, float32, float32)")
def crossfade(left, right, other_left, other_right, offset, start, step):
    """Fade towards another pair that is in phase with this one: linear, share `start + step (offset + i + 1)`.

    Written so that shares of 0 and 1 give either pair to the bit.
    Thread: audio. Allocates: no.
    """
    for i in range(left.shape[0]):
        share = start + step * np.float32(np.int32(offset + i + 1))
        rest = np.float32(1.0) - share
        left[i] = rest * left[i] + share * other_left[i]
        right[i] = rest * right[i] + share * other_right[i]
