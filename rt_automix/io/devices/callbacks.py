"""The C callbacks that the sound systems call: they turn addresses into arrays and run the `edge`."""

from __future__ import annotations

import sys

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from rt_automix.dsp import bridge
from rt_automix.dsp.jit import callback
from rt_automix.engine import layout as at
from rt_automix.io.devices.board import STATS_SIZE, TAKE_SIZE
from rt_automix.io.devices.edge import (
    FADE_SIZE,
    PIECE_SAMPLES,
    SCRATCH_SIZE,
    W_BRIDGE_F32,
    W_BRIDGE_F32_SIZE,
    W_BRIDGE_F64,
    W_BRIDGE_I64,
    W_CAPTURE,
    W_F32,
    W_F64,
    W_FADE,
    W_GET_BUFFER,
    W_I64,
    W_IN_CHANNELS,
    W_OUT_CHANNELS,
    W_OUT_RIGHT,
    W_PORTS,
    W_SCRATCH,
    W_STATS,
    W_TAKES,
    WIRING_SIZE,
    begin,
    capture,
    duplex,
    end,
    master_piece,
    playback,
)

_XRUN_FLAGS = 0b1111  # paInputUnderflow, paInputOverflow, paOutputUnderflow, paOutputOverflow


@intrinsic
def _pointer(typing_context, address):
    """An address as a pointer that `carray` takes."""

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@intrinsic
def _port_buffer(typing_context, function, port, frames):
    """Call `jack_port_get_buffer`, whose address is `function`."""

    def codegen(context, builder, signature, arguments):
        word = ir.IntType(64)
        kind = ir.FunctionType(cgutils.voidptr_t, [word, ir.IntType(32)])
        pointer = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(pointer, [arguments[1], arguments[2]])

    return types.voidptr(types.int64, types.int64, types.uint32), codegen


_ULONG = types.uint32 if sys.platform == "win32" else types.uint64
PORTAUDIO = types.int32(types.voidptr, types.voidptr, _ULONG, types.voidptr, _ULONG, types.voidptr)


JACK = types.int32(types.uint32, types.voidptr)


@callback(PORTAUDIO)
def portaudio_callback(source, sink, frames, times, flags, user):
    """PortAudio's stream callback for a device that both hears and plays; `user` is the wiring."""
    wiring = carray(user, WIRING_SIZE, np.int64)
    samples = np.int64(frames)
    duplex(
        carray(source, samples * wiring[W_IN_CHANNELS], np.float32),
        carray(sink, samples * wiring[W_OUT_CHANNELS], np.float32),
        samples,
        (flags & _XRUN_FLAGS) != 0,
        carray(_pointer(wiring[W_F64]), at.F64_SIZE, np.float64),
        carray(_pointer(wiring[W_F32]), at.F32_SIZE, np.float32),
        carray(_pointer(wiring[W_I64]), at.I64_SIZE, np.int64),
        carray(_pointer(wiring[W_STATS]), STATS_SIZE, np.int64),
        carray(_pointer(wiring[W_FADE]), FADE_SIZE, np.float64),
        carray(_pointer(wiring[W_SCRATCH]), SCRATCH_SIZE, np.float32),
        carray(_pointer(wiring[W_TAKES]), TAKE_SIZE, np.float32),
        wiring,
    )
    return 0


@callback(PORTAUDIO)
def capture_callback(source, sink, frames, times, flags, user):
    """PortAudio's stream callback for a device that only hears; `user` is the wiring, with a bridge."""
    wiring = carray(user, WIRING_SIZE, np.int64)
    samples = np.int64(frames)
    capture(
        carray(source, samples * wiring[W_IN_CHANNELS], np.float32),
        samples,
        carray(_pointer(wiring[W_BRIDGE_F64]), bridge.F64_SIZE, np.float64),
        carray(_pointer(wiring[W_BRIDGE_F32]), wiring[W_BRIDGE_F32_SIZE], np.float32),
        carray(_pointer(wiring[W_BRIDGE_I64]), bridge.I64_SIZE, np.int64),
        carray(_pointer(wiring[W_CAPTURE]), SCRATCH_SIZE, np.float32),
        wiring,
    )
    return 0


@callback(PORTAUDIO)
def playback_callback(source, sink, frames, times, flags, user):
    """PortAudio's stream callback for a device that only plays; `user` is the wiring, with a bridge."""
    wiring = carray(user, WIRING_SIZE, np.int64)
    samples = np.int64(frames)
    playback(
        carray(sink, samples * wiring[W_OUT_CHANNELS], np.float32),
        samples,
        (flags & _XRUN_FLAGS) != 0,
        carray(_pointer(wiring[W_BRIDGE_F64]), bridge.F64_SIZE, np.float64),
        carray(_pointer(wiring[W_BRIDGE_F32]), wiring[W_BRIDGE_F32_SIZE], np.float32),
        carray(_pointer(wiring[W_BRIDGE_I64]), bridge.I64_SIZE, np.int64),
        carray(_pointer(wiring[W_F64]), at.F64_SIZE, np.float64),
        carray(_pointer(wiring[W_F32]), at.F32_SIZE, np.float32),
        carray(_pointer(wiring[W_I64]), at.I64_SIZE, np.int64),
        carray(_pointer(wiring[W_STATS]), STATS_SIZE, np.int64),
        carray(_pointer(wiring[W_FADE]), FADE_SIZE, np.float64),
        carray(_pointer(wiring[W_SCRATCH]), SCRATCH_SIZE, np.float32),
        carray(_pointer(wiring[W_TAKES]), TAKE_SIZE, np.float32),
        wiring,
    )
    return 0


@callback(JACK)
def jack_callback(frames, user):
    """JACK's process callback; `user` is the wiring, with the client's ports plugged in."""
    wiring = carray(user, WIRING_SIZE, np.int64)
    stats = carray(_pointer(wiring[W_STATS]), STATS_SIZE, np.int64)
    fade = carray(_pointer(wiring[W_FADE]), FADE_SIZE, np.float64)
    samples = np.int64(frames)
    begin(stats, samples)
    get_buffer = wiring[W_GET_BUFFER]
    in_left = carray(_port_buffer(get_buffer, wiring[W_PORTS], frames), samples, np.float32)
    in_right = carray(_port_buffer(get_buffer, wiring[W_PORTS + 1], frames), samples, np.float32)
    out_left = carray(_port_buffer(get_buffer, wiring[W_PORTS + 2], frames), samples, np.float32)
    out_right = carray(_port_buffer(get_buffer, wiring[W_PORTS + 3], frames), samples, np.float32)
    for i in range(samples):
        out_left[i], out_right[i] = in_left[i], in_right[i]
    done = 0
    while done < samples:
        stop = min(done + PIECE_SAMPLES, samples)
        master_piece(
            out_left[done:stop],
            out_right[done:stop],
            carray(_pointer(wiring[W_F64]), at.F64_SIZE, np.float64),
            carray(_pointer(wiring[W_F32]), at.F32_SIZE, np.float32),
            carray(_pointer(wiring[W_I64]), at.I64_SIZE, np.int64),
            stats,
            fade,
            carray(_pointer(wiring[W_TAKES]), TAKE_SIZE, np.float32),
        )
        done = stop
    if wiring[W_OUT_RIGHT] < 0:
        for i in range(samples):
            out_left[i] = np.float32(0.5) * (out_left[i] + out_right[i])
    end(stats, samples, fade, False)
    return 0
