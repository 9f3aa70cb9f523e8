"""What was changed, by whom, and how to take it back: seen in the session's own word, whoever moved a control.

Keys, MIDI, pages, OSC and programs all end in the same controls, so the difference of two statuses is all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rt_automix import params
from rt_automix.errors import ConfigError
from rt_automix.outputs import PREFIX
from rt_automix.panel import api
from rt_automix.panel.api import Command

MOST = 20
SETTLE_S = 0.6
"""A knob that has not moved for so long is where it was meant to be."""

TOGETHER_S = 0.2
"""What moves within this belongs together: a profile and its loudness, all of a preset."""

OWN_S = 3.0
"""So long is waited for what was asked for here, before it counts as somebody's change."""

_HEARD_ONLY = ("listen", "phones")
"""What changes no setting: told, never taken back."""

_KEPT = ("profile", *api.RANGES, "curve", "freeze", "ride", "night", "listen")
_WORDS = {**{row.name: row.label for row in params.PARAMS}, "target_lufs": "Target", "ceiling_dbtp": "Ceiling",
          "output_trim_db": "Output trim", "max_trim_db": "Most rider trim", "style_strength": "Style",
          "ride": "Loudness rider", "curve": "Own curve"}  # fmt: skip
_SHARES = ("amount", "fine_tone", "boldness", "style_strength")

Values = dict[str, Any]


@dataclass
class Change:
    """Controls that moved, from and to what; `by` is who, as far as that is known."""

    before: Values
    after: Values
    by: str = ""
    at: float = field(default=0.0, compare=False)

    @property
    def text(self) -> str:
        """In words."""
        names = list(self.before)
        first = names[0] if len(names) < 4 else ""
        if not first:
            return f"{len(names)} settings{self.by}"
        return ", ".join(_moved(name, self.before[name], self.after[name]) for name in names) + self.by


class Changes:
    """The changes of a session, to be taken back and done again; and two settings to compare. The server's thread."""

    def __init__(self) -> None:
        self._now: Values = {}
        self._moving: Change | None = None
        self._done: deque[Change] = deque(maxlen=MOST)
        self._undone: list[Change] = []
        self._expected: Values = {}
        self._expected_until = 0.0
        self._is_panicking = False
        self._other: Values = {}
        self.slot = "A"
        """Which of the two settings is heard."""

    def see(self, status: Mapping[str, Any], now: float) -> list[str]:
        """Take in a session's status; in words what has changed for good."""
        self._is_panicking = bool(status.get("panic"))
        if self._is_panicking:
            return self._settled() if self._moving else []
        values = flat(status)
        if not self._now or values.keys() != self._now.keys():
            self._now = values
            return []
        said = []
        moved = {name for name, value in values.items() if value != self._now[name]}
        if now < self._expected_until:
            own = {name for name in moved if name in self._expected and values[name] == self._expected[name]}
            self._now |= {name: values[name] for name in own}
            moved -= own
        moving = self._moving
        if moving is not None and moved and now - moving.at > TOGETHER_S and not moved & moving.before.keys():
            said += self._settled()
        if moved:
            self._move(moved, values, status, now)
        elif self._moving is not None and now - self._moving.at > SETTLE_S:
            said += self._settled()
        return said

    def _move(self, moved: set[str], values: Values, status: Mapping[str, Any], now: float) -> None:
        by_midi = moved & set((status.get("midi") or {}).get("moved", ()))
        if self._moving is None:
            self._moving = Change({}, {}, "", now)
        for name in sorted(moved, key=list(values).index):
            self._moving.before.setdefault(name, self._now[name])
            self._moving.after[name] = values[name]
        self._moving.at = now
        self._moving.by = ", by MIDI" if by_midi else self._moving.by
        self._now = values

    def _settled(self) -> list[str]:
        """Close what moved; what it was, unless all is back where it began."""
        change, self._moving = self._moving, None
        assert change is not None
        back = [name for name, value in change.before.items() if value == change.after[name]]
        for name in back:
            del change.before[name], change.after[name]
        if not change.before:
            return []
        text = change.text
        settings = {name for name in change.before if name.split("/")[-1] not in _HEARD_ONLY}
        if settings:
            self._done.append(_only(change, settings))
            self._undone.clear()
        return [text]

    def undo(self, now: float) -> tuple[list[Command], str]:
        """What takes the last change back, and in words. Raises ConfigError if there is none.

        That is the panic while there is one, which the session says itself: a setting of before would end it, and
        leave the rest neutral for good.
        """
        if self._is_panicking:
            return [Command("set", "panic", False)], ""
        if self._moving is not None:
            self._settled()
        if not self._done:
            raise ConfigError("There is nothing to take back.")
        change = self._done.pop()
        self._undone.append(change)
        return self._to(change.before, now), f"Taken back: {change.text}"

    def redo(self, now: float) -> tuple[list[Command], str]:
        """What does the last one again that was taken back. Raises ConfigError if there is none."""
        if not self._undone:
            raise ConfigError("There is nothing to do again.")
        change = self._undone.pop()
        self._done.append(change)
        return self._to(change.after, now), f"Done again: {change.text}"

    def swap(self, now: float) -> tuple[list[Command], str]:
        """What brings the other of two settings; at first both are alike. Raises ConfigError where none plays."""
        if not self._now:
            raise ConfigError("Nothing plays yet.")
        here = {name: value for name, value in self._now.items() if name.split("/")[-1] not in _HEARD_ONLY}
        there, self._other = self._other or here, here
        self.slot = "B" if self.slot == "A" else "A"
        return self._to(there, now), f"Settings {self.slot}."

    def copy(self) -> str:
        """Make the other setting what this one is. Raises ConfigError before there is a session."""
        if not self._now:
            raise ConfigError("Nothing plays yet.")
        self._other = {}
        return f"Settings {'B' if self.slot == 'A' else 'A'} are what {self.slot} is now."

    @property
    def told(self) -> dict[str, Any]:
        """For the state: what would be taken back, what done again, and which setting is heard."""
        undo = self._moving or (self._done[-1] if self._done else None)
        return {
            "undo": "Panic" if self._is_panicking else undo.text if undo else None,
            "redo": self._undone[-1].text if self._undone else None,
            "slot": self.slot,
        }

    def _to(self, wanted: Values, now: float) -> list[Command]:
        """Commands to values, profiles first, which bring a loudness of their own; they are no news then."""
        names = [name for name, value in wanted.items() if self._now.get(name) != value]
        if any(_plain(name) == "profile" for name in names):  # it moves the target, too
            names += [name for name in wanted if _plain(name) == "target_lufs" and name not in names]
        names.sort(key=lambda name: _plain(name) != "profile")
        self._expected = {name: wanted[name] for name in names}
        self._expected_until = now + OWN_S
        return [Command("set", name, wanted[name]) for name in names]


