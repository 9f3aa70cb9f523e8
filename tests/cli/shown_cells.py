"""A terminal's screen for tests."""

from __future__ import annotations

import re


class ShownCells:
    """A terminal's cells, as far as what is written needs one: it jumps, writes, clears; colours are left out."""

    def __init__(self, width: int, height: int) -> None:
        self.rows = [[" "] * width for _ in range(height)]
        self._row = self._column = 0

    def write(self, text: str) -> None:
        """Take in what is written."""
        for jump, clear, sign in re.findall(r"\x1b\[(\d+;\d+)H|(\x1b\[2J)|\x1b\[[\d;?]*[A-Za-z]|([^\x1b])", text):
            if jump:
                self._row, self._column = (int(part) - 1 for part in jump.split(";"))
            elif clear:
                self.rows = [[" "] * len(self.rows[0]) for _ in self.rows]
            elif sign >= " " and self._row < len(self.rows) and self._column < len(self.rows[0]):
                self.rows[self._row][self._column] = sign
                self._column += 1

    @property
    def lines(self) -> list[str]:
        """What it shows."""
        return ["".join(row).rstrip() for row in self.rows]
