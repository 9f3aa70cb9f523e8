"""What every command leaves behind: a table on the screen, figures as JSON, a picture."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bench.common.here import ROOT, console

__all__ = ["ROOT", "console"]
LIBRARIES = ("numpy", "numba", "llvmlite", "pedalboard", "matplotlib")
OURS, OURS_TOO, PEER, PEER_TOO, GOAL, GREY = "#0b6e75", "#5fb3b3", "#c8553d", "#e8a58f", "#333333", "#9a9a9a"

plt.rcParams.update(
    {
        "figure.dpi": 130,
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e4e4e4",
        "legend.frameon": False,
        "legend.fontsize": 8,
    }
)


def quartiles(values: ArrayLike) -> dict[str, float]:
    """Median and quartiles of repeated measurements, and their spread: from `low` to `high` lie 80 % of them."""
    low, q1, median, q3, high = np.percentile(np.asarray(values, dtype=np.float64), (10, 25, 50, 75, 90))
    return {"median": float(median), "q1": float(q1), "q3": float(q3), "low": float(low), "high": float(high)}


def across(runs: Sequence[ArrayLike]) -> dict[str, float]:
    """The same of what several processes measured; the spread has room for the median of each of them too."""
    found = quartiles(np.concatenate([np.asarray(run, dtype=np.float64) for run in runs]))
    medians = [float(np.median(run)) for run in runs]
    return {**found, "low": min(found["low"], *medians), "high": max(found["high"], *medians)}


STRETCHES = 8
"""Parts of a measurement between which a machine may have changed."""


def over_time(values: ArrayLike) -> dict[str, float]:
    """The same of what one process measured while the machine itself may have changed: each stretch has its median."""
    return across([stretch for stretch in np.array_split(np.asarray(values), STRETCHES) if stretch.size])


def spread(values: dict[str, float], digits: int = 3) -> str:
    """Median and spread as text."""
    return f"{values['median']:.{digits}f} ({values['low']:.{digits}f}-{values['high']:.{digits}f})"


def plot_size(width_inches: float, height_inches: float, rows: int, columns: int, **options: Any) -> tuple[Figure, Any]:
    """An empty figure with its axes."""
    return plt.subplots(rows, columns, figsize=(width_inches, height_inches), layout="constrained", **options)


def label_bars(axes: Axes, bars: Any, texts: list[str]) -> None:
    """Write a figure at the end of each bar."""
    axes.bar_label(bars, labels=texts, padding=3, fontsize=7.5)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    try:
        run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return run.stdout.strip()


def circumstances() -> dict[str, Any]:
    """The machine, the versions and the commit that figures belong to."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        },
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def save(command: str, out: Path, settings: dict[str, Any], results: dict[str, Any], figure: Figure) -> None:
    """Write `<command>.json` and `<command>.png` into the folder `out` and say so."""
    out.mkdir(parents=True, exist_ok=True)
    content = {"command": command, **circumstances(), "settings": settings, "results": results}
    (out / f"{command}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    figure.savefig(out / f"{command}.png")
    plt.close(figure)
    console.print(f"Written: {out / command}.json and .png")


def pin_to_one_core() -> int | None:
    """Keep this process on one core, so that its clock does not jump; None where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core
