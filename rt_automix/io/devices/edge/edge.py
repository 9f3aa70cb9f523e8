"""The edge between a device and the engine, compiled: what a C callback runs, and what it counts.

    interleaved input -> channels -> every engine (`piece`) -> interleaved output

Everything lies in plain arrays, those of the `board` among them.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.dsp import atomics
from rt_automix.dsp.clocks import bridge
from rt_automix.dsp.clocks.monotonic import now_ns
from rt_automix.dsp.foreign import int64_at
from rt_automix.dsp.jit import kernel
from rt_automix.io.devices.edge.bedpiece import B_CHANNELS, BEDPIECE_SIZE, give_out_all, master_bed, take_in_all
from rt_automix.io.devices.edge.board import (
    AT_NS,
    BINS_PER_OCTAVE,
    BLOCK_NS,
    BLOCK_SAMPLES,
    CALLBACKS,
    CLOCK,
    HISTOGRAM,
    HISTOGRAM_BINS,
    LATE,
    SAMPLES,
    WORST_GAP_NS,
    WORST_NS,
    XRUNS,
)
from rt_automix.io.devices.edge.piece import OTHERS_SIZE, PERIOD_NS, PIECE_SAMPLES, give_others, master_piece

# int64: where everything lies, and which channels to use.
(
    W_F64,
    W_F32,
    W_I64,
    W_STATS,
    W_FADE,
    W_SCRATCH,
    W_TAKES,
    W_OTHERS,
    W_IN_CHANNELS,
    W_OUT_CHANNELS,
    W_IN_LEFT,
    W_IN_RIGHT,
    W_OUT_LEFT,
    W_OUT_RIGHT,
    W_GET_BUFFER,
    W_LATENCY,
    W_LATENCIES,
    W_XRUNS,
    W_XRUNS_TOLD,
    W_REGISTERED,
    W_BRIDGE_F64,
    W_BRIDGE_F32,
    W_BRIDGE_I64,
    W_BRIDGE_F32_SIZE,
    W_CAPTURE,
    W_CAPTURED,
    W_CAPTURE_CLOCK,
    W_FRAME_TIME,
    W_CLIENT,
    W_NEXT_FRAME,
    W_PORTS,
) = range(31)
W_NUMBERS = W_PORTS + 4
REGISTERED_KEPT = 256
"""So many numbers of ports that others registered are kept."""
W_BED = W_NUMBERS + REGISTERED_KEPT
"""Of a surround programme: see `bedpiece`."""

WIRING_SIZE = W_BED + BEDPIECE_SIZE


_ENGINE = "float64[::1], float32[::1], int64[::1]"
_ARRAYS = f"{_ENGINE}, int64[::1], float64[::1], float32[::1], float32[::1], int64[::1]"


@kernel("void(float32[::1], int64, int64[::1], float32[::1], float32[::1])")
def take_in(interleaved, start, wiring, left, right):
    """Pick the two input channels (the same twice for mono) out of frames from `start` on."""
    width = wiring[W_IN_CHANNELS]
    from_left = interleaved[start * width + wiring[W_IN_LEFT] :]
    from_right = interleaved[start * width + wiring[W_IN_RIGHT] :]
    for i in range(left.shape[0]):
        left[i] = from_left[i * width]
        right[i] = from_right[i * width]


@kernel("void(float32[::1], int64, int64[::1], float32[::1], float32[::1])")
def give_out(interleaved, start, wiring, left, right):
    """Put two channels into frames from `start` on, their mean where the output is mono, silence elsewhere."""
    width, to_left, to_right = wiring[W_OUT_CHANNELS], wiring[W_OUT_LEFT], wiring[W_OUT_RIGHT]
    half = np.float32(0.5)
    for i in range(left.shape[0]):
        at = (start + i) * width
        for channel in range(width):
            interleaved[at + channel] = np.float32(0.0)
        if to_right < 0:
            interleaved[at + to_left] = half * (left[i] + right[i])
        else:
            interleaved[at + to_left] = left[i]
            interleaved[at + to_right] = right[i]


@kernel("void(int64[::1], int64)")
def begin(stats, samples):
    """Note that a callback of so many samples has begun.

    Thread: audio. Allocates: no.
    """
    now = now_ns(stats[CLOCK : CLOCK + 2])
    if stats[AT_NS] > 0:
        stats[WORST_GAP_NS] = max(stats[WORST_GAP_NS], now - stats[AT_NS])
    stats[BLOCK_SAMPLES] = samples
    atomics.store_release(stats, AT_NS, now)


@kernel("void(int64[::1], int64, float64[::1], boolean)")
def end(stats, samples, fade, xrun):
    """Note that the callback is done, and how long it took.

    Thread: audio. Allocates: no.
    """
    spent = max(now_ns(stats[CLOCK : CLOCK + 2]) - stats[AT_NS], 1)
    stats[BLOCK_NS] = spent
    stats[WORST_NS] = max(stats[WORST_NS], spent)
    stats[LATE] += spent > samples * fade[PERIOD_NS]
    stats[XRUNS] += xrun
    octaves = math.log2(max(spent * 1e-3, 1.0))
    stats[HISTOGRAM + min(int(BINS_PER_OCTAVE * octaves), HISTOGRAM_BINS - 1)] += 1
    stats[SAMPLES] += samples
    atomics.store_release(stats, CALLBACKS, stats[CALLBACKS] + 1)


@kernel(f"void(float32[::1], float32[::1], int64, boolean, {_ARRAYS})", door=True)
def duplex(interleaved_in, interleaved_out, samples, xrun, f64, f32, i64, stats, fade, scratch, takes, wiring):
    """One block of a device that plays what it hears: frames of all its channels in, frames out.

    Thread: audio. Allocates: no.
    """
    begin(stats, samples)
    others = int64_at(wiring[W_OTHERS], OTHERS_SIZE)
    wires = wiring[W_BED : W_BED + BEDPIECE_SIZE]
    done = 0
    while done < samples:
        count = min(PIECE_SAMPLES, samples - done)
        if wires[B_CHANNELS]:
            take_in_all(interleaved_in, done, count, wiring[W_IN_CHANNELS], wires)
            master_bed(count, f64, f32, i64, stats, fade, scratch, takes, others, wires)
            give_out_all(interleaved_out, done, count, wiring[W_OUT_CHANNELS], wires)
        else:
            left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
            take_in(interleaved_in, done, wiring, left, right)
            master_piece(left, right, f64, f32, i64, stats, fade, takes, others)
            give_out(interleaved_out, done, wiring, left, right)
        give_others(interleaved_out, done, count, wiring[W_OUT_CHANNELS], others)
        done += count
    end(stats, samples, fade, xrun)


@kernel("void(float32[::1], int64, float64[::1], float32[::1], int64[::1], float32[::1], int64[::1])")
def capture(interleaved, samples, bridge_f64, bridge_f32, bridge_i64, scratch, wiring):
    """One block of a device that only hears, for another to play.

    Thread: audio (of the input device). Allocates: no.
    """
    now = now_ns(wiring[W_CAPTURE_CLOCK : W_CAPTURE_CLOCK + 2])
    period_ns = 1e9 * bridge_f64[bridge.IN_NOMINAL_S]
    done = 0
    while done < samples:
        count = min(PIECE_SAMPLES, samples - done)
        left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
        take_in(interleaved, done, wiring, left, right)
        bridge.push(bridge_f64, bridge_f32, bridge_i64, left, right, now + np.int64(done * period_ns))
        done += count
    atomics.store_release(wiring, W_CAPTURED, wiring[W_CAPTURED] + 1)


@kernel(f"void(float32[::1], int64, boolean, float64[::1], float32[::1], int64[::1], {_ARRAYS})")
def playback(
    interleaved, samples, xrun, bridge_f64, bridge_f32, bridge_i64,
    f64, f32, i64, stats, fade, scratch, takes, wiring,
):  # fmt: skip
    """One block of a device that only plays what another hears.

    Thread: audio (of the output device). Allocates: no.
    """
    begin(stats, samples)
    now = stats[AT_NS]
    others = int64_at(wiring[W_OTHERS], OTHERS_SIZE)
    done = 0
    while done < samples:
        count = min(PIECE_SAMPLES, samples - done)
        left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
        bridge.pull(bridge_f64, bridge_f32, bridge_i64, left, right, now + np.int64(done * fade[PERIOD_NS]))
        master_piece(left, right, f64, f32, i64, stats, fade, takes, others)
        give_out(interleaved, done, wiring, left, right)
        give_others(interleaved, done, count, wiring[W_OUT_CHANNELS], others)
        done += count
    end(stats, samples, fade, xrun)
