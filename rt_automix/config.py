"""Settings: a TOML file over the defaults below, checked whole before anything starts.

To add a setting: one field here, its line and comment in `data/default.toml`.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from rt_automix import midimap
from rt_automix.errors import ConfigError, nearest

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, config=_STRICT)
class Master:
    """What the listener asks for: how much mastering, in which style, how loud."""

    amount: float = Field(default=1.0, ge=0.0, le=1.0)
    fine_tone: float = Field(default=1.0, ge=0.0, le=1.0)
    profile: str = Field(default="balanced", min_length=1)
    target_lufs: float | None = Field(default=None, ge=-40.0, le=-5.0)
    suggester: str = Field(default="auto", min_length=1)


@dataclass(frozen=True, config=_STRICT)
class Limiter:
    """The last stage: its true-peak ceiling, and whether it may look ahead."""

    ceiling_dbtp: float = Field(default=-1.0, ge=-12.0, le=0.0)
    lookahead: bool = True


@dataclass(frozen=True, config=_STRICT)
class Rider:
    """The loop that trims the input so that the output meets the loudness target."""

    enabled: bool = True
    max_trim_db: float = Field(default=12.0, ge=0.0, le=24.0)
    response_s: float = Field(default=1.0, ge=0.1, le=20.0)
    max_db_per_s: float = Field(default=60.0, ge=1.0, le=200.0)
    gate_lufs: float = Field(default=-60.0, ge=-70.0, le=-30.0)


@dataclass(frozen=True, config=_STRICT)
class Engine:
    """How the engine works inside."""

    max_block_samples: int = Field(default=4096, ge=1, le=65536)
    analysis_hops: int = Field(default=4, ge=1, le=20)


@dataclass(frozen=True, config=_STRICT)
class Audio:
    """The device to play through live, and how; what is empty or left out is chosen by itself."""

    backend: Literal["portaudio", "jack"] = "portaudio"
    device: str = ""
    in_device: str = ""
    out_device: str = ""
    host_api: str = ""
    in_channels: str = ""
    out_channels: str = ""
    sample_rate_hz: int | None = Field(default=None, ge=44_100, le=96_000)
    block_samples: int = Field(default=0, ge=0, le=8192)
    exclusive: bool = False
    allow_feedback: bool = False
    bridge_margin_ms: float = Field(default=12.0, ge=0.5, le=100.0)
    callback: Literal["native", "python"] = "native"


@dataclass(frozen=True, config=_STRICT)
class Midi:
    """The controllers to listen to, and what their knobs and buttons set."""

    enabled: bool = True
    port: str = ""
    api: Literal["auto", "alsa", "jack", "coremidi", "windows"] = "auto"
    feedback: bool = True
    map: tuple[midimap.MidiMapping, ...] = (midimap.DEFAULT,)


@dataclass(frozen=True, config=_STRICT)
class Config:
    """Every setting, by section; `dataclasses.asdict` gives it as plain tables."""

    master: Master = Master()
    limiter: Limiter = Limiter()
    rider: Rider = Rider()
    engine: Engine = Engine()
    audio: Audio = Audio()
    midi: Midi = Midi()

    def with_overrides(self, source: str = "command line", **settings: object) -> Config:
        """A copy with some settings replaced, checked as a file is.

        Parameters
        ----------
        source : str
            Where the values come from; the messages begin with it.
        **settings
            Values by dotted name, such as ``**{"master.amount": 0.5}``; None leaves a setting as it is.

        Raises
        ------
        ConfigError
            One line for each problem.

        Thread: main. Allocates: yes.
        """
        tables: dict[str, Any] = dataclasses.asdict(self)
        for dotted_name, value in settings.items():
            section, _, name = dotted_name.partition(".")
            if value is not None:
                tables.setdefault(section, {})[name] = value
        config, found = _check(tables, source)
        if found:
            raise ConfigError("\n".join(found))
        return config


_SECTIONS: dict[str, type] = {field.name: type(field.default) for field in dataclasses.fields(Config)}

# Settings that are lists of tables: what an entry is, and what is wrong between the entries, each
# with its place; an entry that could not be read is None there.
_LISTS: dict[str, tuple[type, Callable[[Sequence[Any]], list[tuple[int, str]]]]] = {
    "midi.map": (midimap.MidiMapping, midimap.collisions),
}


def load(path: str | Path | None) -> Config:
    """Read and check a settings file; None gives the defaults.

    Raises
    ------
    ConfigError
        The file cannot be read or a setting is wrong: one line for each problem, all at once.

    Thread: main. Allocates: yes.
    """
    config, found = (Config(), []) if path is None else _read(path)
    if found:
        raise ConfigError("\n".join(found))
    return config


def problems(path: str | Path) -> list[str]:
    """Everything that is wrong with a settings file, one message each; empty if nothing is.

    Thread: main. Allocates: yes.
    """
    return _read(path)[1]


def default_toml() -> str:
    """The shipped file that documents every setting and holds its default.

    Thread: main. Allocates: yes.
    """
    return resources.files("rt_automix").joinpath("data/default.toml").read_text(encoding="utf-8")


def _read(path: str | Path) -> tuple[Config, list[str]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        return Config(), [f"{path}: byte {error.start} is not UTF-8 text. Save the file as UTF-8."]
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: a giant number, a bottomless list
        return Config(), [f"{path}: not valid TOML: {error}. Settings are written name = value, text in quotes."]
    except OSError as error:
        return Config(), [f"{path}: cannot be read: {error.strerror}. Give the path of a TOML file."]
    return _check(tables, str(path))


def _check(tables: Mapping[str, Any], source: str) -> tuple[Config, list[str]]:
    """The settings in `tables` over the defaults, and every problem found in them."""
    found: list[str] = []
    sections: dict[str, Any] = {}
    for name, table in tables.items():
        if name not in _SECTIONS:
            found.append(f"section [{name}] is unknown.{nearest(name, _SECTIONS)} Known: {', '.join(_SECTIONS)}.")
        elif not isinstance(table, dict):
            found.append(f"{name} = {_toml(table)} is not a section. Write [{name}] on a line, its settings below.")
        else:
            section, wrong = _build(_SECTIONS[name], name, table)
            found += wrong
            if section is not None:
                sections[name] = section
    return Config(**sections), [f"{source}: {problem}" for problem in found]


def _build(kind: type, where: str, table: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """A section, or an entry of a list, from its table (None if it has none), and every problem found in it."""
    found: list[str] = []
    settings = dict(table)
    for name in settings:
        if f"{where}.{name}" in _LISTS:
            settings[name], wrong = _build_list(f"{where}.{name}", settings[name])
            found += wrong
    try:
        return kind(**settings), found
    except ValidationError as errors:
        return None, found + [_message(kind, where, error) for error in errors.errors()]


def _build_list(where: str, entries: Any) -> tuple[tuple[Any, ...], list[str]]:
    """The entries of a list of tables that can be used, and every problem found in it; places count from 1."""
    cure = f"Begin each entry with [[{where}]] on a line, its settings below."
    if not isinstance(entries, (list, tuple)):
        return (), [f"{where} = {_toml(entries)} is not a list of tables. {cure}"]
    kind, between = _LISTS[where]
    found: list[str] = []
    built: list[Any] = []
    for number, entry in enumerate(entries, 1):
        here = f"{where}[{number}]"
        if isinstance(entry, dict):
            value, wrong = _build(kind, here, entry)
            found += wrong if value is None else [f"{here}.{problem}" for problem in value.problems()]
        else:
            value = None
            found.append(f"{here} = {_toml(entry)} is not a table. {cure}")
        built.append(value)
    found += [f"{where}[{place + 1}] {problem}" for place, problem in between(built)]
    return tuple(value for value in built if value is not None), found


_KINDS = {
    "float_type": ("a number", "Use a number{limits}, without quotes."),
    "int_type": ("a whole number", "Use a whole number{limits}, without point or quotes."),
    "bool_type": ("true or false", "Use true or false, without quotes."),
    "string_type": ("text", "Use text in quotes."),
}


def _message(kind: type, where: str, error: Mapping[str, Any]) -> str:
    """What pydantic found, as what was found, what is allowed, and the cure."""
    name = str(error["loc"][0])
    fields = kind.__pydantic_fields__  # type: ignore[attr-defined]
    if name not in fields:
        return f"{where}.{name} is unknown.{nearest(name, fields)} Known: {', '.join(fields)}."
    low = next((limit.ge for limit in fields[name].metadata if hasattr(limit, "ge")), None)
    high = next((limit.le for limit in fields[name].metadata if hasattr(limit, "le")), None)
    limits = "" if low is None else f" in [{low}, {high}]"
    words = ", ".join(map(_toml, get_args(fields[name].annotation)))
    found = f"{where}.{name} = {_toml(error['input'])}"
    match error["type"]:
        case "missing":
            return f"{where}.{name} is missing. Use {f'a number{limits}' if limits else f'one of {words}'}."
        case "greater_than_equal":
            return f"{found} is outside [{low}, {high}]. Use {low:g} or more."
        case "less_than_equal":
            return f"{found} is outside [{low}, {high}]. Use {high:g} or less."
        case "finite_number":
            return f"{found} is not a finite number. Use a number{limits}."
        case "string_too_short":
            return f"{found} is empty. Use a name or a path."
        case "literal_error":
            near = nearest(str(error["input"]), get_args(fields[name].annotation))
            return f"{found} is unknown.{near} Known: {words}."
        case kind_of_error:
            wanted, cure = _KINDS[kind_of_error]
            return f"{found} is not {wanted}. {cure.format(limits=limits)}"


def _toml(value: object) -> str:
    """A value as its owner wrote it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else str(value)
