"""Live audio as a JACK client of our own; the only importer of jack. It survives the server's death."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from typing import Any

from rt_automix.config import Audio
from rt_automix.dsp.jit import address_of
from rt_automix.errors import DeviceChoiceError, DeviceError
from rt_automix.io.devices import callbacks
from rt_automix.io.devices.choice import channel_indices
from rt_automix.io.devices.survey import CLIENT_NAME
from rt_automix.io.devices.wiring import Wiring

_NO_MODULE = "The JACK backend needs the package JACK-Client. Install it: pip install rt-automix[jack]"


class JackStream:
    """A client of the running server; ports are joined to the physical ones of the channels chosen.

    Raises
    ------
    DeviceError
        No library, no server, or no such channels.
    """

    in_width = out_width = 2

    def __init__(self, selection: Audio) -> None:
        os.environ.setdefault("JACK_NO_START_SERVER", "1")
        try:
            import jack
        except ImportError:
            raise DeviceError(_NO_MODULE) from None
        except OSError:
            raise DeviceError("The JACK library is missing. Install it: sudo apt install libjack-jackd2-0") from None
        jack.set_error_function(lambda message: None)
        jack.set_info_function(lambda message: None)
        name = os.environ.get("JACK_DEFAULT_SERVER", "default")
        try:
            self._client = jack.Client(CLIENT_NAME, no_start_server=True)
        except jack.JackError:
            raise DeviceError(
                f'JACK: no server named "{name}" is running. Start one: jackd -d alsa -d hw:0 -r 48000 -p 64'
            ) from None
        self._jack: Any = jack
        self._ended = threading.Event()
        self._client.set_shutdown_callback(lambda status, reason: self._ended.set())
        self.sample_rate_hz = int(self._client.samplerate)
        self.description = f'JACK server "{name}"'
        self._check_rate(selection)
        self._sources = self._physical(selection.in_channels, "in", is_output=True)
        self._sinks = self._physical(selection.out_channels, "out", is_input=True)
        self.in_channels = tuple(range(len(self._sources)))
        self.out_channels = tuple(range(len(self._sinks)))

    def _check_rate(self, selection: Audio) -> None:
        if selection.sample_rate_hz not in (None, self.sample_rate_hz):
            self._client.close()
            raise DeviceChoiceError(
                f"--rate {selection.sample_rate_hz}: the JACK server runs at {self.sample_rate_hz} Hz. "
                "Leave --rate out, or start the server at that rate."
            )

    def _physical(self, channels: str, side: str, **kind: bool) -> list[Any]:
        """The physical ports to join; as many as there are, two at most, where nothing was asked for."""
        there = self._client.get_ports(is_audio=True, is_physical=True, **kind)
        if not channels:
            return there[:2]
        try:
            return [there[index] for index in channel_indices(channels, self.description, len(there), side)]
        except DeviceChoiceError:
            self._client.close()
            raise

    def start(self, wiring: Wiring) -> None:
        """Let callbacks come, and join the ports.

        Raises
        ------
        DeviceError
            The server does not let the client in.

        Thread: main. Allocates: yes.
        """
        library, client = self._jack, self._client
        ins = [client.inports.register(f"in_{k + 1}") for k in range(2)]
        outs = [client.outports.register(f"out_{k + 1}") for k in range(2)]
        get_buffer = ctypes.cast(ctypes.CDLL(library._libname).jack_port_get_buffer, ctypes.c_void_p).value or 0
        wiring.plug(get_buffer, [int(library._ffi.cast("intptr_t", port._ptr)) for port in (*ins, *outs)])
        failed = library._lib.jack_set_process_callback(
            client._ptr,
            library._ffi.cast("JackProcessCallback", address_of(callbacks.jack_callback)),
            library._ffi.cast("void*", wiring.address),
        )
        self._wiring = wiring  # callbacks read it as long as the client lives
        try:
            if failed:
                raise library.JackError("no process callback")
            client.activate()
            for k in range(2):
                if self._sources:
                    client.connect(self._sources[k % len(self._sources)], ins[k])
                if k < len(self._sinks):
                    client.connect(outs[k], self._sinks[k])
        except library.JackError as error:
            self.close()
            raise DeviceError(f"{self.description}: {error}. Restart the server.") from error

    @property
    def is_alive(self) -> bool:
        """Whether the server has not said that it ends."""
        return not self._ended.is_set()

    @property
    def device_latency_samples(self) -> int | None:
        """One block; what the converters add is the server's to know."""
        return None

    @property
    def bridging(self) -> None:
        """One clock."""
        return None

    def close(self) -> None:
        """Leave the server, also a dead one."""
        with contextlib.suppress(self._jack.JackError):
            self._client.deactivate()
        with contextlib.suppress(self._jack.JackError):
            self._client.close()
