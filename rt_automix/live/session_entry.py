"""Where the process that plays begins: light, so that its parent can name it without a compiler."""

from __future__ import annotations

from typing import Any

from rt_automix.io.devices.board import Board


def main(board: Board, pipe: Any) -> None:
    """Be the process that plays, once the pipe says so."""
    from rt_automix.live import session

    session.main(board, pipe)
