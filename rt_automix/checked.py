"""Settings that know what they may be: frozen dataclasses, judged by msgspec whenever one is made.

A kind of settings is a class under `Checked`. What a field may hold follows from its type: a number, a
whole number, true or false, text, one of several words, or values of such a class, each of them also
with `| None`, and with limits as `between`. What is wrong is said in words of our own, all of it at once.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from msgspec import Meta, inspect

from rt_automix.errors import ConfigError, nearest

NotEmpty = Annotated[str, Meta(min_length=1)]


def between(low: float, high: float) -> Meta:
    """Limits of a number, in an `Annotated`."""
    return Meta(ge=low, le=high)


_KINDS: dict[type, tuple[str, str]] = {
    inspect.FloatType: ("a number", "Use a number{limits}, without quotes."),
    inspect.IntType: ("a whole number", "Use a whole number{limits}, without point or quotes."),
    inspect.BoolType: ("true or false", "Use true or false, without quotes."),
    inspect.StrType: ("text", "Use text in quotes."),
}

_PLAIN: dict[type, type] = {
    inspect.FloatType: float,
    inspect.IntType: int,
    inspect.BoolType: bool,
    inspect.StrType: str,
}


class Checked:
    """Base of the dataclasses that are checked when they are made; whole numbers become floats where those belong.

    Raises
    ------
    ConfigError
        One line for each problem, `problems` with the name of the class.
    """

    def __post_init__(self) -> None:
        kind: Any = type(self)
        if found := problems(kind, kind.__name__, vars(self)):
            raise ConfigError("\n".join(found))
        for name, value in vars(self).items():
            if type(value) is int and isinstance(_fields(kind)[name].wanted, inspect.FloatType):
                object.__setattr__(self, name, float(value))


@dataclasses.dataclass(frozen=True)
class _Field:
    """What a setting may hold: as Python's type, as msgspec sees it but for `| None`; whether it can be left out."""

    hint: Any
    wanted: inspect.Type
    has_default: bool


@cache
def _fields(kind: type) -> dict[str, _Field]:
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        wanted = inspect.type_info(hints[field.name])
        if isinstance(wanted, inspect.UnionType):
            (wanted,) = (part for part in wanted.types if not isinstance(part, inspect.NoneType))
        found[field.name] = _Field(hints[field.name], wanted, field.default is not dataclasses.MISSING)
    return found


def problems(kind: type, where: str, table: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with values for a class under `Checked`, a line each that begins with `where` and name.

    Thread: any. Allocates: yes.
    """
    fields = _fields(kind)
    found = [problem for name in fields for problem in _problems(fields[name], where, name, table)]
    unknown = [setting for setting in table if setting not in fields]
    return found + [f"{where}.{it} is unknown.{nearest(it, fields)} Known: {', '.join(fields)}." for it in unknown]


def _problems(field: _Field, where: str, name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one field: nothing, or a line."""
    low, high = getattr(field.wanted, "ge", None), getattr(field.wanted, "le", None)
    limits = "" if low is None else f" in [{low}, {high}]"
    words = get_args(field.hint) if isinstance(field.wanted, inspect.LiteralType) else ()
    if name not in table:
        if not field.has_default:
            use = f"a number{limits}" if limits else f"one of {', '.join(map(written, words))}"
            yield f"{where}.{name} is missing. Use {use}."
        return
    value = table[name]
    found = f"{where}.{name} = {written(value)}"
    if isinstance(field.wanted, inspect.DataclassType | inspect.VarTupleType):
        if not _is_made(value, field.wanted):
            yield f"{found} is not a {getattr(field.hint, '__name__', field.hint)}. Make one."
    elif words:
        if not _takes(field.hint, value):
            yield f"{found} is unknown.{nearest(str(value), words)} Known: {', '.join(map(written, words))}."
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{found} is not a finite number. Use a number{limits}."
    elif not _takes(field.hint, value):
        called, cure = _KINDS[type(field.wanted)]
        if value == "" and isinstance(field.wanted, inspect.StrType):
            yield f"{found} is empty. Use a name or a path."
        elif not _takes(_PLAIN[type(field.wanted)], value):
            yield f"{found} is not {called}. {cure.format(limits=limits)}"
        else:
            bound = f"{low:g} or more" if low is not None and value < low else f"{high:g} or less"
            yield f"{found} is outside [{low}, {high}]. Use {bound}."


def _takes(hint: Any, value: Any) -> bool:
    """Whether a value is of a type and within its limits, as TOML tells them apart: true is no number."""
    try:
        msgspec.convert(value, hint)
    except (msgspec.ValidationError, OverflowError):
        return False
    return True


def _is_made(value: Any, wanted: inspect.Type) -> bool:
    """Whether it is of a class under `Checked`, which has checked it, or a tuple of such."""
    if isinstance(wanted, inspect.VarTupleType):
        return isinstance(value, tuple) and all(_is_made(one, wanted.item_type) for one in value)
    return isinstance(value, wanted.cls)  # type: ignore[attr-defined]


def written(value: object) -> str:
    """A value as its owner wrote it in TOML.

    Thread: any. Allocates: yes.
    """
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else str(value)
