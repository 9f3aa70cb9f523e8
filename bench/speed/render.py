"""How much faster than real time a file is mastered on one core, and where the time goes.

The speed is of untouched runs of the whole `render`; the shares come from one more run with a
watch around each stage, which stops while another stage works inside it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from rt_automix.analysis import measure
from rt_automix.analysis.analyst import Analyst
from rt_automix.demo.song import render_song
from rt_automix.engine import chain, history
from rt_automix.engine.engine import Engine
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import render

GOAL_TIMES_REAL_TIME = 150.0
READING, CHAIN, ANALYSIS, METERS, WRITING, HISTORY, REST = (
    "reading",
    "chain",
    "analysis",
    "meters of input and output",
    "writing",
    "history for the report",
    "everything else",
)
WATCHED: tuple[tuple[object, str, str], ...] = (
    (AudioReader, "__init__", READING),
    (AudioReader, "blocks", READING),
    (chain, "process_block", CHAIN),
    (Analyst, "follow", ANALYSIS),
    (measure.Meter, "push", METERS),
    (AudioWriter, "write", WRITING),
    (AudioWriter, "__exit__", WRITING),
    (Engine, "meters", HISTORY),
    (history.Recorder, "add", HISTORY),
)
"""Where the stages are entered."""


class Watch:
    """Time spent per stage; a stage inside another counts for itself only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    def _switch(self) -> None:
        now = time.perf_counter()
        if self._running:
            stage = self._running[-1]
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def start(self, stage: str) -> None:
        """Enter a stage."""
        self._switch()
        self._running.append(stage)

    def stop(self) -> None:
        """Leave the stage entered last."""
        self._switch()
        self._running.pop()

    def around(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """The function, timed; if it makes an iterator, each of its steps is."""

        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            self.start(stage)
            try:
                result = function(*arguments, **named)
            finally:
                self.stop()
            return self._steps(result, stage) if isinstance(result, Iterator) else result

        return timed

    def _steps(self, iterator: Iterator[Any], stage: str) -> Iterator[Any]:
        while True:
            self.start(stage)
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.stop()
            yield item


def watched_shares(source: Path, target: Path) -> dict[str, float]:
    """Share of the time of one run that each stage took."""
    watch = Watch()
    with ExitStack() as patches:
        for owner, name, stage in WATCHED:
            patches.enter_context(mock.patch.object(owner, name, watch.around(getattr(owner, name), stage)))
        watch.start(REST)
        render(source, target, force=True)
        watch.stop()
    total = sum(watch.seconds.values())
    return {stage: seconds / total for stage, seconds in watch.seconds.items()}


def measure_files(sources: dict[str, Path], target: Path, repeats: int) -> dict[str, dict[str, Any]]:
    """Times real time of `repeats` runs of each file, in turns, and the shares."""
    speeds: dict[str, list[float]] = {title: [] for title in sources}
    described: dict[str, dict[str, Any]] = {}
    for number in range(repeats + 1):
        for title, source in sources.items():
            start = time.perf_counter()
            result = render(source, target, force=True)
            if number > 0:  # the first one loads the kernels
                speeds[title].append(result.duration_s / (time.perf_counter() - start))
            described[title] = {name: getattr(result, name) for name in ("duration_s", "sample_rate_hz", "channels")}
    return {
        title: {
            **described[title],
            "times_real_time": report.quartiles(speeds[title]),
            "shares": watched_shares(source, target),
        }
        for title, source in sources.items()
    }


def run(source: Path | None, repeats: int, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    core = report.pin_to_one_core()
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        folder = Path(name)
        sources = {source.name: source} if source is not None else _demo_files(folder)
        results = measure_files(sources, folder / "mastered.wav", repeats)
    _print(results)
    report.save("render", out, {"core": core, "repeats": repeats}, results, draw(results))


def _demo_files(folder: Path) -> dict[str, Path]:
    """The demo song at the rates of records and of film."""
    found = {}
    for rate_hz in (44_100, 48_000):
        path = folder / f"demo-{rate_hz}.wav"
        with AudioWriter(path, rate_hz, 2, 24) as writer:
            writer.write(render_song(rate_hz))
        found[f"demo song, {rate_hz / 1000:g} kHz"] = path
    return found


def _print(results: dict[str, Any]) -> None:
    table = Table("one core", *results, title="Mastering a file", title_justify="left")
    speeds = [result["times_real_time"] for result in results.values()]
    texts = [f"{speed['median']:.0f} ({speed['q1']:.0f}-{speed['q3']:.0f})" for speed in speeds]
    table.add_row(f"x real time (goal {GOAL_TIMES_REAL_TIME:.0f})", *texts)
    for stage in (READING, CHAIN, ANALYSIS, METERS, WRITING, HISTORY, REST):
        table.add_row(stage, *(f"{result['shares'].get(stage, 0.0):.1%}" for result in results.values()))
    report.console.print(table)


def draw(results: dict[str, Any]) -> Figure:
    """One bar a file: milliseconds of work per second of music, by stage."""
    figure, axes = report.plot_size(9.0, 1.9 + 0.55 * len(results), 1, 1)
    colours = ("#5fb3b3", report.OURS, "#7a6fac", "#c3bce0", report.PEER_TOO, "#94c9a9", report.GREY)
    starts = [0.0] * len(results)
    for stage, colour in zip((READING, CHAIN, ANALYSIS, METERS, WRITING, HISTORY, REST), colours, strict=True):
        widths = [
            1000.0 / result["times_real_time"]["median"] * result["shares"].get(stage, 0.0)
            for result in results.values()
        ]
        axes.barh(list(results), widths, 0.6, left=starts, color=colour, label=stage)
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    for place, (end, result) in enumerate(zip(starts, results.values(), strict=True)):
        axes.text(end, place, f"  {result['times_real_time']['median']:.0f} x real time", va="center", weight="bold")
    goal_ms = 1000.0 / GOAL_TIMES_REAL_TIME
    axes.axvline(goal_ms, color=report.GOAL, lw=1.5, ls="--", label=f"goal: {GOAL_TIMES_REAL_TIME:.0f} x real time")
    axes.set_xlim(0.0, 1.3 * max(*starts, goal_ms))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("milliseconds of work per second of music, one core")
    axes.set_title("Mastering a file: where the time goes")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
