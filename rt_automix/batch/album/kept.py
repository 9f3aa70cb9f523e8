"""`album.jsonl`: what was heard of each song and what was made of it, so that a run that was stopped goes on."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.recordings.measure import Measurement
from rt_automix.batch.album.work import Heard, Mastered
from rt_automix.batch.journal import write_shared
from rt_automix.dsp.loudness import loudness
from rt_automix.errors import UserError

NAME = "album.jsonl"


class Kept:
    """Songs as they were heard, by (source hash, `How.key`), and masters, by (target, `Row.settings`).

    A line that is not whole, as a process leaves it that was killed, counts for nothing. While it is open, what is
    new is in the file at once; what was not asked for is gone when it is closed.

    Parameters
    ----------
    folder : Path
        Of the masters. Nothing is written before it is entered.

    Thread: main. Allocates: yes.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.heard: dict[tuple[str, str], Heard] = {}
        self.mastered: dict[tuple[str, str], Mastered] = {}
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read ({error.strerror}). Change its permissions.") from None
        for line in text.splitlines():
            self._take(line)

    def __enter__(self) -> Kept:
        try:
            lines = [_heard_line(*key, one) for key, one in self.heard.items()]
            lines += [_mastered_line(*key, one) for key, one in self.mastered.items()]
            write_shared(self.path, "".join(lines))
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise self._cannot_write(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what a full disk did not take is heard again
            self._file.close()

    def add_heard(self, source_hash: str, settings: str, heard: Heard) -> None:
        """Keep what was heard of a song. Raises UserError."""
        self.heard[source_hash, settings] = heard
        self._add(_heard_line(source_hash, settings, heard))

    def add_mastered(self, target: str, settings: str, mastered: Mastered) -> None:
        """Keep what was made of one, in the place of what was there. Raises UserError."""
        for key in [key for key in self.mastered if key[0] == target]:
            del self.mastered[key]
        self.mastered[target, settings] = mastered
        self._add(_mastered_line(target, settings, mastered))

    def _add(self, line: str) -> None:
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> UserError:
        return UserError(f"{self.path}: cannot be written ({error.strerror}). Free some space; what is done stays.")

    def _take(self, line: str) -> None:
        try:
            row: dict[str, Any] = json.loads(line)
            if "heard" in row:
                self.heard[row["source_hash"], row["settings"]] = _heard(row["heard"])
            else:
                self.mastered[row["target"], row["settings"]] = _mastered(row["mastered"])
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            return


def _heard_line(source_hash: str, settings: str, heard: Heard) -> str:
    return json.dumps({"source_hash": source_hash, "settings": settings, "heard": asdict(heard)}) + "\n"


def _mastered_line(target: str, settings: str, mastered: Mastered) -> str:
    bins = np.flatnonzero(mastered.gated)
    table = asdict(mastered) | {"gated": [bins.tolist(), mastered.gated[bins].tolist()]}
    return json.dumps({"target": target, "settings": settings, "mastered": table}) + "\n"


def _heard(table: dict[str, Any]) -> Heard:
    rest = {name: tuple(table[name]) for name in ("values", "fine_db", "notes")}
    return Heard(**{**table, **rest, "input": Measurement(**table["input"]), "profile": _profile(table["profile"])})


def _mastered(table: dict[str, Any]) -> Mastered:
    gated = np.zeros(loudness.GATED_SIZE)
    bins, values = table["gated"]
    gated[bins] = values
    made = {"output": Measurement(**table["output"]), "profile": _profile(table["profile"]), "gated": gated}
    return Mastered(**{**table, **made, "notes": tuple(table["notes"])})


def _profile(table: dict[str, Any] | None) -> Profile | None:
    return None if table is None else Profile(**{**table, "bands_db": tuple(table["bands_db"])})
