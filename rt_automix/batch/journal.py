"""`batch.jsonl`: what became of each file, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from rt_automix.batch.item import Row
from rt_automix.errors import UserError
from rt_automix.io.files.whole import write_text

NAME = "batch.jsonl"


class Journal:
    """The rows of a folder by name, the last of each; each new one is in the file before anybody relies on it.

    A line that is not whole, as a process leaves it that was killed, counts for nothing.

    Parameters
    ----------
    folder : Path
        Of the masters. Nothing is written before `open`.

    Raises
    ------
    UserError
        The file is there and cannot be read.

    Thread: main. Allocates: yes.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.rows: dict[str, Row] = {}
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read ({error.strerror}). Change its permissions.") from None
        for row in filter(None, map(Row.from_json, text.splitlines())):
            self.rows[row.name] = row

    def open(self) -> None:
        """Write it anew, without what was half written, and be ready for more. Raises UserError."""
        try:
            self._rewrite(self.rows.values())
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise self._cannot_write(error) from None

    def add(self, row: Row) -> None:
        """Keep a row. Raises UserError."""
        self.rows[row.name] = row
        try:
            self._file.write(row.to_json() + "\n")
            self._file.flush()
        except OSError as error:
            raise self._cannot_write(error) from None

    def close(self, keep: Iterable[str] = ()) -> None:
        """Leave one row for each file: those of this run, and of others what may be gone on from."""
        with contextlib.suppress(OSError):  # what a full disk did not take is written anew
            self._file.close()
        kept = set(keep)
        try:
            self._rewrite(row for row in self.rows.values() if row.name in kept or self._is_needed(row))
        except OSError as error:
            raise self._cannot_write(error) from None

    def _is_needed(self, row: Row) -> bool:
        return row.status != "failed" or (row.is_ours and row.target != "" and (self.path.parent / row.target).exists())

    def _rewrite(self, rows: Iterable[Row]) -> None:
        write_shared(self.path, "".join(row.to_json() + "\n" for row in rows))

    def _cannot_write(self, error: OSError) -> UserError:
        return UserError(
            f"{self.path}: cannot be written ({error.strerror}). Free some space, or choose another folder with -o; "
            "what is done stays."
        )


def write_shared(path: Path, text: str, over: bool = True) -> None:
    """Write a file as `write_text` does, for all to read who may look into its folder. Raises OSError."""
    write_text(path, text, over)
    with contextlib.suppress(OSError):
        path.chmod(path.parent.stat().st_mode & 0o666)
