"""A list of songs in CSV or TOML, with settings for each."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rt_automix.batch import url
from rt_automix.errors import ConfigError, UserError, nearest

NUMBERS = ("amount", "fine_tone", "boldness", "style_strength", "target_lufs", "ceiling_dbtp", "bits")
WORDS = ("profile", "reference", "for", "suggester", "lookahead", "mono", "to")
NAMES = ("source", "target", *WORDS, *NUMBERS)
"""Columns, or keys of a ``[[song]]``: the options of `rt-automix batch` with underscores."""


@dataclass(frozen=True)
class Entry:
    """A song of a list.

    Parameters
    ----------
    source : Path or Url
    target : str
        Empty where the list names none.
    options : dict
        Settings of its own by their names in `WORDS` and `NUMBERS`.
    where : str
        Its place in the list, for messages.
    """

    source: url.Place
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


def read(path: Path) -> list[Entry]:
    """The songs of a list, relative names taken from where the list is.

    Raises
    ------
    UserError, ConfigError
        It cannot be read, or an entry is wrong: one line for each, all at once.

    Thread: main. Allocates: yes.
    """
    readers = {".csv": _csv, ".toml": _toml}
    if path.suffix.lower() not in readers:
        raise UserError(f'{path}: a list ends in .csv or .toml, not in "{path.suffix}". Rename it.')
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file. Check the name and the folder.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error}). Save it in UTF-8.") from None
    entries, found = [], []
    for where, table in readers[path.suffix.lower()](text, path):
        problems = list(_problems(where, table))
        found += problems
        if not problems:
            entries.append(_entry(path.parent, where, table))
    if found:
        raise ConfigError("\n".join(found))
    if not entries:
        raise UserError(f"{path}: there is no song in it. A list has a column, or in each [[song]] a key, source.")
    return entries


def _csv(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows as tables: empty fields left out, numbers as such."""
    lines = text.splitlines()
    delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if row.pop(None, None):  # type: ignore[call-overload]
                raise ConfigError(f"{where}: more fields than columns. Put names with a {delimiter} in quotes.")
            yield (
                where,
                {
                    name.strip(): _number(value.strip()) if name.strip() in NUMBERS else value.strip()
                    for name, value in row.items()
                    if value and value.strip()
                },
            )
    except csv.Error as error:
        raise ConfigError(f"{path}:{reader.line_num}: not CSV ({error}). Look at the quotes there.") from None


def _number(text: str) -> float | str:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return text


def _toml(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        songs = tomllib.loads(text).get("song", [])
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML ({error}). Write a [[song]] for each.") from None
    if not isinstance(songs, list) or not all(isinstance(song, dict) for song in songs):
        raise ConfigError(f"{path}: song is not a list of tables. Write [[song]] for each, in double brackets.")
    for number, song in enumerate(songs, 1):
        yield f"{path}: song {number}", song


def _problems(where: str, table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if name not in NAMES:
            yield f"{where}: {name} is unknown.{nearest(name, NAMES)} Known: {', '.join(NAMES)}."
        elif name in NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
            yield f"{where}: {name} = {value} is not a number. Use a number, with a point."
        elif name not in NUMBERS and not isinstance(value, str):
            yield f"{where}: {name} = {value} is not text. Use text in quotes."
    if not table.get("source"):
        yield f"{where}: source is missing. Name the file."
    target = Path(str(table.get("target", "")))
    if target.is_absolute() or ".." in target.parts:
        yield f"{where}: target = {target} is outside the folder of the masters. Use a name from there on."
    if target.parts and target.suffix.lower() not in (".wav", ".flac"):
        yield f'{where}: target = {target} ends in "{target.suffix}". Allowed are .wav and .flac.'
    if "profile" in table and "reference" in table:
        yield f"{where}: profile and reference both name the style. Give one of them."


def _entry(folder: Path, where: str, table: Mapping[str, Any]) -> Entry:
    options = {name: value for name, value in table.items() if name not in ("source", "target")}
    if "reference" in options:
        options["reference"] = str(folder / options["reference"])
    if str(options.get("profile", "")).endswith(".toml"):
        options["profile"] = str(folder / options["profile"])
    source = url.Url(table["source"]) if url.is_url(table["source"]) else folder / table["source"]
    return Entry(source, table.get("target", ""), options, where)
