"""A JACK client that plays something once and hears meanwhile, compiled: in time beside any busy interpreter.

A server that waits for nobody, such as PipeWire, takes the block of a client that is late; one in Python is, at 64
samples.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp import atomics
from rt_automix.dsp.foreign import call_for_pointer, float32_at, int64_at
from rt_automix.dsp.jit import address_of, kernel
from rt_automix.io.devices.edge.callbacks import JACK
from rt_automix.io.devices.jack.jacklib import opened

# int64: jack_port_get_buffer, how many ports play and how many hear, what is played and heard (float32, channel by
# channel), its length, how far it is, whether it goes on, whether it has come to its end; from PORTS on the ports.
GET_BUFFER, OUTS, INS, PLAYED, HEARD, LENGTH, POSITION, GOES, IS_DONE, PORTS = range(10)

LOOK_S = 0.005


@kernel(JACK)
def play_and_hear(frames, user):  # type: ignore[no-untyped-def]
    """JACK's process callback: plays in whole periods as long as it goes on, then silence; `user` is the state."""
    state = int64_at(user, PORTS)
    outs, ins, length = state[OUTS], state[INS], state[LENGTH]
    ports = int64_at(user, PORTS + outs + ins)
    samples, at = np.int64(frames), state[POSITION]
    goes, fits = atomics.load_acquire(state, GOES) != 0, at + samples <= length
    for k in range(outs):
        port = float32_at(call_for_pointer(state[GET_BUFFER], ports[PORTS + k], samples), samples)
        played = float32_at(state[PLAYED] + 4 * k * length, length)
        for i in range(samples):
            port[i] = played[at + i] if goes and fits else np.float32(0.0)
    if not goes:
        return 0
    if not fits:
        atomics.store_release(state, IS_DONE, 1)
        return 0
    for k in range(ins):
        port = float32_at(call_for_pointer(state[GET_BUFFER], ports[PORTS + outs + k], samples), samples)
        heard = float32_at(state[HEARD] + 4 * k * length, length)
        for i in range(samples):
            heard[at + i] = port[i]
    atomics.store_release(state, POSITION, at + samples)
    return 0


class Once:
    """Begins at once, with silence; plays when told to go.

    Parameters
    ----------
    played : float32, shape (channels, n)
    ins : int
        How many ports it hears with.

    Attributes
    ----------
    played, heard : float32, shapes (channels, n), (ins, n)
    client : jack.Client
    rate_hz, period : int
        The server's rate, and the samples of its blocks when this began.
    """

    def __init__(self, played: NDArray[np.float32], name: str, ins: int) -> None:
        import jack

        self.client: Any = opened(jack, name)
        self.rate_hz, self.period = int(self.client.samplerate), int(self.client.blocksize)
        self.played = np.ascontiguousarray(played, np.float32)
        self.heard = np.zeros((ins, played.shape[1]), np.float32)
        self.outs = [self.client.outports.register(f"o{k}") for k in range(len(played))]
        self.ins = [self.client.inports.register(f"i{k}") for k in range(ins)]
        get_buffer = ctypes.cast(ctypes.CDLL(jack._libname).jack_port_get_buffer, ctypes.c_void_p).value
        places = self.played.ctypes.data, self.heard.ctypes.data
        ports = [int(jack._ffi.cast("intptr_t", port._ptr)) for port in (*self.outs, *self.ins)]
        numbers = [get_buffer, len(played), ins, *places, played.shape[1], 0, 0, 0, *ports]
        self._state = np.array(numbers, np.int64)
        state = jack._ffi.cast("void*", self._state.ctypes.data)
        process = jack._ffi.cast("JackProcessCallback", address_of(play_and_hear))
        jack._lib.jack_set_process_callback(self.client._ptr, process, state)
        self._is_closed = False
        self.client.activate()

    @property
    def position(self) -> int:
        """How many samples have been played and heard."""
        return int(atomics.load_acquire(self._state, POSITION))

    def go(self) -> None:
        """Play from here on."""
        atomics.store_release(self._state, GOES, 1)

    def wait(self, limit_s: float) -> bool:
        """Wait until all of it has been played; False if it has not been within the limit."""
        until = time.monotonic() + limit_s
        while not (is_done := bool(atomics.load_acquire(self._state, IS_DONE))) and time.monotonic() < until:
            time.sleep(LOOK_S)
        return is_done

    def close(self) -> None:
        """Leave the server, if that has not been done."""
        if not self._is_closed:
            self._is_closed = True
            self.client.deactivate()
            self.client.close()
