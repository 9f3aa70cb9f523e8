"""The C callbacks that the sound systems call: they turn addresses into arrays and run the `edge`.

Each is a kernel of plain numbers: C calls it by its address.
"""

from __future__ import annotations

import sys

import numpy as np

from rt_automix.dsp import atomics
from rt_automix.dsp.clocks import bridge
from rt_automix.dsp.foreign import call_for_count, call_for_pointer, float32_at, float64_at, int64_at
from rt_automix.dsp.jit import kernel
from rt_automix.engine import layout as at
from rt_automix.io.devices.edge.bedpiece import B_CHANNELS, BEDPIECE_SIZE, master_bed, move_ports
from rt_automix.io.devices.edge.board import STATS_SIZE, TAKE_SIZE, XRUNS
from rt_automix.io.devices.edge.edge import (
    REGISTERED_KEPT,
    W_BED,
    W_BRIDGE_F32,
    W_BRIDGE_F32_SIZE,
    W_BRIDGE_F64,
    W_BRIDGE_I64,
    W_CAPTURE,
    W_CLIENT,
    W_F32,
    W_F64,
    W_FADE,
    W_FRAME_TIME,
    W_GET_BUFFER,
    W_I64,
    W_IN_CHANNELS,
    W_LATENCIES,
    W_NEXT_FRAME,
    W_NUMBERS,
    W_OTHERS,
    W_OUT_CHANNELS,
    W_OUT_RIGHT,
    W_PORTS,
    W_REGISTERED,
    W_SCRATCH,
    W_STATS,
    W_TAKES,
    W_XRUNS,
    W_XRUNS_TOLD,
    WIRING_SIZE,
    begin,
    capture,
    duplex,
    end,
    playback,
)
from rt_automix.io.devices.edge.piece import (
    FADE_SIZE,
    OTHERS_SIZE,
    PIECE_SAMPLES,
    SCRATCH_SIZE,
    master_piece,
    play_others,
)

_XRUN_FLAGS = 0b1111  # paInputUnderflow, paInputOverflow, paOutputUnderflow, paOutputOverflow

_FRAME_MASK = 0xFFFFFFFF
_MOST_MISSED = 1 << 16
"""Samples: what is beyond is another clock than before, as when another device leads the graph."""

_ULONG = "uint32" if sys.platform == "win32" else "int64"
PORTAUDIO = f"int32(int64, int64, {_ULONG}, int64, {_ULONG}, int64)"
"""PaStreamCallback: input, output, frames, times, flags, user data."""

JACK = "int32(uint32, int64)"
"""JackProcessCallback: frames, user data."""


@kernel(PORTAUDIO, door=True)
def portaudio_callback(source, sink, frames, times, flags, user):
    """PortAudio's stream callback for a device that both hears and plays; `user` is the wiring."""
    wiring = int64_at(user, WIRING_SIZE)
    samples = np.int64(frames)
    duplex(
        float32_at(source, samples * wiring[W_IN_CHANNELS]),
        float32_at(sink, samples * wiring[W_OUT_CHANNELS]),
        samples,
        (flags & _XRUN_FLAGS) != 0,
        float64_at(wiring[W_F64], at.F64_SIZE),
        float32_at(wiring[W_F32], at.F32_SIZE),
        int64_at(wiring[W_I64], at.I64_SIZE),
        int64_at(wiring[W_STATS], STATS_SIZE),
        float64_at(wiring[W_FADE], FADE_SIZE),
        float32_at(wiring[W_SCRATCH], SCRATCH_SIZE),
        float32_at(wiring[W_TAKES], TAKE_SIZE),
        wiring,
    )
    return 0


@kernel(PORTAUDIO, door=True)
def capture_callback(source, sink, frames, times, flags, user):
    """PortAudio's stream callback for a device that only hears; `user` is the wiring, with a bridge."""
    wiring = int64_at(user, WIRING_SIZE)
    samples = np.int64(frames)
    capture(
        float32_at(source, samples * wiring[W_IN_CHANNELS]),
        samples,
        float64_at(wiring[W_BRIDGE_F64], bridge.F64_SIZE),
        float32_at(wiring[W_BRIDGE_F32], wiring[W_BRIDGE_F32_SIZE]),
        int64_at(wiring[W_BRIDGE_I64], bridge.I64_SIZE),
        float32_at(wiring[W_CAPTURE], SCRATCH_SIZE),
        wiring,
    )
    return 0


@kernel(PORTAUDIO, door=True)
def playback_callback(source, sink, frames, times, flags, user):
    """PortAudio's stream callback for a device that only plays; `user` is the wiring, with a bridge."""
    wiring = int64_at(user, WIRING_SIZE)
    samples = np.int64(frames)
    playback(
        float32_at(sink, samples * wiring[W_OUT_CHANNELS]),
        samples,
        (flags & _XRUN_FLAGS) != 0,
        float64_at(wiring[W_BRIDGE_F64], bridge.F64_SIZE),
        float32_at(wiring[W_BRIDGE_F32], wiring[W_BRIDGE_F32_SIZE]),
        int64_at(wiring[W_BRIDGE_I64], bridge.I64_SIZE),
        float64_at(wiring[W_F64], at.F64_SIZE),
        float32_at(wiring[W_F32], at.F32_SIZE),
        int64_at(wiring[W_I64], at.I64_SIZE),
        int64_at(wiring[W_STATS], STATS_SIZE),
        float64_at(wiring[W_FADE], FADE_SIZE),
        float32_at(wiring[W_SCRATCH], SCRATCH_SIZE),
        float32_at(wiring[W_TAKES], TAKE_SIZE),
        wiring,
    )
    return 0


