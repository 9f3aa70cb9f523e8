"""Many biquads in series on two channels, at no delay, their coefficients moving in straight lines.

They run as wavefronts of six (`wavefront`). A band is y = x + s1, s1' = c1 x - a1 s1 + s2,
s2' = c2 x - a2 s1: transposed direct form II with y put into the state's update and the leading
coefficient taken out. The product of all leading coefficients is one gain behind the last band.
A band without gain has c1 = c2 = 0 and changes no bit.

While a design moves, coefficients go in a straight line from one design to the next, in steps of
STEP_SAMPLES counted from where the line began, each band a sample later than the one before.
Between two stable designs a line stays stable: the region of stable (a1, a2) is a triangle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp import wavefront
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.quads import PART
from rt_automix.dsp.wavefront import BANDS, DRAIN, ROW, ROWS, STEP_BITS, WIDTH

ENTRIES = 5
"""What a band has in a table: c1, c2, -a1, -a2 and the leading coefficient b0."""

WORK_SIZE = wavefront.WORK_SIZE
STEP_SAMPLES = wavefront.STEP_SAMPLES


def groups_of(bands: int) -> int:
    """How many wavefronts that many bands need.

    Thread: main. Allocates: no.
    """
    return -(-bands // BANDS)


def ramp_size(bands: int) -> int:
    """Size of a ramp: per group a row to begin with and a row per step; then gain, gain per sample, moving.

    Thread: main. Allocates: no.
    """
    return 2 * groups_of(bands) * ROW + 3


def goal_size(bands: int) -> int:
    """Size of a design: a row per group, and the gain.

    Thread: main. Allocates: no.
    """
    return groups_of(bands) * ROW + 1


def state_size(bands: int) -> int:
    """Size of the filters' memory.

    Thread: main. Allocates: no.
    """
    return wavefront.STATE_SIZE * groups_of(bands)


def entries(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """A biquad's b0, b1, b2, a1, a2 as a table has them: float64, shape (..., 5).

    Thread: main. Allocates: yes.
    """
    b0, b1, b2, a1, a2 = np.moveaxis(coefficients, -1, 0)
    return np.stack([b1 / b0 - a1, b2 / b0 - a2, -a1, -a2, b0], axis=-1)


def neutral_goal(bands: int) -> NDArray[np.float64]:
    """A design that changes nothing.

    Thread: main. Allocates: yes.
    """
    goal = np.zeros(goal_size(bands))
    goal[-1] = 1.0
    return goal


def neutral_ramp(bands: int) -> NDArray[np.float64]:
    """A ramp that rests on a design that changes nothing.

    Thread: main. Allocates: yes.
    """
    ramp = np.zeros(ramp_size(bands))
    ramp[-3] = 1.0
    return ramp


@kernel("void(float64[::1], float64, float64, float64[::1], float64[::1])")
def design(table, limit_db, steps_per_db, gains_db, goal):
    """Write the design of all bands' gains by linear interpolation of a table.

    Parameters
    ----------
    table : float64, shape (rows * bands * ENTRIES,)
        A row per step of the gain from -limit_db up.
    limit_db, steps_per_db : float64
    gains_db : float64, shape (bands,)
        Held to the limits.
    goal : float64, shape (goal_size(bands),), written

    Thread: audio. Allocates: no.
    """
    bands = gains_db.shape[0]
    last = np.int64(2.0 * limit_db * steps_per_db) - 1
    gain = 1.0
    for band in range(bands):
        position = (min(max(gains_db[band], -limit_db), limit_db) + limit_db) * steps_per_db
        row = min(np.int64(position), last)
        fraction = position - row
        low = table[(row * bands + band) * ENTRIES : (row * bands + band) * ENTRIES + ENTRIES]
        high = table[((row + 1) * bands + band) * ENTRIES : ((row + 1) * bands + band) * ENTRIES + ENTRIES]
        within = band % BANDS
        first = band // BANDS * ROW + within // 2 * 4 + within % 2
        place = goal[first : first + 3 * PART + 3]
        for k in range(ENTRIES - 1):
            value = low[k] + fraction * (high[k] - low[k])
            place[k * PART] = value
            place[k * PART + 2] = value
        gain *= low[4] + fraction * (high[4] - low[4])
    goal[goal.shape[0] - 1] = gain


@kernel("void(float64[::1], float64[::1], float64[::1], int64)")
def move(ramp, start, goal, samples):
    """Begin a straight line from one design to another.

    Parameters
    ----------
    ramp : float64, shape (ramp_size(bands),), written
    start, goal : float64, shape (goal_size(bands),)
    samples : int64
        Until the goal is reached, a multiple of STEP_SAMPLES; the next line then begins at it.

    Thread: audio. Allocates: no.
    """
    per_step, last = STEP_SAMPLES / samples, goal.shape[0] - 1
    for group in range(last // ROW):
        base = ramp[2 * ROW * group : 2 * ROW * group + ROW]
        step = ramp[2 * ROW * group + ROW : 2 * ROW * group + 2 * ROW]
        begin, end = start[ROW * group : ROW * group + ROW], goal[ROW * group : ROW * group + ROW]
        for k in range(ROW):
            base[k] = begin[k]
            step[k] = per_step * (end[k] - begin[k])
    ramp[2 * last] = start[last]
    ramp[2 * last + 1] = (goal[last] - start[last]) / samples
    ramp[2 * last + 2] = 1.0


@kernel("void(float64[::1], float64[::1])")
def rest(ramp, goal):
    """Stay on a design.

    Parameters
    ----------
    ramp : float64, shape (ramp_size(bands),), written
    goal : float64, shape (goal_size(bands),)

    Thread: audio. Allocates: no.
    """
    move(ramp, goal, goal, STEP_SAMPLES)
    ramp[ramp.shape[0] - 1] = 0.0


@kernel("void(float64[::1], float64[::1], int64, int64)")
def _lay_rows(ramp, work, first_step, rows):
    """A group's coefficients after `first_step` steps and after each that follows."""
    for k in range(rows):
        row = work[ROWS + k * ROW : ROWS + k * ROW + ROW]
        steps = np.float64(first_step + k)
        for i in range(ROW):
            row[i] = ramp[i] + steps * ramp[ROW + i]


