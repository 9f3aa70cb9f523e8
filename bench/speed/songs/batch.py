"""Many songs: `batch` beside `render` one after the other, in turns, and whether both make the same bits."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from rt_automix.demo.song import render_song
from rt_automix.io.files.audio import AudioWriter

SAMPLE_RATE_HZ = 48_000
GOAL_SHARE = 0.55
WAYS = ("one after the other", "batch")


def _songs(folder: Path, count: int) -> list[Path]:
    """The demo song, turned and scaled into so many different ones."""
    song, paths = render_song(), []
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:03d}.wav"
        with AudioWriter(path, SAMPLE_RATE_HZ, len(song), 24) as writer:
            writer.write(np.ascontiguousarray(np.roll(song, 9000 * number, axis=1)) * np.float32(1.0 - 0.005 * number))
        paths.append(path)
    return paths


def _run(*words: object) -> None:
    environment = {**os.environ, "PYTHONPATH": str(report.ROOT)}
    command = [sys.executable, "-m", "rt_automix", *map(str, words)]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _took_s(way: str, songs: list[Path], out: Path) -> float:
    start = time.perf_counter()
    if way == "batch":
        _run("batch", *songs, "-o", out)
    else:
        out.mkdir()
        for song in songs:
            _run("render", song, out / song.name)
    return time.perf_counter() - start


def run(songs: int, rounds: int, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    different = 0
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        folder = Path(name)
        paths = _songs(folder / "in", songs)
        _run("render", paths[0], folder / "warm.wav")
        for number in range(rounds):
            mine = paths[number::rounds]
            for way in WAYS if number % 2 == 0 else reversed(WAYS):
                seconds[way].append(_took_s(way, mine, folder / f"{way} {number}"))
            made = [[folder / f"{way} {number}" / path.name for path in mine] for way in WAYS]
            different += sum(not filecmp.cmp(*both, shallow=False) for both in zip(*made, strict=True))
    one, batch = (sum(seconds[way]) for way in WAYS)
    results = {
        "seconds": seconds,
        "share": batch / one,
        "share_of_rounds": [b / a for a, b in zip(seconds[WAYS[0]], seconds["batch"], strict=True)],
        "different_masters": different,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    _print(results, songs)
    report.save("batch", out, {"songs": songs, "rounds": rounds}, results, draw(results))


def _print(results: dict[str, Any], songs: int) -> None:
    title = f"{songs} songs on {results['cores']} cores, load {results['load'] or 0.0:.1f} at the end"
    table = Table("", "s", "s a song", title=title, title_justify="left")
    for way, seconds in results["seconds"].items():
        table.add_row(way, f"{sum(seconds):.1f}", f"{sum(seconds) / songs:.2f}")
    report.console.print(table)
    shares = results["share_of_rounds"]
    report.console.print(
        f"batch takes {results['share']:.2f} of the time ({min(shares):.2f} to {max(shares):.2f} in a round; "
        f"goal on two cores: {GOAL_SHARE}); masters that differ: {results['different_masters']}."
    )


def draw(results: dict[str, Any]) -> Figure:
    """Each round's share of the time."""
    figure, axes = report.plot_size(6.0, 2.6, 1, 1)
    shares = results["share_of_rounds"]
    bars = axes.barh(range(len(shares)), shares, 0.6, color=report.OURS)
    report.label_bars(axes, bars, [f"{share:.2f}" for share in shares])
    axes.axvline(GOAL_SHARE, color=report.GOAL, linestyle="--", linewidth=1.0)
    axes.set(title="Time of batch over render one after the other", xlabel="share", yticks=range(len(shares)))
    axes.set_yticklabels([f"round {number + 1}" for number in range(len(shares))])
    axes.invert_yaxis()
    return figure
