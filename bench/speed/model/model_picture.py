"""The picture of `bench model`: time of a run, of a whole suggestion, start and memory, accuracy beside speed."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.common import report

_PART_COLOURS = ("#94c9a9", "#5fb3b3", "#7a6fac", "#c3bce0")


def draw(results: dict[str, Any]) -> Figure:
    """Four panels."""
    names = list(results["quiet"])
    height_inches = 2 * max(2.6, 1.2 + 0.26 * len(names))
    figure, axes = report.plot_size(13.0, height_inches, 2, 2)
    _runs(axes[0, 0], results, names)
    _suggestions(axes[0, 1], results, names)
    _starts(axes[1, 0], results)
    _accuracy(axes[1, 1], results)
    return figure


def _list(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _legend(axes: Axes, columns: int) -> None:
    """Under the panel, where nothing is drawn."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=columns, columnspacing=1.0, handlelength=1.2)


def _runs(axes: Axes, results: dict[str, Any], names: list[str]) -> None:
    """A line from the median to p99, quiet and while audio runs."""
    for key, offset, colour, label in (
        ("quiet", -0.14, report.OURS, "nothing else"),
        ("while_audio_runs", 0.14, report.PEER, "while audio runs"),
    ):
        for place, name in enumerate(names):
            tail = results[key][name]["run_us"]
            axes.plot([tail["p50"], tail["p99"]], [place + offset] * 2, color=colour, lw=2)
            axes.plot(tail["p50"], place + offset, "o", ms=5, color=colour, label=label if place == 0 else None)
            axes.plot(tail["p99"], place + offset, "|", ms=8, color=colour)
    axes.set_xscale("log")
    axes.set_xlabel("microseconds: dot median, stroke p99")
    axes.set_title("A run of the network (or of the matcher)")
    _legend(axes, 2)
    _list(axes, names)


def _suggestions(axes: Axes, results: dict[str, Any], names: list[str]) -> None:
    """What a whole suggestion is made of."""
    parts = {name: figures["median"] for name, figures in results["parts_ms"].items()}
    for place, name in enumerate(names):
        is_network = name != "matcher"
        pieces = [(part, parts[part]) for part in parts if part != "context" or is_network]
        if is_network:
            pieces.append(("network", 1e-3 * results["quiet"][name]["run_us"]["p50"]))
        whole = results["quiet"][name]["suggestion_processor_ms"]["median"]
        left = 0.0
        for (part, width), colour in zip(pieces, (*_PART_COLOURS, report.OURS), strict=False):
            axes.barh(place, width, 0.7, left=left, color=colour, label=part if place == len(names) - 1 else None)
            left += width
        axes.barh(place, max(whole - left, 0.0), 0.7, left=left, color=report.GREY,
                  label="everything else" if place == len(names) - 1 else None)  # fmt: skip
        share = 100.0 * results["live"][name]["share_of_a_core"]
        axes.text(max(whole, left), place, f"  {whole:.2f} ms; live {share:.1f} % of a core", va="center", fontsize=7.5)
    axes.margins(x=0.5)
    axes.set_xlabel("milliseconds of the processor, medians")
    axes.set_title("A whole suggestion")
    _legend(axes, 6)
    _list(axes, names)


def _empty(axes: Axes, title: str, words: str) -> None:
    axes.set_title(title)
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, color=report.GREY)
    axes.set_axis_off()


def _starts(axes: Axes, results: dict[str, Any]) -> None:
    """Seconds until the first suggestion, and memory."""
    names = list(results["start"])
    if not names:
        _empty(axes, "From nothing to the first suggestion", "no networks")
        return
    pieces = (("import_s", "onnxruntime"), ("load_s", "load and check"), ("first_suggestion_s", "first suggestion"))
    for place, name in enumerate(names):
        row, left = results["start"][name], 0.0
        for (key, label), colour in zip(pieces, (report.GREY, report.OURS_TOO, report.OURS), strict=True):
            width = row[key]["median"]
            axes.barh(place, width, 0.7, left=left, color=colour, label=label if place == 0 else None)
            left += width
        megabytes = [row[key]["median"] for key in ("runtime_megabytes", "bundle_megabytes")]
        axes.text(left, place, f"  {left:.2f} s; {megabytes[0]:.0f} + {megabytes[1]:.0f} MB", va="center", fontsize=7.5)
    axes.margins(x=0.4)
    axes.set_xlabel("seconds; memory of the runtime + of the network")
    axes.set_title("From nothing to the first suggestion")
    _legend(axes, 3)
    _list(axes, names)


def _accuracy(axes: Axes, results: dict[str, Any]) -> None:
    """Error over time: nearer to the corner is better."""
    title = "Accuracy beside speed"
    errors = results["error_norm"]
    music = "test" if any("test" in row for row in errors.values()) else "validation"
    points = {name: row[music] for name, row in errors.items() if music in row and name in results["quiet"]}
    if not points:
        _empty(axes, title, "no figures of accuracy here yet")
        return
    times_ms = {name: results["quiet"][name]["suggestion_processor_ms"]["median"] for name in points}
    low, high = min(points.values()), max(points.values())
    # Labels stand in a column on the right, as near to their points as the one above lets them.
    step, last = 0.07 * (high - low or 1.0), -1.0
    for name in sorted(points, key=points.__getitem__):
        is_ours, place = name != "matcher", max(points[name], last + step)
        colour = report.OURS if is_ours else report.PEER
        axes.plot(times_ms[name], points[name], "s" if name.endswith("int8") else "o", ms=6, color=colour)
        axes.annotate(
            name, (times_ms[name], points[name]), (1.1 * max(times_ms.values()), place), va="center", fontsize=7.5,
            arrowprops={"arrowstyle": "-", "color": report.GREY, "lw": 0.5},
        )  # fmt: skip
        last = place
    axes.set_xlim(0.0, 1.6 * max(times_ms.values()))
    axes.set_ylim(low - 2.0 * step, max(high, last) + 2.0 * step)
    axes.set_xlabel("a whole suggestion, milliseconds of the processor (squares: int8)")
    axes.set_ylabel(f"mean error, normalised ({music} music)")
    axes.set_title(title)
