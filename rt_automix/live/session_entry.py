"""Where the process that plays begins: light, so that its parent can name it without a compiler."""

from __future__ import annotations

from typing import Any

from rt_automix.io.board import Board
from rt_automix.live.setup import Setup


def main(setup: Setup, board: Board, pipe: Any, resumed: bool) -> None:
    """Be the process that plays."""
    from rt_automix.live import session

    session.main(setup, board, pipe, resumed)
