"""Lines in and out that never make a session wait: whoever does not read or write them holds nobody up."""

from __future__ import annotations

import contextlib
import io
import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any

MOST_WAITING = 1000
"""Lines that wait for a reader; what comes then is dropped."""

MOST_BYTES = 1 << 16
"""A longer line that comes in is cut."""

LAST_LINES_S = 1.0


class LinesOut:
    """Writes lines in a thread; to a pipe that is full they wait, to one that is closed they are dropped.

    Parameters
    ----------
    name : str
        "stdout" or "stderr".
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=MOST_WAITING)
        self._thread: threading.Thread | None = None

    def say(self, line: str) -> None:
        """Have a line written soon. Thread: main. Never waits."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name=f"rt_automix {self._name}", daemon=True)
            self._thread.start()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def close(self) -> None:
        """Write what waits; no longer than LAST_LINES_S."""
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._lines.put_nowait(None)
            self._thread.join(LAST_LINES_S)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            file = _unlocked(getattr(sys, self._name))
            while (line := self._lines.get()) is not None:
                file.write(f"{line}\n")
                file.flush()


def _unlocked(stream: Any) -> Any:
    """A way to the same file without a lock that Python would come to wait for at its end."""
    try:
        number = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return stream
    raw = io.FileIO(number, "wb", closefd=False)
    return io.TextIOWrapper(_Whole(raw), stream.encoding or "utf-8", "replace", write_through=True)


class _Whole(io.RawIOBase):
    """Writes all that it is given: a pipe may take a part."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self._raw.write(rest) or 0 :]
        return len(data)


class LinesIn:
    """Reads lines of stdin in a thread, whatever bytes they are made of; who writes too many waits."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue(maxsize=MOST_WAITING)

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="rt_automix stdin", daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), os.fdopen(0, "rb", closefd=False) as file:
            while line := file.readline(MOST_BYTES):
                self._lines.put(line.decode("utf-8", "replace"))

    def taken(self, most: int) -> Iterator[str]:
        """What has come in, up to so many lines. Never waits."""
        with contextlib.suppress(queue.Empty):
            for _ in range(most):
                yield self._lines.get_nowait()
