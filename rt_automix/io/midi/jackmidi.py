"""MIDI on JACK by a client of our own, through the libjack that the program was given: jackd's or PipeWire's.

python-rtmidi's wheel brings a libjack of its own, which does not find PipeWire.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rt_automix.dsp.jit import address_of
from rt_automix.io.devices.jack.jacklib import load, opened
from rt_automix.io.midi import exchange as at

_FUNCTIONS = {
    at.X_GET_BUFFER: "jack_port_get_buffer",
    at.X_COUNT: "jack_midi_get_event_count",
    at.X_GET: "jack_midi_event_get",
    at.X_CLEAR: "jack_midi_clear_buffer",
    at.X_PUT: "jack_midi_event_write",
}
_IS_INPUT, _IS_OUTPUT = 1, 2
_KEPT: list[Any] = []
"""What a callback that could not be stopped may still read."""


class JackMidi:
    """A client of the running server with MIDI ports, one for each port of others that is listened or sent to.

    It becomes active, and takes part in the server's cycle, with the first of these.

    Parameters
    ----------
    name : str
        Of the client; jackd adds to one that is taken, PipeWire gives it twice, so there we add a number ourselves.

    Raises
    ------
    DeviceError, jack.JackError
        No library, or no server.

    Thread: main. Allocates: yes.
    """

    def __init__(self, name: str) -> None:
        self._jack = load()
        self._client = opened(self._jack, name)
        if "PipeWire" in self._jack.version_string() and any(port.startswith(f"{name}:") for port in self.names(0)):
            self._client.close()
            self._client = opened(self._jack, f"{name}-{os.getpid()}")
        self._exchange = np.zeros(at.EXCHANGE_SIZE, np.int64)
        self._is_active = self.has_ended = False
        self._client.set_shutdown_callback(self._note_end)
        self.inputs, self.outputs = Inputs(self), Outputs(self)

    def _note_end(self, status: Any, reason: str) -> None:
        self.has_ended = True

    def names(self, flag: int) -> list[str]:
        """All MIDI ports of a direction, as others see it."""
        library, ffi = self._jack._lib, self._jack._ffi
        found = library.jack_get_ports(self._client._ptr, ffi.NULL, b"midi", flag)
        names: list[str] = []
        while found != ffi.NULL and found[len(names)] != ffi.NULL:
            names.append(ffi.string(found[len(names)]).decode())
        if found != ffi.NULL:
            library.jack_free(found)
        return names

    def activate(self) -> None:
        """Let callbacks come."""
        if self._is_active:
            return
        library = ctypes.CDLL(self._jack._libname)
        for place, function in _FUNCTIONS.items():
            self._exchange[place] = ctypes.cast(getattr(library, function), ctypes.c_void_p).value or 0
        set_callback = library.jack_set_process_callback
        address, user = address_of(at.jack_midi_callback), self._exchange.ctypes.data
        if set_callback(self._address(self._client), ctypes.c_void_p(address), ctypes.c_void_p(user)):
            raise self._jack.JackError("no process callback")
        self._client.activate()
        self._is_active = True

    def _address(self, of: Any) -> ctypes.c_void_p:
        return ctypes.c_void_p(int(self._jack._ffi.cast("intptr_t", of._ptr)))

    def register(self, name: str, is_input: bool) -> tuple[Any, int]:
        """A port of ours, looked after by the callback from now on, and its number; "in_" becomes "in_1" and so on."""
        count, first = (at.X_INS, at.X_IN_PORTS) if is_input else (at.X_OUTS, at.X_OUT_PORTS)
        number = int(self._exchange[count])
        if number == at.MOST_PORTS:
            raise self._jack.JackError(f"more than {at.MOST_PORTS} at once")
        ports = self._client.midi_inports if is_input else self._client.midi_outports
        port = ports.register(name if not name.endswith("_") else f"{name}{number + 1}")
        at.plug(self._exchange, count, first, self._address(port).value)
        return port, number

    def connect(self, source: str, sink: str) -> None:
        """Join two ports; all is well if somebody has."""
        try:
            self._client.connect(source, sink)
        except self._jack.JackErrorCode as error:
            if error.code != errno.EEXIST:
                raise

    def part(self, port: Any) -> None:
        """Take all links of a port of ours away."""
        with contextlib.suppress(self._jack.JackError):
            port.disconnect()

    def came(self) -> list[tuple[int, tuple[int, ...]]]:
        """What has come since: the number of our port, and the message."""
        found = []
        while (word := at.next_word(self._exchange)) >= 0:
            found.append(at.unpacked(word))
        return found

    def say(self, number: int, message: Sequence[int]) -> None:
        """Have a message of up to three bytes sent by a port of ours; one that does not fit any more is dropped."""
        at.say_word(self._exchange, at.packed(number, bytes(message)))

    def close(self) -> None:
        """Leave the server, also a dead one."""
        for leave in (self._client.deactivate, self._client.close):
            try:
                leave()
            except self._jack.JackError:
                _KEPT.append(self._exchange)


class _Port:
    """A port of ours, joined to one of others: as rtmidi's clients are."""

    def __init__(self, side: _Side, port: Any, number: int) -> None:
        self._side, self.port, self.number = side, port, number
        self.came: deque[tuple[int, ...]] = deque()

    @property
    def name(self) -> str:
        """As other programs see it."""
        return str(self.port.name)

    @property
    def is_joined(self) -> bool:
        """Whether anything is joined to it."""
        try:
            return bool(self.port.connections)
        except Exception:  # the server has gone
            return False

    def get_message(self) -> tuple[tuple[int, ...], float] | None:
        """The next message that has come in here, and 0; None if there is none."""
        self._side.sort()
        return (self.came.popleft(), 0.0) if self.came else None

    def send_message(self, message: Sequence[int]) -> None:
        """Send a message out of here."""
        self._side.client.say(self.number, message)


