"""A batch on a Dask cluster: one and two workers, and what a scheduler keeps of very many units."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from bench.speed.songs.batch import _songs
from rt_automix.batch import batch
from rt_automix.batch.cluster import Cluster


@dataclass(frozen=True)
class Nothing:
    """A unit that is no work: what is left is the cluster's own."""

    number: int
    scratch: Path = Path()

    def do(self) -> int:
        return self.number

    def died(self, how: str) -> str:
        return how

    def has_failed(self, answer: Any) -> bool:
        return False


@contextmanager
def processes(workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and workers, each a process of its own: the address, and the scheduler's."""
    environment = {**os.environ, "PYTHONPATH": str(report.ROOT)}
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        place = Path(name, "scheduler.json")

        def start(*words: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
            quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": name}
            process = subprocess.Popen(command, env=environment, **quiet)
            opened.callback(process.wait)
            opened.callback(process.terminate)
            return process

        scheduler = start("dask_scheduler", "--scheduler-file", str(place), "--no-dashboard", "--port", "0",
                          "--host", "127.0.0.1")  # fmt: skip
        for _ in range(workers):
            start("dask_worker", "--scheduler-file", str(place), "--nthreads", "1", "--no-dashboard",
                  "--local-directory", name)  # fmt: skip
        while not place.exists():
            time.sleep(0.1)
        yield json.loads(place.read_text())["address"], scheduler


def _resident_mb(process: subprocess.Popen[bytes]) -> float:
    pages = int(Path("/proc", str(process.pid), "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth(units: int) -> dict[str, float]:
    """What the scheduler's memory grows by from a thousand units to so many, and how many go through in a second."""
    with processes(2) as (address, scheduler), tempfile.TemporaryDirectory() as scratch:
        pool = Cluster(address, 2, Path(scratch))
        early_mb, right, started = 0.0, 0, time.perf_counter()
        for number in range(units):
            pool.submit(Nothing(number))
            if number >= 2 * pool.jobs:
                right += _is_right(pool)
            if number == 1000:
                early_mb = _resident_mb(scheduler)
        while right < units and (answer := pool.answer(30.0)) is not None:
            right += answer[0].number == answer[1]
        seconds, late_mb = time.perf_counter() - started, _resident_mb(scheduler)
        pool.close()
    return {"units": units, "right": right, "growth_mb": late_mb - early_mb, "per_s": units / seconds}


def _is_right(pool: Cluster) -> bool:
    answer = pool.answer(30.0)
    return answer is not None and answer[0].number == answer[1]


def run(songs: int, units: int, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    results: dict[str, Any] = {"seconds": {}, "scheduler": growth(units)}
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        paths = _songs(Path(name, "in"), songs)
        for workers in (1, 2):
            with processes(workers) as (address, _):
                list(batch(paths[:1], Path(name, f"warm {workers}"), dask=address))
                started = time.perf_counter()
                rows = list(batch(paths, Path(name, f"{workers}"), dask=address))
                results["seconds"][workers] = time.perf_counter() - started
                assert all(row.status == "done" for row in rows)
        started = time.perf_counter()
        list(batch(paths, Path(name, "pool"), jobs=2))
        results["pool_seconds"] = time.perf_counter() - started
        results["different"] = sum(
            Path(name, "1", path.name).read_bytes() != Path(name, "pool", path.name).read_bytes() for path in paths
        )
    table = Table("", "s", title=f"{songs} songs; {units} units of no work", title_justify="left")
    for workers, seconds in results["seconds"].items():
        table.add_row(f"{workers} workers", f"{seconds:.1f}")
    table.add_row("2 processes without Dask", f"{results['pool_seconds']:.1f}")
    report.console.print(table)
    report.console.print(results["scheduler"])
    report.console.print(f"masters that differ: {results['different']}")
    report.save("cluster", out, {"songs": songs, "units": units}, results, draw(results))


def draw(results: dict[str, Any]) -> Figure:
    """Time by workers."""
    figure, axes = report.plot_size(6.0, 2.2, 1, 1)
    times = [*results["seconds"].values(), results["pool_seconds"]]
    bars = axes.barh(range(len(times)), times, 0.6, color=report.OURS)
    report.label_bars(axes, bars, [f"{one:.0f}" for one in times])
    axes.set(title="Time by workers", xlabel="s", yticks=range(len(times)))
    axes.set_yticklabels(["1 worker", "2 workers", "2 processes"])
    axes.invert_yaxis()
    return figure
