"""What blind listeners preferred: a table and a picture of the answers that a page of `bench listen` saved."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from bench.quality.listen import summary


def run(folder: Path, answers: list[Path], out: Path) -> None:
    """Sum up, print the table, write figures and picture."""
    try:
        found = summary(folder, answers)
    except (ValueError, KeyError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if not found:
        raise click.UsageError("There is no score in these answers. Rate something, and save them again.")
    table = Table("", "score", "over untouched", "95 %", "best", "heard")
    for who, one in found.items():
        interval = f"{one['low']:+.1f} to {one['high']:+.1f}"
        row = [f"{one['score']:.1f}", f"{one['over_untouched']:+.1f}", interval, f"{one['best']:.0%}"]
        table.add_row(who, *row, f"{one['heard']:.0f}")
    report.console.print(table)
    report.save("heard", out, {"answers": len(answers)}, found, draw(found))


def draw(found: dict[str, dict[str, float]]) -> Figure:
    """How much better than untouched each is heard to be."""
    figure, axes = report.plot_size(6.0, 0.6 + 0.4 * len(found), 1, 1)
    places = np.arange(len(found))
    middle = np.array([one["over_untouched"] for one in found.values()])
    low, high = (np.array([one[side] for one in found.values()]) for side in ("low", "high"))
    sides = np.maximum((middle - low, high - middle), 0.0)
    axes.barh(places, middle, 0.6, color=report.OURS, xerr=sides, ecolor=report.GREY)
    axes.set(title="Preferred over untouched", xlabel="points of 100", yticks=places)
    axes.set_yticklabels(list(found))
    axes.invert_yaxis()
    return figure