@kernel("void(float64[::1], float64[::1], float64[::1], boolean, int64, int64)")
def _group(ramp, state, work, moves, offset, count):
    """Six bands over the samples in `work`, in place."""
    phase, stride = offset & (STEP_SAMPLES - 1), ROW if moves else 0
    rows = ((phase + count + DRAIN - 1) >> STEP_BITS) + 1 if moves else 1
    _lay_rows(ramp, work, (offset >> STEP_BITS) + 1, rows)
    if count < DRAIN:
        wavefront.few(work, stride, phase, state, count)
        return
    wavefront.begin(work, stride, phase, state)
    wavefront.run(work, stride, phase, state, count)
    wavefront.finish(work, stride, phase, state, count)


@kernel("void(float64[::1], float64[::1], float64[::1], int64, float32[::1], float32[::1])")
def process(ramp, state, work, offset, left, right):
    """All bands in series on two channels, in place.

    Parameters
    ----------
    ramp : float64, shape (ramp_size(bands),)
    state : float64, shape (state_size(bands),), updated
    work : float64, shape (WORK_SIZE,)
    offset : int64
        Samples since the line began that the ramp describes.
    left, right : float32, shape (n,), any n, replaced by the output

    Thread: audio. Allocates: no.
    """
    last = ramp.shape[0] - 3
    moves = ramp[last + 2] != 0.0
    start = 0
    while start < left.shape[0]:
        count = min(WIDTH, left.shape[0] - start)
        some_left, some_right = left[start : start + count], right[start : start + count]
        for i in range(count):
            work[4 * i + 1] = np.float64(some_left[i])
            work[4 * i + 3] = np.float64(some_right[i])
        for group in range(last // (2 * ROW)):
            _group(
                ramp[2 * ROW * group : 2 * ROW * group + 2 * ROW],
                state[2 * PART * group : 2 * PART * group + 2 * PART],
                work,
                moves,
                offset + start,
                count,
            )
        for i in range(count):
            gain = ramp[last] + ramp[last + 1] * np.float64(offset + start + i + 1)
            some_left[i] = np.float32(gain * work[4 * i + 1])
            some_right[i] = np.float32(gain * work[4 * i + 3])
        start += count
