"""MIDI ports, by python-rtmidi or on JACK by ourselves: found, opened, polled, and taken up again when they come back.

Polled, never by rtmidi's callback: that one enters the interpreter from the server's own thread,
and makes JACK late (measured: 1000 controller messages beside a busy interpreter, 189 of them lost;
polled, none to two).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rt_automix.errors import nearest
from rt_automix.io.devices.jacklib import has_jack
from rt_automix.io.devices.system import no_server, pipewire_runs, reaches_pipewire
from rt_automix.io.midi import host
from rt_automix.io.midi.jackmidi import JackMidi

try:
    import rtmidi
except ImportError as error:  # a system without its libraries: live goes on without MIDI, and says so
    rtmidi = None
    _WHY_NO_RTMIDI = str(error)

_APIS = {"alsa": "alsa", "jack": "jack", "coremidi": "core", "windows": "winmm"}  # ours: rtmidi's
_QUEUE = 4096
_MOST_UNSENT_BYTES = 8000
_ABANDONED: list[Any] = []

Message = tuple[int, ...]


@dataclass(frozen=True)
class Survey:
    """Every port that there is, as (system, name), and a remark for every system that is missing."""

    inputs: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def survey(api: str = "auto") -> Survey:
    """Look for ports in one MIDI system, or in all; nothing is connected and nothing raised.

    Thread: main. Allocates: yes.
    """
    found = Survey()
    for name in _systems(api):
        try:
            there = _System(name, with_outputs=True)
        except _Missing as missing:
            found.notes.append(str(missing))
            continue
        found.inputs.extend((name, port) for port in there.inputs.names() if not host.is_own(port))
        found.outputs.extend((name, port) for port in there.outputs.names() if not host.is_own(port))
        there.close()
    if not _systems(api):
        found.notes.append(_nothing_to_use(api))
    return found


class MidiPorts:
    """The controllers of a gig: their inputs, and their outputs for lights.

    Nothing here raises: without MIDI the music goes on, and `note` says what is missing. One thread
    calls `poll` about once a millisecond, and `check` four to ten times a second: a port that was
    away for less than the time between two checks is not missed, and stays deaf.

    Parameters
    ----------
    port : str
        Part of a port's name, upper or lower case; "" takes every input, and sends lights to the
        outputs of the same controllers only.
    api : str
        "auto", "alsa", "jack", "coremidi" or "windows". "auto" stays with the first system that
        has such a port.
    feedback : bool
        Whether `send` sends.
    """

    def __init__(self, port: str = "", api: str = "auto", feedback: bool = True) -> None:
        self._wanted = host.bare_name(port)
        self._api, self._feedback = api, feedback
        self._open: dict[str, _System] = {}
        self._current: _System | None = None
        self._refused: set[str] = set()
        self._unsent_bytes = 0
        self.note = ""
        self.check()

    @property
    def inputs(self) -> list[str]:
        """Names of the ports that are listened to."""
        return [] if self._current is None else list(self._current.inputs.open)

    @property
    def outputs(self) -> list[str]:
        """Names of the ports that `send` reaches."""
        return [] if self._current is None else list(self._current.outputs.open)

    def poll(self) -> list[tuple[Message, str]]:
        """What has come in since the last call, as (message, port), in order for each port.

        Thread: main. Allocates: yes.
        """
        came: list[tuple[Message, str]] = []
        if self._current is not None:
            for name, client in self._current.inputs.open.items():
                while (got := client.get_message()) is not None:
                    came.append((tuple(got[0]), name))
        return came

    def send(self, message: Sequence[int]) -> None:
        """Send a message to the controllers that are listened to.

        Thread: main. Allocates: yes.
        """
        # rtmidi waits for ever on a full ring, which is what a dead JACK server leaves behind: no more
        # goes in than the ring takes, until `check` has seen that the server is still the same.
        self._unsent_bytes += len(message) + 4
        if self._current is None or self._unsent_bytes > _MOST_UNSENT_BYTES:
            return
        for client in self._current.outputs.open.values():
            with contextlib.suppress(Exception):
                client.send_message(message)

    def check(self) -> list[str]:
        """Look for ports that went or came, and follow; a remark for each, to show to the performer.

        After a remark it is not known where the knobs stand: tell the router to reset.

        Thread: main. Allocates: yes.
        """
        before, was = set(self.inputs), self._current
        refused: list[str] = []
        try:
            self._choose()
            for system in self._open.values():
                refused += system.follow(self._is_input, self._is_output, system is self._current)
        except Exception as error:  # whatever a driver may do: begin again at the next check
            self.close()
            self.note = f"MIDI: {_reason(error)}."
        self._unsent_bytes = 0
        now = set(self.inputs)
        kept = before & now if self._current is was else set()
        remarks = [f"MIDI: {name} is gone; looking for it." for name in sorted(before - kept)]
        remarks += [f"MIDI: listening to {name}." for name in sorted(now - kept)]
        remarks += [text for text in refused if text not in self._refused]
        self._refused = set(refused)
        return remarks

    def __enter__(self) -> MidiPorts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every port and system.

        Thread: main. Allocates: yes.
        """
        for system in self._open.values():
            system.close()
        self._open, self._current = {}, None

    def _choose(self) -> None:
        """Stay with the system that has what is wanted; else take the first that has, and wait in the others."""
        for api in [api for api, system in self._open.items() if not system.is_alive()]:
            self._open.pop(api).close()
        was = self._current.api if self._current else ""
        systems = sorted(_systems(self._api), key=lambda api: api != was)
        self._current, notes = None, []
        for api in systems:
            if self._current is not None:
                if api in self._open:
                    self._open.pop(api).close()
                continue
            try:
                system = self._open.get(api) or _System(api, self._feedback)
            except _Missing as missing:
                notes.append(str(missing))
                continue
            self._open[api] = system
            if any(map(self._is_input, system.inputs.names())):
                self._current = system
        self.note = "" if self._current else self._waiting(notes)

    def _waiting(self, notes: Sequence[str]) -> str:
        """Why nothing is listened to."""
        if not self._open:
            return "MIDI: " + (" ".join(notes) or _nothing_to_use(self._api))
        there = [name for system in self._open.values() for name in system.inputs.names() if not host.is_own(name)]
        if not self._wanted or not there:
            named = f' with "{self._wanted}" in its name' if self._wanted else ""
            return f"MIDI: no port{named} yet in {', '.join(self._open)}. Plug the controller in, or start what sends."
        words = {word for name in map(host.bare_name, there) for word in (name, *name.split(":"))}
        near = nearest(self._wanted, sorted(words))
        return f'MIDI: no port has "{self._wanted}" in its name.{near} There: {", ".join(there)}.'

    def _is_input(self, name: str) -> bool:
        if host.is_own(name):
            return False
        return self._wanted in host.bare_name(name) if self._wanted else "midi through" not in host.bare_name(name)

    def _is_output(self, name: str) -> bool:
        if host.is_own(name):
            return False
        named = bool(self._wanted) and self._wanted in host.bare_name(name)
        return named or host.device_name(name) in map(host.device_name, self.inputs)