class _Side(ABC):
    """Our ports of one direction: those that are joined, by the name of the other, and those that wait."""

    label, flag = "", 0

    def __init__(self, client: JackMidi) -> None:
        self.client = client
        self.open: dict[str, _Port] = {}
        self._made: list[_Port] = []
        self._waiting: list[_Port] = []

    def names(self) -> list[str]:
        """The ports of all programs in this direction."""
        return self.client.names(self.flag)

    def sort(self) -> None:
        """Give each port what has come for it."""
        for number, message in self.client.came():
            self._made[number].came.append(message)

    def follow(self, wanted: Callable[[str], bool]) -> list[str]:
        """Let go of ports that went, take up those that came; remarks on those that refuse."""
        names = self.names()
        for name in [name for name in self.open if name not in names or not wanted(name)]:
            port = self.open.pop(name)
            self.client.part(port.port)
            self._waiting.append(port)
        refused = []
        for name in (name for name in names if name not in self.open and wanted(name)):
            try:
                self.client.activate()
                port = self._waiting.pop() if self._waiting else self._new()
            except Exception as error:
                refused.append(f"MIDI: {name} cannot be opened ({' '.join(str(error).split()).rstrip('.')}).")
                continue
            port.came.clear()
            try:
                self._join(port.port.name, name)
                self.open[name] = port
            except Exception as error:
                self._waiting.append(port)
                refused.append(f"MIDI: {name} cannot be joined ({' '.join(str(error).split()).rstrip('.')}).")
        return refused

    def own(self, name: str) -> _Port:
        """A port that others may join to theirs, of a client that is active from now on."""
        self.client.activate()
        return self._new(name)

    def _new(self, name: str = "") -> _Port:
        port = _Port(self, *self.client.register(name or f"{self.label}_", self.label == "in"))
        self._made.append(port)
        return port

    @abstractmethod
    def _join(self, own: str, other: str) -> None:
        """Have a port of ours and another's carry, in the direction of this side."""


class Inputs(_Side):
    """What is listened to."""

    label, flag = "in", _IS_OUTPUT  # what goes out of others comes in here

    def _join(self, own: str, other: str) -> None:
        self.client.connect(other, own)


class Outputs(_Side):
    """What is sent to."""

    label, flag = "out", _IS_INPUT

    def _join(self, own: str, other: str) -> None:
        self.client.connect(own, other)
