"""A piece of sound through every engine of a session, compiled: one input, the main output, and the others.

    input -> take ring -> chain -> fade -> take ring -> main output
          -> chain of each other output -> fade -> its take ring -> where it goes
    one of the outputs -> phones

Each chain has arrays of its own: what one of them does changes no sample of another. The phones only listen.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp import atomics
from rt_automix.dsp.foreign import call_for_pointer, float32_at, float64_at, int64_at
from rt_automix.dsp.jit import kernel
from rt_automix.engine import chain
from rt_automix.engine import layout as at
from rt_automix.io.devices.edge.board import TAKE_SAMPLES, WRITTEN
from rt_automix.outputs import MOST_OUTPUTS

PIECE_SAMPLES = 4096
"""Longer blocks are worked on in pieces of this; the device may bring any length."""

# float64: the gain at the edge, where it goes, how far per sample; and how long a sample lasts.
FADE_NOW, FADE_GOAL, FADE_STEP, PERIOD_NS = range(4)
FADE_SIZE = 4

# float32: a piece of each side.
SCRATCH_SIZE = 2 * PIECE_SAMPLES

# int64: how many outputs there are beside the main one, then a row for each: where its arrays, scratch and take ring
# lie, its channels among the device's (-1: none, of the right one: mono), its ports on JACK (0: none), and whether its
# scratch already holds an input of its own.
(O_F64, O_F32, O_I64, O_SCRATCH, O_TAKE, O_LEFT, O_RIGHT, O_PORT_LEFT, O_PORT_RIGHT, O_HAS_INPUT) = range(10)
OTHER_SIZE = 10

# int64, behind those: a row of that kind for the phones, which have no arrays; whether there are phones, the output
# that they are to have (0: the main one), that of before and the one they turn to, how many samples of the turn are
# done, and how many it has.
PHONES_ROW = 1 + (MOST_OUTPUTS - 1) * OTHER_SIZE
(P_ON, P_WANTED, P_FROM, P_TO, P_DONE, P_LENGTH) = range(PHONES_ROW + OTHER_SIZE, PHONES_ROW + OTHER_SIZE + 6)
OTHERS_SIZE = P_LENGTH + 1
_HALF = np.float32(0.5)


@kernel("void(float64[::1], float32[::1], float32[::1])")
def fade_pair(fade, left, right):
    """Move the gain at the edge towards its goal along a smooth curve; at rest at 1 no bit changes."""
    now, goal, step = fade[FADE_NOW], fade[FADE_GOAL], fade[FADE_STEP]
    if now == 1.0 and goal == 1.0:
        return
    for i in range(left.shape[0]):
        now = min(now + step, goal) if now < goal else max(now - step, goal)
        factor = np.float32(now * now * (3.0 - 2.0 * now))
        left[i] *= factor
        right[i] *= factor
    fade[FADE_NOW] = now


@kernel("void(float32[::1], int64, float32[::1])")
def keep_one(ring, written, samples):
    """Copy a piece of one channel into its take ring; in two runs, so that each becomes vectors.

    Thread: audio. Allocates: no.
    """
    first, count = written & (TAKE_SAMPLES - 1), samples.shape[0]
    until = min(TAKE_SAMPLES - first, count)
    there = ring[first:]
    for i in range(until):
        there[i] = samples[i]
    for i in range(until, count):
        ring[i - until] = samples[i]


@kernel("void(float32[::1], int64, int64, float32[::1], float32[::1])")
def keep(takes, start, written, left, right):
    """Copy a piece into the take ring that begins at `start`."""
    keep_one(takes[start : start + TAKE_SAMPLES], written, left)
    keep_one(takes[start + TAKE_SAMPLES : start + 2 * TAKE_SAMPLES], written, right)


@kernel("void(float32[::1], float32[::1], float64[::1], int64, int64[::1])")
def master_others(left, right, fade, written, others):
    """Master a piece for each other output, into its scratch and its take ring; `left` and `right` stay."""
    count, before = left.shape[0], fade[FADE_NOW]
    for number in range(others[0]):
        row = others[1 + number * OTHER_SIZE : 1 + (number + 1) * OTHER_SIZE]
        scratch = float32_at(row[O_SCRATCH], SCRATCH_SIZE)
        own_left, own_right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
        if row[O_HAS_INPUT] == 0:
            for i in range(count):
                own_left[i], own_right[i] = left[i], right[i]
        f64, f32 = float64_at(row[O_F64], at.F64_SIZE), float32_at(row[O_F32], at.F32_SIZE)
        chain.process_pair(own_left, own_right, f64, f32, int64_at(row[O_I64], at.I64_SIZE))
        fade_pair(fade, own_left, own_right)
        fade[FADE_NOW] = before  # the next one has the same way to go
        keep(float32_at(row[O_TAKE], 2 * TAKE_SAMPLES), 0, written, own_left, own_right)


@kernel("void(float32[::1], float32[::1], float32[::1], float32[::1], int64, int64)")
def _turn(own_left, own_right, left, right, done, length):
    """Turn from what is there to another sound, of which `done` samples are over; from `length` on it is that alone."""
    for i in range(left.shape[0]):
        if done + i >= length:
            own_left[i], own_right[i] = left[i], right[i]
        else:
            share = (done + i + 1.0) / (length + 1.0)
            factor = np.float32(share * share * (3.0 - 2.0 * share))
            own_left[i] += factor * (left[i] - own_left[i])
            own_right[i] += factor * (right[i] - own_right[i])


@kernel("void(float32[::1], float32[::1], int64, int64, int64, int64[::1])")
def _turn_to(left, right, number, done, length, others):
    """Turn the phones to the last piece of an output; `left` and `right` are the main one's."""
    count = left.shape[0]
    own = float32_at(others[PHONES_ROW + O_SCRATCH], SCRATCH_SIZE)
    own_left, own_right = own[:count], own[PIECE_SAMPLES : PIECE_SAMPLES + count]
    if number == 0:
        _turn(own_left, own_right, left, right, done, length)
    else:
        scratch = float32_at(others[1 + (number - 1) * OTHER_SIZE + O_SCRATCH], SCRATCH_SIZE)
        _turn(own_left, own_right, scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count], done, length)


