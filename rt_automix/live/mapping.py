"""From MIDI messages to changes of controls, and back to the lights of the controller. No port here.

A change is (name, value) as the engine takes it: `amount`, `fine_tone`, `boldness`, `style_strength`, `target_lufs`
and `output_trim_db` in their own units, `listen` as "master", "bypass" or "compare", `freeze` and `panic` as True or
False, `profile` as the name of one of the profiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rt_automix.midimap import KNOBS, SWITCHES, MidiMapping, Source

Controls = Mapping[str, Any]
Change = tuple[str, Any]
Message = tuple[int, ...]

PICK_UP_NORM = 0.02
"""How near to the present value, over its range, a knob must come to take it over."""

_STATUS: dict[Source, int] = {"note": 0x90, "cc": 0xB0, "pitchbend": 0xE0}
_SOURCES: dict[int, Source] = {status: source for source, status in _STATUS.items()}
_NOTE_OFF = 0x80
_STEP_NORM = 1.0 / 127.0
_SAME = 1e-4


class Event(NamedTuple):
    """A message that a mapping can hear; `channel` from 1, `value` 0..127, of the pitch bend 0..16383."""

    source: Source
    channel: int
    number: int
    value: int


def decode(message: Sequence[int]) -> Event | None:
    """What a MIDI message means; None for all that no mapping hears. A released note has the value 0."""
    if len(message) != 3:
        return None
    status, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if status == _NOTE_OFF:
        return Event("note", channel, message[1], 0)
    source = _SOURCES.get(status)
    if source is None:
        return None
    if source == "pitchbend":
        return Event(source, channel, 0, message[2] << 7 | message[1])
    return Event(source, channel, message[1], message[2])


def relative_steps(kind: str, value: int) -> int:
    """Steps that an endless encoder was turned, positive to the right, from its 7-bit value."""
    if kind == "relative-offset":
        return value - 64
    if kind == "relative-sign":
        return -(value & 63) if value & 64 else value
    return value - 128 if value > 63 else value


class Router:
    """All mappings of a gig.

    Parameters
    ----------
    mappings : sequence of MidiMapping
    profiles : sequence of str
        The profiles that a knob or a button goes through, in order.
    """

    def __init__(self, mappings: Sequence[MidiMapping], profiles: Sequence[str] = ()) -> None:
        self._routes = [_route(mapping, profiles) for mapping in mappings]
        self._by_message: dict[tuple[Source, int], list[_Route]] = {}
        for route in self._routes:
            for number in route.mapping.numbers:
                self._by_message.setdefault((route.mapping.source, number), []).append(route)

    def feed(self, message: Sequence[int], controls: Controls) -> list[Change]:
        """The changes that a message asks for; `controls` must show those of earlier messages already.

        Thread: main. Allocates: yes.
        """
        event = decode(message)
        if event is None:
            return []
        routes = self._by_message.get((event.source, event.number), ())
        return [
            change
            for route in routes
            if route.mapping.channel in (0, event.channel)
            for change in route.hear(event, controls)
        ]

    def feedback(self, controls: Controls) -> list[Message]:
        """Messages that bring the controller's lights, rings and motors up to date: only what changed.

        Thread: main. Allocates: yes.
        """
        return [message for route in self._routes for message in route.news(controls)]

    def reset(self) -> None:
        """After a controller came back: where its knobs stand and what its lights show is not known.

        Thread: main. Allocates: yes.
        """
        for route in self._routes:
            route.reset()


class _Route:
    """A mapping at work: what it last heard and what it last sent."""

    def __init__(self, mapping: MidiMapping) -> None:
        self.mapping = mapping
        self._channel = max(mapping.channel, 1)  # to answer on, where any is heard: the last one heard
        self.reset()

    def reset(self) -> None:
        self._shown: list[Message] = []

    def hear(self, event: Event, controls: Controls) -> list[Change]:
        self._channel = event.channel
        return self._changes(event, controls)

    def news(self, controls: Controls) -> list[Message]:
        messages = self._state(controls)
        if messages == self._shown:
            return []
        self._shown = messages
        return messages

    def _changes(self, event: Event, controls: Controls) -> list[Change]:
        raise NotImplementedError

    def _state(self, controls: Controls) -> list[Message]:
        """What the controller should show, as messages."""
        raise NotImplementedError

    def _message(self, number: int, value: int) -> Message:
        return (_STATUS[self.mapping.source] | (self._channel - 1), number, value)


class _Switch(_Route):
    """A button, a key or a pedal; from the middle up it is pressed."""

    def reset(self) -> None:
        super().reset()
        self._before = 0

    def _changes(self, event: Event, controls: Controls) -> list[Change]:
        self._shown = []  # many a button changes its own light when it is touched
        was, self._before = self._before, event.value
        pressed = event.value >= 64 if event.source == "cc" else event.value > 0
        if self.mapping.kind == "momentary" and self.mapping.control != "panic":  # which is not left by letting go
            return self._turn(pressed, controls)
        # A button that sends nothing on release repeats its value; a pedal on its way does not.
        is_press = pressed and (event.source == "note" or was < 64 or was == event.value)
        return self._turn(not self._is_on(controls), controls) if is_press else []

    def _turn(self, on: bool, controls: Controls) -> list[Change]:
        if on == self._is_on(controls):
            return []
        name = self.mapping.control
        return [("listen", name if on else "master")] if name in ("bypass", "compare") else [(name, on)]

    def _is_on(self, controls: Controls) -> bool:
        name = self.mapping.control
        return controls["listen"] == name if name in ("bypass", "compare") else bool(controls.get(name))

    def _state(self, controls: Controls) -> list[Message]:
        return [self._message(self.mapping.number, 127 if self._is_on(controls) else 0)]


class _NextProfile(_Switch):
    """A button that goes through the profiles, round and round; it has nothing to light up for."""

    def __init__(self, mapping: MidiMapping, profiles: Sequence[str]) -> None:
        super().__init__(mapping)
        self._profiles = profiles

    def _turn(self, on: bool, controls: Controls) -> list[Change]:
        if not self._profiles:
            return []
        now = controls["profile"]
        place = self._profiles.index(now) if now in self._profiles else -1
        following = self._profiles[(place + 1) % len(self._profiles)]
        return [] if following == now else [("profile", following)]

    def _is_on(self, controls: Controls) -> bool:
        return False

    def _state(self, controls: Controls) -> list[Message]:
        return []


class _Range:
    """A control's values along the way of a knob, 0 to 1."""

    pick_up_norm = PICK_UP_NORM
    step_norm = _STEP_NORM

    def __init__(self, mapping: MidiMapping) -> None:
        self._low, high = mapping.ends
        self._span = high - self._low

    def value(self, position_norm: float) -> Any:
        return self._low + position_norm * self._span

    def position_norm(self, value: Any) -> float:
        """Where the knob would stand; beyond 0..1 for a value that it does not reach."""
        return float((value - self._low) / self._span)


