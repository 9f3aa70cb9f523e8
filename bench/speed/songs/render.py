"""How much faster than real time a file is mastered, what it costs, and where the work goes: before and now.

Speed and processor time are of untouched runs of the whole `render`; the stages come from one more
run with a watch around each, which counts the time that its own thread works, and stops while another
stage works inside it.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from textwrap import fill
from typing import Any
from unittest import mock

from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from rt_automix.analysis.deciding.analyst import Analyst
from rt_automix.analysis.recordings import measure
from rt_automix.demo.song import render_song
from rt_automix.engine.history import Recorder
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import render

GOAL_TIMES_REAL_TIME = 380.0
READING, METERS, HEARING, DECIDING, CHAIN, WRITING, REST = STAGES = (
    "reading",
    "meters of input and output",
    "hearing",
    "deciding, networks included",
    "chain",
    "writing",
    "everything else",
)
WATCHED: tuple[tuple[Any, str, str], ...] = (
    (AudioReader, "__init__", READING),
    (AudioReader, "blocks", READING),
    (measure.Meter, "push", METERS),
    (Analyst, "hear", HEARING),
    (Analyst, "decide", DECIDING),
    (Recorder, "play", CHAIN),
    (AudioWriter, "write", WRITING),
    (AudioWriter, "__exit__", WRITING),
)
"""Where the stages are entered."""

BEFORE = Path(__file__).with_name("render_before.json")
"""What the same stages took at a commit that is history, on a machine that the file names."""


class Watch:
    """Processor time per stage, of all threads; a stage inside another counts for itself only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._own = threading.local()
        self._lock = threading.Lock()

    def _switch(self) -> list[str]:
        """Book what has passed on this thread; the stages that it is in."""
        if not hasattr(self._own, "running"):
            self._own.running, self._own.since = [], 0.0
        now, running = time.thread_time(), self._own.running
        if running:
            with self._lock:
                self.seconds[running[-1]] = self.seconds.get(running[-1], 0.0) + now - self._own.since
        self._own.since = now
        return running

    def around(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """The function, timed; if it makes an iterator, each of its steps is."""

        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            self._switch().append(stage)
            try:
                result = function(*arguments, **named)
            finally:
                self._switch().pop()
            return self._steps(result, stage) if isinstance(result, Iterator) else result

        return timed

    def _steps(self, iterator: Iterator[Any], stage: str) -> Iterator[Any]:
        take = self.around(lambda: next(iterator, None), stage)
        while (item := take()) is not None:
            yield item


def watched_ms_per_s(source: Path, target: Path) -> dict[str, float]:
    """Milliseconds of processor time per second of music that each stage took in one run."""
    watch, began = Watch(), time.process_time()
    with ExitStack() as patches:
        for owner, name, stage in WATCHED:
            patches.enter_context(mock.patch.object(owner, name, watch.around(getattr(owner, name), stage)))
        result = render(source, target, force=True)
    watch.seconds[REST] = max(time.process_time() - began - sum(watch.seconds.values()), 0.0)
    return {stage: 1000.0 * watch.seconds.get(stage, 0.0) / result.duration_s for stage in STAGES}


def measure_files(sources: dict[str, Path], target: Path, repeats: int) -> dict[str, dict[str, Any]]:
    """Times real time and processor time of `repeats` runs of each file, in turns, and the stages."""
    speeds: dict[str, list[float]] = {title: [] for title in sources}
    costs_ms: dict[str, list[float]] = {title: [] for title in sources}
    described: dict[str, dict[str, Any]] = {}
    for number in range(repeats + 1):
        for title, source in sources.items():
            start, began = time.perf_counter(), time.process_time()
            result = render(source, target, force=True)
            if number > 0:  # the first one loads the kernels
                speeds[title].append(result.duration_s / (time.perf_counter() - start))
                costs_ms[title].append(1000.0 * (time.process_time() - began) / result.duration_s)
            described[title] = {name: getattr(result, name) for name in ("duration_s", "sample_rate_hz", "channels")}
    return {
        title: {
            **described[title],
            "times_real_time": report.quartiles(speeds[title]),
            "cpu_ms_per_s": report.quartiles(costs_ms[title]),
            "stages_ms_per_s": watched_ms_per_s(source, target),
        }
        for title, source in sources.items()
    }


def run(source: Path | None, repeats: int, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        folder = Path(name)
        sources = {source.name: source} if source is not None else _demo_files(folder)
        results = measure_files(sources, folder / "mastered.wav", repeats)
    _print(results)
    report.save("render", out, {"repeats": repeats}, results, draw(results))


def before() -> dict[str, Any]:
    """The stored figures: commit, machine, times_real_time and stages_ms_per_s."""
    stored: dict[str, Any] = json.loads(BEFORE.read_text(encoding="utf-8"))
    return stored


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
    past = before()
    title = f"Mastering a file; before is commit {past['commit']} on {past['machine']}"
    table = Table("", "before", *results, title=title, title_justify="left")
    texts = [report.spread(result["times_real_time"], 0) for result in results.values()]
    table.add_row(f"x real time (goal {GOAL_TIMES_REAL_TIME:.0f})", f"{past['times_real_time']:.0f}", *texts)
    costs = [report.spread(result["cpu_ms_per_s"], 2) for result in results.values()]
    table.add_row("ms of processor time per s of music", f"{sum(past['stages_ms_per_s'].values()):.2f}", *costs)
    for stage in STAGES:
        sides = (past, *results.values())
        table.add_row(f"  {stage}", *(f"{side['stages_ms_per_s'][stage]:.2f}" for side in sides))
    report.console.print(table)


COLOURS = ("#5fb3b3", "#c3bce0", "#7a6fac", report.PEER_TOO, report.OURS, "#94c9a9", "#c4c4c4")
DARK = (COLOURS[2], COLOURS[4])
"""On these a number is white."""
NUMBERED_SHARE = 0.03
"""A stage as wide as this share of the widest bar has room for its number."""


def draw(results: dict[str, Any]) -> Figure:
    """One bar a file, under the bar of before: processor time per second of music, by stage."""
    past = before()
    sides = {f"{past['commit']}, {past['machine']}": past, **results}
    bars = {f"{'now' if title in results else 'before'}\n{fill(title, 24)}": side for title, side in sides.items()}
    totals = [sum(side["stages_ms_per_s"].values()) for side in bars.values()]
    figure, axes = report.plot_size(9.0, 1.5 + 0.75 * len(bars), 1, 1)
    starts = [0.0] * len(bars)
    for stage, colour in zip(STAGES, COLOURS, strict=True):
        widths = [side["stages_ms_per_s"][stage] for side in bars.values()]
        drawn = axes.barh(list(bars), widths, 0.6, left=starts, color=colour, label=stage)
        numbers = [f"{width:.1f}" if width > NUMBERED_SHARE * max(totals) else "" for width in widths]
        axes.bar_label(drawn, numbers, label_type="center", fontsize=7.5, color="white" if colour in DARK else "black")
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    for place, (total, side) in enumerate(zip(totals, bars.values(), strict=True)):
        speed = side["times_real_time"]
        median = speed["median"] if isinstance(speed, dict) else speed
        axes.text(total, place, f"  {total:.1f} ms\n  {median:.0f} × real time", va="center", weight="bold")
    axes.set_xlim(0.0, 1.22 * max(totals))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("milliseconds of processor time per second of music")
    axes.set_title("Mastering a file: where the time goes")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
