"""What can play at once: a process with everything loaded, because an interpreter takes a second to be ready.

Where processes can be copied there is a mould, which stays as it is; elsewhere one in reserve, which is used up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from rt_automix.io.devices.edge.board import Board
from rt_automix.live.parent import mould
from rt_automix.live.parent.player import Player
from rt_automix.live.playing import session_entry
from rt_automix.live.setup import Setup


class Ready(Protocol):
    """Lets somebody play."""

    @property
    def is_there(self) -> bool:
        """Whether it can do so, once more if it has done it before."""

    def play(self, setup: Setup, resumed: bool) -> Player:
        """Begin a session."""

    def heard(self) -> Iterator[tuple[Any, ...]]:
        """What it has said since the last time, beside what the one that plays says."""

    def close(self) -> None:
        """End it, if it does not play."""


class Reserve:
    """A process of its own that plays once it is told to, and can do no more then.

    Parameters
    ----------
    board : Board
    """

    def __init__(self, board: Board) -> None:
        import multiprocessing

        context: Any = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=session_entry.main, args=(board, theirs), name="rt_automix audio")
        self._process.daemon = True
        self._process.start()
        self._is_used = False
        theirs.close()

    @property
    def is_there(self) -> bool:
        return not self._is_used and self._process.exitcode is None

    def play(self, setup: Setup, resumed: bool) -> Player:
        """Begin a session: it hears of that once it is ready."""
        self._is_used = True
        with contextlib.suppress(BrokenPipeError, OSError):
            self._pipe.send(("play", setup, resumed))
        return Player(self._process, self._pipe)

    def heard(self) -> Iterator[tuple[Any, ...]]:
        """Nothing: it talks as the one that plays."""
        return iter(())

    def close(self) -> None:
        """End it, unless it plays."""
        if not self._is_used:
            self._process.kill()
            self._process.join(1.0)
            self._pipe.close()


def ready(board: Board) -> Ready:
    """Whoever can play soonest on this system.

    Thread: main. Allocates: yes.
    """
    return mould.Mould(board) if mould.is_possible() else Reserve(board)
