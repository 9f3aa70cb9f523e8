"""MIDI ports, by python-rtmidi or on JACK by ourselves: found, opened, polled, and taken up again when they come back.

Polled, never by rtmidi's callback: that one enters the interpreter from the server's own thread,
and makes JACK late (measured: 1000 controller messages beside a busy interpreter, 189 of them lost;
polled, none to two).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from rt_automix.errors import nearest
from rt_automix.io.midi import host
from rt_automix.io.midi.systems import Missing, System, nothing_to_use, reason, systems

_MOST_UNSENT_BYTES = 8000

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
    for name in systems(api):
        try:
            there = System(name, with_outputs=True)
        except Missing as missing:
            found.notes.append(str(missing))
            continue
        found.inputs.extend((name, port) for port in there.inputs.names() if not host.is_own(port))
        found.outputs.extend((name, port) for port in there.outputs.names() if not host.is_own(port))
        there.close()
    if not systems(api):
        found.notes.append(nothing_to_use(api))
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
    first : str
        The system that "auto" looks into before all others: "jack" where the sound is JACK's.
    own : bool
        Whether there are ports of our own, too, that other programs may join to theirs.
    """

    def __init__(
        self, port: str = "", api: str = "auto", feedback: bool = True, first: str = "", own: bool = False
    ) -> None:
        self._wanted = host.bare_name(port)
        self._api, self._feedback, self._first, self._has_own = api, feedback, first, own
        self._is_joined = False
        self._open: dict[str, System] = {}
        self._current: System | None = None
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

    @property
    def own(self) -> list[str]:
        """Names of the ports that other programs may join to theirs, of each system that is looked into."""
        return [name for system in self._open.values() for name in system.own_names]

    @property
    def is_listening(self) -> bool:
        """Whether something could come in at any time."""
        return self._is_joined or bool(self.inputs)

    def poll(self) -> list[tuple[Message, str]]:
        """What has come in since the last call, as (message, port), in order for each port.

        Thread: main. Allocates: yes.
        """
        came: list[tuple[Message, str]] = []
        for system in self._open.values():
            for name, client in system.heard():
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
        if self._unsent_bytes > _MOST_UNSENT_BYTES:
            return
        for system in self._open.values():
            for client in system.lit():
                with contextlib.suppress(Exception):
                    client.send_message(message)

    def check(self) -> list[str]:
        """Look for ports that went or came, and follow; a remark for each, to show to the performer.

        After a remark it is not known where the knobs stand: tell the router to reset.

        Thread: main. Allocates: yes.
        """
        before, was = set(self.inputs), self._current
        refused: list[str] = []
        was_joined = self._is_joined
        try:
            self._choose()
            for system in self._open.values():
                refused += system.follow(self._is_input, self._is_output, system is self._current)
            self._is_joined = any(system.is_joined() for system in self._open.values())
        except Exception as error:  # whatever a driver may do: begin again at the next check
            self.close()
            self.note = f"MIDI: {reason(error)}."
        self._unsent_bytes = 0
        now = set(self.inputs)
        kept = before & now if self._current is was else set()
        remarks = [f"MIDI: {name} is gone; looking for it." for name in sorted(before - kept)]
        remarks += [f"MIDI: listening to {name}." for name in sorted(now - kept)]
        remarks += [text for text in refused if text not in self._refused]
        if self._is_joined and not was_joined:
            remarks.append(f"MIDI: another program is joined to {' or '.join(self.own)}.")
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
        self._open, self._current, self._is_joined = {}, None, False

    def _choose(self) -> None:
        """Stay with the system that has what is wanted; else take the first that has, and wait in the others."""
        for api in [api for api, system in self._open.items() if not system.is_alive()]:
            self._open.pop(api).close()
        was = self._current.api if self._current else self._first
        self._current, notes = None, []
        for api in sorted(systems(self._api), key=lambda api: api != was):
            if self._current is not None:
                if api in self._open:
                    self._open.pop(api).close()
                continue
            try:
                system = self._open.get(api) or System(api, self._feedback, self._has_own)
            except Missing as missing:
                notes.append(str(missing))
                continue
            self._open[api] = system
            if any(map(self._is_input, system.inputs.names())):
                self._current = system
        self.note = "" if self._current else self._waiting(notes)

    def _waiting(self, notes: Sequence[str]) -> str:
        """Why nothing is listened to."""
        if not self._open:
            return "MIDI: " + (" ".join(notes) or nothing_to_use(self._api))
        there = [name for system in self._open.values() for name in system.inputs.names() if not host.is_own(name)]
        if not self._wanted or not there:
            named = f' with "{self._wanted}" in its name' if self._wanted else ""
            by_hand = f", or join it to {self.own[0]}" if self.own else ""
            there_is_none = f"MIDI: no port{named} yet in {', '.join(self._open)}."
            return f"{there_is_none} Plug the controller in, or start what sends{by_hand}."
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
