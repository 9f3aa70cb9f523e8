"""From command to result: the first run after installing, every run after it, and the size of it all.

`live` is timed to its first sample, which another program hears on a real server. First runs have a
cache folder of their own, empty, so that everything is compiled.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from packaging.requirements import Requirement
from rich.table import Table

from bench.common import jackd, report
from bench.speed import first_sound
from rt_automix.io.files.audio import AudioWriter

SAMPLE_RATE_HZ = 48_000
GOAL_WARM_S = 1.5
GOAL_LIVE_S = {"warm": 2.0, "first run": 20.0}
GOAL_MEGABYTES = 600.0
LARGEST = 10


def _commands(folder: Path) -> dict[str, list[str]]:
    """What is timed; the files it needs are made in `folder`."""
    source, settings = folder / "second.wav", folder / "settings.toml"
    tone = 0.2 * np.sin(2.0 * np.pi * 440.0 * np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ)
    with AudioWriter(source, SAMPLE_RATE_HZ, 2, 24) as writer:
        writer.write(np.stack([tone, tone]).astype(np.float32))
    settings.write_text("[master]\namount = 0.5\n", encoding="utf-8")
    return {
        "--help": ["--help"],
        "check CONFIG": ["check", str(settings)],
        "render, 1 s of audio": ["render", str(source), str(folder / "mastered.wav"), "--lookahead", "live", "--force"],
    }


def _kept_in(cache: Path) -> dict[str, str]:
    """What tells a process to keep compiled kernels in a folder."""
    return {"XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache)}


def _run(arguments: list[str], cache: Path | None) -> float:
    """Seconds that one run took, with a cache folder of its own or the user's."""
    environment = dict(os.environ)
    if cache is not None:
        environment |= _kept_in(cache)
        environment.pop("NUMBA_CACHE_DIR", None)
    start = time.perf_counter()
    command = [sys.executable, "-m", "rt_automix", *arguments]
    run = subprocess.run(command, cwd=report.ROOT, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if run.returncode != 0:
        raise RuntimeError(f"rt-automix {' '.join(arguments)} failed: {run.stderr[-400:]}")
    return seconds


def _times(repeats: int, with_cold: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        folder = Path(name)
        commands = _commands(folder)
        cold: dict[str, float] = {}
        if with_cold:
            for title, arguments in commands.items():
                cold[title] = _run(arguments, folder / f"cache-{len(cold)}")
        warm: dict[str, list[float]] = {title: [] for title in commands}
        for arguments in commands.values():
            _run(arguments, None)
        for _ in range(repeats):
            for title, arguments in commands.items():
                warm[title].append(_run(arguments, None))
    return {
        title: {
            "warm_s": report.quartiles(warm[title]),
            "cold_s": cold.get(title),
        }
        for title in commands
    }


def _live(repeats: int, with_cold: bool) -> dict[str, Any] | None:
    """`live` to its first sample; None, with a word, where there is no server."""
    if jackd.is_missing("startup of live"):
        return None
    memory_mb: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        cold = first_sound.first_sample_s(_kept_in(Path(name))) if with_cold else None
        first_sound.first_sample_s({})  # in case it was never run
        warm = [first_sound.first_sample_s({}) for _ in range(repeats)]
        first_sound.first_sample_s({}, memory_mb)
    return {
        "warm_s": report.quartiles([one["first_sample_s"] for one in warm]),
        "cold_s": None if cold is None else cold["first_sample_s"],
        "cold_processor_s": None if cold is None else cold["processor_s"],
        "memory_mb": memory_mb,
    }


def _needed(project: str) -> set[str]:
    """Names of all distributions that the base install brings along."""
    names: set[str] = set()
    waiting = [Requirement(line) for line in tomllib.loads(project)["project"]["dependencies"]]
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if name not in names and wanted:
            names.add(name)
            waiting += [Requirement(line) for line in importlib.metadata.requires(name) or ()]
    return names


def install_megabytes() -> dict[str, float]:
    """Size on disk of each distribution that the base install brings along, largest first."""
    sizes = {}
    for name in _needed((report.ROOT / "pyproject.toml").read_text(encoding="utf-8")):
        files = importlib.metadata.files(name) or ()
        paths = {Path(str(file.locate())) for file in files if file.suffix != ".pyc"}
        sizes[name] = sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def run(repeats: int, with_cold: bool, out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    sizes = install_megabytes()
    results = {
        "commands": _times(repeats, with_cold),
        "live": _live(repeats, with_cold),
        "install_megabytes": sizes,
        "install_total_megabytes": sum(sizes.values()),
    }
    _print(results)
    report.save("startup", out, {"repeats": repeats, "cold": with_cold}, results, draw(results))


def _print(results: dict[str, Any]) -> None:
    title = f"Start to end of a command (goal: warm under {GOAL_WARM_S} s)"
    table = Table("command", "warm, s", "first run, s", title=title, title_justify="left")
    for name, entry in results["commands"].items():
        warm = entry["warm_s"]
        cold = "-" if entry["cold_s"] is None else f"{entry['cold_s']:.1f}"
        spread = f"{warm['median']:.2f} ({warm['q1']:.2f}-{warm['q3']:.2f})"
        table.add_row(f"rt-automix {name}", spread, cold)
    report.console.print(table)
    if results["live"] is not None:
        _print_live(results["live"])
    total = results["install_total_megabytes"]
    table = Table(
        "installed",
        "MB",
        title=f"Base install: {total:.0f} MB (goal: under {GOAL_MEGABYTES:.0f})",
        title_justify="left",
    )
    for name, size in _largest(results["install_megabytes"]).items():
        table.add_row(name, f"{size:.1f}")
    report.console.print(table)


def _print_live(live: dict[str, Any]) -> None:
    warm, cold = live["warm_s"], live["cold_s"]
    goals = " and ".join(f"{name} under {seconds:g} s" for name, seconds in GOAL_LIVE_S.items())
    text = f"rt-automix live to its first sample: warm {report.spread(warm, 2)} s"
    if cold is not None:
        text += f", first run {cold:.1f} s ({live['cold_processor_s']:.1f} s of processor time)"
    report.console.print(f"{text}. Goals: {goals}.")
    memory = ", ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in live["memory_mb"].items())
    report.console.print(f"Memory of live once all is there: {memory}.")


def _largest(sizes: dict[str, float]) -> dict[str, float]:
    names = list(sizes)
    rest = sum(sizes[name] for name in names[LARGEST:])
    return {name: sizes[name] for name in names[:LARGEST]} | {f"{len(names[LARGEST:])} others": rest}


def draw(results: dict[str, Any]) -> Figure:
    """Times on the left, sizes on the right."""
    figure, axes = report.plot_size(11.0, 3.6, 1, 2)
    rows = dict(results["commands"])
    if results["live"] is not None:
        rows["live, to the first sample"] = results["live"]
    names, entries = list(rows), list(rows.values())
    has_cold = entries[0]["cold_s"] is not None
    height = 0.38 if has_cold else 0.6
    warm_places = [place - height / 2 if has_cold else place for place in range(len(names))]
    warm = [entry["warm_s"]["median"] for entry in entries]
    bars = axes[0].barh(warm_places, warm, height, color=report.OURS, label="warm")
    report.label_bars(axes[0], bars, [f"{value:.2f} s" for value in warm])
    if has_cold:
        cold = [entry["cold_s"] for entry in entries]
        bars = axes[0].barh(
            [place + height for place in warm_places], cold, height, color=report.PEER, label="first run"
        )
        report.label_bars(axes[0], bars, [f"{value:.1f} s" for value in cold])
        axes[0].set_xscale("log")
    axes[0].axvline(GOAL_WARM_S, color=report.GOAL, lw=1.5, ls="--", label=f"goal for warm commands: {GOAL_WARM_S} s")
    axes[0].margins(x=0.25)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    axes[0].set_xlabel("seconds")
    axes[0].legend(loc="upper right")
    axes[0].set_title("Start of a command")

    sizes = _largest(results["install_megabytes"])
    bars = axes[1].barh(list(sizes), list(sizes.values()), color=report.OURS_TOO)
    report.label_bars(axes[1], bars, [f"{value:.0f}" for value in sizes.values()])
    axes[1].invert_yaxis()
    axes[1].margins(x=0.12)
    axes[1].set_xlabel("MB on disk")
    axes[1].set_title(f"Base install: {results['install_total_megabytes']:.0f} MB")
    for each in axes:
        each.grid(axis="y", visible=False)
    return figure
