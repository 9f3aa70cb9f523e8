"""The process that plays, as its parent sees it: a way to talk to it, and whether it lives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol


class Process(Protocol):
    """A process of whatever kind: `multiprocessing`'s, or a copy of another (`mould.Copy`)."""

    @property
    def pid(self) -> int | None:
        """Its number; None before it has one."""

    @property
    def exitcode(self) -> int | None:
        """None as long as it lives."""

    def terminate(self) -> None:
        """Ask for its end."""

    def kill(self) -> None:
        """End it."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""


class Player:
    """A process that was told to play.

    Parameters
    ----------
    process : Process
    pipe : connection
        To it.
    """

    def __init__(self, process: Process, pipe: Any) -> None:
        self._process, self._pipe = process, pipe

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None as long as it lives."""
        return self._process.exitcode

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
