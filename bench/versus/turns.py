"""Turns: old, new, old, new, ... so that what disturbs the machine disturbs both; and what they are judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.progress import Progress

from bench.versus.trees import CannotRun, Tree

Figures = dict[str, float]
"""What one turn of one side gave, by the name of the figure."""


@dataclass(frozen=True)
class Target:
    """A row of the table.

    Parameters
    ----------
    figure : str
        Which figure of a turn.
    what, unit : str
    is_ratio : bool
        Whether `goal` is for new / old, pair by pair; else for the new side's figure itself.
    goal, stretch : float, optional
        At most so much; None where nothing is asked.
    """

    figure: str
    what: str
    unit: str
    is_ratio: bool
    goal: float | None = None
    stretch: float | None = None


@dataclass(frozen=True)
class Part:
    """What is measured together: a turn gives all its figures.

    Parameters
    ----------
    name : str
        For --rows.
    turn : function of a Tree
    rows : Targets
    turns, quick_turns : int
        Of each side.
    """

    name: str
    turn: Callable[[Tree], Figures]
    rows: tuple[Target, ...]
    turns: int
    quick_turns: int

    def count(self, quick: bool) -> int:
        """Turns of each side."""
        return self.quick_turns if quick else self.turns


@dataclass
class Found:
    """The figures of each side, turn by turn, and why there are none where there are none."""

    old: list[Figures] = field(default_factory=list)
    new: list[Figures] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def interleaved(part: Part, old: Tree, new: Tree, count: int, progress: Progress) -> Found:
    """All turns of a part; a side that cannot run is left out from then on, with a note."""
    found = Found()
    task = progress.add_task(part.name, total=2 * count)
    running = {"old": (old, found.old), "new": (new, found.new)}
    for _ in range(count):
        for side, (tree, figures) in list(running.items()):
            try:
                figures.append(part.turn(tree))
            except CannotRun as error:
                found.notes.append(f"{part.name}, {side}: {error}")
                del running[side]
            progress.advance(task)
    progress.update(task, completed=2 * count)
    return found
