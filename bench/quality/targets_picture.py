"""The picture of `bench quality`: a panel for each measure, a row for each system, a dot for each song."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.common import report
from bench.quality.measures import LIMITER_MEASURES, MEASURES
from bench.quality.systems import PEERS, REFERENCES

_COLUMNS = 5
_REACH = 2.5
"""Dots further out than this many times the upper quartile of a panel stand at its edge."""

_GOALS = {"loudness_error_lu": 0.3, "settles_s": 5.0, "true_peak_over_db": 0.02}


def draw(results: dict[str, Any]) -> Figure:
    """Left in every panel is good."""
    takers, names = list(results["summary"]), list(results["limiters"])
    heights = (0.9 + 0.22 * len(takers), 0.9 + 0.22 * len(takers), 0.9 + 0.22 * len(names))
    figure = report.plt.figure(figsize=(14.0, 0.6 + sum(heights)), layout="constrained")
    top = list(MEASURES)
    wide = len(LIMITER_MEASURES)
    mosaic = [
        [measure for measure in top[:_COLUMNS] for _ in range(wide)],
        [measure for measure in top[_COLUMNS:] for _ in range(wide)],
        [measure for measure in LIMITER_MEASURES for _ in range(_COLUMNS)],
    ]
    panels = figure.subplot_mosaic(mosaic, height_ratios=heights)
    for measure, words in MEASURES.items():
        _dots(panels[measure], results, takers, measure)
        _finish(panels[measure], words, takers, is_first=measure in (top[0], top[_COLUMNS]))
    for place, (measure, words) in enumerate(LIMITER_MEASURES.items()):
        values = [results["limiters"][name][measure] for name in names]
        colours = [report.OURS if name == "ours" else report.PEER for name in names]
        bars = panels[measure].barh(range(len(names)), values, 0.6, color=colours)
        report.label_bars(panels[measure], bars, [f"{value:.3f}" for value in values])
        panels[measure].margins(x=0.2)
        _finish(panels[measure], f"limiter: {words}", names, is_first=place == 0)
    figure.suptitle(
        f"{len(results['songs'])} damaged songs, each asked to be like the next one. A dot for each song (arrow:"
        " further out, or never), a stroke at the median; further left is better (dashed: goals)",
        fontsize=9, x=0.01, ha="left",
    )  # fmt: skip
    return figure


def _finish(axes: Axes, title: str, rows: list[str], is_first: bool) -> None:
    axes.set_title(title, fontsize=8.5)
    axes.set_yticks(range(len(rows)), rows if is_first else [""] * len(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _colour(taker: str) -> str:
    if taker in REFERENCES:
        return report.GREY
    return report.PEER if taker in PEERS else report.OURS


def _dots(axes: Axes, results: dict[str, Any], takers: list[str], measure: str) -> None:
    values = [[song["systems"][taker][measure] for song in results["songs"].values()] for taker in takers]
    every = np.array([value for row in values for value in row if value is not None] or [1.0])
    edge = max(min(every.max(), _REACH * np.percentile(every, 75)), 1.0)
    if measure in _GOALS:
        axes.axvline(_GOALS[measure], color=report.GOAL, lw=1.0, ls="--")
        edge = max(edge, 1.2 * _GOALS[measure])
    for place, (taker, row) in enumerate(zip(takers, values, strict=True)):
        numbers = np.array([np.inf if value is None else value for value in row])
        inside, colour = numbers <= edge, _colour(taker)
        spread = place + np.linspace(-0.22, 0.22, numbers.size)
        axes.plot(numbers[inside], spread[inside], "o", ms=3.5, color=colour, alpha=0.45, mew=0)
        if not inside.all():
            far = np.full(np.count_nonzero(~inside), edge)
            axes.plot(far, spread[~inside], ">", ms=4.0, color=colour, alpha=0.45, mew=0)
        middle = min(float(np.median(numbers)), edge)
        axes.plot([middle] * 2, [place - 0.36, place + 0.36], color=colour, lw=2.2, solid_capstyle="butt")
    low = min(0.0, float(np.percentile(every, 5)))
    axes.set_xlim(low - 0.03 * (edge - low), edge + 0.03 * (edge - low))
