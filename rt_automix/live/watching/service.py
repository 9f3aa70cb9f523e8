"""Tells a service manager how the session is: systemd's protocol, sd_notify(3), a datagram to $NOTIFY_SOCKET.

READY=1 once sound goes through; STATUS= in words; from then on WATCHDOG=1 for as long as the loop goes round and the
process that plays, if there is one, answers, by word or by its callbacks; STOPPING=1 before the fade. A WATCHDOG=1
before READY=1 would have systemd watch a start, which may take long.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from rt_automix.io.devices.edge.board import CALLBACKS

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.takes.takes import Takes

PINGS = 4.0
"""So many in the time after which a silent service is ended."""


class Service:
    """A view of the session for whoever has started it; silent where nobody asked to be told.

    Parameters
    ----------
    environment : mapping of str to str
        NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are taken out, so that no child speaks for us.
    """

    wants_end = False

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        usec, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        is_ours = pid in ("", str(os.getpid()))
        self._ping_s = int(usec) * 1e-6 / PINGS if usec.isdecimal() and is_ours else 0.0
        self._socket = _connected(address)
        self._ping_at = 0.0
        self._is_ready = self._answers = False
        self._status: object = None
        self._callbacks = -1

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def hear(self, document: dict[str, Any]) -> None:
        """Pass on what the session says of its state."""
        match document["type"]:
            case "state":
                self._tell(f"STATUS={' '.join(document['text'].split())}")
            case "compiling":
                self._tell(f"STATUS=Compiling {document['done']} of {document['total']}, this once.")

    def remark(self, text: str) -> None:
        """Nothing: an event is no state."""

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Say that sound goes through, once, and from time to time that all is alive."""
        if supervisor.is_playing and not self._is_ready:
            self._is_ready = True
            self._tell("READY=1")
        status, callbacks = supervisor.status, int(supervisor.board.stats[CALLBACKS])
        nothing_plays = not supervisor.is_playing  # what begins has limits of its own
        self._answers |= nothing_plays or status is not self._status or callbacks != self._callbacks
        self._status, self._callbacks = status, callbacks
        now = time.monotonic()
        if self._is_ready and self._ping_s and self._answers and now >= self._ping_at:
            self._ping_at, self._answers = now + self._ping_s, False
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._tell("STOPPING=1\nSTATUS=Ending with a fade.")

    def _tell(self, text: str) -> None:
        """Send, unless that would wait: a manager that does not listen costs no sound."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(text.encode(errors="replace"))


def _connected(address: str) -> socket.socket | None:
    """A way to a datagram socket: a path, or @ and a name that is no file (Linux)."""
    if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return None
    there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    there.setblocking(False)
    try:
        there.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        there.close()
        return None
    return there
