"""Six biquads in series on two channels as a wavefront: band k works on sample t - k.

A register holds a band and the third behind it, of both channels (`quads`), so that what a register says the next
one hears as it is, a step later, and three such registers overlap in time what no loop over one band could. At the
start of a block the bands begin one after another, at its end they finish one after another, so that a block goes
out whole, the state ends where the block ends, and no bit depends on how the stream was cut.

All of it works in one array: samples at 4 i + 1 and 4 i + 3 from the beginning, in place; rows of
coefficients from ROWS on, one for each STEP_SAMPLES steps.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors.quads import (
    PART,
    ROW,
    SIZE,
    along,
    bands,
    bands_a,
    bands_b,
    handed_on,
    load,
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


@kernel("int64(int64)")
def lane_of(band):
    """Where a band's left lane lies among those of its group; its right one is two further on.

    Thread: audio. Allocates: no.
    """
    within = band % BANDS
    return within % 3 * SIZE + within // 3


@kernel("void(float64[::1], float64[::1], int64, int64)")
def _lay(ramp, work, first_step, row):
    """The row of coefficients that holds after `first_step + row` steps."""
    steps = np.float64(first_step + row)
    for i in range(0, ROW, SIZE):
        store(work, ROWS + ROW * row + i, along(ramp, i, steps))


@kernel("void(float64[::1], float64[::1], boolean, int64, int64, float64[::1], int64)")
def run(ramp, work, moves, first_step, phase, state, count):
    """Samples, at least DRAIN, through all bands.

    Each row of coefficients is laid out while the one before is at work; unless the ramp moves, one does for all.

    Thread: audio. Allocates: no.
    """
    stride, last_row = (ROW, (phase + count + DRAIN - 1) >> STEP_BITS) if moves else (0, 0)
    _lay(ramp, work, first_step, 0)
    if last_row > 0:
        _lay(ramp, work, first_step, 1)
    s0, s1, s2 = load(state, 0), load(state, 4), load(state, 8)
    q0, q1, q2 = load(state, PART), load(state, PART + 4), load(state, PART + 8)
    # The bands begin one after another,
    at, x = ROWS + stride * (phase >> STEP_BITS), load(work, 0)
    y0, s0, q0 = bands_a(work, at, handed_on(x, x), s0, q0)
    at, x = ROWS + stride * (phase + 1 >> STEP_BITS), load(work, 4)
    y1, s1, q1 = bands_a(work, at + 4, y0, s1, q1)
    y0, s0, q0 = bands_a(work, at, handed_on(x, x), s0, q0)
    at, x = ROWS + stride * (phase + 2 >> STEP_BITS), load(work, 8)
    y2, s2, q2 = bands_a(work, at + 8, y1, s2, q2)
    y1, s1, q1 = bands_a(work, at + 4, y0, s1, q1)
    y0, s0, q0 = bands_a(work, at, handed_on(x, x), s0, q0)
    at, x = ROWS + stride * (phase + 3 >> STEP_BITS), handed_on(load(work, 12), y2)
    y2, s2, q2 = bands_a(work, at + 8, y1, s2, q2)
    y1, s1, q1 = bands_a(work, at + 4, y0, s1, q1)
    y0, s0, q0 = bands(work, at, x, s0, q0)
    at, x = ROWS + stride * (phase + 4 >> STEP_BITS), handed_on(load(work, 16), y2)
    y2, s2, q2 = bands_a(work, at + 8, y1, s2, q2)
    y1, s1, q1 = bands(work, at + 4, y0, s1, q1)
    y0, s0, q0 = bands(work, at, x, s0, q0)
    # all work,
    start = DRAIN
    while start < count:
        row = (phase + start) >> STEP_BITS
        at = ROWS + stride * row
        stop = count if stride == 0 else min((row + 1) * STEP_SAMPLES - phase, count)
        if 0 < row < last_row:
            _lay(ramp, work, first_step, row + 1)
        while start + TOGETHER <= stop:
            for t in range(start, start + TOGETHER):
                x = handed_on(load(work, 4 * t), y2)
                y2, s2, q2 = bands(work, at + 8, y1, s2, q2)
                y1, s1, q1 = bands(work, at + 4, y0, s1, q1)
                y0, s0, q0 = bands(work, at, x, s0, q0)
                store(work, 4 * (t - DRAIN), y2)
            start += TOGETHER
        for t in range(start, stop):
            x = handed_on(load(work, 4 * t), y2)
            y2, s2, q2 = bands(work, at + 8, y1, s2, q2)
            y1, s1, q1 = bands(work, at + 4, y0, s1, q1)
            y0, s0, q0 = bands(work, at, x, s0, q0)
            store(work, 4 * (t - DRAIN), y2)
        start = stop
    # and finish one after another.
    at, x = ROWS + stride * (phase + count >> STEP_BITS), handed_on(y2, y2)
    y2, s2, q2 = bands(work, at + 8, y1, s2, q2)
    y1, s1, q1 = bands(work, at + 4, y0, s1, q1)
    y0, s0, q0 = bands_b(work, at, x, s0, q0)
    store(work, 4 * (count - 5), y2)
    at, x = ROWS + stride * (phase + count + 1 >> STEP_BITS), handed_on(y2, y2)
    y2, s2, q2 = bands(work, at + 8, y1, s2, q2)
    y1, s1, q1 = bands_b(work, at + 4, y0, s1, q1)
    y0, s0, q0 = bands_b(work, at, x, s0, q0)
    store(work, 4 * (count - 4), y2)
    at, x = ROWS + stride * (phase + count + 2 >> STEP_BITS), handed_on(y2, y2)
    y2, s2, q2 = bands_b(work, at + 8, y1, s2, q2)
    y1, s1, q1 = bands_b(work, at + 4, y0, s1, q1)
    y0, s0, q0 = bands_b(work, at, x, s0, q0)
    store(work, 4 * (count - 3), y2)
    at = ROWS + stride * (phase + count + 3 >> STEP_BITS)
    y2, s2, q2 = bands_b(work, at + 8, y1, s2, q2)
    y1, s1, q1 = bands_b(work, at + 4, y0, s1, q1)
    store(work, 4 * (count - 2), y2)
    at = ROWS + stride * (phase + count + 4 >> STEP_BITS)
    y2, s2, q2 = bands_b(work, at + 8, y1, s2, q2)
    store(work, 4 * (count - 1), y2)
    store_three(state, 0, s0, s1, s2)
    store_three(state, PART, q0, q1, q2)


@kernel("void(float64[::1], float64[::1], boolean, int64, int64, float64[::1], int64)")
def few(ramp, work, moves, first_step, phase, state, count):
    """Samples too few for a wavefront: each through all bands before the next.

    Thread: audio. Allocates: no.
    """
    stride = ROW if moves else 0
    for row in range(2):
        _lay(ramp, work, first_step, row)
    s0, s1, s2 = load(state, 0), load(state, 4), load(state, 8)
    q0, q1, q2 = load(state, PART), load(state, PART + 4), load(state, PART + 8)
    for i in range(count):
        at, x = ROWS + stride * (phase + i >> STEP_BITS), load(work, 4 * i)
        y, s0, q0 = bands_a(work, at, handed_on(x, x), s0, q0)
        at = ROWS + stride * (phase + i + 1 >> STEP_BITS)
        y, s1, q1 = bands_a(work, at + 4, y, s1, q1)
        at = ROWS + stride * (phase + i + 2 >> STEP_BITS)
        y, s2, q2 = bands_a(work, at + 8, y, s2, q2)
        at = ROWS + stride * (phase + i + 3 >> STEP_BITS)
        y, s0, q0 = bands_b(work, at, handed_on(y, y), s0, q0)
        at = ROWS + stride * (phase + i + 4 >> STEP_BITS)
        y, s1, q1 = bands_b(work, at + 4, y, s1, q1)
        at = ROWS + stride * (phase + i + 5 >> STEP_BITS)
        y, s2, q2 = bands_b(work, at + 8, y, s2, q2)
        store(work, 4 * i, y)
    store_three(state, 0, s0, s1, s2)
    store_three(state, PART, q0, q1, q2)
