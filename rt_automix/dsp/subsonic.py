"""Subsonic high-pass: takes away what nobody hears before it eats headroom, at no delay.

Chebyshev's of fourth order, minimum phase: flat to RIPPLE_DB from its edge up, and steeper below than any other of
this order, with two zeros in each of its two biquads that lie on 0 Hz to the bit. They run as the last stage of
a wavefront does (`quads`): both biquads and both channels in one register, the second a sample behind the first.

It is away to any share: a biquad H works as 1 + share (H - 1), which is a matter of its coefficients, so that a share
that moves leaves the memories alone, and what they hold rings out below the edge. No share clicks.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.quads import PART, ROW, first_memory, handed_on, leading, load, only_a, only_b, second_memory, store

ORDER = 4
RIPPLE_DB = 0.1
EDGE_HZ = 30.0
"""From here up all is kept, where nothing else is asked for."""

LEAST_EDGE_HZ = 1.0
"""Lower edges count as this: of poles much nearer to 1 double precision would make noise."""

LEAD = 4
"""A design is laid out as `quads` has it, a band's five coefficients PART apart, and b0 in the room behind c1."""

DESIGN_SIZE = ROW
STATE_SIZE = 8
_REST = 1e-12
"""Memories that have rung out so far are forgotten: it is 150 dB under the last bit of 24."""


def sections(edge_hz: float, sample_rate_hz: float) -> NDArray[np.float64]:
    """The two biquads as b0, b1, b2, a1, a2: float64, shape (2, 5).

    Chebyshev filters of type I (A. V. Oppenheim and R. W. Schafer, "Discrete-Time Signal Processing", appendix B.2),
    turned from low-pass to high-pass, by the bilinear transform with the edge held in place.

    Thread: main. Allocates: yes.
    """
    warped = 2.0 * sample_rate_hz * math.tan(math.pi * max(edge_hz, LEAST_EDGE_HZ) / sample_rate_hz)
    bend = math.asinh(1.0 / math.sqrt(10.0 ** (RIPPLE_DB / 10.0) - 1.0)) / ORDER
    made = []
    for k in range(ORDER // 2):
        angle = math.pi * (2 * k + 1) / (2 * ORDER)
        pole = complex(-math.sinh(bend) * math.sin(angle), math.cosh(bend) * math.cos(angle))
        root = (2.0 * sample_rate_hz + warped / pole) / (2.0 * sample_rate_hz - warped / pole)
        a1, a2 = -2.0 * root.real, abs(root) ** 2
        lead = 0.25 * (1.0 - a1 + a2)  # 0 dB at Nyquist, and the ripple above it
        made.append([lead, -2.0 * lead, lead, a1, a2])
    return np.array(made)


def power_response(frequencies_hz: NDArray[np.float64], edge_hz: float = EDGE_HZ) -> NDArray[np.float64]:
    """Squared magnitude of the filter, as its analog original has it.

    Thread: main. Allocates: yes.
    """
    ripple = 10.0 ** (RIPPLE_DB / 10.0) - 1.0
    ratio = (edge_hz / np.maximum(frequencies_hz, 1e-3)) ** 2
    polynomial = 8.0 * ratio * ratio - 8.0 * ratio + 1.0  # Chebyshev's, of fourth order
    return (1.0 + ripple) / (1.0 + ripple * polynomial**2)


def new_table(edge_hz: float, sample_rate_hz: float) -> NDArray[np.float64]:
    """The design in full, as `blend` takes it: float64, shape (DESIGN_SIZE,).

    Thread: main. Allocates: yes.
    """
    table = np.zeros(DESIGN_SIZE)
    for band, (b0, b1, b2, a1, a2) in enumerate(sections(edge_hz, sample_rate_hz)):
        for lane in (band, band + 2):
            for kind, value in enumerate((b1 - a1 * b0, b2 - a2 * b0, -a1, -a2)):
                table[kind * PART + lane] = value
            table[LEAD + lane] = b0
    return table


def new_state() -> NDArray[np.float64]:
    """Filter memories, zeroed: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE)


@kernel("void(float64[::1], float64, float64[::1])")
def blend(table, share, design):
    """Write the design that takes so much away: 0 nothing, 1 all.

    Parameters
    ----------
    table : float64, shape (DESIGN_SIZE,), of `new_table`
    share : float64, 0..1
    design : float64, shape (DESIGN_SIZE,), written

    Thread: audio. Allocates: no.
    """
    for lane in range(LEAD):
        for kind in range(2):
            design[kind * PART + lane] = share * table[kind * PART + lane]
            design[(kind + 2) * PART + lane] = table[(kind + 2) * PART + lane]
        design[LEAD + lane] = 1.0 + share * (table[LEAD + lane] - 1.0)


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
def process(design, state, work, count):
    """Both biquads on two channels, in place.

    Parameters
    ----------
    design : float64, shape (DESIGN_SIZE,)
    state : float64, shape (STATE_SIZE,), updated
    work : float64, shape (4 count or more,), updated
        Samples as `cascade.take_in` lays them out, and `cascade.run` takes them on.
    count : int64
        Samples, any number.

    Thread: audio. Allocates: no.
    """
    if count == 0:
        return
    s, q = load(state, 0), load(state, LEAD)
    u = handed_on(load(work, 0), s)
    y = leading(design, LEAD, u, s)
    s, q = only_a(first_memory(design, 0, u, s, q), s), only_a(second_memory(design, 0, u, s), q)
    for t in range(1, count):
        u = handed_on(load(work, 4 * t), y)
        y = leading(design, LEAD, u, s)
        s, q = first_memory(design, 0, u, s, q), second_memory(design, 0, u, s)
        store(work, 4 * t - 4, y)
    u = handed_on(y, y)
    y = leading(design, LEAD, u, s)
    s, q = only_b(first_memory(design, 0, u, s, q), s), only_b(second_memory(design, 0, u, s), q)
    store(work, 4 * count - 4, y)
    store(state, 0, s)
    store(state, LEAD, q)
