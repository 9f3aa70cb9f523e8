"""In which order the songs of a record come: by a cue sheet, by the numbers in their tags, or by their names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from rt_automix.batch.item import Item
from rt_automix.errors import UserError


def expanded(words: Iterable[str | Path]) -> list[str | Path]:
    """The same, with the files that a cue sheet names in its place, in its order.

    Raises
    ------
    UserError
        A cue sheet cannot be read, names nothing, or cuts one file into songs.

    Thread: any but audio. Allocates: yes.
    """
    found: list[str | Path] = []
    for word in words:
        found += _of_cue(Path(word)) if Path(word).suffix.lower() == ".cue" else [word]
    return found


def ordered(items: Sequence[Item]) -> list[Item]:
    """Items by disc and track, if each has a number in its tags and no two the same; else as they are.

    Thread: any but audio. Allocates: yes.
    """
    numbers = [_number(item.path) for item in items]
    known = [number for number in numbers if number is not None]
    if len(known) < len(items) or len(set(known)) < len(known):
        return list(items)
    return [item for _, item in sorted(zip(known, items, strict=True), key=lambda pair: pair[0])]


def _number(source: Path) -> tuple[int, int] | None:
    """Disc and track, by a file's tags."""
    from rt_automix.io.files import tags

    texts = tags.texts(source)
    disc, track = (_first_number(texts.get(name, [])) for name in ("discnumber", "tracknumber"))
    return None if track is None else (disc or 1, track)


def _first_number(texts: Sequence[str]) -> int | None:
    found = re.match(r"\s*(\d+)", texts[0]) if texts else None
    return int(found[1]) if found else None


def _of_cue(path: Path) -> list[str | Path]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Check name and permissions.") from None
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = text.decode("latin-1").splitlines()
    files: list[str | Path] = []
    tracks = 0
    for line in map(str.strip, lines):
        if line.upper().startswith("FILE "):
            quoted = re.match(r'FILE\s+"([^"]+)"', line, re.IGNORECASE)
            files.append(path.parent / (quoted[1] if quoted else line.split()[1]))
        tracks += line.upper().startswith("TRACK ")
    if not files:
        raise UserError(f"{path}: names no FILE. Name the songs themselves.")
    if tracks > len(files):
        split = f"`shnsplit -f {shlex.quote(str(path))} -o flac {shlex.quote(str(files[0]))}`"
        raise UserError(
            f"{path}: cuts one file into {tracks} songs. Cut it first, with {split}, and name what it made."
        )
    return files
