"""BS.1770's K-weighting of two channels, and the running sums of their squares.

Shelf and high-pass in series, as the standard has them, are the same as a part of the sample itself and two biquads
side by side, which have no say in the sample that comes in: neither waits for the other, and both of both channels
share a register (`quads`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors.interleaved import laid_out, load_single
from rt_automix.dsp.vectors.quads import SIZE as LANES
from rt_automix.dsp.vectors.quads import both_added, lane, load, made, mul, mul_add, store_three

# What the state holds.
COEFFICIENTS = 0  # the share of the sample itself, then c1, c2, -a1, -a2 of both biquads, left and right: four of each
MEMORY = 5 * LANES  # s, s before that, and what the last sample adds to the next s
SQUARES = MEMORY + 3 * LANES  # running sums of squares, left and right
SIZE = SQUARES + 2

_SHELF_HZ, _SHELF_Q = 1681.974450955533, 0.7071752369554196
_SHELF_DB, _SHELF_BEND = 3.999843853973347, 0.4996667741545416
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773


def design(sample_rate_hz: float) -> NDArray[np.float64]:
    """K-weighting for any sample rate: shelf b0 b1 b2 a1 a2, then high-pass a1 a2 (its b is 1 -2 1).

    BS.1770-5 annex 1 tabulates 48 kHz only; this is the analog form behind the table by
    B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 145, 2018.
    The numerator of the high-pass is not normalised, as in the table.

    Thread: main. Allocates: yes.
    """
    k, q = math.tan(math.pi * _SHELF_HZ / sample_rate_hz), _SHELF_Q
    high = 10.0 ** (_SHELF_DB / 20.0)
    band = high**_SHELF_BEND
    a0 = 1.0 + k / q + k * k
    shelf = (
        (high + band * k / q + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / q + k * k) / a0,
    )
    k, q = math.tan(math.pi * _HIGH_PASS_HZ / sample_rate_hz), _HIGH_PASS_Q
    a0 = 1.0 + k / q + k * k
    return np.array((*shelf, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0))


def side_by_side(sample_rate_hz: float) -> NDArray[np.float64]:
    """The same filter as a sum: the share of the sample itself, then c1, c2, -a1, -a2 of two biquads, shape (5, 2).

    Partial fractions of the analog form, where they are exact even far below the sample rate; then the bilinear
    transform of each. A biquad is s' = c1 x + c2 x' - a1 s - a2 s' of what was before.

    Thread: main. Allocates: yes.
    """
    high = 10.0 ** (_SHELF_DB / 20.0)
    k, width = (math.tan(math.pi * hz / sample_rate_hz) for hz in (_SHELF_HZ, _HIGH_PASS_HZ))
    shelf, high_pass = (k / _SHELF_Q, k * k), (width / _HIGH_PASS_Q, width * width)
    numerator = np.array([high, high**_SHELF_BEND * shelf[0], shelf[1]])
    scale = 1.0 + high_pass[0] + high_pass[1]  # the table's high-pass is not normalised
    rows, itself = [], scale * high
    for (b, c), (other_b, other_c) in ((shelf, high_pass), (high_pass, shelf)):
        pole = complex(-0.5 * b, math.sqrt(c - 0.25 * b * b))
        rest = (pole - pole.conjugate()) * (pole * pole + other_b * pole + other_c)
        residue = scale * np.polyval(numerator, pole) * pole * pole / rest
        alpha, beta = 2.0 * residue.real, -2.0 * (residue * pole.conjugate()).real
        norm = 1.0 / (1.0 + b + c)
        a1, a2, lead = 2.0 * (c - 1.0) * norm, (1.0 - b + c) * norm, (alpha + beta) * norm
        itself += lead
        rows.append([2.0 * beta * norm - a1 * lead, (beta - alpha) * norm - a2 * lead, -a1, -a2])
    return np.vstack([[itself, itself], np.array(rows).T])


def new_state(sample_rate_hz: float) -> NDArray[np.float64]:
    """A filter at rest: float64, shape (SIZE,).

    Thread: main. Allocates: yes.
    """
    state = np.zeros(SIZE)
    state[COEFFICIENTS:MEMORY] = np.tile(side_by_side(sample_rate_hz), 2).ravel()
    return state


@kernel("void(float64[::1], float32[::1], float32[::1])")
def accumulate(state, left, right):
    """Filter both channels and add up their squares.

    From one s to the next there is one multiply-add, which is all that anything waits for.

    Parameters
    ----------
    state : float64, shape (SIZE,), updated
    left, right : float32, shape (n,), finite

    Thread: audio. Allocates: no.
    """
    itself, c1, c2 = load(state, COEFFICIENTS), load(state, COEFFICIENTS + LANES), load(state, COEFFICIENTS + 2 * LANES)
    a1, a2 = load(state, COEFFICIENTS + 3 * LANES), load(state, COEFFICIENTS + 4 * LANES)
    s, before, v = load(state, MEMORY), load(state, MEMORY + LANES), load(state, MEMORY + 2 * LANES)
    squares = made(state[SQUARES], state[SQUARES], state[SQUARES + 1], state[SQUARES + 1])
    whole = left.shape[0] & -LANES
    for i in range(0, whole, LANES):
        for x in laid_out(load_single(left, i), load_single(right, i)):
            z = mul_add(itself, x, both_added(s))
            squares = mul_add(z, z, squares)
            before, s, v = s, mul_add(a1, s, mul_add(a2, before, mul_add(c1, x, v))), mul(c2, x)
    for i in range(whole, left.shape[0]):
        one, other = np.float64(left[i]), np.float64(right[i])
        x = made(one, one, other, other)
        z = mul_add(itself, x, both_added(s))
        squares = mul_add(z, z, squares)
        before, s, v = s, mul_add(a1, s, mul_add(a2, before, mul_add(c1, x, v))), mul(c2, x)
    store_three(state, MEMORY, s, before, v)
    state[SQUARES], state[SQUARES + 1] = lane(squares, 0), lane(squares, 2)
