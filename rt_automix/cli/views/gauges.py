"""Bars, scales and numbers, as text: the parts of a picture in a terminal."""

from __future__ import annotations

from rich.text import Text

from rt_automix.params import Param

BOTTOM_DB = -48.0
"""Where the level meters begin; they end at 0."""

REDUCTION_DB = 12.0
"""Where the meters of gain reduction end."""

SILENT_DB = -99.0
"""Below this a level is shown as none."""


def share_of_scale(level_db: float) -> float:
    """Where a level stands on the level meters, 0 to 1."""
    return _clip(1.0 - level_db / BOTTOM_DB)


def scale(cells: int) -> Text:
    """The numbers over level meters of so many cells."""
    line = [" "] * (cells + 3)
    for level_db in range(int(BOTTOM_DB), 1, 12):
        at = min(round(share_of_scale(level_db) * cells), cells - 1)
        for k, sign in enumerate(str(level_db)):
            line[at + k] = sign
    return Text("".join(line), "dim")


def level_bar(level_db: float, cells: int, mark_db: float, mark: str = "│") -> Text:
    """A level meter with a mark at another level."""
    drawn, at = bar(share_of_scale(level_db), cells, "green"), share_of_scale(mark_db)
    if cells and at > 0.0:
        cell = min(int(at * cells), cells - 1)
        drawn = Text.assemble(drawn[:cell], (mark, "bold"), drawn[cell + 1 :])
    return drawn


def bar(share: float, cells: int, style: str) -> Text:
    """A bar of so many cells, filled to a share in halves of a cell."""
    full, half = divmod(round(2 * cells * _clip(share)), 2)
    return Text.assemble(("█" * full + "▌" * half, style), ("░" * (cells - full - half), "dim"))


def param_range(param: Param, cells: int, suggested: float, applied: float) -> Text:
    """A parameter's range: neutral, suggestion, and over them what is applied."""
    signs, styles = ["─"] * cells, ["dim"] * cells
    for sign, style, value in (("┼", "dim", param.neutral), ("▼", "bold", suggested), ("█", "bold cyan", applied)):
        at = min(int(_clip((value - param.low) / (param.high - param.low)) * cells), cells - 1)
        signs[at], styles[at] = sign, style
    return Text.assemble(*zip(signs, styles, strict=True))


def level(level_db: float) -> str:
    """A level as a number, or that there is none; six cells."""
    return f"{level_db:6.1f}" if level_db > SILENT_DB else "   ---"


def number(param: Param, value: float) -> str:
    """A parameter's value; five cells."""
    return f"{value:+5.1f}" if param.unit == "dB" else f"{value:5.2f}"


def _clip(share: float) -> float:
    return min(share, 1.0) if share > 0.0 else 0.0  # NaN is none
