"""The edge between a device and the engine, compiled: what a C callback runs, and what it counts.

    interleaved input -> channels -> take ring -> chain -> fade -> take ring -> interleaved output

Everything lies in plain arrays, those of the `board` among them.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.dsp import atomics, bridge
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.monotonic import now_ns
from rt_automix.engine import chain
from rt_automix.io.devices.board import (
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
    TAKE_SAMPLES,
    WORST_GAP_NS,
    WORST_NS,
    WRITTEN,
    XRUNS,
)

PIECE_SAMPLES = 4096
"""Longer blocks are worked on in pieces of this; the device may bring any length."""

# float64: the gain at the edge, where it goes, how far per sample; and how long a sample lasts.
FADE_NOW, FADE_GOAL, FADE_STEP, PERIOD_NS = range(4)
FADE_SIZE = 4

# float32: a piece of each side.
SCRATCH_SIZE = 2 * PIECE_SAMPLES

# int64: where everything lies, and which channels to use.
(
    W_F64,
    W_F32,
    W_I64,
    W_STATS,
    W_FADE,
    W_SCRATCH,
    W_TAKES,
    W_IN_CHANNELS,
    W_OUT_CHANNELS,
    W_IN_LEFT,
    W_IN_RIGHT,
    W_OUT_LEFT,
    W_OUT_RIGHT,
    W_GET_BUFFER,
    W_BRIDGE_F64,
    W_BRIDGE_F32,
    W_BRIDGE_I64,
    W_BRIDGE_F32_SIZE,
    W_CAPTURE,
    W_CAPTURED,
    W_CAPTURE_CLOCK,
    W_PORTS,
) = range(22)
WIRING_SIZE = W_PORTS + 4


_ENGINE = "float64[::1], float32[::1], int64[::1]"
_ARRAYS = f"{_ENGINE}, int64[::1], float64[::1], float32[::1], float32[::1], int64[::1]"


@kernel("void(float64[::1], float32[::1], float32[::1])")
def _fade(fade, left, right):
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


@kernel("void(float32[::1], int64, int64, float32[::1], float32[::1])")
def _keep(takes, start, written, left, right):
    """Copy a piece into the take ring that begins at `start`."""
    ring_left = takes[start : start + TAKE_SAMPLES]
    ring_right = takes[start + TAKE_SAMPLES : start + 2 * TAKE_SAMPLES]
    for i in range(left.shape[0]):
        at = (written + i) & (TAKE_SAMPLES - 1)
        ring_left[at] = left[i]
        ring_right[at] = right[i]


@kernel(
    "void(float32[::1], float32[::1], float64[::1], float32[::1], int64[::1], int64[::1], float64[::1], float32[::1])"
)
def master_piece(left, right, f64, f32, i64, stats, fade, takes):
    """Master up to PIECE_SAMPLES in place, fade, and keep what came in and what goes out.

    Thread: audio. Allocates: no.
    """
    written = stats[WRITTEN]
    _keep(takes, 0, written, left, right)
    chain.process_pair(left, right, f64, f32, i64)
    _fade(fade, left, right)
    _keep(takes, 2 * TAKE_SAMPLES, written, left, right)
    atomics.store_release(stats, WRITTEN, written + left.shape[0])


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
    done = 0
    while done < samples:
        count = min(PIECE_SAMPLES, samples - done)
        left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
        take_in(interleaved_in, done, wiring, left, right)
        master_piece(left, right, f64, f32, i64, stats, fade, takes)
        give_out(interleaved_out, done, wiring, left, right)
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
    done = 0
    while done < samples:
        count = min(PIECE_SAMPLES, samples - done)
        left, right = scratch[:count], scratch[PIECE_SAMPLES : PIECE_SAMPLES + count]
        bridge.pull(bridge_f64, bridge_f32, bridge_i64, left, right, now + np.int64(done * fade[PERIOD_NS]))
        master_piece(left, right, f64, f32, i64, stats, fade, takes)
        give_out(interleaved, done, wiring, left, right)
        done += count
    end(stats, samples, fade, xrun)
