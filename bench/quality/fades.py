"""Fades of songs streamed live: how far each is lifted, by the gain, before it has gone.

Real songs, a fade put on, of a length and a shape: straight in amplitude, straight in dB down to -60, or half a
cosine. A song that gets quieter by itself there is followed as it should be: what the gain does without the fade
stands beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from rich.table import Table

from bench.common import material, report
from bench.quality.loudness import BLOCK_S, streamed

Audio = NDArray[np.float32]
Values = NDArray[np.float64]

FROM_S, LENGTHS_S = 40.0, (8.0, 12.0, 20.0)
SHAPES = ("amplitude", "dB", "cosine")
MOST_DB = 3.0
"""A fade may be lifted by so much."""


def fade_lin(shape: str, count: int) -> NDArray[np.float32]:
    """A fade from 1 to nothing over `count` samples."""
    share = np.arange(count) / count
    shapes = {"amplitude": 1.0 - share, "dB": 10.0 ** (-3.0 * share), "cosine": 0.5 + 0.5 * np.cos(np.pi * share)}
    return shapes[shape].astype(np.float32)


def lifted_db(song: Audio, rate_hz: int, shape: str | None, seconds: float) -> float:
    """By how much the gain comes to be above where it was when the fade began; None is the song without one."""
    start, stop = round(FROM_S * rate_hz), round((FROM_S + seconds) * rate_hz)
    faded = song[:, :stop].copy()
    if shape is not None:
        faded[:, start:] *= fade_lin(shape, stop - start)
    gains_db, at = streamed(faded, rate_hz)[1], round(FROM_S / BLOCK_S)
    return float(gains_db[at:].max() - gains_db[at - 1])


def measure(folders: list[Path], count: int) -> list[dict[str, Any]]:
    """Every fade of every song."""
    songs = material.songs(folders, count, FROM_S + max(LENGTHS_S))
    fades: list[dict[str, Any]] = []
    for name, (song, rate_hz) in track(songs.items(), "songs", console=report.console, transient=True):
        for seconds in LENGTHS_S:
            own_db = lifted_db(song, rate_hz, None, seconds)
            for shape in SHAPES:
                db = lifted_db(song, rate_hz, shape, seconds)
                fades.append({"song": name, "s": seconds, "shape": shape, "lifted_db": db, "own_db": own_db})
    return fades


def run(folders: list[Path], count: int) -> None:
    """Measure and print the table."""
    fades = measure(folders, count)
    table = Table("fade", "median dB", "9 of 10 dB", "worst dB", f"above {MOST_DB:g} dB", "of", "of which by itself",
                  title="Lifted by the gain, streamed live", title_justify="left")  # fmt: skip
    for seconds in LENGTHS_S:
        for shape in SHAPES:
            _row(table, f"{seconds:g} s, {shape}", [f for f in fades if (f["s"], f["shape"]) == (seconds, shape)])
        table.add_section()
    _row(table, "all", fades)
    report.console.print(table)


def _row(table: Table, name: str, fades: list[dict[str, Any]]) -> None:
    lifted = np.array([fade["lifted_db"] for fade in fades])
    much = [fade for fade in fades if fade["lifted_db"] > MOST_DB]
    alone = sum(fade["own_db"] > MOST_DB for fade in much)
    figures = [f"{np.quantile(lifted, share):.1f}" for share in (0.5, 0.9, 1.0)]
    table.add_row(name, *figures, str(len(much)), str(len(fades)), str(alone))
