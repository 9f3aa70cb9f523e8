"""A learned mapping, written into a settings file: what else stands there stays, comments too."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_automix.errors import ConfigError

if TYPE_CHECKING:
    from rt_automix.config import Config
    from rt_automix.midimap import MidiMapping


def write(path: Path, before: Config, mapping: MidiMapping, port: str | None) -> list[MidiMapping]:
    """Put a mapping into a file, in the place of those of the same control or the same knob.

    Parameters
    ----------
    path : Path
        Written whole or not at all; made if there is none.
    before : Config
        What the file says now.
    mapping : MidiMapping
    port : str or None
        Part of a port's name to listen to from now on; None leaves that as it is.

    Returns
    -------
    list of MidiMapping : what it replaced.

    Raises
    ------
    ConfigError
        The file cannot be written.

    Thread: main. Allocates: yes.
    """
    old = list(before.midi.map)
    is_replaced = [other.sets == mapping.sets or other.shares_with(mapping) for other in old]
    try:
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        wanted = [*_kept(old, is_replaced), mapping]
        _replace(path.resolve(), _edited(text, old, is_replaced, mapping, port), wanted)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from None
    return [other for other, gone in zip(old, is_replaced, strict=True) if gone]


def _kept(old: list[MidiMapping], is_replaced: list[bool]) -> list[MidiMapping]:
    return [other for other, gone in zip(old, is_replaced, strict=True) if not gone]


def _edited(text: str, old: list[MidiMapping], is_replaced: list[bool], mapping: MidiMapping, port: str | None) -> str:
    """The text of the file with the mapping in it; without any mapping in it, with those that held till now."""
    import tomlkit
    from tomlkit.items import AoT, InlineTable

    document: Any = tomlkit.parse(text)
    if "midi" not in document:
        document["midi"] = tomlkit.table()
    section = document["midi"]
    if port is not None:
        section["port"] = port
    if "map" in section:
        entries, new = section["map"], [mapping]
        for place in reversed(range(len(old))):
            if is_replaced[place]:
                del entries[place]
    else:
        entries = tomlkit.array() if isinstance(section, InlineTable) else tomlkit.aot()
        new = [*_kept(old, is_replaced), mapping]
    for one in new:
        table = tomlkit.table() if isinstance(entries, AoT) else tomlkit.inline_table()
        table.update({name: value for name, value in asdict(one).items() if value is not None})
        entries.append(table)
    if isinstance(entries, AoT):
        entries[-1].add(tomlkit.nl())  # before what follows in the file
    section["map"] = entries
    return tomlkit.dumps(document).strip("\n") + "\n"


def _replace(path: Path, text: str, wanted: list[MidiMapping]) -> None:
    """Write the file at once, or not at all should it not read back as what is wanted."""
    from rt_automix import config

    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        if path.exists():
            shutil.copymode(path, unfinished)
        if config.problems(unfinished) or list(config.load(unfinished).midi.map) != wanted:
            raise ConfigError(
                f"{path}: its [midi] is written in a way that cannot be edited here. "
                "Write each mapping as [[midi.map]], its settings below."
            )
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
