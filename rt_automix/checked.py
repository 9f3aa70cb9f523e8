"""Settings that know what they may be: frozen dataclasses whose fields carry limits, checked whenever one is made.

A kind of settings is a class under `Checked`. What a field may hold follows from its type (a number, a
whole number, true or false, text, one of several words, or values of such a class, each of them also
with `| None`) and from its metadata: `limits`, `NOT_EMPTY`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rt_automix.errors import ConfigError, nearest

_KINDS: dict[Any, tuple[str, str]] = {
    float: ("a number", "Use a number{limits}, without quotes."),
    int: ("a whole number", "Use a whole number{limits}, without point or quotes."),
    bool: ("true or false", "Use true or false, without quotes."),
    str: ("text", "Use text in quotes."),
}


NOT_EMPTY = {"full": True}
"""Metadata of a field for text that must not be empty."""


def limits(low: float, high: float) -> dict[str, float]:
    """Metadata of a field for a number from `low` to `high`."""
    return {"low": low, "high": high}


class Checked:
    """Base of the dataclasses that are checked when they are made; whole numbers become floats where those belong.

    Raises
    ------
    ConfigError
        One line for each problem, `problems` with the name of the class.
    """

    def __post_init__(self) -> None:
        kind: type = type(self)
        if found := problems(kind, kind.__name__, vars(self)):
            raise ConfigError("\n".join(found))
        for field, wanted, _ in _fields(kind):
            value = getattr(self, field.name)
            if wanted is float and type(value) is int:
                object.__setattr__(self, field.name, float(value))


@cache
def _fields(kind: type) -> list[tuple[dataclasses.Field[Any], Any, bool]]:
    """Each field of a class, its type, and whether it may be None."""
    hints = get_type_hints(kind)
    return [(field, *_split(hints[field.name])) for field in dataclasses.fields(kind)]


def _split(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    (wanted,) = (part for part in get_args(hint) if part is not type(None))
    return wanted, True


def problems(kind: type, where: str, table: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with values for a class under `Checked`, a line each that begins with `where` and name.

    Thread: any. Allocates: yes.
    """
    fields = _fields(kind)
    known = [field.name for field, _, _ in fields]
    found = [problem for one in fields for problem in _problems(one, where, table)]
    unknown = [setting for setting in table if setting not in known]
    return found + [f"{where}.{it} is unknown.{nearest(it, known)} Known: {', '.join(known)}." for it in unknown]


def _problems(
    described: tuple[dataclasses.Field[Any], Any, bool], where: str, table: Mapping[str, Any]
) -> Iterator[str]:
    """What is wrong with one field: nothing, or a line."""
    field, wanted, may_be_none = described
    low, high = field.metadata.get("low"), field.metadata.get("high")
    limits = "" if low is None else f" in [{low}, {high}]"
    words = get_args(wanted) if get_origin(wanted) is Literal else ()
    if field.name not in table:
        if field.default is dataclasses.MISSING:
            use = f"a number{limits}" if limits else f"one of {', '.join(map(written, words))}"
            yield f"{where}.{field.name} is missing. Use {use}."
        return
    value = table[field.name]
    found = f"{where}.{field.name} = {written(value)}"
    if value is None and may_be_none:
        return
    if words:
        if not isinstance(value, str) or value not in words:
            near = nearest(str(value), words)
            yield f"{found} is unknown.{near} Known: {', '.join(map(written, words))}."
    elif not _is_a(value, wanted):
        called, cure = _KINDS.get(wanted, (f"a {getattr(wanted, '__name__', wanted)}", "Make one."))
        yield f"{found} is not {called}. {cure.format(limits=limits)}"
    elif wanted is float and not _is_finite(value):
        yield f"{found} is not a finite number. Use a number{limits}."
    elif low is not None and value < low:
        yield f"{found} is outside [{low}, {high}]. Use {low:g} or more."
    elif high is not None and value > high:
        yield f"{found} is outside [{low}, {high}]. Use {high:g} or less."
    elif field.metadata.get("full") and not value:
        yield f"{found} is empty. Use a name or a path."


def _is_a(value: Any, wanted: Any) -> bool:
    """Whether a value is of a type, as TOML tells them apart: true is no number, and a number is never text."""
    if get_origin(wanted) is tuple:
        return isinstance(value, tuple) and all(isinstance(one, get_args(wanted)[0]) for one in value)
    if isinstance(value, bool) or wanted is bool:
        return isinstance(value, bool) and wanted is bool
    return isinstance(value, (int, float) if wanted is float else wanted)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def written(value: object) -> str:
    """A value as its owner wrote it in TOML.

    Thread: any. Allocates: yes.
    """
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else str(value)
