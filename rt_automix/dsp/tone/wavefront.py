"""Six biquads in series on two channels as a wavefront: band k works on sample t - k.

Two bands and both channels share a register (`quads`), and three such registers overlap in time what
no loop over one band could. At the start of a block the bands begin one after another, at its end
they finish one after another, so that a block goes out whole, the state ends where the block ends,
and no bit depends on how the stream was cut.

All of it works in one array: samples at 4 i + 1 and 4 i + 3 from the beginning, in place; rows of
coefficients from ROWS on, one for each STEP_SAMPLES steps.
"""

from __future__ import annotations

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors.quads import (
    PART,
    ROW,
    bands,
    handed_on,
    load,
    only_a,
    only_b,
    store,
    store_three,
)

BANDS = PART // 2
DRAIN = BANDS - 1
"""Steps between the first band's last sample and the last band's; fewer samples make no wavefront."""

STEP_BITS = 4
STEP_SAMPLES = 1 << STEP_BITS
TOGETHER = 4
"""Steps that are written out one after another, so that registers take turns and nothing is copied between them."""

WIDTH = 64
"""Samples that go through at a time, at most."""

MOST_ROWS = ((STEP_SAMPLES - 1 + WIDTH + DRAIN - 1) >> STEP_BITS) + 1
ROWS = 4 * WIDTH
WORK_SIZE = ROWS + MOST_ROWS * ROW
STATE_SIZE = 2 * PART


@kernel("void(float64[::1], int64, int64, float64[::1], int64)")
def run(work, stride, phase, state, count):
    """Samples, at least DRAIN, through all bands; `stride` leads from row to row, 0 if there is one.

    Thread: audio. Allocates: no.
    """
    s0, s1, s2 = load(state, 0), load(state, 4), load(state, 8)
    q0, q1, q2 = load(state, PART), load(state, PART + 4), load(state, PART + 8)
    # The bands begin one after another,
    at = ROWS + stride * (phase >> STEP_BITS)
    y0, s, q = bands(work, at, handed_on(load(work, 0), s0), s0, q0)
    s0, q0 = only_a(s, s0), only_a(q, q0)
    at = ROWS + stride * (phase + 1 >> STEP_BITS)
    y0, s0, q0 = bands(work, at, handed_on(load(work, 4), y0), s0, q0)
    at = ROWS + stride * (phase + 2 >> STEP_BITS)
    y1, s, q = bands(work, at + 4, handed_on(y0, s1), s1, q1)
    s1, q1 = only_a(s, s1), only_a(q, q1)
    y0, s0, q0 = bands(work, at, handed_on(load(work, 8), y0), s0, q0)
    at = ROWS + stride * (phase + 3 >> STEP_BITS)
    y1, s1, q1 = bands(work, at + 4, handed_on(y0, y1), s1, q1)
    y0, s0, q0 = bands(work, at, handed_on(load(work, 12), y0), s0, q0)
    at = ROWS + stride * (phase + 4 >> STEP_BITS)
    y2, s, q = bands(work, at + 8, handed_on(y1, s2), s2, q2)
    s2, q2 = only_a(s, s2), only_a(q, q2)
    y1, s1, q1 = bands(work, at + 4, handed_on(y0, y1), s1, q1)
    y0, s0, q0 = bands(work, at, handed_on(load(work, 16), y0), s0, q0)
    # all work,
    start = DRAIN
    while start < count:
        row = (phase + start) >> STEP_BITS
        at = ROWS + stride * row
        stop = count if stride == 0 else min((row + 1) * STEP_SAMPLES - phase, count)
        while start + TOGETHER <= stop:
            for t in range(start, start + TOGETHER):
                y2, s2, q2 = bands(work, at + 8, handed_on(y1, y2), s2, q2)
                y1, s1, q1 = bands(work, at + 4, handed_on(y0, y1), s1, q1)
                y0, s0, q0 = bands(work, at, handed_on(load(work, 4 * t), y0), s0, q0)
                store(work, 4 * (t - DRAIN), y2)
            start += TOGETHER
        for t in range(start, stop):
            y2, s2, q2 = bands(work, at + 8, handed_on(y1, y2), s2, q2)
            y1, s1, q1 = bands(work, at + 4, handed_on(y0, y1), s1, q1)
            y0, s0, q0 = bands(work, at, handed_on(load(work, 4 * t), y0), s0, q0)
            store(work, 4 * (t - DRAIN), y2)
        start = stop
    # and finish one after another.
    at = ROWS + stride * (phase + count >> STEP_BITS)
    y2, s2, q2 = bands(work, at + 8, handed_on(y1, y2), s2, q2)
    y1, s1, q1 = bands(work, at + 4, handed_on(y0, y1), s1, q1)
    y0, s, q = bands(work, at, handed_on(y0, y0), s0, q0)
    s0, q0 = only_b(s, s0), only_b(q, q0)
    store(work, 4 * (count - 5), y2)
    at = ROWS + stride * (phase + count + 1 >> STEP_BITS)
    y2, s2, q2 = bands(work, at + 8, handed_on(y1, y2), s2, q2)
    y1, s1, q1 = bands(work, at + 4, handed_on(y0, y1), s1, q1)
    store(work, 4 * (count - 4), y2)
    at = ROWS + stride * (phase + count + 2 >> STEP_BITS)
    y2, s2, q2 = bands(work, at + 8, handed_on(y1, y2), s2, q2)
    y1, s, q = bands(work, at + 4, handed_on(y0, y1), s1, q1)
    s1, q1 = only_b(s, s1), only_b(q, q1)
    store(work, 4 * (count - 3), y2)
    at = ROWS + stride * (phase + count + 3 >> STEP_BITS)
    y2, s2, q2 = bands(work, at + 8, handed_on(y1, y2), s2, q2)
    store(work, 4 * (count - 2), y2)
    at = ROWS + stride * (phase + count + 4 >> STEP_BITS)
    y2, s, q = bands(work, at + 8, handed_on(y1, y2), s2, q2)
    s2, q2 = only_b(s, s2), only_b(q, q2)
    store(work, 4 * (count - 1), y2)
    store_three(state, 0, s0, s1, s2)
    store_three(state, PART, q0, q1, q2)


