"""Draws on the whole terminal, in a thread that alone waits when the terminal takes nothing."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from rt_automix.cli.views.cells import Cells
from rt_automix.cli.views.keys import is_in_front

FRAME_S = 0.1
LEAVE_LIMIT_S = 1.0
"""How long the terminal is waited for when the picture ends."""

_ASCII = str.maketrans("█▌░─│┼▼↑↓←→", "#=.-|+v^v<>")


class Painter:
    """Draws ten pictures a second on standard output while the terminal is ours.

    Parameters
    ----------
    draw : function of width and height
        Gives the lines of a picture. Called by the painter's thread.
    """

    def __init__(self, draw: Callable[[int, int], Sequence[Text]]) -> None:
        self._draw = draw
        self._fd = sys.stdout.fileno()
        self._file: Any = sys.stdout
        if sys.platform != "win32":  # no lock and no buffer that anybody else could come to wait for
            raw = io.FileIO(self._fd, "wb", closefd=False)
            self._file = io.TextIOWrapper(raw, sys.stdout.encoding, "replace", write_through=True)  # type: ignore[type-var]
        self._console = Console(file=self._file, highlight=False)
        self._live: Live | None = None
        self._cells = Cells(self._console)
        self._last_words: Sequence[str] = ()
        self._is_wanted, self._is_stale, self._ends = True, False, False
        self._turn, self._is_away = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="rt_automix screen", daemon=True)

    def start(self) -> None:
        """Begin to draw."""
        self._thread.start()

    def stop(self, last_words: Sequence[str]) -> None:
        """End the picture and leave a few lines behind; waits no longer than LEAVE_LIMIT_S."""
        self._last_words, self._ends = last_words, True
        self._turn.set()
        self._thread.join(LEAVE_LIMIT_S)

    def pause(self) -> None:
        """Take the picture away until `resume`; waits no longer than LEAVE_LIMIT_S."""
        self._is_away.clear()
        self._is_wanted = False
        self._turn.set()
        self._is_away.wait(LEAVE_LIMIT_S)

    def resume(self) -> None:
        """Draw again, and everything anew: somebody else has had the terminal."""
        self._is_stale = self._is_wanted = True
        self._turn.set()

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone
            while not self._ends:
                if self._is_stale or not self._is_wanted:
                    self._is_stale = False
                    self._leave()
                if self._is_wanted and is_in_front(self._fd):
                    self._paint()
                self._turn.wait(FRAME_S)
                self._turn.clear()
            self._leave()
            for line in self._last_words:
                self._file.write(f"{line}\n")
        self._is_away.set()

    def _paint(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
            self._cells = Cells(self._console)
        width, height = self._console.size
        try:
            lines = self._draw(width, height)
        except Exception as error:  # a picture that fails may take neither the next one nor the keys with it
            lines = [Text(f"This cannot be shown: {type(error).__name__}: {error}")]
        if self._console.options.ascii_only:
            for line in lines:
                line.plain = line.plain.translate(_ASCII)
        if self._console.legacy_windows:  # which knows no jumps
            self._live.update(Group(*lines), refresh=True)
        elif written := self._cells.changes(lines, width, height):
            self._file.write(written)

    def _leave(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._is_away.set()
