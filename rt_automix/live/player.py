"""A process that can play: started early, because an interpreter takes a second to be ready."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator
from typing import Any

from rt_automix.io.devices.board import Board
from rt_automix.live import session_entry
from rt_automix.live.setup import Setup


class Player:
    """A process and the way to talk to it. It compiles and warms up at once, and plays once it is told to."""

    def __init__(self, board: Board) -> None:
        context: Any = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=session_entry.main, args=(board, theirs), name="rt_automix audio")
        self._process.daemon = True
        self._process.start()
        theirs.close()

    def play(self, setup: Setup, resumed: bool) -> None:
        """Begin the session."""
        self.send("play", setup, resumed)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """None as long as it lives."""
        code = self._process.exitcode
        return None if code is None else int(code)

    def send(self, *message: Any) -> None:
        """Say something; a dead one does not hear it."""
        with contextlib.suppress(BrokenPipeError, OSError):
            self._pipe.send(message)

    def heard(self) -> Iterator[tuple[Any, ...]]:
        """What it has said since the last time."""
        with contextlib.suppress(EOFError, OSError):
            while self._pipe.poll():
                yield self._pipe.recv()

    def terminate(self) -> None:
        """Ask for the end, where it does not listen yet."""
        self._process.terminate()

    def wait(self, limit_s: float) -> None:
        """Wait for its end, no longer than a limit."""
        self._process.join(limit_s)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def bury(self) -> None:
        """Let go of a dead one."""
        self._process.join(1.0)
        self._pipe.close()
