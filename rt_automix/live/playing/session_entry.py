"""Where the processes that play begin: light, so that their parent can name it without a compiler."""

from __future__ import annotations

from typing import Any

from rt_automix.errors import AutomixError
from rt_automix.io.devices.edge.board import Board
from rt_automix.live.setup import Setup


def main(board: Board, pipe: Any) -> None:
    """Be the process that plays, once the pipe says so."""
    from rt_automix.live.playing import playing

    playing.main(board, pipe)


def fault_of(setup: Setup) -> AutomixError | None:
    """What keeps a session's device from being found; None where nothing does. It opens none.

    Thread: main, of a process of its own. Allocates: yes.
    """
    from rt_automix.live.playing import opening

    try:
        opening.closed(opening.opened(setup))
    except AutomixError as fault:
        return fault
    return None


def be_copied(board: int, pipe: int) -> None:
    """Be the mould of those that play; by handles that this process was started with."""
    from multiprocessing.connection import Connection

    from rt_automix.live.playing import playing

    playing.be_copied(Board(board), Connection(pipe))
