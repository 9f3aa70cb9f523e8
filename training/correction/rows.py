"""What masters sound like, frame by frame: the rows that a listener sees of each song, kept on disk.

An equaliser, a gain and a width are sums in these rows, so music is damaged here a thousand times
faster than on the waveform. Songs are decoded once; what is kept of one is a megabyte.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.features import ROWS
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.errors import AudioFileError
from training.labels.shards import write_whole
from training.music import corpus
from training.pool import processes

STEP_DB = 0.01
"""Rows are kept as whole numbers of this."""


def file_of(song: corpus.Song, folder: Path) -> Path:
    """Where the rows of a song are kept."""
    return folder / f"{song.id}.npy"


def read(song: corpus.Song, folder: Path) -> NDArray[np.float32]:
    """The rows of a song, at most its first corpus.LONGEST_S: float32, shape (frames, features.ROWS), dB.

    Raises
    ------
    OSError
        They have not been made.
    """
    return np.load(file_of(song, folder)).astype(np.float32) * np.float32(STEP_DB)


def hear(song: corpus.Song) -> NDArray[np.float32]:
    """The same from the song's file, at its own sample rate: what is heard is the same at any.

    Raises
    ------
    AudioFileError
        It cannot be decoded, or there is nothing in it.
    """
    audio, sample_rate_hz = corpus.decode_as_it_is(song)
    return FeatureStream(sample_rate_hz, 2).push(audio)


def _make(song: corpus.Song, folder: Path) -> str:
    """Make the rows of a song; what went wrong, or nothing."""
    try:
        rows = hear(song)
    except AudioFileError as error:
        return str(error)
    whole = np.rint(rows.reshape(-1, ROWS) / STEP_DB).astype(np.int16)
    write_whole(file_of(song, folder), lambda opened: np.save(opened, whole))
    return ""


def make(songs: Sequence[corpus.Song], folder: Path, workers: int) -> list[str]:
    """Make the rows that are missing; what went wrong with songs that have none.

    Parameters
    ----------
    songs : sequence of corpus.Song
    folder : Path
    workers : int
        Processes.
    """
    missing = [song for song in songs if not file_of(song, folder).is_file()]
    problems = []
    with processes(workers) as pool, click.progressbar(length=len(missing), label="hearing masters") as bar:
        for problem in pool.map(_make, missing, [folder] * len(missing)):
            problems += [problem] if problem else []
            bar.update(1)
    return problems


@click.command(name="rows", epilog="Example: python -m training rows --music music --work training-out")
@click.option("--music", type=click.Path(path_type=Path), required=True, help="Folder with a folder for each album.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--workers", type=int, default=os.cpu_count() or 1, show_default="all cores")
def command(music: Path, work: Path, workers: int) -> None:
    """Hear every master once; what is there is kept."""
    songs = corpus.find(music)
    work.mkdir(parents=True, exist_ok=True)
    corpus.write_split(work / "split.json", songs)
    for problem in make(songs, work / "rows", workers):
        click.echo(problem, err=True)
