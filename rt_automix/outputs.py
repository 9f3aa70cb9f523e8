"""Where a session's sound goes, when that is to more than one place: what an output is, and what outputs may not be.

All of them listen to the same input. What an output leaves out is as the settings say for all; the first is the main
one.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_type_hints

from rt_automix.checked import Checked, NotEmpty, between
from rt_automix.errors import ConfigError, nearest

MOST_OUTPUTS = 16

PREFIX = "output/"
"""A control of one output is called output/NAME/CONTROL, wherever a control is named."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,20}")
_ADDRESSED = re.compile(rf"({PREFIX}[^/]*/)(.*)", re.DOTALL)
_CHANNELS = re.compile(r"\d+(,\d+)?")


@dataclass(frozen=True)
class Output(Checked):
    """One output: where it goes, and what is different about it.

    `channels` are those of the device, counted from 1; `file` is a take's; `program` is a command that reads raw
    float32 stereo frames on its standard input, and may say {rate}.
    """

    name: NotEmpty = "main"
    channels: str = ""
    file: str = ""
    program: str = ""
    profile: str = ""
    target_lufs: Annotated[float, between(-40.0, -5.0)] | None = None
    ceiling_dbtp: Annotated[float, between(-12.0, 0.0)] | None = None
    amount: Annotated[float, between(0.0, 1.0)] | None = None
    fine_tone: Annotated[float, between(0.0, 1.0)] | None = None
    boldness: Annotated[float, between(0.0, 1.0)] | None = None
    style_strength: Annotated[float, between(0.0, 1.0)] | None = None
    output_trim_db: Annotated[float, between(-40.0, 0.0)] = 0.0
    ride: bool | None = None
    night: bool | None = None
    lookahead: bool | None = None

    def problems(self) -> list[str]:
        """What is wrong with it as a whole, each beginning with the setting that is at fault."""
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(f'name = "{self.name}" cannot be used. Use up to 20 letters, digits, - and _.')
        if self.channels and not _CHANNELS.fullmatch(self.channels):
            found.append(f'channels = "{self.channels}": neither one channel nor two. Write it like "1" or "3,4".')
        try:
            shlex.split(self.program)
        except ValueError as error:
            found.append(f"program cannot be read ({error}). Write it as in a shell, quotes in pairs.")
        return found

    @property
    def command(self) -> list[str]:
        """The program and its arguments; empty where there is none."""
        return shlex.split(self.program)

    def changed(self) -> dict[str, Any]:
        """What it says of how it sounds, by the names of settings."""
        said = {
            "master.profile": self.profile or None,
            "limiter.ceiling_dbtp": self.ceiling_dbtp,
            "limiter.lookahead": self.lookahead,
            "rider.enabled": self.ride,
            "rider.night": self.night,
        }
        names = ("target_lufs", "amount", "fine_tone", "boldness", "style_strength")
        said |= {f"master.{name}": getattr(self, name) for name in names}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True)
class Phones(Checked):
    """Where one of the outputs, whichever is wanted, is heard beside them.

    `channels` are those of the device, counted from 1; on JACK there are ports of their own, also without.
    """

    enabled: bool = False
    channels: str = ""

    @property
    def are_there(self) -> bool:
        """Whether there are any."""
        return self.enabled or bool(self.channels)

    def problems(self, outputs: Sequence[Output]) -> list[str]:
        """What is wrong with them beside such outputs, each beginning with the setting that is at fault."""
        if self.channels and not _CHANNELS.fullmatch(self.channels):
            return [f'channels = "{self.channels}": neither one channel nor two. Write it like "5" or "5,6".']
        wanted = self.channels.split(",")
        taken = {channel: one.name for one in outputs for channel in filter(None, one.channels.split(","))}
        return [
            f'channels = "{self.channels}": "{taken[channel]}" plays to channel {channel}. Use others.'
            for channel in wanted
            if channel in taken
        ]


NO_PHONES = Phones()


def addressed(control: str) -> tuple[str, str]:
    """A control's name in two: the output that it is of ("output/NAME/", or "" for the main one), and the rest.

    Thread: any. Allocates: yes.
    """
    found = _ADDRESSED.fullmatch(control)
    return (found[1], found[2]) if found else ("", control)


