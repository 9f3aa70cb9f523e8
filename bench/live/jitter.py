"""The live callback on a real server beside what a busy Python process does: native, and through the interpreter.

Every run is a process of its own that plays music through the program's engine and stream while the
load works in that same process. A compiled clock around each callback times all of them alike, so a
callback in Python is timed with its wait for the interpreter. The ways and loads take turns in a new
order each round. The server does not wait for late clients, as one in front of a sound card would not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.progress import Progress
from rich.table import Table

from bench.common import jackd, material, report
from bench.live import jitter_picture
from bench.live.jitter_child import ANALYSIS, BUSY, COLLECTING, EVERYTHING, HEAP_OBJECTS, LOADS, NOTHING
from bench.live.shim import Player

WAYS = {
    "PortAudio, native": ("portaudio", "native"),
    "JACK, native": ("jack", "native"),
    "PortAudio, Python": ("portaudio", "python"),
}
NATIVE = ("PortAudio, native", "JACK, native")
GOAL_LOAD = COLLECTING
GOAL_LATE_PERCENT = 0.1
LIMIT_S = 120.0

_WORDS = {
    NOTHING: "nothing else",
    BUSY: "a busy thread in pure Python",
    COLLECTING: f"a busy thread and collections of {HEAP_OBJECTS:,} objects",
    ANALYSIS: "the program's own analysis",
    EVERYTHING: "all of these at once",
}


def _play(server: jackd.JackServer, player: Player, way: str, load: str, seconds: float) -> dict[str, Any]:
    """One run in a process of its own: when each callback began and ended."""
    command = [sys.executable, "-m", "bench.live.jitter_child", *WAYS[way], load, str(seconds)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=report.ROOT, env=server.environment, text=True, **pipes) as child:
        limit = threading.Timer(LIMIT_S + 20.0 * seconds, child.kill)
        limit.start()
        if child.stdout and child.stdout.readline():  # it plays
            player.connect()
        said, wrong = child.communicate("go\n")
        limit.cancel()
    if child.returncode:
        raise RuntimeError(f"{way} under {load} failed: {wrong[-400:]}")
    return dict(json.loads(said.splitlines()[-1]))


def _figures(runs: list[dict[str, Any]], block_samples: int) -> dict[str, Any]:
    """What the runs of a way under a load have in common."""
    period_us = 1e6 * block_samples / jackd.SAMPLE_RATE_HZ
    spans = [np.array(run["spans_ns"], np.int64).reshape(-1, 2) for run in runs]
    spent_us = [1e-3 * np.diff(span, axis=1)[:, 0] for span in spans]
    every_us = np.concatenate(spent_us)
    gaps_ms = [1e-6 * np.diff(span[:, 0]) for span in spans if len(span) > 1]
    expected = [run["seconds"] * 1e6 / period_us for run in runs]
    late = int(np.sum(every_us > period_us))
    tail = np.percentile(every_us, (50, 99)) if len(every_us) else np.full(2, np.nan)
    return {
        "callbacks": len(every_us),
        "expected": round(sum(expected)),
        "run_percent_by_round": [100.0 * len(one) / count for one, count in zip(spent_us, expected, strict=True)],
        "late": late,
        "late_percent": 100.0 * late / max(len(every_us), 1),
        "late_by_round": [int(np.sum(one > period_us)) for one in spent_us],
        "median_us": float(tail[0]),
        "p99_us": float(tail[1]),
        "max_us": float(every_us.max(initial=0.0)),
        "worst_gap_ms": float(max((gaps.max() for gaps in gaps_ms), default=np.nan)),
        "steal_percent_by_round": [run["steal_percent"] for run in runs],
        "histogram": np.histogram(every_us, jitter_picture.EDGES_US)[0].tolist(),
    }


def _turns(rounds: int) -> Iterator[tuple[str, str]]:
    """Every way under every load, once a round, in a new order each."""
    order = np.random.default_rng(0)
    every = [(way, load) for load in LOADS for way in WAYS]
    for _ in range(rounds):
        yield from (every[index] for index in order.permutation(len(every)))


def measure(server: jackd.JackServer, block_samples: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Figures of every way under every load."""
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    music: NDArray[np.float32] = material.loud_song(jackd.SAMPLE_RATE_HZ)
    with Player(music) as player, Progress(console=report.console, transient=True) as progress:
        task = progress.add_task("measuring", total=rounds * len(WAYS) * len(LOADS))
        for way, load in _turns(rounds):
            runs.setdefault((way, load), []).append(_play(server, player, way, load, seconds))
            progress.advance(task)
    return {load: {way: _figures(runs[way, load], block_samples) for way in WAYS} for load in LOADS}


def run(block_samples: int, seconds: float, rounds: int, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    if jackd.is_missing("jitter"):
        return
    with jackd.running(block_samples, synchronous=False) as server:
        results = {
            "period_us": 1e6 * block_samples / jackd.SAMPLE_RATE_HZ,
            "loads": measure(server, block_samples, seconds, rounds),
        }
        settings = {
            "block_samples": block_samples,
            "sample_rate_hz": jackd.SAMPLE_RATE_HZ,
            "seconds_per_run": seconds,
            "rounds": rounds,
            "server": server.command,
            "heap_objects": HEAP_OBJECTS,
            "loads": _WORDS,
        }
    _print(results, settings)
    report.save("jitter", out, settings, results, jitter_picture.draw(results, settings))


def _print(results: dict[str, Any], settings: dict[str, Any]) -> None:
    report.console.print(f"Server: {settings['server']}. Ranges are over the rounds.", markup=False)
    names = ("run, %", "late, %", "p50, us", "p99", "max", "gap, ms", "steal, %")
    title = (
        f"{settings['block_samples']} samples are {results['period_us']:.0f} us; "
        f"late took longer; {settings['rounds']} x {settings['seconds_per_run']:g} s"
    )
    table = Table("beside", "callback", *names, title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for column in table.columns[2:]:
        column.justify = "right"
    for load, ways in results["loads"].items():
        for index, (way, row) in enumerate(ways.items()):
            table.add_row(
                "" if index else load,
                way,
                _range(row["run_percent_by_round"]),
                f"{row['late_percent']:.2f}",
                f"{row['median_us']:.1f}",
                *(f"{row[name]:.0f}" for name in ("p99_us", "max_us", "worst_gap_ms")),
                _range(row["steal_percent_by_round"]),
            )
        table.add_section()
    report.console.print(table)
    rows = results["loads"][GOAL_LOAD]
    shares = ", ".join(
        f"{way} {row['late']} of {row['callbacks']} ({row['late_percent']:.2f} %)" for way, row in rows.items()
    )
    worst = max(rows[way]["late_percent"] for way in NATIVE)
    report.console.print(
        f"Beside {_WORDS[GOAL_LOAD]} at most {GOAL_LATE_PERCENT} % of native callbacks may be late. "
        f"This {'holds' if worst <= GOAL_LATE_PERCENT else 'does not hold'}: {shares}."
    )


def _range(values: list[float]) -> str:
    """The rounds' least and most."""
    texts = dict.fromkeys(f"{value:.0f}" for value in (min(values), max(values)))
    return "-".join(texts)
