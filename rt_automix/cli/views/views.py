"""How a live session shows itself where nobody looks at a screen: as JSON lines, or hardly at all."""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from rt_automix.cli.views import orders
from rt_automix.cli.views.lines import LinesIn, LinesOut

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.takes.takes import Takes

STATUS_S = 0.2
MOST_AT_ONCE = 64
"""Orders passed on at a time: all of them fit into the pipe."""

MOST_WAITING = 1000


class Quiet:
    """Says on stderr what changes, and nothing else."""

    wants_end = False
    """Whether whoever looks at it has asked for the end."""

    def __init__(self) -> None:
        self._lines_out = LinesOut("stderr")

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines_out.close()

    def hear(self, document: dict[str, Any]) -> None:
        """Take note of what the session says."""
        if document["type"] in ("event", "state"):
            self._lines_out.say(document["text"])

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
    """Prints every document as a line on stdout, the status now and then; takes orders as lines on stdin: `orders`.

    Who does not read what is printed misses some of it and holds nobody up.
    """

    def __init__(self) -> None:
        self._lines_out = LinesOut("stdout")
        self._orders, self._waiting = LinesIn(), deque[orders.Order]()
        self._status_at = 0.0
        self._answer: object = None

    def __enter__(self) -> JsonLines:
        self._orders.start()
        return self

    def hear(self, document: dict[str, Any]) -> None:
        """Print it, with the monotonic time."""
        self._lines_out.say(json.dumps({"time_s": time.monotonic(), **document}))

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Do what was ordered, and print the status, if it is time."""
        for line in self._orders.taken(MOST_AT_ONCE):
            self._understand(line, takes)
        self._pass_on(supervisor)
        now = time.monotonic()
        if supervisor.status is not None and now >= self._status_at:
            self._status_at = now + STATUS_S
            numbers = {"pid": supervisor.pid, "starts": supervisor.starts, "takes": takes.status()}
            if programs := takes.programs():
                numbers["programs"] = programs
            self.hear({"type": "status", **numbers, **supervisor.status, **supervisor.state})

    def _understand(self, line: str, takes: Takes) -> None:
        """Do what this process does itself; the rest waits."""
        try:
            found = orders.understood(line)
        except orders.Refused as error:
            self.remark(str(error))
            return
        for order in found:
            if order.verb == "record":
                takes.record(order.value)
            elif order.verb == "quit":
                self.wants_end = True
            elif len(self._waiting) < MOST_WAITING:
                self._waiting.append(order)
            else:
                self.remark(f'The process that plays does not answer; "{order.verb}" was dropped. Try again.')

    def _pass_on(self, supervisor: Supervisor) -> None:
        """Give the process that plays more to do once it has answered: the pipe to a deaf one must not fill up."""
        if self._waiting and supervisor.status is not self._answer:
            self._answer = supervisor.status
            for _ in range(min(len(self._waiting), MOST_AT_ONCE)):
                orders.obey(self._waiting.popleft(), supervisor)
