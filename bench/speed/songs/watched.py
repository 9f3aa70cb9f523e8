"""A watched folder into which files are copied slowly, moved, and written over: each mastered once, and whole?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from bench.speed.songs.many import song
from rt_automix.render import render

WAYS = ("copied", "moved", "written over")
DIFFERENT = 5


def _copy_slowly(content: bytes, target: Path, seconds: float) -> None:
    """In ten pieces, none of them later than the watcher waits for."""
    with target.open("wb") as file:
        for start in range(0, len(content), len(content) // 10 + 1):
            file.write(content[start : start + len(content) // 10 + 1])
            file.flush()
            time.sleep(seconds / 10.0)


def trial(folder: Path, count: int) -> dict[str, Any]:
    """Have so many files come in; everything that should be 0 is."""
    incoming, out, beside = folder / "incoming", folder / "out", folder / "beside"
    for one in (incoming, beside):
        one.mkdir(parents=True)
    songs = [song(beside / f"{n}.wav", n, 1.5) for n in range(DIFFERENT)]
    expected = []
    for n in range(DIFFERENT):
        render(beside / f"{n}.wav", beside / "made.wav", lookahead="song", force=True)
        expected.append((beside / "made.wav").read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(report.ROOT)}
    command = [sys.executable, "-m", "rt_automix", "batch", str(incoming), "-o", str(out), "--watch"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    ways = {f"{n:02d}.wav": WAYS[n % 3] for n in range(count)}
    number_of = {name: number for number, name in enumerate(ways)}
    copying = []
    for name, way in ways.items():
        content = songs[number_of[name] % DIFFERENT]
        if way == "copied":
            copying.append(threading.Thread(target=_copy_slowly, args=(content, incoming / name, 8.0)))
            copying[-1].start()
        elif way == "moved":
            (beside / name).write_bytes(content)
            (beside / name).rename(incoming / name)
        else:
            (incoming / name).write_bytes(songs[(number_of[name] + 1) % DIFFERENT])
        time.sleep(0.1)
    for thread in copying:
        thread.join()
    over = [name for name, way in ways.items() if way == "written over"]
    _wait(lambda: all((out / name).exists() for name in over))
    for name in over:
        (incoming / name).write_bytes(songs[number_of[name] % DIFFERENT])
    _wait(lambda: all(_is(out / name, expected[number_of[name] % DIFFERENT]) for name in ways))
    time.sleep(6.0)  # so that one that is taken twice shows
    process.send_signal(signal.SIGINT)
    text, problems = process.communicate()
    times = Counter(Path(line.split(" → ")[1]).name for line in text.splitlines() if " → " in line)
    wanted = {name: 2 if way == "written over" else 1 for name, way in ways.items()}
    return {
        "files": count,
        "other_bits": sum(not _is(out / name, expected[number_of[name] % DIFFERENT]) for name in ways),
        "mastered_otherwise_than_once_each": sum(times[name] != often for name, often in wanted.items()),
        "problems": len(problems.splitlines()) - 1,  # the line that says what is watched
    }


def _is(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _wait(until: Any, most_s: float = 300.0) -> None:
    end = time.monotonic() + most_s
    while not until() and time.monotonic() < end:
        time.sleep(0.2)


def run(count: int, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        results = trial(Path(name), count)
    table = Table("", "", title=f"{count} files: {', '.join(WAYS)}", title_justify="left")
    for key, value in results.items():
        table.add_row(key.replace("_", " "), str(value))
    report.console.print(table)
    report.save("watched", out, {"files": count}, results, draw(results))


def draw(results: dict[str, Any]) -> Figure:
    """What should be nothing."""
    figure, axes = report.plot_size(6.0, 2.0, 1, 1)
    rest = {name: value for name, value in results.items() if name != "files"}
    bars = axes.barh(range(len(rest)), list(rest.values()), 0.6, color=report.OURS)
    report.label_bars(axes, bars, [str(value) for value in rest.values()])
    axes.set(title=f"Of {results['files']} files in a watched folder", yticks=range(len(rest)))
    axes.set_yticklabels([name.replace("_", " ") for name in rest])
    return figure
