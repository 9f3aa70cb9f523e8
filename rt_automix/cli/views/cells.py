"""A picture of text as a terminal has it, cell by cell: only what has changed is written.

A line over ssh or a serial console is narrow; ten whole pictures a second would be 60 to 270 kB/s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import COLOR_SYSTEMS, Console, Group
from rich.style import Style

if TYPE_CHECKING:
    from rich.text import Text

BRIDGED = 4
"""So many cells that have not changed are rather written again than jumped over."""

Cell = tuple[str, Style]
_EMPTY: Cell = (" ", Style.null())
_CLEAR = "\x1b[0m\x1b[2J"


class Cells:
    """What a terminal shows.

    Parameters
    ----------
    console : Console
        Says how large it is and which colours it has.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._colours = COLOR_SYSTEMS.get(console.color_system or "")
        self._shown: list[list[Cell]] = []
        self._size = (0, 0)

    def changes(self, lines: Sequence[Text], width: int, height: int) -> str:
        """What to write so that it shows these lines and nothing else.

        Thread: worker. Allocates: yes.
        """
        options = self._console.options.update(width=width, height=height, highlight=False)
        rows = [
            [cell for segment in row for cell in _cells(segment.text, segment.style or Style.null())]
            for row in self._console.render_lines(Group(*lines), options, pad=False)
        ][:height]
        before, self._shown = self._shown, rows
        written = []
        if self._size != (width, height):
            self._size, before = (width, height), []
            written.append(_CLEAR)
        for number, (old, new) in enumerate(zip_longest(before, rows, fillvalue=()), 1):
            for start, stop in _runs(old, new):
                cells = [new[k] if k < len(new) else _EMPTY for k in range(start, stop)]
                written.append(f"\x1b[{number};{start + 1}H{self._styled(cells)}")
        return "".join(written)

    def _styled(self, cells: Sequence[Cell]) -> str:
        """Cells as text with colours; neighbours of one style together."""
        parts: list[tuple[str, Style]] = []
        for text, style in cells:
            if parts and parts[-1][1] == style:
                parts[-1] = parts[-1][0] + text, style
            else:
                parts.append((text, style))
        return "".join(style.render(text, color_system=self._colours) for text, style in parts)


def _cells(text: str, style: Style) -> Iterator[Cell]:
    """A cell for each column: a wide sign is followed by an empty one."""
    for sign in text:
        width = cell_len(sign)
        if width:
            yield sign, style
            yield from [("", style)] * (width - 1)


def _runs(old: Sequence[Cell], new: Sequence[Cell]) -> list[tuple[int, int]]:
    """Where two rows differ: from, to; what lies close together as one."""
    runs: list[tuple[int, int]] = []
    for place, (before, after) in enumerate(zip_longest(old, new, fillvalue=_EMPTY)):
        if before == after:
            continue
        if runs and place - runs[-1][1] <= BRIDGED:
            runs[-1] = runs[-1][0], place + 1
        else:
            runs.append((place, place + 1))
    return runs
