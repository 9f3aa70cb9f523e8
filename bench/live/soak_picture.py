"""The picture of `bench soak`: memory over the hours, and true peaks and nulls."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.common import report


def draw(results: dict[str, Any]) -> Figure:
    """Memory on the left, what was heard on the right."""
    figure, axes = report.plot_size(12.0, 3.8, 1, 2, width_ratios=(1.4, 1.0))
    _memory(axes[0], results["memory"])
    _nulls(axes[1], results["nulls"])
    axes[0].set_title(
        f"Memory over {results['played_s'] / 3600.0:.1f} h of sound, at {results['times_real_time']:.0f} x real time"
    )
    return figure


def _memory(axes: Axes, memory: list[dict[str, float]]) -> None:
    hours = [entry["played_s"] / 3600.0 for entry in memory]
    for who, label, colour in (
        ("audio_mb", "the process that plays", report.OURS),
        ("parent_mb", "its parent", report.OURS_TOO),
    ):
        axes.plot(hours, [entry[who] for entry in memory], color=colour, lw=2.0, label=label)
    axes.set_ylim(0.0, None)
    axes.set_xlabel("hours played")
    axes.set_ylabel("MB resident")
    axes.legend(loc="center right")


def _nulls(axes: Axes, nulls: list[dict[str, float]]) -> None:
    hours = [entry["played_s"] / 3600.0 for entry in nulls]
    axes.plot(hours, [100.0 * entry["unequal"] / entry["samples"] for entry in nulls], "o", ms=4, color=report.OURS)
    axes.set_ylim(-5.0, 105.0)
    axes.set_xlabel("hours played")
    axes.set_ylabel("percent of the samples that differ")
    axes.set_title("Bypass against the input, one period and 64 samples late")
