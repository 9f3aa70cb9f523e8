"""One page at the other end of a WebSocket: gets the newest state as fast as it reads, never a queue of them."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from aiohttp import web

from rt_automix.panel.security import Allowance, Limits

MOST_WAITING = 64
"""Events and errors that wait for a page that does not read; older ones are dropped."""


class Client:
    """What waits to be sent to a page, and how much it may send.

    Parameters
    ----------
    socket : web.WebSocketResponse
        Prepared.
    limits : Limits
    """

    def __init__(self, socket: web.WebSocketResponse, limits: Limits) -> None:
        self.socket = socket
        self._allowance = Allowance(limits.messages_per_s, limits.burst, time.monotonic)
        self._excess = limits.excess
        self._state = ""
        self._others: deque[str] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()

    def show(self, state: str) -> None:
        """Have the newest state sent, in the place of one that still waits."""
        self._state = state
        self._news.set()

    def send(self, message: str) -> None:
        """Have something else sent."""
        self._others.append(message)
        self._news.set()

    def may_send(self) -> bool:
        """Whether this page may have another message read."""
        if self._allowance.take():
            return True
        self._excess -= 1
        return False

    @property
    def is_too_much(self) -> bool:
        """Whether it went on and on sending more than it may."""
        return self._excess < 0

    async def write(self) -> None:
        """Send what there is, until cancelled or the page has gone."""
        while not self.socket.closed:
            await self._news.wait()
            self._news.clear()
            try:
                while self._others:
                    await self.socket.send_str(self._others.popleft())
                state, self._state = self._state, ""
                if state:
                    await self.socket.send_str(state)
            except (ConnectionError, RuntimeError):  # it went while we wrote
                return