def no_output(control: str, name: str, names: Collection[str]) -> ConfigError:
    """That a control is of an output that is not there. Thread: any but audio. Allocates: yes."""
    known = f"{nearest(name, names)} There are: {', '.join(names) or 'none'}."
    return ConfigError(f'{control}: there is no output "{name}".{known}')


def no_phones(control: str) -> ConfigError:
    """That a control is of phones that are not there. Thread: any but audio. Allocates: yes."""
    return ConfigError(f"{control}: there are no phones. Say where they are: --phones channels=5,6.")


def collisions(outputs: Sequence[Output | None]) -> list[tuple[int, str]]:
    """What is wrong between outputs: the place of the later one, and what."""
    found: list[tuple[int, str]] = []
    names: dict[str, int] = {}
    places: dict[str, str] = {}
    for place, output in enumerate(outputs):
        if output is None:
            continue
        if output.name in names:
            found.append((place, f'has the name "{output.name}" of another. Give each a name of its own.'))
        names.setdefault(output.name, place)
        for channel in filter(None, output.channels.split(",")):
            if channel in places:
                found.append((place, f'plays to channel {channel}, as "{places[channel]}" does. Use another.'))
            places.setdefault(channel, output.name)
    if len(outputs) > MOST_OUTPUTS:
        found.append((MOST_OUTPUTS, f"is one too many: there can be {MOST_OUTPUTS} outputs. Leave some out."))
    return found


def with_pairs(tables: dict[str, dict[str, Any]], count: int) -> dict[str, dict[str, Any]]:
    """Outputs that are pairs of channels, by name: those that are said, in their order, then as many as are missing.

    Raises
    ------
    ConfigError
        More are said than there are, or one says where it goes.

    Thread: main. Allocates: yes.
    """
    if len(tables) > count:
        raise ConfigError(f"{len(tables)} outputs, {count} pairs: with --pairs own each output is one. Leave some out.")
    for name, table in tables.items():
        if table.get("channels"):
            raise ConfigError(f'output "{name}": with --pairs own it has the channels of its pair. Say --out-channels.')
    missing = (f"pair{number}" for number in range(len(tables) + 1, count + 1))
    return {**tables, **{name: {"name": name} for name in missing}}


def understood(text: str) -> dict[str, Any]:
    """An output as the command line has it: NAME: SETTING=VALUE ..., quoted as in a shell.

    Raises
    ------
    ConfigError
        It is none; whether the values are right is not judged here.

    Thread: main. Allocates: yes.
    """
    name, colon, rest = text.partition(":")
    where = f'--output "{text}"'
    if not colon or not name.strip():
        raise ConfigError(f'{where}: begins with no name. Write it like "stream: channels=3,4 target_lufs=-16".')
    return {"name": name.strip(), **_table(Output, rest, where, but="name")}


def phones_understood(text: str) -> dict[str, Any]:
    """Phones as the command line has them: SETTING=VALUE ..., or nothing, which has them, too.

    Raises
    ------
    ConfigError
        It is something else; whether the values are right is not judged here.

    Thread: main. Allocates: yes.
    """
    return {"enabled": True, **_table(Phones, text, f'--phones "{text}"')}


def _table(kind: type, text: str, where: str, but: str = "") -> dict[str, Any]:
    """Settings of a kind as the command line has them: SETTING=VALUE ..., quoted as in a shell."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{where}: cannot be read ({error}). Quote as in a shell.") from None
    table: dict[str, Any] = {}
    for word in words:
        setting, is_set, value = word.partition("=")
        if not is_set:
            raise ConfigError(f'{where}: "{word}" sets nothing. Write SETTING=VALUE.')
        if setting not in _kinds(kind) or setting == but:
            raise ConfigError(f"{where}: {setting} is unknown.{nearest(setting, _kinds(kind))}")
        table[setting] = _read(value, _kinds(kind)[setting])
    return table


@cache
def _kinds(kind: type) -> dict[str, str]:
    hints = get_type_hints(kind)
    return {field.name: str(hints[field.name]) for field in dataclasses.fields(kind)}


def _read(value: str, kind: str) -> Any:
    """A value as its setting wants it, or as it stands: then the check says what is wrong."""
    if "bool" in kind:
        return {"true": True, "false": False}.get(value.casefold(), value)
    if "float" in kind:
        try:
            return float(value)
        except ValueError:
            return value
    return value
