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

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import wavefront
from rt_automix.dsp.tone.wavefront import BANDS, DRAIN, ROW, STEP_BITS, WIDTH
from rt_automix.dsp.vectors.interleaved import by_channel, counted, laid_out, load_single, store_single
from rt_automix.dsp.vectors.quads import PART, SIZE, lane, load, made, minus, mul, mul_add, store

ENTRIES = 5
"""What a band has in a table: c1, c2, -a1, -a2 and the leading coefficient b0."""

GAINS_SIZE = 3
MOVES = 2
"""A ramp ends with the gain behind it, how far it goes per sample, and whether anything moves."""

WORK_SIZE = wavefront.WORK_SIZE
STEP_SAMPLES = wavefront.STEP_SAMPLES


def groups_of(bands: int) -> int:
    """How many wavefronts that many bands need.

    Thread: main. Allocates: no.
    """
    return -(-bands // BANDS)


def ramp_size(bands: int) -> int:
    """Size of a ramp: per group a row to begin with and a row per step; then GAINS_SIZE.

    Thread: main. Allocates: no.
    """
    return 2 * groups_of(bands) * ROW + GAINS_SIZE


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


def inverse(designs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Designs that undo others, numerators and denominators in each other's places.

    Parameters
    ----------
    designs : float64, shape (..., 5), as `entries` gives them

    Thread: main. Allocates: yes.
    """
    c1, c2, a1, a2, b0 = np.moveaxis(designs, -1, 0)
    return np.stack([-c1, -c2, a1 - c1, a2 - c2, 1.0 / b0], axis=-1)


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
    ramp[-GAINS_SIZE] = 1.0
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
        low = (row * bands + band) * ENTRIES
        high = low + bands * ENTRIES
        first = band // BANDS * ROW + wavefront.lane_of(band)
        place = goal[first : first + 3 * PART + 3]
        between, start = made(fraction, fraction, fraction, fraction), load(table, low)
        four = mul_add(between, minus(load(table, high), start), start)
        for k in range(ENTRIES - 1):
            place[k * PART] = place[k * PART + 2] = lane(four, k)
        gain *= table[low + 4] + fraction * (table[high + 4] - table[low + 4])
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
    share = made(per_step, per_step, per_step, per_step)
    for group in range(last // ROW):
        base, from_row = 2 * ROW * group, ROW * group
        for k in range(0, ROW, SIZE):
            begin = load(start, from_row + k)
            store(ramp, base + k, begin)
            store(ramp, base + ROW + k, mul(share, minus(load(goal, from_row + k), begin)))
    ramp[2 * last] = start[last]
    ramp[2 * last + 1] = (goal[last] - start[last]) / samples
    ramp[2 * last + MOVES] = 1.0


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


@kernel("void(float64[::1], int64, float64[::1], int64, int64)")
def lend(ramp, band, other, place, steps):
    """Let a band of one cascade run in another's free place: its line from `steps` steps after its beginning.

    Parameters
    ----------
    ramp : float64, shape (ramp_size(bands),)
    band : int64
    other : float64, a ramp, updated
    place : int64
        Where the other one's line begins, the lent one continues.
    steps : int64

    Thread: audio. Allocates: no.
    """
    from_row, to_row = 2 * ROW * (band // BANDS), 2 * ROW * (place // BANDS)
    lent = ramp[from_row + wavefront.lane_of(band) : from_row + 2 * ROW]
    taken = other[to_row + wavefront.lane_of(place) : to_row + 2 * ROW]
    for k in range(4):
        for side in range(0, 4, 2):
            step = lent[ROW + k * PART + side]
            taken[k * PART + side] = lent[k * PART + side] + np.float64(steps) * step
            taken[ROW + k * PART + side] = step


@kernel("void(float64[::1], int64)")
def forget(state, band):
    """Empty one band's memory.

    Thread: audio. Allocates: no.
    """
    first = wavefront.STATE_SIZE * (band // BANDS) + wavefront.lane_of(band)
    memory = state[first : first + PART + 3]
    memory[0], memory[2], memory[PART], memory[PART + 2] = 0.0, 0.0, 0.0, 0.0


@kernel("void(float64[::1], float64, float64, int64, float32[::1], float32[::1])")
def take_in(work, gain, step, offset, left, right):
    """Lay samples out for the bands, times a gain: each in both places of its channel.

    Parameters
    ----------
    work : float64, shape (4 n or more,), written
    gain, step : float64
        Where the gain's line began, and how far it goes per sample.
    offset : int64
        Samples since then.
    left, right : float32, shape (n,)

    Thread: audio. Allocates: no.
    """
    start, slope = made(gain, gain, gain, gain), made(step, step, step, step)
    whole = left.shape[0] & -SIZE
    for i in range(0, whole, SIZE):
        factor = mul_add(slope, counted(np.float64(offset + i + 1)), start)
        a, b, c, d = laid_out(mul(factor, load_single(left, i)), mul(factor, load_single(right, i)))
        store(work, 4 * i, a)
        store(work, 4 * i + 4, b)
        store(work, 4 * i + 8, c)
        store(work, 4 * i + 12, d)
    for i in range(whole, left.shape[0]):
        place, one, other = np.float64(offset + i + 1), np.float64(left[i]), np.float64(right[i])
        factor = mul_add(slope, made(place, place, place, place), start)
        store(work, 4 * i, mul(factor, made(one, one, other, other)))


@kernel("void(float64[::1], float64[::1], float64[::1], int64, boolean, int64, int64)")
def run(ramp, state, work, groups, moves, offset, count):
    """Let the first groups of six bands work on what was taken in.

    Parameters
    ----------
    ramp : float64, shape (ramp_size(bands),)
    state : float64, shape (state_size(bands),), updated
    work : float64, shape (WORK_SIZE,)
    groups : int64
    moves : bool
        Whether any coefficient is on its way.
    offset : int64
        Samples since the line began that the ramp describes.
    count : int64
        Samples that were taken in.

    Thread: audio. Allocates: no.
    """
    phase, steps = offset & (STEP_SAMPLES - 1), (offset >> STEP_BITS) + 1
    for group in range(groups):
        six = ramp[2 * ROW * group : 2 * ROW * group + 2 * ROW]
        memory = state[2 * PART * group : 2 * PART * group + 2 * PART]
        if count < DRAIN:
            wavefront.few(six, work, moves, steps, phase, memory, count)
        else:
            wavefront.run(six, work, moves, steps, phase, memory, count)


@kernel("void(float64[::1], float64, float64, int64, float64, float64, int64, float32[::1], float32[::1])")
def give_out(work, gain, step, offset, further_gain, further_step, further_offset, left, right):
    """What came out of the last band, times two gains.

    Parameters
    ----------
    work : float64, shape (WORK_SIZE,)
    gain, step, further_gain, further_step : float64
        Where a gain's line began, and how far it goes per sample: the end of a ramp.
    offset, further_offset : int64
        Samples since then.
    left, right : float32, shape (n,), written

    Thread: audio. Allocates: no.
    """
    start, slope = made(gain, gain, gain, gain), made(step, step, step, step)
    further_start = made(further_gain, further_gain, further_gain, further_gain)
    further_slope = made(further_step, further_step, further_step, further_step)
    whole = left.shape[0] & -SIZE
    for i in range(0, whole, SIZE):
        factor = mul_add(slope, counted(np.float64(offset + i + 1)), start)
        factor = mul(factor, mul_add(further_slope, counted(np.float64(further_offset + i + 1)), further_start))
        quads = load(work, 4 * i), load(work, 4 * i + 4), load(work, 4 * i + 8), load(work, 4 * i + 12)
        some_left, some_right = by_channel(*quads)
        store_single(left, i, mul(factor, some_left))
        store_single(right, i, mul(factor, some_right))
    for i in range(whole, left.shape[0]):
        place, further = np.float64(offset + i + 1), np.float64(further_offset + i + 1)
        factor = mul_add(slope, made(place, place, place, place), start)
        factor = mul(factor, mul_add(further_slope, made(further, further, further, further), further_start))
        both = mul(factor, load(work, 4 * i))
        left[i], right[i] = np.float32(lane(both, 1)), np.float32(lane(both, 3))


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
    last = ramp.shape[0] - GAINS_SIZE
    start = 0
    while start < left.shape[0]:
        stop = min(start + WIDTH, left.shape[0])
        some_left, some_right = left[start:stop], right[start:stop]
        take_in(work, 1.0, 0.0, 0, some_left, some_right)
        run(ramp, state, work, last // (2 * ROW), ramp[last + MOVES] != 0.0, offset + start, stop - start)
        give_out(work, ramp[last], ramp[last + 1], offset + start, 1.0, 0.0, 0, some_left, some_right)
        start = stop
