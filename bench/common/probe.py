"""A JACK client of the benchmarks' own, independent of the program: it plays into it and hears what comes out."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.io.devices.jack.jacklib import opened

_LOOK_EVERY_S = 0.005

Block = NDArray[np.float32]
Turn = Callable[[Block, Block], None]
"""Called once a period in JACK's thread: fill what is to be played, read what was heard; both shape (2, n)."""


class Probe:
    """Begins when it is entered; `connect` joins it to the program.

    Parameters
    ----------
    turn : Turn
    """

    def __init__(self, turn: Turn, name: str = "bench-probe") -> None:
        import jack

        self._jack: Any = jack
        self._turn = turn
        self._client = opened(jack, name)
        self._c = ctypes.CDLL(jack._libname)
        self._c.jack_get_time.restype = ctypes.c_uint64
        self._outs = [self._client.outports.register(f"out_{k + 1}") for k in range(2)]
        self._ins = [self._client.inports.register(f"in_{k + 1}") for k in range(2)]
        self._played, self._heard = np.zeros((2, 2, self._client.blocksize), np.float32)
        self._client.set_process_callback(self._process)
        self._freewheels = False

    def _process(self, frames: int) -> None:
        for k in range(2):
            self._heard[k] = self._ins[k].get_array()
        self._turn(self._played, self._heard)
        for k in range(2):
            self._outs[k].get_array()[:] = self._played[k]

    def connect(self, play: bool = True) -> None:
        """Join our ports to the program's, its inputs to ours alone; or only hear."""
        client = self._client
        sinks = client.get_ports("rt_automix:in_.*", is_audio=True, is_input=True)
        sources = client.get_ports("rt_automix:out_.*", is_audio=True, is_output=True)
        for k in range(2):
            self._join(sources[k], self._ins[k])
            if play:
                for other in client.get_all_connections(sinks[k]):
                    if other.name != self._outs[k].name:
                        client.disconnect(other, sinks[k])
                self._join(self._outs[k], sinks[k])

    def _join(self, source: Any, sink: Any) -> None:
        if all(other.name != sink.name for other in self._client.get_all_connections(source)):
            self._client.connect(source, sink)

    def connect_when_there(self, until_s: float) -> None:
        """Join our ports to the program's as soon as that goes, at the latest at this monotonic time."""
        while True:
            try:
                self.connect()
                return
            except (IndexError, self._jack.JackError):  # not all there yet, or not yet active
                if time.monotonic() > until_s:
                    raise
                time.sleep(_LOOK_EVERY_S)

    @property
    def now_us(self) -> int:
        """JACK's time."""
        return int(self._c.jack_get_time())

    @property
    def playback_latency_samples(self) -> int:
        """From the outputs that a period writes to the converter, as the server tells it."""
        port = self._client.get_ports(is_audio=True, is_physical=True, is_input=True)[0]
        least_and_most = (ctypes.c_uint32 * 2)()
        address = ctypes.c_void_p(int(self._jack._ffi.cast("intptr_t", port._ptr)))
        self._c.jack_port_get_latency_range(address, ctypes.c_int(1), least_and_most)
        return int(least_and_most[1])

    def freewheel(self, on: bool) -> None:
        """Let the whole graph run as fast as it can. Off before any client leaves: the server hangs otherwise."""
        self._client.set_freewheel(on)
        self._freewheels = on

    def __enter__(self) -> Probe:
        self._client.activate()
        return self

    def __exit__(self, *_: object) -> None:
        if self._freewheels:
            self.freewheel(False)
        self._client.deactivate()
        self._client.close()
