"""Waiting for what a test needs to happen: for events, not for a time that a busy machine may not keep."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 90.0
"""So long is waited for what must happen: only what does not happen at all fails, and no slow machine."""

Found = TypeVar("Found")


def until(
    condition: Callable[[], Found], what: str | Callable[[], object] = "it", limit_s: float = PATIENCE_S
) -> Found:
    """Wait until a condition holds; what it gave.

    Parameters
    ----------
    what : str or callable
        What did not happen, said if it does not.
    """
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what() if callable(what) else what}: not within {limit_s:g} s"
        time.sleep(0.01)
    return found


def alone_s(took_s: float, limit_s: float) -> float:
    """Seconds that something took; if that is too long, those that it would have taken with the machine to itself.

    By how much longer than it computes a process takes at this moment.
    """
    if took_s < limit_s:
        return took_s
    began_s, before = time.monotonic(), os.times()
    subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
    after, lasted_s = os.times(), time.monotonic() - began_s
    computed_s = after.children_user + after.children_system - before.children_user - before.children_system
    return took_s * min(1.0, computed_s / lasted_s)


class OwnClock:
    """Seconds that this process has had: those in which a busy machine let nothing of it run are not counted."""

    _STEP_S = 0.01

    def __init__(self) -> None:
        self._stolen_s = 0.0
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(self._STEP_S):
            now = time.monotonic()
            self._stolen_s += now - before - self._STEP_S
            before = now

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() - self._stolen_s

    def __enter__(self) -> OwnClock:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