@kernel("void(float32[::1], float32[::1], int64[::1])")
def hear(left, right, others):
    """Put what is heard on the phones into their scratch; whoever is wanted within a turn comes after it."""
    if others[P_ON] == 0:
        return
    wanted, length = atomics.load_acquire(others, P_WANTED), others[P_LENGTH]
    if others[P_DONE] >= length and wanted != others[P_TO]:
        others[P_FROM], others[P_TO], others[P_DONE] = others[P_TO], wanted, 0
    done = others[P_DONE]
    if done < length:
        _turn_to(left, right, others[P_FROM], length, length, others)
    _turn_to(left, right, others[P_TO], done, length, others)
    others[P_DONE] = min(done + left.shape[0], length)


@kernel(
    "void(float32[::1], float32[::1], float64[::1], float32[::1], int64[::1], int64[::1], float64[::1], float32[::1],"
    " int64[::1])"
)
def master_piece(left, right, f64, f32, i64, stats, fade, takes, others):
    """Master up to PIECE_SAMPLES for every output, in place for the main one, fade, keep what came in and goes out.

    Thread: audio. Allocates: no.
    """
    written = stats[WRITTEN]
    keep(takes, 0, written, left, right)
    master_others(left, right, fade, written, others)
    chain.process_pair(left, right, f64, f32, i64)
    fade_pair(fade, left, right)
    keep(takes, 2 * TAKE_SAMPLES, written, left, right)
    hear(left, right, others)
    atomics.store_release(stats, WRITTEN, written + left.shape[0])


@kernel("void(float32[::1], int64, int64, int64, int64[::1])")
def _give(interleaved, start, count, width, row):
    """Put the last piece of a row into its channels of `count` frames from `start` on."""
    to_left, to_right = row[O_LEFT], row[O_RIGHT]
    if to_left < 0:
        return
    scratch = float32_at(row[O_SCRATCH], SCRATCH_SIZE)
    left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
    for i in range(count):
        at_frame = (start + i) * width
        if to_right < 0:
            interleaved[at_frame + to_left] = _HALF * (left[i] + right[i])
        else:
            interleaved[at_frame + to_left] = left[i]
            interleaved[at_frame + to_right] = right[i]


@kernel("void(float32[::1], int64, int64, int64, int64[::1])")
def give_others(interleaved, start, count, width, others):
    """Put the last piece of each other output, and of the phones, into its channels of the frames from `start` on.

    Thread: audio. Allocates: no.
    """
    for number in range(others[0]):
        _give(interleaved, start, count, width, others[1 + number * OTHER_SIZE : 1 + (number + 1) * OTHER_SIZE])
    if others[P_ON] != 0:
        _give(interleaved, start, count, width, others[PHONES_ROW : PHONES_ROW + OTHER_SIZE])


@kernel("void(int64, int64, int64, int64, int64[::1])")
def _play(get_buffer, start, count, samples, row):
    """Put the last piece of a row into its ports' buffers of so many samples, from `start` on."""
    if row[O_PORT_LEFT] == 0:
        return
    scratch = float32_at(row[O_SCRATCH], SCRATCH_SIZE)
    left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
    to_left = float32_at(call_for_pointer(get_buffer, row[O_PORT_LEFT], samples), samples)
    to_right = float32_at(call_for_pointer(get_buffer, row[O_PORT_RIGHT], samples), samples)
    is_mono = row[O_LEFT] >= 0 and row[O_RIGHT] < 0
    for i in range(count):
        to_left[start + i] = _HALF * (left[i] + right[i]) if is_mono else left[i]
        to_right[start + i] = right[i]


@kernel("void(int64, int64, int64, int64, int64[::1])")
def play_others(get_buffer, start, count, samples, others):
    """Put the last piece of each other output, and of the phones, into its ports' buffers, from `start` on.

    Thread: audio. Allocates: no.
    """
    for number in range(others[0]):
        _play(get_buffer, start, count, samples, others[1 + number * OTHER_SIZE : 1 + (number + 1) * OTHER_SIZE])
    if others[P_ON] != 0:
        _play(get_buffer, start, count, samples, others[PHONES_ROW : PHONES_ROW + OTHER_SIZE])
