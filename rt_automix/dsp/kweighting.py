"""BS.1770's K-weighting of two channels, and the running sums of their squares."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.lanes import first, minus, minus_mul, mul, mul_add, pair, second

# What the state holds.
COEFFICIENTS = 0  # shelf b0 b1 b2 a1 a2, high-pass a1 a2
MEMORY = 7  # per channel: input x1 x2, shelf y1 y2, output z1 z2
SQUARES = 19  # running sums of squares, left and right
SIZE = 21


def design(sample_rate_hz: float) -> NDArray[np.float64]:
    """K-weighting for any sample rate: shelf b0 b1 b2 a1 a2, then high-pass a1 a2 (its b is 1 -2 1).

    BS.1770-5 annex 1 tabulates 48 kHz only; this is the analog form behind the table by
    B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 145, 2018.
    The numerator of the high-pass is not normalised, as in the table.

    Thread: main. Allocates: yes.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate_hz), 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20.0)
    band = high**0.4996667741545416
    a0 = 1.0 + k / q + k * k
    shelf = (
        (high + band * k / q + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / q + k * k) / a0,
    )
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate_hz), 0.5003270373238773
    a0 = 1.0 + k / q + k * k
    return np.array((*shelf, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0))


def new_state(sample_rate_hz: float) -> NDArray[np.float64]:
    """A filter at rest: float64, shape (SIZE,).

    Thread: main. Allocates: yes.
    """
    state = np.zeros(SIZE)
    state[COEFFICIENTS:MEMORY] = design(sample_rate_hz)
    return state


@kernel("void(float64[::1], float32[::1], float32[::1])")
def accumulate(state, left, right):
    """Filter both channels and add up their squares.

    Direct form I: one multiply-add between successive outputs, the shortest of the biquad forms,
    and the high-pass's double zero is two plain differences. The oldest output enters late in each
    sum: what enters first waits for every product behind it.

    Parameters
    ----------
    state : float64, shape (SIZE,), updated
    left, right : float32, shape (n,), finite

    Thread: audio. Allocates: no.
    """
    b0, b1, b2 = state[COEFFICIENTS], state[COEFFICIENTS + 1], state[COEFFICIENTS + 2]
    a1, a2 = state[COEFFICIENTS + 3], state[COEFFICIENTS + 4]
    h1, h2 = state[COEFFICIENTS + 5], state[COEFFICIENTS + 6]
    x1, x2 = pair(state[MEMORY], state[MEMORY + 6]), pair(state[MEMORY + 1], state[MEMORY + 7])
    y1, y2 = pair(state[MEMORY + 2], state[MEMORY + 8]), pair(state[MEMORY + 3], state[MEMORY + 9])
    z1, z2 = pair(state[MEMORY + 4], state[MEMORY + 10]), pair(state[MEMORY + 5], state[MEMORY + 11])
    squares = pair(state[SQUARES], state[SQUARES + 1])
    for i in range(left.shape[0]):
        x = pair(np.float64(left[i]), np.float64(right[i]))
        y = minus_mul(a1, y1, minus_mul(a2, y2, mul_add(b0, x, mul_add(b1, x1, mul(b2, x2)))))
        z = minus_mul(h1, z1, minus_mul(h2, z2, minus(minus(y, y1), minus(y1, y2))))
        squares = mul_add(z, z, squares)
        x2, x1, y2, y1, z2, z1 = x1, x, y1, y, z1, z
    state[MEMORY], state[MEMORY + 1], state[MEMORY + 2] = first(x1), first(x2), first(y1)
    state[MEMORY + 3], state[MEMORY + 4], state[MEMORY + 5] = first(y2), first(z1), first(z2)
    state[MEMORY + 6], state[MEMORY + 7], state[MEMORY + 8] = second(x1), second(x2), second(y1)
    state[MEMORY + 9], state[MEMORY + 10], state[MEMORY + 11] = second(y2), second(z1), second(z2)
    state[SQUARES], state[SQUARES + 1] = first(squares), second(squares)
