"""How a live session shows itself where nobody looks at a screen: as JSON lines, or hardly at all."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rt_automix.live.supervisor import Supervisor
    from rt_automix.live.takes import Takes

STATUS_S = 0.2


class Quiet:
    """Says on stderr what changes, and nothing else."""

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


class JsonLines(Quiet):
    """Prints every document as a line on stdout, and the status now and then."""

    def __init__(self) -> None:
        self._status_at = 0.0

    def hear(self, document: dict[str, Any]) -> None:
        """Print it, with the monotonic time."""
        print(json.dumps({"time_s": time.monotonic(), **document}), flush=True)

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Print the status, if it is time."""
        now = time.monotonic()
        if supervisor.status is not None and now >= self._status_at:
            self._status_at = now + STATUS_S
            numbers = {"pid": supervisor.pid, "starts": supervisor.starts, "takes": takes.status()}
            self.hear({"type": "status", **numbers, **supervisor.status})
