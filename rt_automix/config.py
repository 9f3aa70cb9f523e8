"""Settings: a TOML file over the defaults below, checked whole before anything starts.

To add a setting: one field here, its line and comment in `data/default.toml`.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from rt_automix import checked, midimap, outputs, surround
from rt_automix.checked import Checked, NotEmpty, between, written
from rt_automix.errors import ConfigError, nearest


@dataclass(frozen=True)
class Master(Checked):
    """What the listener asks for: how much mastering, how bold, from which frequency up, in which style, how loud."""

    amount: Annotated[float, between(0.0, 1.0)] = 1.0
    fine_tone: Annotated[float, between(0.0, 1.0)] = 1.0
    boldness: Annotated[float, between(0.0, 1.0)] = 0.5
    style_strength: Annotated[float, between(0.0, 1.0)] = 0.5
    subsonic_hz: Annotated[float, between(0.0, 60.0)] = 30.0
    profile: NotEmpty = "auto"
    target_lufs: Annotated[float, between(-40.0, -5.0)] | None = None
    suggester: NotEmpty = "auto"


@dataclass(frozen=True)
class Limiter(Checked):
    """The last stage: its true-peak ceiling, and whether it may look ahead."""

    ceiling_dbtp: Annotated[float, between(-12.0, 0.0)] = -1.0
    lookahead: bool = True


@dataclass(frozen=True)
class Rider(Checked):
    """The loop that trims the input so that the output meets the loudness target."""

    enabled: bool = True
    max_trim_db: Annotated[float, between(0.0, 24.0)] = 12.0
    response_s: Annotated[float, between(0.1, 20.0)] = 1.0
    max_db_per_s: Annotated[float, between(1.0, 200.0)] = 60.0
    gate_lufs: Annotated[float, between(-70.0, -30.0)] = -60.0
    night: bool = False


@dataclass(frozen=True)
class Engine(Checked):
    """How the engine works inside."""

    max_block_samples: Annotated[int, between(1, 65536)] = 4096
    analysis_hops: Annotated[int, between(1, 20)] = 4
    pairs: Literal["no", "own", "linked"] = "no"


@dataclass(frozen=True)
class Audio(Checked):
    """The device to play through live, and how; what is empty or left out is chosen by itself."""

    backend: Literal["portaudio", "jack"] = "portaudio"
    name: NotEmpty = "rt_automix"
    connect: bool = True
    device: str = ""
    in_device: str = ""
    out_device: str = ""
    host_api: str = ""
    layout: Literal["auto", "stereo", "5.0", "5.1", "7.1", "pairs"] = "auto"
    in_channels: str = ""
    out_channels: str = ""
    sample_rate_hz: Annotated[int, between(44_100, 96_000)] | None = None
    block_samples: Annotated[int, between(0, 8192)] = 0
    exclusive: bool = False
    allow_feedback: bool = False
    bridge_margin_ms: Annotated[float, between(0.5, 100.0)] = 12.0
    callback: Literal["native", "python"] = "native"

    @property
    def channels(self) -> int:
        """How many the programme has: as the layout says, or as many input channels as a layout has; else two."""
        count = len(surround.numbered(self.in_channels))
        if self.is_paired:
            return max(count, 2)
        if self.layout == "auto":
            return count if count in surround.LAYOUTS else 2
        return surround.channels_of(self.layout)

    @property
    def is_paired(self) -> bool:
        """Whether the channels are stereo pairs side by side, as many as there are input channels."""
        return self.layout == "pairs"

    @property
    def programme(self) -> str:
        """What comes in, in words."""
        return surround.name_of(self.channels, self.is_paired)


@dataclass(frozen=True)
class Midi(Checked):
    """The controllers to listen to, and what their knobs and buttons set."""

    enabled: bool = True
    port: str = ""
    api: Literal["auto", "alsa", "jack", "coremidi", "windows"] = "auto"
    feedback: bool = True
    map: tuple[midimap.MidiMapping, ...] = (midimap.DEFAULT,)


@dataclass(frozen=True)
class Venue(Checked):
    """How loud the main output is at a place, and how loud it may be."""

    spl_calibration_db: Annotated[float, between(0.0, 200.0)] | None = None
    max_laeq_db: Annotated[float, between(60.0, 130.0)] | None = None


@dataclass(frozen=True)
class Config(Checked):
    """Every setting, by section; `dataclasses.asdict` gives it as plain tables."""

    master: Master = Master()
    limiter: Limiter = Limiter()
    rider: Rider = Rider()
    engine: Engine = Engine()
    audio: Audio = Audio()
    venue: Venue = Venue()
    phones: outputs.Phones = outputs.NO_PHONES
    midi: Midi = Midi()
    output: tuple[outputs.Output, ...] = ()

    def of(self, output: outputs.Output) -> Config:
        """The settings as they are for one of the outputs. Thread: main. Allocates: yes."""
        return self.with_overrides(f"output {output.name}", **output.changed())

    def with_overrides(self, source: str = "command line", **settings: object) -> Config:
        """A copy with some settings replaced, checked as a file is.

        Parameters
        ----------
        source : str
            Where the values come from; the messages begin with it.
        **settings
            Values by dotted name, such as ``**{"master.amount": 0.5}``; None leaves a setting as it is. A list of
            tables has no dot in its name.

        Raises
        ------
        ConfigError
            One line for each problem.

        Thread: main. Allocates: yes.
        """
        tables: dict[str, Any] = dataclasses.asdict(self)
        for dotted_name, value in settings.items():
            section, _, name = dotted_name.partition(".")
            if value is not None and not name:
                tables[section] = value
            elif value is not None:
                tables.setdefault(section, {})[name] = value
        config, found = _check(tables, source)
        if found:
            raise ConfigError("\n".join(found))
        return config


_SECTIONS: dict[str, type] = {
    field.name: type(field.default) for field in dataclasses.fields(Config) if dataclasses.is_dataclass(field.default)
}

# Settings that are lists of tables: what an entry is, and what is wrong between the entries, each
# with its place; an entry that could not be read is None there.
_LISTS: dict[str, tuple[type, Callable[[Sequence[Any]], list[tuple[int, str]]]]] = {
    "midi.map": (midimap.MidiMapping, midimap.collisions),
    "output": (outputs.Output, outputs.collisions),
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
    if "bands_db" in tables:
        return Config(), [f"{source}: this is a style, no settings. Use it with --profile, or as profile in [master]."]
    for name, table in tables.items():
        if name in _LISTS:
            sections[name], wrong = _build_list(name, table)
            found += wrong
        elif name not in _SECTIONS:
            found.append(f"section [{name}] is unknown.{nearest(name, _SECTIONS)} Known: {', '.join(_SECTIONS)}.")
        elif not isinstance(table, dict):
            found.append(f"{name} = {written(table)} is not a section. Write [{name}] on a line, its settings below.")
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
    wrong = checked.problems(kind, where, settings)
    return (None if wrong else kind(**settings)), found + wrong


def _build_list(where: str, entries: Any) -> tuple[tuple[Any, ...], list[str]]:
    """The entries of a list of tables that can be used, and every problem found in it; places count from 1."""
    cure = f"Begin each entry with [[{where}]] on a line, its settings below."
    if not isinstance(entries, (list, tuple)):
        return (), [f"{where} = {written(entries)} is not a list of tables. {cure}"]
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
            found.append(f"{here} = {written(entry)} is not a table. {cure}")
        built.append(value)
    found += [f"{where}[{place + 1}] {problem}" for place, problem in between(built)]
    return tuple(value for value in built if value is not None), found
