"""What `bench versus` shows: a row for each target, with spread, and how far each is from what was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from bench.common import report
from bench.versus.turns import Found, Part, Target


def rows(parts: list[Part], found: dict[str, Found]) -> list[dict[str, Any]]:
    """Of each target both sides, the ratios of the pairs, and the verdict; ready for JSON."""
    made = []
    for part in parts:
        if part.name not in found:
            continue
        sides = found[part.name]
        for target in part.rows:
            made.append(_row(part.name, target, sides))
    return made


def _row(part: str, target: Target, found: Found) -> dict[str, Any]:
    old, new = ([turn[target.figure] for turn in side if target.figure in turn] for side in (found.old, found.new))
    pairs = [new_one / old_one for new_one, old_one in zip(new, old, strict=False) if old_one]
    judged = pairs if target.is_ratio else new
    row: dict[str, Any] = {
        "part": part,
        "what": target.what,
        "unit": target.unit,
        "old": report.quartiles(old) if old else None,
        "new": report.quartiles(new) if new else None,
        "ratio": report.quartiles(pairs) if pairs else None,
        "goal": target.goal,
        "stretch": target.stretch,
        "goal_is_for": "new / old" if target.is_ratio else target.unit,
        "verdict": "",
    }
    if target.goal is not None:
        row["verdict"] = _verdict(float(np.median(judged)), target) if judged else "not measured"
    return row


def _verdict(value: float, target: Target) -> str:
    assert target.goal is not None
    if target.stretch is not None and value <= target.stretch:
        return "stretch reached"
    if value <= target.goal:
        return "reached"
    return f"missed: {value / target.goal:.2f} x the target"


def show(parts: list[Part], found: dict[str, Found], settings: dict[str, Any], out: Path) -> None:
    """Print the table, write figures, table and picture."""
    made = rows(parts, found)
    notes = [note for one in found.values() for note in one.notes]
    title = f"This checkout against {settings['against'][:7]}: median (spread)"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for name in ("", "old", "new", "new / old, pair by pair", "target", "stretch", ""):
        table.add_column(name)
    for row in made:
        table.add_row(*_cells(row))
    report.console.print(table)
    for note in notes:
        report.console.print(note, markup=False)
    turns = {name: {"old": one.old, "new": one.new} for name, one in found.items()}
    report.save("versus", out, settings, {"rows": made, "turns": turns, "notes": notes}, draw(made))
    (out / "versus.md").write_text(_markdown(made, notes), encoding="utf-8")


def _cells(row: dict[str, Any]) -> list[str]:
    per = "x old" if row["goal_is_for"] == "new / old" else row["unit"]
    goals = ["" if row[name] is None else f"{row[name]:.3g} {per}" for name in ("goal", "stretch")]
    sides = [_text(row[name], row["unit"]) for name in ("old", "new")]
    return [row["what"], *sides, _text(row["ratio"], ""), *goals, row["verdict"]]


def _text(values: dict[str, float] | None, unit: str) -> str:
    if values is None:
        return "-"
    low, middle, high = (f"{values[name]:.3g}" for name in ("low", "median", "high"))
    return f"{middle} {unit} ({low}-{high})".replace("  ", " ")


def _markdown(made: list[dict[str, Any]], notes: list[str]) -> str:
    lines = ["| what | old | new | new / old | target | stretch | |", "|---" * 7 + "|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in made]
    return "\n".join([*lines, "", *notes, ""])


def draw(made: list[dict[str, Any]]) -> Figure:
    """Each target as 1 on a logarithmic axis: where the old side stands, where the new one, and the stretch."""
    asked = [row for row in made if row["goal"] is not None and row["new"] is not None]
    figure, axes = report.plot_size(9.5, 1.6 + 0.36 * len(asked), 1, 1)
    for place, row in enumerate(asked):
        is_ratio = row["goal_is_for"] == "new / old"
        new = row["ratio"] if is_ratio else row["new"]
        old = 1.0 if is_ratio else (row["old"] or {}).get("median")
        if new is None:
            continue
        low, middle, high = (new[name] / row["goal"] for name in ("low", "median", "high"))
        axes.plot([low, high], [place] * 2, color=report.OURS, lw=2.5, solid_capstyle="butt", alpha=0.5)
        axes.plot(middle, place, "o", color=report.OURS, ms=6, label="this checkout" if place == 0 else None)
        if old is not None:
            axes.plot(old / row["goal"], place, "o", color=report.GREY, ms=6, label="before" if place == 0 else None)
        if row["stretch"] is not None:
            axes.plot(row["stretch"] / row["goal"], place, "|", color=report.PEER, ms=10, mew=2)
    axes.axvline(1.0, color=report.GOAL, lw=1.5, ls="--", label="target (stroke: stretch)")
    axes.set_xscale("log")
    axes.set_yticks(range(len(asked)), [row["what"].strip() for row in asked])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the target; further left is better")
    axes.set_title("What the engine costs, against its targets")
    if asked:
        axes.legend(loc="lower right")
    return figure
