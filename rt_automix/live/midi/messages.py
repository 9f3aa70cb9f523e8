"""What MIDI messages mean: single ones, and the rows of controllers that stand for one (NRPN and RPN).

Method: MIDI 1.0 Detailed Specification 4.2: controllers 99 and 98 (101 and 100) name a parameter, 6 and 38 bring
the coarse and the fine half of its value, and the parameter 16383 means none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rt_automix.midimap import FINE_HALF, WORDS, Kind, Source

STATUS: dict[Source, int] = {"note": 0x90, "cc": 0xB0, "nrpn": 0xB0, "rpn": 0xB0, "program": 0xC0, "pitchbend": 0xE0}
"""First byte of what each is sent with, on channel 1."""

PARAMETER: dict[Source, tuple[int, int]] = {"nrpn": (99, 98), "rpn": (101, 100)}
"""The controllers that name a parameter: coarse and fine half of its number."""

DATA = (6, 38)
"""The controllers that bring its value."""

_NOTE_OFF = 0x80
_NONE = 127 << 7 | 127
_SOURCES: dict[int, Source] = {0x90: "note", 0xB0: "cc", 0xC0: "program", 0xE0: "pitchbend"}
_NAMING = {number: (source, part) for source, numbers in PARAMETER.items() for part, number in enumerate(numbers)}


class Event(NamedTuple):
    """Something that a mapping can hear.

    `channel` from 1, `value` 0..127, of the pitch bend 0..16383. Of an NRPN or RPN the coarse half of the value
    comes under its number, the fine half under that plus `midimap.FINE_HALF`. A program has the value 127.
    """

    source: Source
    channel: int
    number: int
    value: int

    @property
    def words(self) -> str:
        """As people call it."""
        where = f"on channel {self.channel}"
        if self.source == "program":
            return f"program {self.number} {where}"
        half = FINE_HALF[self.source] if self.source in PARAMETER else 0
        is_fine = 0 < half <= self.number
        number = "" if self.source == "pitchbend" else f" {self.number - half if is_fine else self.number}"
        return f"{WORDS[self.source]}{number} {where} = {self.value}{' (fine half)' if is_fine else ''}"


def decode(message: Sequence[int]) -> Event | None:
    """What a MIDI message means by itself; None for all that no mapping hears. A released note has the value 0."""
    status, channel = (message[0] & 0xF0, (message[0] & 0x0F) + 1) if message else (0, 0)
    if len(message) == 2 and status == STATUS["program"]:
        return Event("program", channel, message[1], 127)
    if len(message) != 3 or status == STATUS["program"]:
        return None
    if status == _NOTE_OFF:
        return Event("note", channel, message[1], 0)
    source = _SOURCES.get(status)
    if source == "pitchbend":
        return Event(source, channel, 0, message[2] << 7 | message[1])
    return None if source is None else Event(source, channel, message[1], message[2])


class Decoder:
    """Reads a controller's messages in their order, so that it knows which parameter a value is for."""

    def __init__(self) -> None:
        self._named: dict[int, tuple[Source, list[int | None]]] = {}

    def feed(self, message: Sequence[int]) -> Event | None:
        """What a message means behind those before it; None where it says nothing yet, or nothing that is heard.

        Thread: main. Allocates: yes.
        """
        event = decode(message)
        if event is None or event.source != "cc":
            return event
        if event.number in _NAMING:
            source, part = _NAMING[event.number]
            known = self._named.get(event.channel)
            halves: list[int | None] = list(known[1]) if known is not None and known[0] == source else [None, None]
            halves[part] = event.value
            self._named[event.channel] = source, halves
            return None
        if event.number in DATA and event.channel in self._named:
            source, (coarse, fine) = self._named[event.channel]
            if coarse is not None and fine is not None and (number := coarse << 7 | fine) != _NONE:
                half = FINE_HALF[source] if event.number == DATA[1] else 0
                return Event(source, event.channel, number + half, event.value)
        return event


def relative_steps(kind: str, value: int) -> int:
    """Steps that an endless encoder was turned, positive to the right, from its 7-bit value."""
    if kind == "relative-offset":
        return value - 64
    if kind == "relative-sign":
        return -(value & 63) if value & 64 else value
    return value - 128 if value > 63 else value


_FASTEST_STEPS = 15
ENCODERS: dict[Kind, frozenset[int]] = {
    "relative-sign": frozenset({*range(1, 1 + _FASTEST_STEPS), *range(65, 65 + _FASTEST_STEPS)}),
    "relative": frozenset({*range(1, 1 + _FASTEST_STEPS), *range(128 - _FASTEST_STEPS, 128)}),
    "relative-offset": frozenset({*range(64 - _FASTEST_STEPS, 64), *range(65, 65 + _FASTEST_STEPS)}),
}
"""What an endless encoder of each kind sends; most likely kind first (Mackie's V-Pots are the first)."""


def may_count(values: Sequence[int]) -> list[Kind]:
    """The kinds of encoder that could have sent these values."""
    return [kind for kind, steps in ENCODERS.items() if steps.issuperset(values)]
