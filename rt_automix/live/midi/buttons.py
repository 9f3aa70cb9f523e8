"""Buttons, keys, pedals and program changes at work: from what they send to changes of switches and profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rt_automix.live.midi.messages import DATA, PARAMETER, STATUS, Event
from rt_automix.midimap import MidiMapping

Controls = Mapping[str, Any]
Change = tuple[str, Any]
Message = tuple[int, ...]


class Route:
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
        return (STATUS[self.mapping.source] | (self._channel - 1), number, value)

    def _messages(self, *values: int) -> list[Message]:
        """A controller's value, or its coarse and fine half; of a parameter, with what names it."""
        mapping = self.mapping
        if mapping.source not in PARAMETER:
            return [self._message(number, value) for number, value in zip(mapping.numbers, values, strict=True)]
        halves = zip(PARAMETER[mapping.source], (mapping.number >> 7, mapping.number & 127), strict=True)
        return [self._message(*one) for one in (*halves, *zip(DATA, values, strict=False))]


class Switch(Route):
    """A button, a key or a pedal; from the middle up it is pressed."""

    def reset(self) -> None:
        super().reset()
        self._before = 0

    def _changes(self, event: Event, controls: Controls) -> list[Change]:
        self._shown = []  # many a button changes its own light when it is touched
        was, self._before = self._before, event.value
        limit = 1 if event.source == "note" else self.mapping.pressed_from
        pressed = event.value >= limit
        if self.mapping.kind == "latching":  # each message is a press, whatever it says
            return self._turn(not self._is_on(controls), controls)
        if self.mapping.kind == "momentary" and self.mapping.control != "panic":  # which is not left by letting go
            return self._turn(pressed, controls)
        # A button that sends nothing on release repeats its value; a pedal on its way does not.
        is_press = pressed and (event.source == "note" or was < limit or was == event.value)
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
        if self.mapping.source == "program":  # it has no light
            return []
        return self._messages(127 if self._is_on(controls) else 0)


class NextHeard(Switch):
    """A button that goes through the outputs that can be heard on the phones, round and round; it has no light."""

    def _turn(self, on: bool, controls: Controls) -> list[Change]:
        return [("phones", None)] if on and "phones" in controls else []

    def _is_on(self, controls: Controls) -> bool:
        return False

    def _state(self, controls: Controls) -> list[Message]:
        return []


class NextProfile(Switch):
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


class Preset(Switch):
    """A button that recalls one preset or the next, or programs that choose among all.

    Which there are is known elsewhere: the change is a name, a place counted from 0, or None for the next.
    """

    def _changes(self, event: Event, controls: Controls) -> list[Change]:
        if event.source == "program" and self.mapping.preset is None:
            return [("preset", event.number - self.mapping.number)]
        return super()._changes(event, controls)

    def _turn(self, on: bool, controls: Controls) -> list[Change]:
        return [("preset", self.mapping.preset)]

    def _is_on(self, controls: Controls) -> bool:
        return False

    def _state(self, controls: Controls) -> list[Message]:
        return []


class Program(NextProfile):
    """Program changes that choose among the profiles; one beyond them chooses nothing."""

    def _changes(self, event: Event, controls: Controls) -> list[Change]:
        chosen = self._profiles[event.number - self.mapping.number :][:1]
        return [("profile", name) for name in chosen if name != controls["profile"]]