class _Missing(Exception):
    """A MIDI system is not there; the text says what is missing and how to get it."""


class _System:
    """A MIDI system of the machine, and our ports in it: rtmidi's, or on JACK those of a client of our own."""

    inputs: Any
    outputs: Any

    def __init__(self, api: str, with_outputs: bool) -> None:
        self.api, self._with_outputs = api, with_outputs
        self._server = host.jack_server() if api == "jack" else ""
        self._client: JackMidi | None = None
        if api == "alsa" and not Path("/dev/snd/seq").exists():
            raise _Missing("alsa: no sequencer (/dev/snd/seq). Load it with: sudo modprobe snd-seq.")
        if self._server == host.NO_JACK and (reaches_pipewire() or pipewire_runs()):
            raise _Missing(f"jack: {no_server()}")
        if self._server == host.NO_JACK:
            raise _Missing("jack: no server is running. Start one, for example with: jackd -d alsa.")
        if api == "jack" and has_jack():
            self._join_jack()
            return
        number = _compiled()[api]
        try:
            with host.quiet_stderr():
                self.inputs = _Side(lambda: rtmidi.MidiIn(number, host.CLIENT, _QUEUE), "in")
                self.outputs = _Side(lambda: rtmidi.MidiOut(number, host.CLIENT), "out", with_outputs)
        except Exception as error:
            raise _Missing(f"{api}: {_reason(error)}.") from None

    def _join_jack(self) -> None:
        try:
            with host.quiet_stderr():
                self._client = client = JackMidi(host.CLIENT)
        except Exception as error:
            raise _Missing(f"jack: {no_server() if reaches_pipewire() else f'{_reason(error)}.'}") from None
        self.inputs, self.outputs = client.inputs, client.outputs

    def is_alive(self) -> bool:
        """Whether the server is still the one that our clients belong to."""
        if self._client is not None and self._client.has_ended:
            return False
        return self.api != "jack" or self._server == host.jack_server()

    def follow(self, is_input: Callable[[str], bool], is_output: Callable[[str], bool], is_current: bool) -> list[str]:
        """Let go of ports that went, take up those that came; remarks on those that refuse."""
        refused = self.inputs.follow(lambda name: is_current and is_input(name))
        return refused + self.outputs.follow(lambda name: is_current and self._with_outputs and is_output(name))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            return
        self.inputs.close()
        if self.is_alive():
            self.outputs.close()
        else:
            # Closing would wait a second for the dead server, and hold up the whole interpreter.
            _ABANDONED.append(self.outputs)


