"""Knobs, faders and endless encoders at work: what they send changes values, which move motors and rings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from rt_automix.live.midi.buttons import Change, Controls, Message, Route
from rt_automix.live.midi.messages import ENCODERS, Event, may_count, relative_steps
from rt_automix.midimap import MidiMapping

PICK_UP_NORM = 0.02
"""How near to the present value, over its range, a knob must come to take it over."""

_STEP_NORM = 1.0 / 127.0
_SAME = 1e-4
_REMEMBERED = 64


class Range:
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


class Choice:
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


class Knob(Route):
    """A knob or fader with two ends, and soft take-over: it acts only from the present value on.

    It holds the control as long as nobody else changes it; else it has to come near the present
    value, or pass it. A value that the knob does not reach is taken over at the nearer end.
    """

    def __init__(self, mapping: MidiMapping, way: Range | Choice) -> None:
        self._way = way
        super().__init__(mapping)

    def reset(self) -> None:
        super().reset()
        self._before_norm: float | None = None
        self._set: Any = None
        self._coarse: int | None = None
        self._is_coarse_alone = False
        self._comes_in_pairs = True
        self._is_touched = False

    def hear(self, event: Event, controls: Controls) -> list[Change]:
        if event.source == "note":  # a hand on a motor fader
            self._is_touched = event.value > 0
            self._shown = []
            return []
        return super().hear(event, controls)

    def news(self, controls: Controls) -> list[Message]:
        return [] if self._is_touched else super().news(controls)

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
        if self._holds(now) and self.mapping.touch is None:  # a motor falls back where nothing holds it
            return self._shown
        self._set = None  # should it have a motor or a ring, it does not stand there any more
        return self._at(min(max(self._way.position_norm(now), 0.0), 1.0))

    def _at(self, position_norm: float) -> list[Message]:
        """The messages of a knob that stands there."""
        fine = round(position_norm * 16383.0)
        if self.mapping.source == "pitchbend":
            return [self._message(fine & 127, fine >> 7)]
        if self.mapping.kind == "14bit":
            return self._messages(fine >> 7, fine & 127)
        return self._messages(round(position_norm * 127.0))


class Encoder(Knob):
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


class Guess(Route):
    """A knob of which nobody has said what it sends: it acts once that shows, and then on all that it has sent.

    A knob with two ends passes each place once; an endless encoder says the same small steps over and over.
    """

    def __init__(self, mapping: MidiMapping, way: Range | Choice) -> None:
        self._knob = Knob(replace(mapping, kind="7bit"), way)
        self._encoders = {kind: Encoder(replace(mapping, kind=kind), way) for kind in ENCODERS}
        super().__init__(mapping)

    def reset(self) -> None:
        super().reset()
        self._heard: list[Event] = []
        self._found: Route | None = None
        for route in (self._knob, *self._encoders.values()):
            route.reset()

    def hear(self, event: Event, controls: Controls) -> list[Change]:
        if self._found is self._knob:
            return self._found.hear(event, controls)
        self._heard = [*self._heard[-_REMEMBERED:], event]
        found = self._recognised()
        if found is self._found:
            return [] if found is None else found.hear(event, controls)
        unheard = self._heard if self._found is None else [event]
        self._found = found
        now = dict(controls)
        changes: list[Change] = []
        for one in unheard:
            changes = found.hear(one, now) or changes
            now.update(changes)
        return changes

    def _recognised(self) -> Any:
        values = [event.value for event in self._heard]
        kinds = may_count(values)
        if not kinds:
            return self._knob
        pairs = list(pairwise(values))
        turns = sum((before < 16) != (value < 16) for before, value in pairs)
        is_encoder = turns > 1 or any(before == value for before, value in pairs)
        return self._encoders[kinds[0]] if is_encoder else self._found

    def news(self, controls: Controls) -> list[Message]:
        return (self._found or self._knob).news(controls)
