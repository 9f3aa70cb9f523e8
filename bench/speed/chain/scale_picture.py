"""The picture of `bench scale`: channels, engines until real time ends, files."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.common import report

_COLOURS = (report.OURS, report.OURS_TOO, "#7a6fac")


def draw(results: dict[str, Any]) -> Figure:
    """Three panels side by side."""
    figure, axes = report.plot_size(13.0, 4.2, 1, 3)
    _channels(axes[0], results["channels"])
    _limits(axes[1], results["limits"])
    _files(axes[2], results["files"])
    return figure


def _channels(axes: Axes, rows: list[dict[str, Any]]) -> None:
    channels = [row["channels"] for row in rows]
    medians = [row["to_stereo"]["median"] for row in rows]
    spread = [[r["to_stereo"]["median"] - r["to_stereo"]["low"] for r in rows],
              [r["to_stereo"]["high"] - r["to_stereo"]["median"] for r in rows]]  # fmt: skip
    axes.errorbar(channels, medians, yerr=spread, fmt="o-", ms=4, color=report.OURS, label="measured, with its spread")
    axes.plot(channels, [max(1.0, count / 2.0) for count in channels], ":", color=report.GREY, label="in proportion")
    axes.set_xticks(channels, [str(count) for count in channels])
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("channels, in stereo pairs")
    axes.set_title("Time of a callback, x stereo")
    axes.legend(loc="upper left")


def _limits(axes: Axes, limits: list[dict[str, Any]]) -> None:
    for limit, colour in zip(limits, _COLOURS, strict=False):
        counts = [one["engines"] for one in limit["tried"]]
        shares = [100.0 * one["median_share_of_deadline"] for one in limit["tried"]]
        name = f"{limit['block_samples']} samples at {limit['sample_rate_hz'] / 1000:g} kHz"
        ends = f"{limit['most_engines']} engines" if limit["ends_there"] else f"more than {limit['most_engines']}"
        axes.plot(counts, shares, "o-", ms=3, color=colour, label=f"{name}: {ends}")
    axes.axhline(100.0, color=report.PEER, lw=1.5)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("stereo engines at once, one core")
    axes.set_title("Half of the callbacks take, % of the deadline")
    axes.legend(loc="upper left")


def _files(axes: Axes, rows: list[dict[str, Any]]) -> None:
    names = [f"{row['minutes']:g} min" for row in rows]
    bars = axes.barh(names, [row["memory_mb"] for row in rows], 0.6, color=report.OURS_TOO)
    labels = [f"{row['memory_mb']:.0f} MB, {row['times_real_time']:.0f} x real time" for row in rows]
    report.label_bars(axes, bars, labels)
    axes.set_xlim(0.0, 1.7 * max((row["memory_mb"] for row in rows), default=1.0))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("most memory of the process, MB")
    axes.set_title("Files rendered")
