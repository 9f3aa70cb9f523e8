"""How a live session shows itself where nobody looks at a screen: as JSON lines, or hardly at all."""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rt_automix.live.supervisor import Supervisor
    from rt_automix.live.takes import Takes

STATUS_S = 0.2
_LAST_LINES_S = 1.0


class Quiet:
    """Says on stderr what changes, and nothing else."""

    wants_end = False
    """Whether whoever looks at it has asked for the end."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hear(self, document: dict[str, Any]) -> None:
        """Take note of what the session says."""
        if document["type"] in ("event", "state"):
            click.echo(document["text"], err=True)

    def remark(self, text: str) -> None:
        """Take note of something a user should know."""
        self.hear({"type": "event", "text": text})

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Look at how it goes."""


class Together:
    """Several views of one session."""

    def __init__(self, *views: Any) -> None:
        self._views = views
        self._open = contextlib.ExitStack()

    @property
    def wants_end(self) -> bool:
        return any(view.wants_end for view in self._views)

    def __enter__(self) -> Together:
        for view in self._views:
            self._open.enter_context(view)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def hear(self, document: dict[str, Any]) -> None:
        """Let all take note of what the session says."""
        for view in self._views:
            view.hear(document)

    def remark(self, text: str) -> None:
        """Let all take note of something a user should know."""
        for view in self._views:
            view.remark(text)

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Let all look at how it goes."""
        for view in self._views:
            view.show(supervisor, takes)


class JsonLines(Quiet):
    """Prints every document as a line on stdout, the status now and then; takes commands as lines on stdin.

    A command is {"set": {control: value, ...}} or {"nudge": {control: steps, ...}}; null toggles a
    switch. Who does not read what is printed misses some of it and holds nobody up.
    """

    def __init__(self) -> None:
        self._status_at = 0.0
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=1000)
        self._commands: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> JsonLines:
        self._writer.start()
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._writer.join(_LAST_LINES_S)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            while (line := self._lines.get()) is not None:
                print(line, flush=True)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in sys.stdin:
                self._commands.put(line)

    def hear(self, document: dict[str, Any]) -> None:
        """Print it, with the monotonic time."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(json.dumps({"time_s": time.monotonic(), **document}))

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Do what was commanded, and print the status, if it is time."""
        while not self._commands.empty():
            self._obey(self._commands.get(), supervisor)
        now = time.monotonic()
        if supervisor.status is not None and now >= self._status_at:
            self._status_at = now + STATUS_S
            numbers = {"pid": supervisor.pid, "starts": supervisor.starts, "takes": takes.status()}
            self.hear({"type": "status", **numbers, **supervisor.status})

    def _obey(self, line: str, supervisor: Supervisor) -> None:
        try:
            for verb, what in json.loads(line).items():
                do = {"set": supervisor.set, "nudge": supervisor.nudge}[verb]
                for name, value in what.items():
                    do(str(name), value)
        except (ValueError, KeyError, AttributeError):
            self.remark(f'{line.strip()[:80]}: not a command. Write it like {{"set": {{"amount": 0.5}}}}.')
