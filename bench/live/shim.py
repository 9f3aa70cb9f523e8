"""Compiled callbacks of the benchmarks' own: a clock around any callback, and a player that needs no interpreter.

The clock stands outside: what it times begins when the sound system calls. So a callback that goes
through the interpreter is timed with its wait for it, and a native one by the very same code.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.clocks.monotonic import now_ns
from rt_automix.dsp.jit import COMPILES, address_of, kernel
from rt_automix.io.devices.edge.callbacks import JACK, PORTAUDIO
from rt_automix.io.devices.jack.jacklib import opened

# int64: the callback inside and its user data, how many were timed and how many fit, the clock's scratch;
# from LOG on entry and exit of each, in ns.
INNER, INNER_USER, COUNT, ROOM, CLOCK = range(5)
LOG = CLOCK + 2

# int64: jack_port_get_buffer, two ports, the sound (float32, left then right), its length, how far it is.
GET_BUFFER, LEFT, RIGHT, SOUND, LENGTH, POSITION = range(6)
PLAYER_SIZE = POSITION + 1


if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.core import sigutils
    from numba.extending import intrinsic

    from rt_automix.dsp.foreign import call_for_pointer, float32_at, int64_at

    def _calling(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        """Call the address that comes first with what follows."""
        kind = ir.FunctionType(ir.IntType(32), [argument.type for argument in arguments[1:]])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])

    @intrinsic
    def _call_portaudio(typing_context, function, source, sink, frames, times, flags, user):  # type: ignore[no-untyped-def]
        return types.int32(types.int64, *sigutils.normalize_signature(PORTAUDIO)[0]), _calling

    @intrinsic
    def _call_jack(typing_context, function, frames, user):  # type: ignore[no-untyped-def]
        return types.int32(types.int64, *sigutils.normalize_signature(JACK)[0]), _calling


@kernel("void(int64[::1], int64)")
def _note(log, entered):  # type: ignore[no-untyped-def]
    """Write down a callback that ends now."""
    left = now_ns(log[CLOCK : CLOCK + 2])
    if log[COUNT] < log[ROOM]:
        at = LOG + 2 * log[COUNT]
        log[at], log[at + 1] = entered, left
        log[COUNT] += 1


@kernel(PORTAUDIO)
def timed_portaudio(source, sink, frames, times, flags, user):  # type: ignore[no-untyped-def]
    """PortAudio's callback around another of its kind; `user` is a log."""
    log = int64_at(user, LOG + 2 * int64_at(user, LOG)[ROOM])
    entered = now_ns(log[CLOCK : CLOCK + 2])
    answer = _call_portaudio(log[INNER], source, sink, frames, times, flags, log[INNER_USER])
    _note(log, entered)
    return answer


@kernel(JACK)
def timed_jack(frames, user):  # type: ignore[no-untyped-def]
    """JACK's process callback around another; `user` is a log."""
    log = int64_at(user, LOG + 2 * int64_at(user, LOG)[ROOM])
    entered = now_ns(log[CLOCK : CLOCK + 2])
    answer = _call_jack(log[INNER], frames, log[INNER_USER])
    _note(log, entered)
    return answer


@kernel(JACK)
def play(frames, user):  # type: ignore[no-untyped-def]
    """JACK's process callback that plays a sound round and round; `user` is what a `Player` holds."""
    state = int64_at(user, PLAYER_SIZE)
    length = state[LENGTH]
    sound = float32_at(state[SOUND], 2 * length)
    samples = np.int64(frames)
    left = float32_at(call_for_pointer(state[GET_BUFFER], state[LEFT], samples), samples)
    right = float32_at(call_for_pointer(state[GET_BUFFER], state[RIGHT], samples), samples)
    position = state[POSITION]
    for i in range(samples):
        left[i], right[i] = sound[position], sound[length + position]
        position = position + 1 if position + 1 < length else 0
    state[POSITION] = position
    return 0


class Intercepted:
    """A cffi library in which every callback is wrapped in the clock before the sound system gets it.

    Parameters
    ----------
    module : sounddevice or jack
        Its library is replaced from now on.
    room : int
        How many callbacks can be timed.
    """

    def __init__(self, module: Any, room: int) -> None:
        self._library, self._ffi = module._lib, module._ffi
        self.log: NDArray[np.int64] = np.zeros(LOG + 2 * room, np.int64)
        self.log[ROOM] = room
        module._lib = self
        if module.__name__ == "jack":
            self._time_ours()

    def _time_ours(self) -> None:
        """Our JACK client hands its compiled callback over by itself."""
        from rt_automix.io.devices.jack.server import Server

        hand_over = Server._set

        def timed(server: Server, name: str, address: int, user: int) -> None:
            if name == "process":
                pointers = self._wrap("JackProcessCallback", timed_jack, address, user)
                address, user = (int(self._ffi.cast("intptr_t", pointer)) for pointer in pointers)
            hand_over(server, name, address, user)

        Server._set = timed  # type: ignore[method-assign]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def Pa_OpenStream(self, *arguments: Any) -> Any:
        """As PortAudio's, but it gets the clock as callback."""
        timed = self._wrap("PaStreamCallback*", timed_portaudio, *arguments[-2:])
        return self._library.Pa_OpenStream(*arguments[:-2], *timed)

    def jack_set_process_callback(self, client: Any, *inner: Any) -> Any:
        """As JACK's, but it gets the clock as callback."""
        return self._library.jack_set_process_callback(client, *self._wrap("JackProcessCallback", timed_jack, *inner))

    def _wrap(self, kind: str, clock: Any, inner: Any, user: Any) -> tuple[Any, Any]:
        for place, pointer in ((INNER, inner), (INNER_USER, user)):
            self.log[place] = int(self._ffi.cast("intptr_t", pointer))
        return self._ffi.cast(kind, address_of(clock)), self._ffi.cast("void*", self.log.ctypes.data)

    @property
    def spans_ns(self) -> NDArray[np.int64]:
        """When each callback began and ended, on the monotonic clock: int64, shape (count, 2)."""
        count = int(self.log[COUNT])
        return self.log[LOG : LOG + 2 * count].reshape(-1, 2).copy()


class Player:
    """A JACK client that plays a sound round and round into the program, without the interpreter.

    Parameters
    ----------
    sound : float32, shape (2, n)
    """

    def __init__(self, sound: NDArray[np.float32], name: str = "bench-player") -> None:
        import jack

        self._client = opened(jack, name)
        self._outs = [self._client.outports.register(f"out_{k + 1}") for k in range(2)]
        self._sound = np.ascontiguousarray(sound, np.float32)
        get_buffer = ctypes.cast(ctypes.CDLL(jack._libname).jack_port_get_buffer, ctypes.c_void_p).value
        ports = [int(jack._ffi.cast("intptr_t", port._ptr)) for port in self._outs]
        self._state = np.array([get_buffer, *ports, self._sound.ctypes.data, sound.shape[1], 0], np.int64)
        jack._lib.jack_set_process_callback(
            self._client._ptr,
            jack._ffi.cast("JackProcessCallback", address_of(play)),
            jack._ffi.cast("void*", self._state.ctypes.data),
        )
        self._client.activate()

    def connect(self) -> None:
        """Join the program's inputs."""
        sinks = self._client.get_ports("rt_automix:in_.*", is_audio=True, is_input=True)
        for out, sink in zip(self._outs, sinks, strict=True):
            self._client.connect(out, sink)

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.deactivate()
        self._client.close()
