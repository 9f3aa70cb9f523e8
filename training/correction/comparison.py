"""The lines that a correction is judged by, its goals, and whether it is better than another on each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters

Array = NDArray[np.float64]

DRAWS = 2000


@dataclass(frozen=True)
class Line:
    """A kind of damage, a moment, and what is to be reached.

    Parameters
    ----------
    family : one of examples.FAMILIES
    moment : "10 s" .. "whole"
    goal_db : float
    """

    family: str
    moment: str
    goal_db: float


LINES = (
    Line("project", "10 s", 1.86), Line("project", "30 s", 1.70), Line("project", "whole", 1.60),
    Line("twice", "whole", 2.80), Line("tilt", "whole", 2.65), Line("microphone", "whole", 3.20),
    Line("resonance", "whole", 1.36), Line("masters", "whole", 0.60),
)  # fmt: skip
"""The first goal is what is untouched on the test packages."""


def interval(values: Array, groups: Array | NDArray[np.int32] | list[int], seed: int = 1) -> tuple[float, float]:
    """95 % bootstrap interval of a mean, drawn by group."""
    groups = np.asarray(groups)
    names, rng = np.unique(groups), np.random.default_rng(seed)
    sums = np.array([values[groups == name].sum() for name in names])
    counts = np.array([(groups == name).sum() for name in names])
    drawn = rng.integers(0, len(names), (DRAWS, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def alone(member: int) -> Array:
    """The shipped table with one of its networks in the place of all: shape (layout.MASTERS_SIZE,)."""
    table = masters.table().copy()
    start = at.NET + member * at.NET_SIZE
    one = table[start : start + at.NET_SIZE].copy()
    for other in range(at.NET_MEMBERS):
        table[at.NET + other * at.NET_SIZE : at.NET + (other + 1) * at.NET_SIZE] = one
    table[at.BLEND : at.BLEND + at.KNOTS] = 1.0
    return table


def against(
    ours: Array, others: dict[str, Array], chosen: dict[str, NDArray[np.bool_]], groups: dict[str, Array]
) -> Any:
    """Our errors less others', by line, with intervals: below 0 is better.

    Parameters
    ----------
    ours : float64, shape (n,)
        Errors in dB.
    others : the same of each other method
    chosen : which examples a line is about, by its name
    groups : what intervals are drawn by, each of shape (n,)
    """
    return {
        name: {
            line: {
                "apart_db": float((ours - theirs)[some].mean()),
                "share": float(ours[some].mean() / theirs[some].mean() - 1.0),
                **{f"by_{what}": interval((ours - theirs)[some], of[some]) for what, of in groups.items()},
            }
            for line, some in chosen.items()
        }
        for name, theirs in others.items()
    }


def table(report: dict[str, Any]) -> str:
    """What `against` says as markdown."""
    names = list(report)
    lines = ["| ours less theirs, dB [95 % by song] {by package} | " + " | ".join(names) + " |"]
    lines.append("|---" * (1 + len(names)) + "|")
    for line in report[names[0]]:
        cells = []
        for name in names:
            one = report[name][line]
            (low, high), (lowest, highest) = one["by_song"], one["by_package"]
            cells.append(f"{one['apart_db']:+.2f} [{low:+.2f} {high:+.2f}] {{{lowest:+.2f} {highest:+.2f}}}")
        lines.append(f"| {line} | " + " | ".join(cells) + " |")
    means = [np.mean([one["share"] for one in report[name].values() if np.isfinite(one["share"])]) for name in names]
    lines.append("| mean of the shares | " + " | ".join(f"{100.0 * mean:+.1f} %" for mean in means) + " |")
    return "\n".join(lines) + "\n"
