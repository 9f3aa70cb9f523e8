"""Two threads, one behind the other: what comes next is made while what is there is worked on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

_WAKE_S = 0.2
"""How long to sleep at a time: where the system does not wake a sleeper for Ctrl-C, it is heard then."""


class Ahead(Generic[_Item]):
    """Items of an iterator, made in a thread of their own, a few ahead of who takes them.

    Whatever ends the one ends the other: an error of the maker is raised where the next item is
    taken, and who leaves the ``with`` body early stops the maker.

    Parameters
    ----------
    items : iterator
        Runs in the thread, from its first step on.
    most : int
        So many items may wait; the thread stands still meanwhile.

    Thread: main. Allocates: yes.
    """

    def __init__(self, items: Iterator[_Item], most: int = 2) -> None:
        self._items, self._most = items, most
        self._waiting: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._is_over = self._is_left = False
        self._thread = threading.Thread(target=self._make, name="rt_automix ahead", daemon=True)

    def __enter__(self) -> Iterator[_Item]:
        self._thread.start()
        return self._take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_left = True
            self._changed.notify_all()
        self._thread.join()

    def _make(self) -> None:
        try:
            for item in self._items:
                if not self._offer(item):
                    break
        except BaseException as error:
            self._error = error
        # A generator that was left early still has what it opened, another thread perhaps.
        if isinstance(self._items, Generator):
            self._items.close()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _offer(self, item: _Item) -> bool:
        """Put an item down once there is room; False if nobody wants it any more."""
        with self._changed:
            while len(self._waiting) >= self._most and not self._is_left:
                self._changed.wait()
            self._waiting.append(item)
            self._changed.notify_all()
            return not self._is_left

    def _take(self) -> Iterator[_Item]:
        while True:
            with self._changed:
                while not self._waiting and not self._is_over:
                    self._changed.wait(_WAKE_S)
                if not self._waiting:
                    break
                item = self._waiting.popleft()
                self._changed.notify_all()
            yield item
            del item
        if self._error is not None:
            raise self._error
