"""The picture of `bench loudness`: short-term loudness over time, and what pauses do to the gain."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.common import report

COLOURS = (report.GREY, report.OURS, report.PEER, report.PEER_TOO)
_CURVE_STEP_S = 0.1


def draw(results: dict[str, Any], settings: dict[str, Any]) -> Figure:
    """Plain run, step run and pauses, side by side."""
    figure, axes = report.plot_size(14.0, 4.6, 1, 3, width_ratios=(1.0, 1.2, 0.9))
    _curves(axes[0], results, "plain", settings["target_lufs"])
    axes[0].set_title("Songs as they are")
    _curves(axes[1], results, "steps", settings["target_lufs"])
    axes[1].set_title("Input in steps of 12 dB")
    for place_s in (settings["step_s"], 2 * settings["step_s"]):
        axes[1].axvline(place_s, color=report.GOAL, lw=0.8, ls=":")
    _pauses(axes[2], results)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(COLOURS))
    return figure


def _curves(axes: Axes, results: dict[str, Any], kind: str, target_lufs: float) -> None:
    """Short-term loudness of each leveller: the middle song, and the band that holds four of five."""
    for taker, colour in zip(results["summary"], COLOURS, strict=False):
        curves = np.array([song[kind][taker]["short_term_lufs"] for song in results["songs"].values()])[:, 30:]
        times_s = 3.0 + _CURVE_STEP_S * np.arange(curves.shape[1])
        low, middle, high = np.percentile(curves, (10, 50, 90), axis=0)
        axes.fill_between(times_s, low, high, color=colour, alpha=0.18, lw=0)
        axes.plot(times_s, middle, color=colour, lw=1.4, label=taker)
    axes.axhspan(target_lufs - 1.0, target_lufs + 1.0, color=report.GOAL, alpha=0.08, lw=0)
    axes.set_ylim(target_lufs - 22.0, target_lufs + 10.0)
    axes.set_xlabel("seconds")
    axes.set_ylabel("short-term LUFS: median and 10 to 90 % of the songs")


def _pauses(axes: Axes, results: dict[str, Any]) -> None:
    """Movement of the gain, one dot for each song."""
    runs = [song["pauses"] for song in results["songs"].values()]
    names = list(runs[0])
    for key, offset, colour, label in (
        ("pause_db", -0.15, report.OURS, "in the pause"),
        ("after_db", 0.15, report.OURS_TOO, "in the music after"),
    ):
        values = np.array([[run[name][key] for name in names] for run in runs])
        places = np.broadcast_to(np.arange(len(names)) + offset, values.shape)
        axes.plot(values.ravel(), places.ravel(), "o", ms=4, color=colour, alpha=0.6, mew=0, label=label)
    axes.axvline(0.5, color=report.GOAL, lw=1.5, ls="--")
    axes.set_xlim(0.0, None)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.legend(loc="center right")
    axes.set_title("What 5 s of pause do to our gain")
    axes.set_xlabel("dB moved (dashed: goal 0.5)")