@kernel("void(float64[::1], int64, int64, float64[::1], int64)")
def few(work, stride, phase, state, count):
    """Samples too few for a wavefront: each through all bands before the next.

    Thread: audio. Allocates: no.
    """
    s0, s1, s2 = load(state, 0), load(state, 4), load(state, 8)
    q0, q1, q2 = load(state, PART), load(state, PART + 4), load(state, PART + 8)
    for i in range(count):
        x = load(work, 4 * i)
        at = ROWS + stride * (phase + i >> STEP_BITS)
        y0, s, q = bands(work, at, handed_on(x, s0), s0, q0)
        s0, q0 = only_a(s, s0), only_a(q, q0)
        at = ROWS + stride * (phase + i + 1 >> STEP_BITS)
        y0, s, q = bands(work, at, handed_on(x, y0), s0, q0)
        s0, q0 = only_b(s, s0), only_b(q, q0)
        at = ROWS + stride * (phase + i + 2 >> STEP_BITS)
        y1, s, q = bands(work, at + 4, handed_on(y0, s1), s1, q1)
        s1, q1 = only_a(s, s1), only_a(q, q1)
        at = ROWS + stride * (phase + i + 3 >> STEP_BITS)
        y1, s, q = bands(work, at + 4, handed_on(y0, y1), s1, q1)
        s1, q1 = only_b(s, s1), only_b(q, q1)
        at = ROWS + stride * (phase + i + 4 >> STEP_BITS)
        y2, s, q = bands(work, at + 8, handed_on(y1, s2), s2, q2)
        s2, q2 = only_a(s, s2), only_a(q, q2)
        at = ROWS + stride * (phase + i + 5 >> STEP_BITS)
        y2, s, q = bands(work, at + 8, handed_on(y1, y2), s2, q2)
        s2, q2 = only_b(s, s2), only_b(q, q2)
        store(work, 4 * i, y2)
    store_three(state, 0, s0, s1, s2)
    store_three(state, PART, q0, q1, q2)
