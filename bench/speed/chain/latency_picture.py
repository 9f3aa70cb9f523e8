"""The picture of `bench latency`: share of the deadline over block size, and what each stage takes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.common import report

_TAILS = (("p50", "-", "o"), ("p99", "--", "s"), ("p99.9", ":", "^"))
_COLOURS = ("#94c9a9", report.OURS, "#c3bce0", "#7a6fac")


def draw(results: dict[str, Any]) -> Figure:
    """Two panels side by side."""
    figure, axes = report.plot_size(11.0, 4.6, 1, 2, width_ratios=(1.15, 1.0))
    _deadline(axes[0], results["rates"])
    _stages(axes[1], results["rates"])
    return figure


def _deadline(axes: Axes, rates: list[dict[str, Any]]) -> None:
    sizes = [row["block_samples"] for row in rates[0]["blocks"]]
    for rate, colour in zip(rates, _COLOURS, strict=False):
        for name, style, marker in _TAILS:
            shares = [100.0 * row["share_of_deadline"][name] for row in rate["blocks"]]
            axes.plot(sizes, shares, style, marker=marker, ms=3.5, lw=1.4, color=colour)
    for rate, colour in zip(rates, _COLOURS, strict=False):
        axes.plot([], [], color=colour, lw=3, label=f"{rate['sample_rate_hz'] / 1000:g} kHz")
    for name, style, marker in _TAILS:
        axes.plot([], [], style, marker=marker, ms=3.5, color=report.GOAL, label=_words(name))
    axes.axhline(100.0, color=report.PEER, lw=1.5)
    axes.text(
        sizes[-1], 92.0, "the deadline: a block's own length", color=report.PEER, ha="right", va="top", fontsize=8
    )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(top=160.0)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.set_xlabel("block, samples")
    axes.legend(ncols=2, loc="upper right", bbox_to_anchor=(1.0, 0.86))
    axes.set_title("Time per block, as a share of the deadline")


def _words(tail: str) -> str:
    return {"p50": "half of the blocks", "p99": "99 % of the blocks", "p99.9": "99.9 % of the blocks"}[tail]


def _stages(axes: Axes, rates: list[dict[str, Any]]) -> None:
    rate = next((rate for rate in rates if rate["sample_rate_hz"] == 48_000), rates[0])
    whole_ns, together = rate["whole_ns_per_64_samples"]["median"], rate["sum_of_stages"]["median"]
    shares = dict(rate["stages_share_of_the_whole"])
    shares["everything else"] = dict.fromkeys(("median", "low", "high"), 1.0 - together)
    shares = dict(sorted(shares.items(), key=lambda item: item[1]["median"]))
    median, low, high = (np.array([share[name] for share in shares.values()]) for name in ("median", "low", "high"))
    bars = axes.barh(
        list(shares),
        100.0 * median,
        xerr=100.0 * np.stack([median - low, high - median]),
        color=[report.GREY if name == "everything else" else report.OURS_TOO for name in shares],
        error_kw={"elinewidth": 1, "ecolor": report.GOAL},
    )
    report.label_bars(axes, bars, [f"{100.0 * share:.0f} %  {share * whole_ns:.0f} ns" for share in median])
    axes.set_xlim(0.0, 135.0 * median.max())
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"% of {whole_ns:.0f} ns for 64 stereo samples at {rate['sample_rate_hz'] / 1000:g} kHz")
    axes.set_title(f"Stages alone; together {100.0 * together:.0f} % of the whole chain")
