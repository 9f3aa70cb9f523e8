"""What a process is given to do for a record: hear a song, play a run of them, write gains into a master."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.recordings.measure import Measurement
from rt_automix.batch.item import How, Item, Row, hash_of
from rt_automix.batch.worker import CHANGED, state_of, why
from rt_automix.errors import AudioFileError
from rt_automix.render import album
from rt_automix.render.album import Heard, Mastered, Run

__all__ = ["Hear", "HearAnswer", "Heard", "Mastered", "Play", "Song", "Tag", "TagAnswer", "key_of"]

_NOWHERE = Path()


@dataclass(frozen=True)
class Song:
    """A song of a run: its number on the record, what it is made of and how, as `Row` has it."""

    number: int
    item: Item
    source_hash: str
    key: str


def key_of(run: Run, how: How, source_hashes: Sequence[str], number: int) -> str:
    """Short text that is another for whatever would make another master of a song of a run.

    Thread: any but audio. Allocates: yes.
    """
    told = [how.key(), run.values, run.fine_db, run.targets_lufs, run.inputs_lufs, list(source_hashes), number]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class HearAnswer:
    """What was heard; None where it is known already, or where a reason says why it could not be."""

    number: int
    source_hash: str
    heard: Heard | None = None
    reason: str = ""


@dataclass(frozen=True)
class Hear:
    """Hear a song, unless it is one of those that are `known` by their content."""

    number: int
    item: Item
    known: frozenset[str]
    scratch: Path = _NOWHERE

    def do(self) -> HearAnswer:
        """Hear it."""
        source, source_hash, how = self.item.path, "", self.item.how
        seen = state_of(source)
        try:
            with contextlib.suppress(OSError):  # what is wrong with it the reader says better
                source_hash = hash_of(source)
            if source_hash in self.known:
                return HearAnswer(self.number, source_hash)
            heard = album.hear(source, how.config, how.style, how.mono)
            if state_of(source) != seen:
                raise AudioFileError(f"{source}: {CHANGED}")
        except Exception as error:
            return HearAnswer(self.number, source_hash, None, why(error, source, self.scratch, source.parent))
        return HearAnswer(self.number, source_hash, heard)

    def died(self, how: str) -> HearAnswer:
        """The answer where the processes that heard it died."""
        return HearAnswer(self.number, "", None, f"{self.item.path}: {how}")

    def has_failed(self, answer: HearAnswer) -> bool:
        """Whether it could not be heard."""
        return bool(answer.reason)


@dataclass(frozen=True)
class Play:
    """Master the songs of a run; all of them appear, or none."""

    run: Run
    songs: tuple[Song, ...]
    folder: Path
    scratch: Path = _NOWHERE

    def do(self) -> list[tuple[Song, Row, Mastered | None]]:
        """Master them."""
        started = time.perf_counter()
        sources = [song.item.path for song in self.songs]
        try:
            mastered = self._mastered(sources)
        except Exception as error:
            return self._failed(why(error, sources[0], self.scratch, self.folder))
        seconds = round((time.perf_counter() - started) / len(self.songs), 3)
        return [
            (song, self._row(song, one, before_lufs, seconds), one)
            for song, one, before_lufs in zip(self.songs, mastered, self.run.inputs_lufs, strict=True)
        ]

    def died(self, how: str) -> list[tuple[Song, Row, Mastered | None]]:
        """The answer where the processes that mastered them died."""
        return self._failed(f"{self.songs[0].item.path}: {how}")

    def has_failed(self, answer: list[tuple[Song, Row, Mastered | None]]) -> bool:
        """Whether they were not mastered."""
        return any(row.status == "failed" for _, row, _ in answer)

    def _mastered(self, sources: list[Path]) -> list[Mastered]:
        seen = [state_of(source) for source in sources]
        for song in self.songs:
            with contextlib.suppress(OSError):
                if hash_of(song.item.path) != song.source_hash:
                    raise AudioFileError(f"{song.item.path}: {CHANGED}")
        how = self.songs[0].item.how
        self.scratch.mkdir(exist_ok=True)
        made = [self.scratch / f"{song.number}{Path(song.item.target).suffix}" for song in self.songs]
        mastered = album.play(self.run, sources, made, how.config, bits=how.bits, mono=how.mono)
        for source, state in zip(sources, seen, strict=True):
            if state_of(source) != state:
                raise AudioFileError(f"{source}: {CHANGED}")
        for path, song in zip(made, self.songs, strict=True):
            target = self.folder / song.item.target
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        return mastered

    def _row(self, song: Song, one: Mastered, before_lufs: float, seconds: float) -> Row:
        return Row(
            str(song.item.path), song.item.target, song.key, "done", song.source_hash,
            notes=one.notes,
            input_lufs=round(before_lufs, 2),
            output_lufs=round(one.output.integrated_lufs, 2),
            output_dbtp=round(one.output.true_peak_dbtp, 2),
            duration_s=round(one.output.duration_s, 3),
            seconds=seconds,
            target_bytes=(self.folder / song.item.target).stat().st_size,
        )  # fmt: skip

    def _failed(self, reason: str) -> list[tuple[Song, Row, Mastered | None]]:
        return [
            (
                song,
                Row(str(song.item.path), song.item.target, song.key, "failed", song.source_hash, reason=reason),
                None,
            )
            for song in self.songs
        ]


@dataclass(frozen=True)
class TagAnswer:
    """How long a master is now; a reason, where its gains could not be written."""

    number: int
    target_bytes: int
    reason: str = ""


@dataclass(frozen=True)
class Tag:
    """Write the gains of a song and of its record into a master, in one step; nothing if they are there."""

    number: int
    target: Path
    output: Measurement
    gated: NDArray[np.float64] = field(repr=False)
    peak_dbtp: float
    scratch: Path = _NOWHERE

    def do(self) -> TagAnswer:
        """Write them."""
        from rt_automix.io.files import gains, tags

        reason = ""
        try:
            wanted = gains.of(self.output, self.gated, self.peak_dbtp)
            if tags.read_gains(self.target) != wanted:
                self.scratch.mkdir(exist_ok=True)
                copied = self.scratch / self.target.name
                shutil.copyfile(self.target, copied)
                tags.write_gains(copied, wanted)
                copied.replace(self.target)
        except Exception as error:
            reason = why(error, self.target, self.scratch, self.target.parent)
        return TagAnswer(self.number, self.target.stat().st_size, reason)

    def died(self, how: str) -> TagAnswer:
        """The answer where the processes that did it died."""
        return TagAnswer(self.number, self.target.stat().st_size, f"{self.target}: {how}")

    def has_failed(self, answer: TagAnswer) -> bool:
        """Whether they could not be written."""
        return bool(answer.reason)
