"""What pages say and hear: versioned JSON, checked before it goes any further. See docs/panel-api.md."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from rt_automix import owncurve, params
from rt_automix.errors import ConfigError, nearest
from rt_automix.outputs import addressed

VERSION = 1

RANGES: dict[str, tuple[float, float]] = {
    "amount": (0.0, 1.0),
    "fine_tone": (0.0, 1.0),
    "boldness": (0.0, 1.0),
    "style_strength": (0.0, 1.0),
    "ceiling_dbtp": (-12.0, 0.0),
    "target_lufs": (-40.0, -5.0),
    "max_trim_db": (0.0, 24.0),
    "output_trim_db": (-40.0, 0.0),
    **{f"trim.{row.name}": (0.5 * (row.low - row.high), 0.5 * (row.high - row.low)) for row in params.PARAMS},
}
"""The same as the engine's, which the process that serves pages is too light to import; a test compares."""

SWITCHES = ("freeze", "ride", "night", "bypass", "compare")
LISTEN = ("master", "bypass", "compare")
CONTROLS = (*RANGES, *SWITCHES, "curve", "listen", "profile", "panic", "phones")
NUDGED = (
    "amount", "fine_tone", "boldness", "style_strength", "target_lufs", "output_trim_db", "ceiling_dbtp",
    "max_trim_db", "profile", "phones",
)  # fmt: skip
MOST_STEPS = 100
LEARNED = (
    "amount", "fine_tone", "boldness", "style_strength", "profile", "target_lufs", "output_trim_db", "bypass",
    "compare", "freeze", "night", "panic", "phones", "record", "preset", *(f"trim.{row.name}" for row in params.PARAMS),
)  # fmt: skip

_FIELDS: dict[str, tuple[str, ...]] = {
    "set": ("control", "value"),
    "nudge": ("control", "steps"),
    "record": ("on",),
    "learn": ("control",),
    "preset": ("do", "name"),
    "history": ("do",),
    "settings": ("do",),
    "programme": ("do",),
}
_PRESET_VERBS = ("save", "recall", "delete")
_VERBS = {"history": ("undo", "redo"), "settings": ("swap", "copy"), "programme": ("restart",)}
_NAME = re.compile(r"[\w-](?:[\w -]{0,38}[\w-])?")


class Command(NamedTuple):
    """What a page wants done: `verb` is a message type; `name` a control, or a preset's verb."""

    verb: str
    name: str = ""
    value: Any = None


class Refused(ConfigError):
    """A message that is not obeyed; `kind` is its type, as far as it has one."""

    def __init__(self, text: str, kind: str = "") -> None:
        super().__init__(text)
        self.kind = kind


def command(text: str | bytes, profiles: Collection[str]) -> Command:
    """What a message asks for; everything in it is as it must be.

    Parameters
    ----------
    text : str or bytes
    profiles : collection of str
        Names that the profile control can take. Only these: a profile's name can be a path.

    Raises
    ------
    Refused
        It is not a message, or not one that can be obeyed.
    """
    message = document(text)
    kind = message.pop("type", None)
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise Refused(f"type = {_short(kind)} is unknown. Known: {', '.join(_FIELDS)}.", _short(kind))
    try:
        if sorted(message) != sorted(_FIELDS[kind]):
            raise Refused(f"{kind}: has {_short(list(message))}. Needed: v, type, {', '.join(_FIELDS[kind])}.")
        return _COMMANDS[kind](message, profiles)
    except ConfigError as error:
        raise Refused(str(error), kind) from None


