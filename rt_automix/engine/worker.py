"""The thread behind a live engine: lets the analysis follow what comes in, and sleeps until it is due."""

from __future__ import annotations

import threading
from collections.abc import Callable

SHORTEST_SLEEP_S, LONGEST_SLEEP_S = 0.002, 0.15
"""It is woken by the clock: samples may come in blocks, stop, or come faster than they sound. Waking costs more than
half a hop's hearing, so it looks no more often than that needs."""


class Worker:
    """A thread that lets somebody follow until it is stopped.

    Parameters
    ----------
    warm : callable
        Makes ready what follows; done before there is a thread.
    follow : callable
        Does what is due; whether there was something.
    due_s : callable
        In how many seconds there should be something to do.
    """

    def __init__(self, warm: Callable[[], None], follow: Callable[[], bool], due_s: Callable[[], float]) -> None:
        warm()
        self._follow, self._due_s = follow, due_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="rt_automix analysis", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.wait(min(max(self._due_s(), SHORTEST_SLEEP_S), LONGEST_SLEEP_S)):
            while self._follow() and not self._stop.is_set():
                pass

    def stop(self) -> None:
        """End the thread after what it is doing."""
        self._stop.set()
        self._thread.join(timeout=5.0)
