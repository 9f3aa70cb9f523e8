"""MIDI controllers on a live session: what they send reaches the desk, what the desk shows reaches them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from rt_automix.config import Midi
from rt_automix.errors import AutomixError
from rt_automix.io.midi.ports import MidiPorts
from rt_automix.live.desk.desk import Desk, Remark
from rt_automix.live.midi.learn import LIMIT_S, QUIET_S, recognise
from rt_automix.live.midi.mapping import Router
from rt_automix.live.midi.messages import Decoder, Event, decode
from rt_automix.midimap import OF_PARENT, MidiMapping, named

CHECK_S = 0.15
"""How often ports are looked after: one that comes back is taken up within this and a little more."""

Mappings = tuple[MidiMapping, ...]

SHOW_S = 0.05
"""How often lights follow."""


MOVED_S = 1.0
"""For so long a control counts as one that MIDI moves."""


class _Lesson:
    """What a controller sends while a control waits for its knob."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.control, self.preset, self.output = named(name)
        self.events: list[Event] = []
        self._decoder = Decoder()
        self._began = self._last = 0.0

    def hear(self, message: Sequence[int], now: float) -> None:
        event = self._decoder.feed(message)
        if event is not None:
            self._began = self._began or now
            self._last = now
            self.events.append(event)

    def is_over(self, now: float) -> bool:
        return bool(self.events) and (now - self._last > QUIET_S or now - self._began > LIMIT_S)


class Hands:
    """Controllers, mapped to a desk; opens what ports there are.

    Parameters
    ----------
    settings : config.Midi
    desk : Desk
    remark : function of a str
    learned : function of the mappings
        Told when a knob has been learned, of all mappings there are now.
    ask : function of a str and a value
        Has done what no desk does: takes, presets.
    first : str
        The MIDI system to look into before all others.
    """

    def __init__(
        self,
        settings: Midi,
        desk: Desk,
        remark: Remark,
        learned: Callable[[Mappings], None],
        ask: Callable[[str, Any], None],
        first: str = "",
    ) -> None:
        self._desk, self._remark, self._ask = desk, remark, ask
        self._known: dict[str, Any] = {"record": False}
        self._map = settings.map
        self._router = Router(self._map, desk.profiles)
        self._learned = learned
        self._lesson: _Lesson | None = None
        self._ports: MidiPorts | None = None
        self._check_at = self._show_at = 0.0
        self._moved: dict[str, float] = {}
        self._has_heard_program = False
        if settings.enabled:
            with self._kept_from_the_music():
                self._ports = MidiPorts(settings.port, settings.api, settings.feedback, first, own=True)
                for name in self._ports.inputs:
                    remark(f"MIDI: listening to {name}.")

    @contextlib.contextmanager
    def _kept_from_the_music(self) -> Iterator[None]:
        """Whatever goes wrong with MIDI ends MIDI, and nothing else."""
        try:
            yield
        except Exception as error:
            self._ports = None
            self._remark(
                f"MIDI is off: {type(error).__name__}: {error}. The sound goes on; start anew to have it back."
            )

    @property
    def is_listening(self) -> bool:
        """Whether there is a knob that could be turned."""
        return self._ports is not None and self._ports.is_listening

    def serve(self, now: float) -> None:
        """Take what came in, a thousand times a second; now and then look after ports and lights."""
        if self._ports is not None:
            with self._kept_from_the_music():
                self._serve(self._ports, now)

    def _serve(self, ports: MidiPorts, now: float) -> None:
        for message, _ in ports.poll():
            if self._lesson is not None:
                self._lesson.hear(message, now)
                continue
            for name, value in self._router.feed(message, self._knobs):
                self._moved[name] = now
                self._set(name, value)
            self._say_once_if_unheard(message)
        if self._lesson is not None and self._lesson.is_over(now):
            self._finish(self._lesson)
        if now >= self._check_at:
            self._check_at = now + CHECK_S
            for text in ports.check():
                self._router.reset()
                self._remark(text)
        if now >= self._show_at:
            self._show_at = now + SHOW_S
            for message in self._router.feedback(self._knobs):
                ports.send(message)

    def _say_once_if_unheard(self, message: Sequence[int]) -> None:
        """A program change is meant; whoever sends one wonders why nothing comes of it."""
        event = decode(message)
        if event is None or event.source != "program" or self._has_heard_program:
            return
        self._has_heard_program = True
        if not any(mapping.source == "program" for mapping in self._map):
            self._remark(
                f"MIDI: program change {event.number} on channel {event.channel} is mapped to nothing. "
                "To choose styles by it: rt-automix midi learn profile -o FILE.toml"
            )

    @property
    def _knobs(self) -> dict[str, Any]:
        return self._desk.knobs | self._known

    def know(self, name: str, value: Any) -> None:
        """Have the controller show what is done elsewhere: whether a take runs."""
        self._known[name] = value

    def _set(self, name: str, value: Any) -> None:
        if name in OF_PARENT:
            if name in self._known:  # until it is told how that went: the button may be let go before
                self._known[name] = value
            self._ask(name, value)
            return
        try:
            self._desk.set(name, value)
        except AutomixError as error:
            self._remark(str(error))

    @property
    def learning(self) -> str | None:
        """The control that waits for its knob, or "preset/NAME"."""
        return self._lesson.name if self._lesson is not None else None

    def learn(self, control: str | None) -> None:
        """Wait for a knob or button to be moved, which shall set a control from then on; None calls it off.

        Raises
        ------
        ConfigError
            No knob can set that.
        """
        self._lesson = None if control is None else _Lesson(control)

    def _finish(self, lesson: _Lesson) -> None:
        self._lesson = None
        try:
            mapping = replace(recognise(lesson.control, lesson.events), preset=lesson.preset, output=lesson.output)
        except AutomixError as error:
            self._remark(str(error))
            return
        others = (other for other in self._map if other.sets != mapping.sets and not other.shares_with(mapping))
        self._map = (*others, mapping)
        self._router = Router(self._map, self._desk.profiles)
        self._remark(f"MIDI: {mapping.sets} listens to {mapping.heard} ({mapping.kind}).")
        self._learned(self._map)

    def status(self) -> dict[str, Any]:
        """Which ports are listened to, and what is missing."""
        return {
            "ports": self._ports.inputs if self._ports else [],
            "own": self._ports.own if self._ports else [],
            "missing": self._ports.note if self._ports else "",
            "map": [f"{mapping.sets}: {mapping.heard}" for mapping in self._map],
            "heard": self._last_heard(),
            "moved": [name for name, at in self._moved.items() if time.monotonic() - at < MOVED_S],
        }

    def _last_heard(self) -> str:
        """What came last, and what it does."""
        if self._router.last is None:
            return ""
        event, sets = self._router.last
        return f"{event.words} sets {', '.join(sets) or 'nothing'}"

    def close(self) -> None:
        """Let go of the ports."""
        if self._ports is not None:
            self._ports.close()