@kernel("void(int64, int64[::1], float64[::1], int64[::1])")
def _play_pair(samples, stats, fade, wiring):
    """A block of two channels between a client's ports."""
    get_buffer = wiring[W_GET_BUFFER]
    in_left = float32_at(call_for_pointer(get_buffer, wiring[W_PORTS], samples), samples)
    in_right = float32_at(call_for_pointer(get_buffer, wiring[W_PORTS + 1], samples), samples)
    out_left = float32_at(call_for_pointer(get_buffer, wiring[W_PORTS + 2], samples), samples)
    out_right = float32_at(call_for_pointer(get_buffer, wiring[W_PORTS + 3], samples), samples)
    for i in range(samples):
        out_left[i], out_right[i] = in_left[i], in_right[i]
    others = int64_at(wiring[W_OTHERS], OTHERS_SIZE)
    done = 0
    while done < samples:
        stop = min(done + PIECE_SAMPLES, samples)
        master_piece(
            out_left[done:stop],
            out_right[done:stop],
            float64_at(wiring[W_F64], at.F64_SIZE),
            float32_at(wiring[W_F32], at.F32_SIZE),
            int64_at(wiring[W_I64], at.I64_SIZE),
            stats,
            fade,
            float32_at(wiring[W_TAKES], TAKE_SIZE),
            others,
        )
        play_others(get_buffer, done, stop - done, samples, others)
        done = stop
    if wiring[W_OUT_RIGHT] < 0:
        for i in range(samples):
            out_left[i] = np.float32(0.5) * (out_left[i] + out_right[i])


@kernel("void(int64, int64[::1], float64[::1], int64[::1])")
def _play_bed(samples, stats, fade, wiring):
    """A block of a surround programme between a client's ports."""
    get_buffer, others = wiring[W_GET_BUFFER], int64_at(wiring[W_OTHERS], OTHERS_SIZE)
    wires = wiring[W_BED : W_BED + BEDPIECE_SIZE]
    done = 0
    while done < samples:
        count = min(PIECE_SAMPLES, samples - done)
        move_ports(get_buffer, done, count, samples, False, wires)
        master_bed(
            count,
            float64_at(wiring[W_F64], at.F64_SIZE),
            float32_at(wiring[W_F32], at.F32_SIZE),
            int64_at(wiring[W_I64], at.I64_SIZE),
            stats,
            fade,
            float32_at(wiring[W_SCRATCH], SCRATCH_SIZE),
            float32_at(wiring[W_TAKES], TAKE_SIZE),
            others,
            wires,
        )
        move_ports(get_buffer, done, count, samples, True, wires)
        play_others(get_buffer, done, count, samples, others)
        done += count


@kernel("int64(int64, int64[::1])")
def _missed(samples, wiring):
    """Whether blocks are missing before this one, by the server's count of frames: PipeWire calls nobody for that."""
    if wiring[W_FRAME_TIME] == 0:
        return 0
    now, wanted = call_for_count(wiring[W_FRAME_TIME], wiring[W_CLIENT]), wiring[W_NEXT_FRAME]
    wiring[W_NEXT_FRAME] = (now + samples) & _FRAME_MASK
    return 1 if wanted >= 0 and 0 < ((now - wanted) & _FRAME_MASK) < _MOST_MISSED else 0


@kernel(JACK, door=True)
def jack_callback(frames, user):
    """JACK's process callback; `user` is the wiring, with the client's ports plugged in."""
    wiring = int64_at(user, WIRING_SIZE)
    stats = int64_at(wiring[W_STATS], STATS_SIZE)
    fade = float64_at(wiring[W_FADE], FADE_SIZE)
    samples = np.int64(frames)
    begin(stats, samples)
    if wiring[W_BED + B_CHANNELS]:
        _play_bed(samples, stats, fade, wiring)
    else:
        _play_pair(samples, stats, fade, wiring)
    xruns = atomics.load_acquire(wiring, W_XRUNS)
    stats[XRUNS] += max(xruns - wiring[W_XRUNS_TOLD], _missed(samples, wiring))
    wiring[W_XRUNS_TOLD] = xruns
    end(stats, samples, fade, False)
    return 0


@kernel("int32(int64)", door=True)
def jack_xrun_callback(user):
    """JackXRunCallback; jackd calls it beside the process callback, PipeWire in its place: it only counts."""
    wiring = int64_at(user, WIRING_SIZE)
    atomics.store_release(wiring, W_XRUNS, wiring[W_XRUNS] + 1)
    return 0


@kernel("void(uint32, int32, int64)", door=True)
def jack_registration_callback(number, comes, user):
    """JackPortRegistrationCallback: notes the numbers of ports that come, for somebody else to ask about."""
    if comes:
        wiring = int64_at(user, WIRING_SIZE)
        count = wiring[W_REGISTERED]
        wiring[W_NUMBERS + count % REGISTERED_KEPT] = np.int64(number)
        atomics.store_release(wiring, W_REGISTERED, count + 1)


@kernel("void(int32, int64)", door=True)
def jack_latency_callback(mode, user):
    """JackLatencyCallback: notes that somebody's latency has changed; ours is told later, by another thread.

    JACK wants it told in here. PipeWire 0.3.65 stops for good at that, now and then, when the block size changes.
    """
    wiring = int64_at(user, WIRING_SIZE)
    atomics.store_release(wiring, W_LATENCIES, wiring[W_LATENCIES] + 1)
