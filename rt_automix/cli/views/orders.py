"""What a session is told to do as lines of JSON: an object of verbs, each with what it is about."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from rt_automix.errors import ConfigError, UserError, nearest
from rt_automix.outputs import addressed
from rt_automix.panel import api

VERBS = {
    "set": '{"set": {"amount": 0.5, ...}}, null changes a switch over',
    "nudge": '{"nudge": {"target_lufs": -1, ...}}',
    "record": '{"record": true} or false',
    "panic": '{"panic": true}, false, or null to change it over',
    "learn": '{"learn": "amount"}, null calls it off',
    "quit": '{"quit": true}',
}
"""Each with how it is written."""

ALLOWED = f"Allowed: {'; '.join(VERBS.values())}."
_SHOWN = 80


class Refused(UserError):
    """A line that is not followed."""


class Order(NamedTuple):
    """One thing to do: `name` is the control of a set or nudge."""

    verb: str
    value: Any
    name: str = ""


class Session(Protocol):
    """Who does what is about sound: the supervisor."""

    def set(self, name: str, value: Any) -> None:
        """Set a control."""

    def nudge(self, name: str, steps: float) -> None:
        """Move a control."""

    def learn(self, control: str | None) -> None:
        """Wait for a control's knob."""


def understood(line: str) -> list[Order]:
    """What a line orders; nothing of it is done unless all of it can be.

    Raises
    ------
    Refused
        It cannot be followed; says what is allowed.
    """
    try:
        verbs = json.loads(line)
    except (ValueError, RecursionError):
        verbs = None
    if not isinstance(verbs, dict) or not verbs:
        raise Refused(f"{_short(line)}: not a command. {ALLOWED}")
    found: list[Order] = []
    for verb, what in verbs.items():
        if verb not in VERBS:
            raise Refused(f'"{_short(verb)}" is no command.{nearest(verb[:_SHOWN], VERBS)} {ALLOWED}')
        if not _FITS[verb](what):
            raise Refused(f'"{verb}": {_short(json.dumps(what))} does not fit. Write {VERBS[verb]}.')
        about = what.items() if isinstance(what, dict) else [("", what)]
        for name, value in about:
            _check(verb, name, value)
        found += [Order(verb, value, name) for name, value in about]
    return found


def _check(verb: str, name: str, value: Any) -> None:
    """Raise Refused where a control cannot be that; which profiles there are, the session knows."""
    control = addressed(name)[1]
    try:
        if verb == "set" and control == "trims" and isinstance(value, dict):
            for parameter, offset in value.items():
                api.check(f"trim.{parameter}", offset, ())
        elif verb == "set" and control != "profile":
            api.check(name, value, ())
    except ConfigError as error:
        raise Refused(f"{error} {ALLOWED}") from None
    if verb == "nudge" and control not in api.NUDGED:
        raise Refused(f'"{_short(name)}" does not move in steps.{nearest(control[:_SHOWN], api.NUDGED)} {ALLOWED}')


def obey(order: Order, session: Session) -> None:
    """Have done what is about sound."""
    match order.verb:
        case "set":
            session.set(order.name, order.value)
        case "nudge":
            session.nudge(order.name, order.value)
        case "panic":
            session.set("panic", order.value)
        case "learn":
            session.learn(order.value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


_FITS: dict[str, Callable[[Any], bool]] = {
    "set": lambda what: isinstance(what, dict) and bool(what),
    "nudge": lambda what: isinstance(what, dict) and bool(what) and all(map(_is_number, what.values())),
    "record": lambda what: isinstance(what, bool),
    "panic": lambda what: what is None or isinstance(what, bool),
    "learn": lambda what: what is None or isinstance(what, str),
    "quit": lambda what: what is True,
}


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
