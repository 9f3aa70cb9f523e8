"""The picture of `bench roundtrip`: the way of the sound, and the time from knob to sound."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.common import report

_COLOURS = (report.OURS, report.OURS_TOO, "#7a6fac", "#94c9a9")
GOAL_MS = 5.0


def draw(results: dict[str, Any]) -> Figure:
    """Two panels side by side."""
    figure, axes = report.plot_size(12.0, 4.2, 1, 2)
    _paths(axes[0], results["paths"])
    _knob(axes[1], results["knob"])
    return figure


def _paths(axes: Axes, paths: list[dict[str, Any]]) -> None:
    names = [
        f"{path['period_samples']}, {path['backend']}, {'look-ahead' if path['lookahead'] else 'direct'}"
        for path in paths
    ]
    values = [path["ms"] for path in paths]
    bars = axes.barh(names, values, color=[report.OURS if path["lookahead"] else report.OURS_TOO for path in paths])
    texts = [f"{' '.join(map(str, path['delays_samples']))} samples, shown {path['shown_samples']}" for path in paths]
    report.label_bars(axes, bars, texts)
    axes.invert_yaxis()
    axes.margins(x=0.45)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("ms")
    axes.set_title("In to out: click to click, by another JACK client")


def _knob(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for row, colour in zip(rows, _COLOURS, strict=False):
        values = np.sort(row["every_first_change_ms"])
        if not len(values):
            continue
        label = f"{row['period_samples']} samples: median {row['first_change_ms']['median']:.1f} ms"
        axes.plot(values, 100.0 * (np.arange(len(values)) + 1.0) / len(values), color=colour, lw=2.0, label=label)
    axes.axvline(GOAL_MS, color=report.GOAL, lw=1.5, ls="--", label="goal for the median at 64 samples")
    axes.axhline(50.0, color=report.GREY, lw=0.8)
    longest = max((row["first_change_ms"]["p95"] for row in rows), default=GOAL_MS)
    axes.set_xlim(0.0, 1.5 * max(longest, GOAL_MS))
    axes.set_xlabel("ms from the message to the first sample that differs")
    axes.set_ylabel("percent of the messages")
    axes.legend(loc="lower right")
    axes.set_title("Knob to sound")
