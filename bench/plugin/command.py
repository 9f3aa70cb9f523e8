"""What the plug-ins cost: beside the engine's own chain, pedalboard, and what others made for the same hosts."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from bench.common import material, report
from bench.plugin import hosted, loading, turns
from rt_automix.plugin import build


def _binary(folder: Path, name: str) -> Path | None:
    """The file that a host loads."""
    found = next(folder.rglob(f"rt_automix.{name}"), None)
    return found if found is None or found.is_file() else next(found.rglob("*.so"), None)


def measure(folder: Path, block_samples: int, seconds: float, rounds: int, repeats: int) -> dict[str, Any]:
    """All figures of the plug-ins in a folder, which holds at least the LV2."""
    binary = _binary(folder, "lv2")
    if binary is None:
        raise FileNotFoundError(f"{folder}: no rt_automix.lv2 is there. Fill it: rt-automix plugin build -o {folder}")
    audio = material.loud_song(turns.RATE_HZ)
    files = {name: _binary(folder, name) for name in build.FORMATS}
    return {
        "call_for_call": turns.measure(binary, audio, block_samples, seconds),
        "in_ffmpeg": hosted.measure(binary.parents[1], audio, block_samples, seconds, rounds),
        "first_sound_ms": report.quartiles(loading.first_sounds_ms(binary, repeats)),
        "bytes": {name: file.stat().st_size for name, file in files.items() if file is not None},
    }


def run(folder: Path | None, block_samples: int, seconds: float, rounds: int, repeats: int, out: Path) -> None:
    """Measure, print the tables, write figures and picture; without a folder the plug-ins are built for it."""
    if shutil.which("cc") is None:
        report.console.print("bench plugin is skipped. It needs a compiler of C: sudo apt install gcc libc6-dev")
        return
    with tempfile.TemporaryDirectory() as made:
        if folder is None:
            folder = Path(made)
            build.build(dict.fromkeys(build.FORMATS, folder))
        results = measure(folder, block_samples, seconds, rounds, repeats)
    _print(results)
    settings = {"block_samples": block_samples, "seconds": seconds, "rounds": rounds, "repeats": repeats}
    report.save("plugin", out, {**settings, "chains": hosted.CHAINS}, results, _draw(results))


def _print(results: dict[str, Any]) -> None:
    calls, others = results["call_for_call"], results["in_ffmpeg"]
    table = Table(
        title=f"Microseconds per {calls['block_samples']} stereo samples: median (spread)", title_justify="left"
    )
    table.add_column("called from C")
    table.add_column("us", justify="right")
    for name, us in calls["us_per_block"].items():
        table.add_row(name, report.spread(us, 2))
    for name, us in others["us_per_block"].items():
        table.add_row(f"{name}, in ffmpeg", report.spread(us, 2))
    report.console.print(table)
    for package in others["missing"]:
        report.console.print(f"{package} is skipped: it is not here. Install it: sudo apt install {package}")
    table = Table("", "found", "goal", title_justify="left")
    table.add_row("plug-in / the engine's chain, the same parameters", report.spread(calls["to_the_chain"]), "1.0")
    table.add_row("plug-in as it comes / pedalboard's chain", report.spread(calls["listening_to_pedalboard"]), "0.3")
    table.add_row("largest difference to the chain", f"{calls['largest_difference_to_the_chain']:.1e}", "")
    table.add_row("worker, share of a core", f"{100 * calls['worker_share_of_a_core']:.2f} %", "0.5 %")
    table.add_row("first block after it is opened", f"{report.spread(results['first_sound_ms'], 1)} ms", "50 ms")
    for name, size in results["bytes"].items():
        table.add_row(f"{name}, size", f"{size / 1e6:.2f} MB", "3 MB")
    report.console.print(table)


def _draw(results: dict[str, Any]) -> Figure:
    calls, others = results["call_for_call"]["us_per_block"], results["in_ffmpeg"]["us_per_block"]
    rows = [*calls.items(), *((f"{name}, in ffmpeg", us) for name, us in others.items())][::-1]
    figure, axes = report.plot_size(8.0, 0.6 + 0.4 * len(rows), 1, 1)
    middle = np.array([us["median"] for _, us in rows])
    colours = [report.OURS if name.startswith((*turns.OURS, hosted.OURS)) else report.PEER for name, _ in rows]
    bars = axes.barh([name for name, _ in rows], middle, color=colours)
    report.label_bars(axes, bars, [report.spread(us, 1) for _, us in rows])
    axes.set_xlabel(f"us per block of {results['call_for_call']['block_samples']} stereo samples")
    axes.margins(x=0.3)
    return figure
