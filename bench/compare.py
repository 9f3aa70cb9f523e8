"""What moved between two runs by more than their own repetitions do.

A figure is anything in the results that has a median and a spread. It has moved if each median lies
outside the other's spread. Ratios were taken within a round and stand for themselves; absolute times
are as good as both machines were equally idle, and are listed apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from bench.common import report
from rt_automix.errors import UserError

NAMED_BY = (
    "system", "against", "stage", "name", "backend", "lookahead",
    "sample_rate_hz", "block_samples", "period_samples", "channels", "minutes",
)  # fmt: skip
"""What tells the entries of a list apart."""

ABSOLUTE = (
    "_s", "_ms", "_us", "_ns", "us_per_block", "ns_per_64_samples", "_mb", "_megabytes", "_real_time", "_of_deadline",
)  # fmt: skip
"""How the names of figures end that are no ratios: times, and memory, which depend on what else the machine did."""


@dataclass(frozen=True)
class Figure:
    """A median and between what it lies."""

    name: str
    median: float
    low: float
    high: float

    @property
    def is_absolute(self) -> bool:
        return any(part.endswith(ABSOLUTE) for part in self.name.split(" / "))


@dataclass(frozen=True)
class Row:
    """A figure of both runs."""

    before: Figure
    after: Figure

    @property
    def ratio(self) -> float:
        """After to before; NaN where there was nothing."""
        return self.after.median / self.before.median if self.before.median else float("nan")

    @property
    def has_moved(self) -> bool:
        """Whether it is beyond the noise of both."""
        one, other = self.before, self.after
        return not (one.low <= other.median <= one.high or other.low <= one.median <= other.high)


def figures(content: Any, name: tuple[str, ...] = ()) -> Iterator[Figure]:
    """Every figure in what a command has written."""
    if isinstance(content, list):
        for index, entry in enumerate(content):
            yield from figures(entry, (*name, _label(entry, index)))
        return
    if not isinstance(content, dict):
        return
    if content.keys() >= {"median", "low", "high"}:
        yield Figure(" / ".join(name), *(float(content[key]) for key in ("median", "low", "high")))
        return
    for key, value in content.items():
        yield from figures(value, (*name, str(key)))


def _label(entry: Any, index: int) -> str:
    """What an entry of a list is called."""
    known = [str(entry[key]) for key in NAMED_BY if key in entry] if isinstance(entry, dict) else []
    return ", ".join(known) or str(index)


def load(path: Path) -> dict[str, Any]:
    """What `bench all` or a single command has written.

    Raises
    ------
    UserError
        It is something else.
    """
    cure = "Use the .json of a bench command, such as bench-out/all.json."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}). {cure}") from error
    if not isinstance(content, dict) or not {"parts", "results"} & content.keys():
        raise UserError(f"{path}: holds no results. {cure}")
    return content


def _figures_of(content: dict[str, Any]) -> dict[str, Figure]:
    parts = content.get("parts") or {content["command"]: content}
    found = figures({name: part["results"] for name, part in parts.items()})
    return {figure.name: figure for figure in found}


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Row]:
    """Every figure that both have; what moved most comes first."""
    ours, theirs = _figures_of(before), _figures_of(after)
    rows = [Row(ours[name], theirs[name]) for name in ours if name in theirs]
    return sorted(rows, key=lambda row: (not row.has_moved, -abs(row.ratio - 1.0)))


def run(first: Path, second: Path, show_all: bool) -> None:
    """Compare and print."""
    before, after = load(first), load(second)
    for difference in _differences(before, after):
        report.console.print(difference, markup=False)
    rows = compare(before, after)
    for title, is_absolute in (("Ratios", False), ("Absolute: only if both machines were equally idle", True)):
        chosen = [row for row in rows if row.before.is_absolute == is_absolute]
        _print(title, chosen, show_all)


def _differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """What else than the figures is not the same."""
    yield f"A: {before['date']}, commit {before['commit'] or 'unknown'}"
    yield f"B: {after['date']}, commit {after['commit'] or 'unknown'}"
    for kind in ("processor", "cores", "system"):
        if before["machine"][kind] != after["machine"][kind]:
            yield f"Not the same {kind}: {before['machine'][kind]}, {after['machine'][kind]}"
    for name in before["versions"]:
        if before["versions"][name] != after["versions"].get(name):
            yield f"Not the same {name}: {before['versions'][name]}, {after['versions'].get(name, 'none')}"
    if before["settings"] != after["settings"]:
        yield "Not the same settings."


def _print(title: str, rows: list[Row], show_all: bool) -> None:
    moved = sum(row.has_moved for row in rows)
    table = Table("figure", "A", "B", "B / A", "beyond the noise", title_justify="left", box=box.SIMPLE_HEAD,
                  title=f"{title}: {moved} of {len(rows)} moved")  # fmt: skip
    for row in rows:
        if row.has_moved or show_all:
            texts = (f"{one.median:.4g} ({one.low:.4g}-{one.high:.4g})" for one in (row.before, row.after))
            table.add_row(row.before.name, *texts, f"{row.ratio:.3f}", "yes" if row.has_moved else "no")
    report.console.print(table)