def document(text: str | bytes) -> dict[str, Any]:
    """A JSON object of our version, without its "v".

    Raises
    ------
    Refused
        It is something else.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(f'Not JSON. Send an object that has "v":{VERSION}.') from None
    if not isinstance(found, dict):
        raise Refused(f"{_short(found)} is not a JSON object.")
    version = found.pop("v", None)
    if type(version) is not int or version != VERSION:
        raise Refused(f'"v" = {_short(version)} is not supported. Use {VERSION}.')
    return found


def check(control: Any, value: Any, profiles: Collection[str]) -> None:
    """Raise ConfigError unless `value` is one that a control, of whichever output, can be set to."""
    output, control = addressed(control) if isinstance(control, str) else ("", control)
    if not isinstance(control, str) or control not in CONTROLS:
        near = nearest(control[:40], CONTROLS) if isinstance(control, str) else ""
        raise ConfigError(f"control = {_short(control)} is unknown.{near}")
    if control in RANGES:
        low, high = RANGES[control]
        if not _is_number(value) or not low <= value <= high:
            raise ConfigError(f"{control} = {_short(value)} is outside [{low:g}, {high:g}].")
    elif control == "phones" and not output:
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"phones = {_short(value)} names no output. Use one's name, or null for the next.")
    elif control in SWITCHES or control in ("panic", "phones"):
        if value is not None and not isinstance(value, bool):
            raise ConfigError(f"{control} = {_short(value)} is not a switch. Use true, false, or null to toggle.")
    elif control == "curve":
        owncurve.check(value)
    else:
        allowed = LISTEN if control == "listen" else profiles
        if not isinstance(value, str) or value not in allowed:
            raise ConfigError(f"{control} = {_short(value)} is unknown. Known: {', '.join(allowed)}.")


def check_name(name: Any) -> None:
    """Raise ConfigError unless it can be a preset's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"name = {_short(name)} cannot be used. Use up to 40 letters, digits, spaces, - and _.")


def encoded(message: Mapping[str, Any]) -> str:
    """A message of the server as JSON; numbers that JSON does not have become null."""
    try:
        return json.dumps({"v": VERSION, **message}, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps({"v": VERSION, **_finite(message)}, separators=(",", ":"))


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(item) for name, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    """A value as its sender wrote it, as far as it fits."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _set(message: dict[str, Any], profiles: Collection[str]) -> Command:
    control, value = message["control"], message["value"]
    check(control, value, profiles)
    return Command("set", control, value)


def _nudge(message: dict[str, Any], _: Collection[str]) -> Command:
    control, steps = message["control"], message["steps"]
    if not isinstance(control, str) or addressed(control)[1] not in NUDGED:
        raise ConfigError(f"control = {_short(control)} does not move in steps. Known: {', '.join(NUDGED)}.")
    if not _is_number(steps) or not -MOST_STEPS <= steps <= MOST_STEPS:
        raise ConfigError(f"steps = {_short(steps)} is outside [{-MOST_STEPS}, {MOST_STEPS}].")
    return Command("nudge", control, steps)


def _record(message: dict[str, Any], _: Collection[str]) -> Command:
    if not isinstance(message["on"], bool):
        raise ConfigError(f"on = {_short(message['on'])} is not a switch. Use true or false.")
    return Command("record", value=message["on"])


def _learn(message: dict[str, Any], _: Collection[str]) -> Command:
    control = message["control"]
    if isinstance(control, str) and control.startswith("preset/"):
        check_name(control.removeprefix("preset/"))
    elif control is not None and not _is_learned(control):
        raise ConfigError(f"control = {_short(control)} cannot be learned. Known: {', '.join(LEARNED)}, or null.")
    return Command("learn", value=control)


def _is_learned(control: Any) -> bool:
    """Whether a knob can set a control, also one of an output."""
    output, plain = addressed(control) if isinstance(control, str) else ("", "")
    return plain in LEARNED and not (output and plain in ("record", "preset"))


def _preset(message: dict[str, Any], _: Collection[str]) -> Command:
    verb, name = message["do"], message["name"]
    if not isinstance(verb, str) or verb not in _PRESET_VERBS:
        raise ConfigError(f"do = {_short(verb)} is unknown. Known: {', '.join(_PRESET_VERBS)}.")
    check_name(name)
    return Command("preset", verb, name)


def _does(kind: str) -> Callable[[dict[str, Any], Collection[str]], Command]:
    """What a message that has a verb alone asks for."""

    def read(message: dict[str, Any], _: Collection[str]) -> Command:
        verb = message["do"]
        if not isinstance(verb, str) or verb not in _VERBS[kind]:
            raise ConfigError(f"do = {_short(verb)} is unknown. Known: {', '.join(_VERBS[kind])}.")
        return Command(kind, verb)

    return read


_COMMANDS = {
    "set": _set, "nudge": _nudge, "record": _record, "learn": _learn, "preset": _preset,
    **{kind: _does(kind) for kind in _VERBS},
}  # fmt: skip