class _Side:
    """Our clients of one direction: one for each open port, and those that wait for one to come back.

    A client is kept and used again: each that comes or goes makes JACK rebuild its graph.
    """

    def __init__(self, make: Callable[[], Any], label: str, is_wanted: bool = True) -> None:
        self._make, self._label = make, label
        self._waiting = [make()] if is_wanted else []
        self.open: dict[str, Any] = {}

    def names(self) -> list[str]:
        """The ports of all programs in this direction."""
        client = next(iter((*self.open.values(), *self._waiting)), None)
        return [] if client is None else client.get_ports()

    def follow(self, wanted: Callable[[str], bool]) -> list[str]:
        names = self.names()
        for name in [name for name in self.open if name not in names or not wanted(name)]:
            client = self.open.pop(name)
            self._waiting.append(client)
            client.close_port()
        refused = []
        for place, name in enumerate(names):
            if name in self.open or not wanted(name):
                continue
            client = self._waiting.pop() if self._waiting else self._make()
            try:
                client.open_port(place, self._label)
                self.open[name] = client
            except Exception as error:
                self._waiting.append(client)
                refused.append(f"MIDI: {name} cannot be opened ({_reason(error)}). Does another program hold it?")
        return refused

    def close(self) -> None:
        for client in (*self.open.values(), *self._waiting):
            with contextlib.suppress(Exception):
                client.close_port()
                client.delete()
        self.open, self._waiting = {}, []


def _compiled() -> dict[str, int]:
    """The MIDI systems that this build of rtmidi knows, by our name, the best first."""
    if rtmidi is None:
        return {}
    numbers = {rtmidi.get_api_name(number): number for number in rtmidi.get_compiled_api()}
    return {ours: numbers[theirs] for ours, theirs in _APIS.items() if theirs in numbers}


def _systems(api: str) -> list[str]:
    return [name for name in _compiled() if api in ("auto", name)]


def _nothing_to_use(api: str) -> str:
    if rtmidi is None:
        return f"python-rtmidi cannot be loaded ({_WHY_NO_RTMIDI}). Install it again: pip install python-rtmidi."
    return f"{api}: not on this system. Here: {', '.join(_compiled())}."


def _reason(error: Exception) -> str:
    """A library's error as part of a sentence."""
    return " ".join(str(error).split()).rstrip(".?!") or type(error).__name__
