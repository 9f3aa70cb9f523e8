"""The picture of `bench chain`: ratios with their goals, share of the deadline, stages."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.common import report

_COLOURS = (report.OURS_TOO, report.OURS, "#0f4c5c", "#94c9a9", "#c5e0b4", "#d9cf9a", "#7a6fac", "#c3bce0")


def draw(results: dict[str, Any]) -> Figure:
    """Three panels side by side."""
    height_inches = max(4.6, 1.8 + 0.75 * len(results["blocks"]))
    figure, axes = report.plot_size(13.0, height_inches, 1, 3, width_ratios=(1.35, 1.0, 1.0))
    _ratios(axes[0], results["blocks"])
    _deadline(axes[1], results["blocks"])
    _stages(axes[2], results["stages_ns_per_64_samples"])
    return figure


def _ratios(axes: Axes, blocks: list[dict[str, Any]]) -> None:
    rows = blocks[0]["ratios"]
    height = 0.8 / len(rows)
    for row, example in enumerate(rows):
        cells = [entry["ratios"][row] for entry in blocks]
        places = [index + (row - (len(rows) - 1) / 2) * height for index in range(len(blocks))]
        medians = [cell["median"] for cell in cells]
        spread = [[c["median"] - c["q1"] for c in cells], [c["q3"] - c["median"] for c in cells]]
        against = " / " + example["against"].replace("pedalboard, ", "pedalboard's ")
        name = example["system"].replace("ours, ", "")
        goal = f" (goal {example['goal']:.2f})" if example["goal"] else ""
        axes.barh(
            places, medians, 0.92 * height, xerr=spread, color=_COLOURS[row], label=name + against + goal,
            error_kw={"elinewidth": 1, "ecolor": report.GOAL},
        )  # fmt: skip
        for place, cell in zip(places, cells, strict=True):
            axes.text(
                max(cell["q3"], cell["goal"] or 0.0) + 0.012, place, f"{cell['median']:.2f}", va="center", fontsize=7.5
            )
            if cell["goal"]:
                axes.plot([cell["goal"]] * 2, [place - height / 2, place + height / 2], color=report.GOAL, lw=2)
    axes.axvline(1.0, color=report.PEER, lw=1.5)
    axes.text(0.99, -0.47, "pedalboard", color=report.PEER, ha="right", va="bottom", fontsize=8)
    axes.set_yticks(range(len(blocks)), [f"{entry['block_samples']}" for entry in blocks])
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.05)
    axes.set_ylabel("block, samples")
    axes.set_xlabel("time per block, as a ratio: median and quartiles of interleaved rounds")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.14))
    axes.set_title("Time against pedalboard's chain (bold strokes: goals)")


def _deadline(axes: Axes, blocks: list[dict[str, Any]]) -> None:
    sizes = [entry["block_samples"] for entry in blocks]
    for name, colour, label in (
        ("pedalboard, whole chain", report.PEER, "pedalboard"),
        ("ours, whole chain, moving", report.OURS, "ours, moving"),
    ):
        tails = [entry["share_of_deadline"][name] for entry in blocks]
        for key, style in (("p50", "-"), ("p99", "--"), ("p99.9", ":")):
            axes.plot(
                sizes, [100 * t[key] for t in tails], style, marker="o", ms=3, color=colour, label=f"{label} {key}"
            )
        axes.plot(sizes, [100 * tail["max"] for tail in tails], "x", color=colour, label=f"{label} max")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.set_xlabel("block, samples")
    axes.set_title("Share of the deadline, called from Python")
    axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.45, -0.14))


def _stages(axes: Axes, stages: dict[str, dict[str, float]]) -> None:
    names = sorted((name for name in stages if name != "whole chain"), key=lambda name: stages[name]["median"])
    values = [stages[name]["median"] for name in names]
    bars = axes.barh(names, values, color=[report.GREY if n == "everything else" else report.OURS for n in names])
    whole = stages["whole chain"]["median"]
    report.label_bars(axes, bars, [f"{value:.0f} ns  {value / whole:.0%}" for value in values])
    axes.set_xlim(0.0, 1.3 * max(values))
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("ns per 64 stereo samples")
    axes.set_title(f"Stages in compiled code: {whole:.0f} ns")
