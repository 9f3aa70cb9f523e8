"""Examples of damaged music: what a listener knows of it after so many seconds, and what its own master measures like.

An example is a song, one damage and one moment. One file for each song is kept, so that it can be stopped
and goes on; the same song gives the same examples whenever and wherever it is made.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import VECTOR_SIZE
from training.correction import rowdamage
from training.correction import rows as rows_on_disk
from training.labels.shards import write_whole
from training.music import corpus
from training.pool import processes

TIMES_S = (2.0, 5.0, 10.0, 20.0, 30.0, 60.0, math.inf)
"""Moments that are judged: so much has been heard; the last is the whole song."""
LEARNED_S = (10.0, 20.0, 40.0, math.inf)
"""Moments that are learned from."""
VERSIONS = 8
"""Damaged versions of a song that are learned from."""
IN_FULL = "corrector.fp32.npz"
"""Beside the examples: the networks as they were trained, to be judged beside those in whole numbers."""
SHORTEST_S = 8.0
SEED = 12

FAMILIES = tuple(rowdamage.FAMILIES)
KEPT = at.TEXTURE + at.T_LEVELS
"""Of the statistics all but what only the next frame needs."""


@dataclass(frozen=True)
class Examples:
    """Examples of several songs.

    Parameters
    ----------
    heard : float32, shape (n, KEPT)
        The first KEPT numbers of the statistics.
    own : float32, shape (n, VECTOR_SIZE)
        What the same stretch of the song's own master measures like.
    whole : float32, shape (n, VECTOR_SIZE)
        What the whole of it does.
    seconds : float32, shape (n,)
        Infinite for a whole song.
    scale : float32, shape (n,)
        Size of the damage.
    family : int16, shape (n,)
        Index into FAMILIES; -1 in training.
    song : int32, shape (n,)
        Which of `songs`.
    songs : of each, in order
    """

    heard: NDArray[np.float32]
    own: NDArray[np.float32]
    whole: NDArray[np.float32]
    seconds: NDArray[np.float32]
    scale: NDArray[np.float32]
    family: NDArray[np.int16]
    song: NDArray[np.int32]
    songs: list[corpus.Song]

    def statistics(self, index: int) -> Statistics:
        """What had been heard of one."""
        return statistics_of(self.heard[index])


_FIELDS = ("heard", "own", "whole", "seconds", "scale", "family")


def statistics_of(kept: NDArray[np.float32]) -> Statistics:
    """Statistics of what is kept of them."""
    values = np.zeros(at.STATISTICS_SIZE)
    values[:KEPT] = kept
    values[at.MEMORY_FRAMES] = math.inf
    return Statistics(values=values)


def _moments(rows: NDArray[np.float32], times_s: Sequence[float]) -> list[tuple[float, NDArray[np.float64]]]:
    """The statistics after each time, as far as the song reaches; whole songs are called infinite."""
    found, statistics, done = [], Statistics(math.inf), 0
    for time_s in times_s:
        stop = len(rows) if math.isinf(time_s) else round(time_s / HOP_S)
        if stop > len(rows):
            continue
        statistics.add(rows[done:stop])
        done = stop
        found.append((time_s, statistics.values.copy()))
    return found


def make(song: corpus.Song, rows_folder: Path) -> dict[str, NDArray]:
    """The examples of a song: of each family where it is judged by, else drawn for training."""
    rows = rows_on_disk.read(song, rows_folder)
    whole = Statistics(math.inf)
    whole.add(rows)
    found: dict[str, list] = {name: [] for name in _FIELDS}
    is_learned = song.use == "train"
    for version in range(VERSIONS if is_learned else len(FAMILIES)):
        rng = np.random.default_rng([SEED, int(song.id, 16), version])
        # A song is heard from its beginning more often than from anywhere else.
        start = int(rng.integers(0, max(len(rows) - round(30.0 / HOP_S), 1))) if is_learned and version % 2 else 0
        piece = rows[start:]
        if is_learned:
            damaged, scale = rowdamage.drawn(piece, rng)
            family = -1
        else:
            family = version
            scale, kind = rowdamage.FAMILIES[FAMILIES[family]]
            damaged = rowdamage.damaged(piece, rng, scale, kind)
        times_s = LEARNED_S if is_learned else TIMES_S
        for (time_s, values), (_, own) in zip(_moments(damaged, times_s), _moments(piece, times_s), strict=True):
            is_enough = Statistics(values=values).seconds_heard >= min(SHORTEST_S, 0.8 * time_s)
            if not is_enough:
                continue
            found["heard"].append(values[:KEPT])
            found["own"].append(Statistics(values=own).vector())
            found["whole"].append(whole.vector())
            found["seconds"].append(time_s)
            found["scale"].append(scale)
            found["family"].append(family)
    count = len(found["heard"])
    return {
        name: np.array(found[name], np.int16 if name == "family" else np.float32).reshape(
            (count, KEPT) if name == "heard" else (count, VECTOR_SIZE) if name in ("own", "whole") else (count,)
        )
        for name in _FIELDS
    }


def learned_from(songs: Sequence[corpus.Song], is_both: bool) -> list[corpus.Song]:
    """The songs that are learned from: training ones, and with `is_both` those of validation packages, too."""
    uses = ("train", "validation") if is_both else ("train",)
    return [replace(song, use="train") for song in songs if song.use in uses]


def file_of(song: corpus.Song, work: Path) -> Path:
    """Where the examples of a song are kept."""
    return work / "examples" / f"{song.use}-{song.id}.npz"


def _write(song: corpus.Song, work: Path) -> None:
    made = make(song, work / "rows")
    write_whole(file_of(song, work), lambda opened: np.savez(opened, **made))


def read(work: Path, use: str, packages: Sequence[str] | None = None, is_both: bool = False) -> Examples:
    """All examples of one use that there are, by default of all its packages; see `learned_from` for `is_both`.

    Raises
    ------
    ConfigError
        There is no split.
    """
    songs = corpus.read_split(work / "split.json")
    songs = learned_from(songs, is_both) if use == "train" else [song for song in songs if song.use == use]
    songs = [song for song in songs if file_of(song, work).is_file() and (not packages or song.package in packages)]
    parts: dict[str, list[NDArray]] = {name: [] for name in _FIELDS}
    numbers: list[NDArray] = []
    for number, song in enumerate(songs):
        with np.load(file_of(song, work)) as file:
            for name in _FIELDS:
                parts[name].append(file[name])
            numbers.append(np.full(len(file["scale"]), number, np.int32))
    joined = {name: np.concatenate(parts[name]) for name in _FIELDS}
    return Examples(**joined, song=np.concatenate(numbers), songs=songs)


BOTH = click.option(
    "--both", "is_both", is_flag=True,
    help="Learn from validation packages, too: once all is chosen on them, and for what ships.",
)  # fmt: skip


@click.command(name="examples", epilog="Example: python -m training examples --work training-out")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--workers", type=int, default=os.cpu_count() or 1, show_default="all cores")
@BOTH
def command(work: Path, workers: int, is_both: bool) -> None:
    """Damage every song whose rows are there, and keep what a listener knows of it; what is there is kept."""
    songs = corpus.read_split(work / "split.json")
    songs += learned_from([song for song in songs if song.use == "validation"], is_both)
    missing = [
        song
        for song in songs
        if rows_on_disk.file_of(song, work / "rows").is_file() and not file_of(song, work).is_file()
    ]
    with processes(workers) as pool, click.progressbar(length=len(missing), label="damaging songs") as bar:
        for _ in pool.map(_write, missing, [work] * len(missing)):
            bar.update(1)
