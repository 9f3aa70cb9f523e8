"""The picture of `bench jitter`: how long callbacks took, under each load."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.common import report

EDGES_US = np.geomspace(1.0, 1e6, 73)
_COLOURS = (report.OURS, report.OURS_TOO, report.PEER)


def draw(results: dict[str, Any], settings: dict[str, Any]) -> Figure:
    """A histogram for each load, and how many callbacks there were at all."""
    figure, axes = report.plot_size(13.0, 7.0, 2, 3)
    for panel, load in zip(axes.flat, results["loads"], strict=False):
        _histogram(panel, results["loads"][load], results["period_us"])
        words = settings["loads"][load]
        panel.set_title(f"Beside {words}", fontsize=9)
    _shares(axes.flat[-1], results["loads"])
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(
        f"Time in the callback at {settings['block_samples']} samples, beside other work in the same process",
        x=0.01, ha="left", fontweight="bold",
    )  # fmt: skip
    return figure


def _histogram(axes: Axes, ways: dict[str, dict[str, Any]], period_us: float) -> None:
    for (way, row), colour in zip(ways.items(), _COLOURS, strict=False):
        axes.stairs(np.array(row["histogram"]), EDGES_US, color=colour, lw=1.5, label=way)
    axes.axvline(period_us, color=report.GOAL, lw=1.5, ls="--", label="the period: longer is too late")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(EDGES_US[0], EDGES_US[-1])
    axes.set_ylim(0.7, None)
    axes.set_xlabel("time in the callback, us")
    axes.set_ylabel("callbacks")


def _shares(axes: Axes, loads: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Of the callbacks that there should have been: run in time."""
    ways = list(next(iter(loads.values())))
    height = 0.8 / len(ways)
    for k, (way, colour) in enumerate(zip(ways, _COLOURS, strict=False)):
        places = [index + (k - (len(ways) - 1) / 2) * height for index in range(len(loads))]
        rows = [entry[way] for entry in loads.values()]
        shares = [100.0 * (row["callbacks"] - row["late"]) / row["expected"] for row in rows]
        bars = axes.barh(places, shares, 0.9 * height, color=colour)
        report.label_bars(axes, bars, [f"{share:.1f} %" for share in shares])
    axes.set_yticks(range(len(loads)), list(loads))
    axes.invert_yaxis()
    axes.set_xlim(0.0, 118.0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("percent; what the host holds up counts too")
    axes.set_title("Callbacks run in time, of those due", fontsize=9)
