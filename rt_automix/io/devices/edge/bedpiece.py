"""A piece of a surround programme through its engine, compiled: all channels of one input to the main output.

    input -> take ring -> chain of the bed -> fade -> take ring -> main output
          -> fold to stereo -> the other outputs, each with a chain of its own

What looks at two channels, such as the other outputs, the phones and whoever draws spectra, gets the fold.

Pairs that are programmes of their own lie in the same rows, each with an engine: the first is the main output, the
others are outputs whose scratch is their rows.
"""

from __future__ import annotations

import numpy as np

from rt_automix import surround
from rt_automix.dsp import atomics
from rt_automix.dsp.dynamics import bed as fold_of
from rt_automix.dsp.foreign import call_for_pointer, float32_at, float32_rows_at, float64_at, float64_rows_at
from rt_automix.dsp.jit import kernel
from rt_automix.engine import bed, chain
from rt_automix.engine import bed_listening as listening
from rt_automix.io.devices.edge.board import TAKE_SAMPLES, WRITTEN
from rt_automix.io.devices.edge.piece import FADE_NOW, PIECE_SAMPLES, fade_pair, hear, keep, keep_one, master_others

MOST_CHANNELS = surround.MOST_CHANNELS

# int64: how many channels there are (0: two, of which this file knows nothing), the rows of their bed, where its
# arrays lie (0: there is no bed, each pair has an engine), a piece of each row, and the rings of what came in and went
# out; then for each channel its row, its place among the device's channels on both sides, and its ports on JACK.
(B_CHANNELS, B_ROWS, B_OWN64, B_OWN32, B_WORK, B_WEIGHTS, B_SHARES, B_SCRATCH, B_WHOLE) = range(9)
B_ROW, B_IN, B_OUT, B_PORT_IN, B_PORT_OUT = range(9, 9 + 5 * MOST_CHANNELS, MOST_CHANNELS)
BEDPIECE_SIZE = 9 + 5 * MOST_CHANNELS


@kernel("void(int64, int64, float32[:, ::1], int64, int64[::1])")
def _keep_all(side, written, rows, count, wires):
    """Copy a piece of every channel into the rings of a side."""
    channels = wires[B_CHANNELS]
    rings = float32_rows_at(wires[B_WHOLE], 2 * channels, TAKE_SAMPLES)
    for channel in range(channels):
        keep_one(rings[side * channels + channel], written, rows[wires[B_ROW + channel], :count])


@kernel(
    "void(int64, float64[::1], float32[::1], int64[::1], int64[::1], float64[::1], float32[::1], int64[::1],"
    " int64[::1])"
)
def _master_pairs(count, f64, f32, i64, stats, fade, takes, others, wires):
    """Master a piece of pairs, each by its own engine; who looks at two channels sees the first."""
    written, rows = stats[WRITTEN], float32_rows_at(wires[B_SCRATCH], wires[B_ROWS], PIECE_SAMPLES)
    left, right = rows[0, :count], rows[1, :count]
    _keep_all(0, written, rows, count, wires)
    keep(takes, 0, written, left, right)
    master_others(left, right, fade, written, others)
    chain.process_pair(left, right, f64, f32, i64)
    fade_pair(fade, left, right)
    _keep_all(1, written, rows, count, wires)
    keep(takes, 2 * TAKE_SAMPLES, written, left, right)
    hear(left, right, others)
    atomics.store_release(stats, WRITTEN, written + count)


@kernel(
    "void(int64, float64[::1], float32[::1], int64[::1], int64[::1], float64[::1], float32[::1], float32[::1],"
    " int64[::1], int64[::1])",
    door=True,
)
def master_bed(count, f64, f32, i64, stats, fade, scratch, takes, others, wires):
    """Master a piece of `count` samples that lies in the bed's rows, in place, and one for every other output.

    Parameters
    ----------
    count : int64, up to PIECE_SAMPLES
    f64, f32, i64, stats, fade, scratch, takes, others
        As of the `edge`; `takes` gets the folds.
    wires : int64, shape (BEDPIECE_SIZE,)

    Thread: audio. Allocates: no.
    """
    if wires[B_OWN64] == 0:
        _master_pairs(count, f64, f32, i64, stats, fade, takes, others, wires)
        return
    size, written, before = wires[B_ROWS], stats[WRITTEN], fade[FADE_NOW]
    rows = float32_rows_at(wires[B_SCRATCH], size, PIECE_SAMPLES)
    own64 = float64_rows_at(wires[B_OWN64], size // 2 - 1, bed.OWN64_SIZE)
    own32 = float32_rows_at(wires[B_OWN32], size // 2 - 1, bed.OWN32_SIZE)
    work = float32_rows_at(wires[B_WORK], size, listening.WORK_SIZE)
    weights, shares = float64_at(wires[B_WEIGHTS], size), float32_rows_at(wires[B_SHARES], size, 2)
    left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
    _keep_all(0, written, rows, count, wires)
    fold_of.fold(rows, 0, shares, left, right)
    keep(takes, 0, written, left, right)
    master_others(left, right, fade, written, others)
    bed.process(rows, 0, count, f64, f32, i64, own64, own32, work, weights, shares)
    for row in range(0, size, 2):
        fade[FADE_NOW] = before  # every pair has the same way to go
        fade_pair(fade, rows[row, :count], rows[row + 1, :count])
    _keep_all(1, written, rows, count, wires)
    fold_of.fold(rows, 0, shares, left, right)
    keep(takes, 2 * TAKE_SAMPLES, written, left, right)
    hear(left, right, others)
    atomics.store_release(stats, WRITTEN, written + count)


@kernel("void(float32[::1], int64, int64, int64, int64[::1])")
def take_in_all(interleaved, start, count, width, wires):
    """Pick the channels out of `count` frames from `start` on.

    Thread: audio. Allocates: no.
    """
    rows = float32_rows_at(wires[B_SCRATCH], wires[B_ROWS], PIECE_SAMPLES)
    for channel in range(wires[B_CHANNELS]):
        samples, source = rows[wires[B_ROW + channel]], interleaved[start * width + wires[B_IN + channel] :]
        for i in range(count):
            samples[i] = source[i * width]


@kernel("void(float32[::1], int64, int64, int64, int64[::1])")
def give_out_all(interleaved, start, count, width, wires):
    """Put the channels into `count` frames from `start` on, silence elsewhere.

    Thread: audio. Allocates: no.
    """
    rows = float32_rows_at(wires[B_SCRATCH], wires[B_ROWS], PIECE_SAMPLES)
    for i in range(start * width, (start + count) * width):
        interleaved[i] = np.float32(0.0)
    for channel in range(wires[B_CHANNELS]):
        samples, sink = rows[wires[B_ROW + channel]], interleaved[start * width + wires[B_OUT + channel] :]
        for i in range(count):
            sink[i * width] = samples[i]


@kernel("void(int64, int64, int64, int64, boolean, int64[::1])")
def move_ports(get_buffer, start, count, samples, is_out, wires):
    """Between the rows and the ports' buffers of so many samples, from `start` on: in, or out.

    Thread: audio. Allocates: no.
    """
    rows = float32_rows_at(wires[B_SCRATCH], wires[B_ROWS], PIECE_SAMPLES)
    for channel in range(wires[B_CHANNELS]):
        own = rows[wires[B_ROW + channel]]
        port = wires[(B_PORT_OUT if is_out else B_PORT_IN) + channel]
        buffer = float32_at(call_for_pointer(get_buffer, port, samples), samples)
        for i in range(count):
            if is_out:
                buffer[start + i] = own[i]
            else:
                own[i] = buffer[start + i]
