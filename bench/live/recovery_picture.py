"""The picture of `bench recovery`: every time, a row for each thing that happens."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench.common import report


def draw(rows: list[dict[str, Any]]) -> Figure:
    """A dot for each time, a stroke for the median."""
    figure, axes = report.plot_size(9.0, 1.2 + 0.42 * len(rows), 1, 1)
    panel = np.atleast_1d(axes).flat[0]
    for place, row in enumerate(rows):
        seconds = [run["seconds"] for run in row["runs"]]
        colour = report.OURS if row["backend"] == "jack" else report.PEER
        panel.plot(seconds, np.full(len(seconds), place), "o", color=colour, alpha=0.5, ms=5)
        panel.plot([row["median_s"]] * 2, [place - 0.3, place + 0.3], color=colour, lw=2.5)
    panel.set_yticks(range(len(rows)), [f"{row['event']}, {row['server']}, {row['backend']}" for row in rows])
    panel.invert_yaxis()
    panel.set_xlim(0.0, None)
    panel.set_xlabel("seconds until there is sound again")
    figure.suptitle("What is taken away comes back", x=0.01, ha="left", fontweight="bold")
    return figure
