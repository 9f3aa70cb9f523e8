"""Subsonic high-pass: takes away what nobody hears before it eats headroom, at no delay.

Chebyshev's of fourth order, minimum phase: flat to RIPPLE_DB from its edge up, and steeper below than any other of this
order. As a sum, H = 1 + A + B of two biquads without a say in the sample that comes in: neither waits for the other,
and both of both channels share a register (`quads`).

It is away to any share, as 1 + share (H - 1): a matter of coefficients, like its edge. Both may move while it plays;
what the memories hold goes on from where it is, and rings out below the edge.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors.quads import SIZE, both_added, load, mul, mul_add, store, store_three

ORDER = 4
RIPPLE_DB = 0.1
EDGE_HZ = 30.0
"""From here up all is kept, where nothing else is asked for."""

LEAST_EDGE_HZ = 1.0
"""Lower edges count as this: of poles much nearer to 1 double precision would make noise."""

DESIGN_SIZE = 5 * SIZE
"""The share of the sample itself, then c1, c2, -a1, -a2 of A and B, left and right: four of each."""

STATE_SIZE = 3 * SIZE
_REST = 1e-12
"""Memories that have rung out so far are forgotten: it is 95 dB under the last bit of 24."""


def _prototype() -> NDArray[np.float64]:
    """A and B as (alpha s + beta) / (s^2 + b s + c) for an edge of 1: rows of alpha, beta, b, c, shape (2, 4).

    Type I (A. V. Oppenheim and R. W. Schafer, "Discrete-Time Signal Processing", appendix B.2), turned from low-pass to
    high-pass, with 0 dB far above the edge; then partial fractions.
    """
    bend = math.asinh(1.0 / math.sqrt(10.0 ** (RIPPLE_DB / 10.0) - 1.0)) / ORDER
    angles = (math.pi * (2 * k + 1) / (2 * ORDER) for k in range(ORDER // 2))
    poles = [1.0 / complex(-math.sinh(bend) * math.sin(x), math.cosh(bend) * math.cos(x)) for x in angles]
    rows = []
    for pole, other in (poles, poles[::-1]):
        rest = (pole - pole.conjugate()) * (pole - other) * (pole - other.conjugate())
        residue = pole**ORDER / rest
        rows.append([2.0 * residue.real, -2.0 * (residue * pole.conjugate()).real, -2.0 * pole.real, abs(pole) ** 2])
    return np.array(rows)


_PROTOTYPE = _prototype()


def power_response(frequencies_hz: NDArray[np.float64], edge_hz: float = EDGE_HZ) -> NDArray[np.float64]:
    """Squared magnitude of the filter, as its analog original has it.

    Thread: main. Allocates: yes.
    """
    ripple = 10.0 ** (RIPPLE_DB / 10.0) - 1.0
    ratio = (edge_hz / np.maximum(frequencies_hz, 1e-3)) ** 2
    polynomial = 8.0 * ratio * ratio - 8.0 * ratio + 1.0  # Chebyshev's, of fourth order
    return (1.0 + ripple) / (1.0 + ripple * polynomial**2)


def new_state() -> NDArray[np.float64]:
    """Filter memories, zeroed: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE)


@kernel("void(float64, float64, float64[::1])")
def design(edge, share, coefficients):
    """Write the coefficients of an edge and a share, by the bilinear transform.

    Parameters
    ----------
    edge : float64
        Over the sample rate; so far down that the transform bends no frequency.
    share : float64, 0..1
        How much of what lies below the edge is taken away.
    coefficients : float64, shape (DESIGN_SIZE,), written

    Thread: audio. Allocates: no.
    """
    e, itself = math.pi * edge, 1.0
    for band in range(2):
        alpha, beta = _PROTOTYPE[band, 0] * e, _PROTOTYPE[band, 1] * e * e
        b, c = _PROTOTYPE[band, 2] * e, _PROTOTYPE[band, 3] * e * e
        scale = 1.0 / (1.0 + b + c)
        a1, a2, lead = 2.0 * (c - 1.0) * scale, (1.0 - b + c) * scale, (alpha + beta) * scale
        itself += share * lead
        for lane in range(band, SIZE, 2):
            coefficients[SIZE + lane] = share * (2.0 * beta * scale - a1 * lead)
            coefficients[2 * SIZE + lane] = share * ((beta - alpha) * scale - a2 * lead)
            coefficients[3 * SIZE + lane] = -a1
            coefficients[4 * SIZE + lane] = -a2
    for lane in range(SIZE):
        coefficients[lane] = itself


@kernel("boolean(float64[::1])")
def has_rung_out(state):
    """Whether next to nothing is left in the memories, which are then emptied.

    Thread: audio. Allocates: no.
    """
    largest = 0.0
    for k in range(STATE_SIZE):
        largest = max(largest, abs(state[k]))
    if largest > _REST:
        return False
    for k in range(STATE_SIZE):
        state[k] = 0.0
    return True


@kernel("void(float64[::1], float64[::1], float64[::1], int64)")
def process(coefficients, state, work, count):
    """Filter two channels, in place.

    Of A and of B it is s' = c1 x + c2 x' - a1 s - a2 s' of what was before: from one s to the next there is one
    multiply-add, which is all that anything waits for.

    Parameters
    ----------
    coefficients : float64, shape (DESIGN_SIZE,)
    state : float64, shape (STATE_SIZE,), updated
    work : float64, shape (4 count or more,), updated
        Samples as `cascade.take_in` lays them out, and `cascade.run` takes them on.
    count : int64
        Samples, any number.

    Thread: audio. Allocates: no.
    """
    itself, c1, c2 = load(coefficients, 0), load(coefficients, SIZE), load(coefficients, 2 * SIZE)
    a1, a2 = load(coefficients, 3 * SIZE), load(coefficients, 4 * SIZE)
    s, before, v = load(state, 0), load(state, SIZE), load(state, 2 * SIZE)
    for t in range(count):
        x = load(work, 4 * t)
        store(work, 4 * t, mul_add(itself, x, both_added(s)))
        before, s, v = s, mul_add(a1, s, mul_add(a2, before, mul_add(c1, x, v))), mul(c2, x)
    store_three(state, 0, s, before, v)
