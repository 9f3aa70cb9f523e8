"""Talk, and talk over music, for `bench loudness`: made of packages that are kept for validation, always the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from rich.table import Table

from bench.common import report
from training.correction import talks as made

Audio = NDArray[np.float32]
Songs = Mapping[str, tuple[Audio, int]]

OVER_DB = (14.0, 10.0, 6.0, 3.0)
"""How far the voice is above the music."""
OF_A_PACKAGE = len(OVER_DB)
NEAR_LU, FAR_LU = 0.3, 1.0


def talks(voices: Path, songs: Songs) -> dict[str, dict[str, tuple[Audio, int]]]:
    """Audio and rate by name of talk alone and of talk over some songs, four of each of each package."""
    names = [name for name, entry in made.packages().items() if entry["use"] == "validation"]
    alone: dict[str, tuple[Audio, int]] = {}
    over: dict[str, tuple[Audio, int]] = {}
    beds = list(songs.values())
    for name in names:
        for seed in range(OF_A_PACKAGE):
            voice = made.voice(made.Talk(name, "validation", seed, None), voices)
            alone[f"{name} {seed}"] = (np.ascontiguousarray(np.stack([voice, voice])), made.RATE_HZ)
            bed = _bed(*beds[len(over) % len(beds)], len(voice))
            over[f"{name} {seed}, {OVER_DB[seed]:g} dB over"] = (made.over(voice, bed, OVER_DB[seed]), made.RATE_HZ)
    return {"talk": alone, "talk over music": over}


def _bed(song: Audio, rate_hz: int, samples: int) -> Audio:
    """A song as long as that, at the voices' rate."""
    audio = soxr.resample(song.T, rate_hz, made.RATE_HZ).T if rate_hz != made.RATE_HZ else song
    return np.ascontiguousarray(np.tile(audio, (1, -(-samples // audio.shape[1])))[:, :samples], np.float32)


def show(kinds: dict[str, dict[str, dict[str, Any]]]) -> None:
    """The table of all kinds beside each other, and what is farther off than it should be."""
    table = Table(
        "after 10 s", "", "error LU: median / worst", "within 1 LU", "true peak over dB, worst",
        title=f"Loudness live; wanted: {NEAR_LU:g} median, {FAR_LU:g} worst", title_justify="left",
    )  # fmt: skip
    for kind, runs in kinds.items():
        for k, taker in enumerate(next(iter(runs.values()))):
            mine = [run[taker] for run in runs.values()]
            errors = np.abs([run["error_lu"] for run in mine])
            near = 100.0 * np.mean([run["within_1_lu"] for run in mine])
            over_db = max(run["true_peak_over_db"] for run in mine)
            figures = (f"{np.median(errors):.2f} / {errors.max():.2f}", f"{near:.0f} %", f"{over_db:+.2f}")
            table.add_row("" if k else f"{len(runs)} {kind}", taker, *figures)
        table.add_section()
    report.console.print(table)
    for kind, runs in kinds.items():
        for name, run in runs.items():
            if abs(run["ours"]["error_lu"]) > NEAR_LU:
                report.console.print(f"{run['ours']['error_lu']:+.2f} LU  {kind}: {name}", highlight=False)