class _Choice:
    """Profiles along the way of a knob, each with an equal share of it."""

    def __init__(self, profiles: Sequence[str]) -> None:
        self._profiles = profiles
        self.step_norm = 1.0 / len(profiles)
        self.pick_up_norm = self.step_norm / 2.0

    def value(self, position_norm: float) -> Any:
        place = int(position_norm * len(self._profiles))
        return self._profiles[min(max(place, 0), len(self._profiles) - 1)]

    def position_norm(self, value: Any) -> float:
        place = self._profiles.index(value) if value in self._profiles else 0
        return (place + 0.5) * self.step_norm


class _Knob(_Route):
    """A knob or fader with two ends, and soft take-over: it acts only from the present value on.

    It holds the control as long as nobody else changes it; else it has to come near the present
    value, or pass it. A value that the knob does not reach is taken over at the nearer end.
    """

    def __init__(self, mapping: MidiMapping, way: _Range | _Choice) -> None:
        self._way = way
        super().__init__(mapping)

    def reset(self) -> None:
        super().reset()
        self._before_norm: float | None = None
        self._set: Any = None
        self._coarse: int | None = None
        self._is_coarse_alone = False
        self._comes_in_pairs = True

    def _changes(self, event: Event, controls: Controls) -> list[Change]:
        position_norm = self._position_norm(event)
        if position_norm is None:
            return []
        name = self.mapping.control
        takes_over = not self.mapping.takeover or self._holds(controls[name])
        takes_over = takes_over or self._reaches(position_norm, controls[name])
        self._before_norm = position_norm
        if not takes_over:
            return []
        self._set = self._way.value(position_norm)
        self._shown = []  # the knob shows where it stands
        return [] if self._set == controls[name] else [(name, self._set)]

    def _position_norm(self, event: Event) -> float | None:
        """Where the knob stands, 0 to 1; None until both halves are there."""
        if event.source == "pitchbend":
            return event.value / 16383.0
        if self.mapping.kind == "7bit":
            return event.value / 127.0
        if event.number != self.mapping.number:
            self._is_coarse_alone, self._comes_in_pairs = False, True
            return None if self._coarse is None else (self._coarse << 7 | event.value) / 16383.0
        # Acting on the coarse half before the fine one is there would make the value stutter, so it
        # waits; but some controllers send no fine half, which the next coarse one tells.
        if self._is_coarse_alone:
            self._comes_in_pairs = False
        self._coarse, self._is_coarse_alone = event.value, True
        return None if self._comes_in_pairs else event.value / 127.0

    def _holds(self, now: Any) -> bool:
        if isinstance(now, str) or self._set is None:
            return bool(now == self._set)
        return math.isclose(now, self._set, abs_tol=_SAME)

    def _reaches(self, position_norm: float, now: Any) -> bool:
        goal_norm = min(max(self._way.position_norm(now), 0.0), 1.0)
        if abs(position_norm - goal_norm) <= self._way.pick_up_norm:
            return True
        return self._before_norm is not None and (self._before_norm - goal_norm) * (position_norm - goal_norm) < 0.0

    def _state(self, controls: Controls) -> list[Message]:
        now = controls[self.mapping.control]
        if self._holds(now):
            return self._shown
        self._set = None  # should it have a motor or a ring, it does not stand there any more
        return self._at(min(max(self._way.position_norm(now), 0.0), 1.0))

    def _at(self, position_norm: float) -> list[Message]:
        """The messages of a knob that stands there."""
        number, fine = self.mapping.number, round(position_norm * 16383.0)
        if self.mapping.source == "pitchbend":
            return [self._message(fine & 127, fine >> 7)]
        if self.mapping.kind == "14bit":
            return [self._message(number, fine >> 7), self._message(number + 32, fine & 127)]
        return [self._message(number, round(position_norm * 127.0))]


class _Encoder(_Knob):
    """An endless encoder: it moves the present value, wherever that is; its ring shows it."""

    def _changes(self, event: Event, controls: Controls) -> list[Change]:
        steps = relative_steps(self.mapping.kind, event.value)
        name = self.mapping.control
        now_norm = self._way.position_norm(controls[name])
        # From a value beyond the mapped range it may come back, without a jump.
        position_norm = now_norm + steps * self._way.step_norm
        position_norm = min(max(position_norm, min(now_norm, 0.0)), max(now_norm, 1.0))
        value = self._way.value(position_norm)
        return [] if value == controls[name] else [(name, value)]


def _route(mapping: MidiMapping, profiles: Sequence[str]) -> _Route:
    if mapping.control in SWITCHES:
        return _Switch(mapping)
    if mapping.control == "profile" and (mapping.kind == "toggle" or not profiles):
        return _NextProfile(mapping, profiles)
    way = _Range(mapping) if mapping.control in KNOBS else _Choice(profiles)
    return (_Encoder if mapping.kind.startswith("relative") else _Knob)(mapping, way)