def flat(status: Mapping[str, Any]) -> Values:
    """Every setting of a session by the name that sets it, those of several outputs among them."""
    outputs = status.get("outputs") or ()
    if outputs:
        return {f"{PREFIX}{one['name']}/{name}": value for one in outputs for name, value in _own(one).items()}
    return _own(status)


def _own(status: Mapping[str, Any]) -> Values:
    controls = status["controls"]
    trims = {f"trim.{row.name}": controls["trims"].get(row.name, 0.0) for row in params.PARAMS}
    known = {"profile": status["profile"], **controls, **trims}
    return {name: known[name] for name in _KEPT if name in known}


def _plain(name: str) -> str:
    return name.split("/")[-1]


def _only(change: Change, names: set[str]) -> Change:
    before = {name: value for name, value in change.before.items() if name in names}
    return Change(before, {name: change.after[name] for name in before}, change.by, change.at)


def _moved(name: str, before: Any, after: Any) -> str:
    """A control's way in words: Amount 50 % → 70 %."""
    output, _, control = name.removeprefix(PREFIX).rpartition("/")
    plain = control.removeprefix("trim.")
    word = _WORDS.get(plain, plain.replace("_", " ").capitalize()) + (" trim" if control != plain else "")
    word = f"{output}: {word}" if output else word
    if isinstance(after, bool):
        return f"{word} {'on' if after else 'off'}"
    if control == "curve":
        return f"{word}: {len(after)} {'point' if len(after) == 1 else 'points'}"
    if control == "listen":
        return {"master": f"{word.replace('Listen', 'Master')}", "bypass": "Bypass", "compare": "Compare"}[after]
    if control == "profile":
        return f"{word} {after}"
    return f"{word} {_said(control, before)} → {_said(control, after)}"


def _said(control: str, value: float) -> str:
    if control in _SHARES:
        return f"{100.0 * value:.0f} %"
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")
