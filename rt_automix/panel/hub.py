"""The pages that are open, each at the other end of a WebSocket.

Each gets the newest state as fast as it reads, never a queue of them, and so holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, web

from rt_automix.errors import ConfigError
from rt_automix.panel import api
from rt_automix.panel.api import Command
from rt_automix.panel.changes import Changes
from rt_automix.panel.deck import BUSY, Deck
from rt_automix.panel.past import Past
from rt_automix.panel.presets import Presets
from rt_automix.panel.security import Allowance, Limits

HEARTBEAT_S = 3.0
"""A page that has not answered for one and a half of these is gone: a laptop asleep, a forwarder gone silent."""

CLOSE_S = 0.5
TOO_MUCH = b"This page has sent far too many messages, and was let go."
ENDED = b"The session has ended."
"""Reasons that a page shows."""

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


class Hub:
    """Talks with all pages.

    Parameters
    ----------
    deck : Deck
        Where commands go.
    presets : Presets
    limits : Limits
    newest : function
        The newest state, as text.
    restart : function
        Has the programme measured from here on.
    """

    def __init__(
        self,
        deck: Deck,
        presets: Presets,
        limits: Limits,
        newest: Callable[[], str],
        restart: Callable[[], None] = lambda: None,
    ) -> None:
        self.clients: set[Client] = set()
        self.deck, self.presets, self.limits, self.newest, self.restart = deck, presets, limits, newest, restart
        self.changes, self.past = Changes(), Past()

    @property
    def is_full(self) -> bool:
        """Whether no more pages may come."""
        return len(self.clients) >= self.limits.clients

    def tell(self, message: str) -> None:
        """Have something sent to every page, beside the states."""
        for client in self.clients:
            client.send(message)

    def happened(self, text: str, level: str) -> None:
        """Tell every page what has happened, and those that come later."""
        self.past.note(text, level, time.monotonic())
        self.tell(api.encoded({"type": "event", "text": text, "level": level}))

    async def talk(self, request: web.Request) -> web.StreamResponse:
        """Talk with a page for as long as it stays."""
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            max_msg_size=self.limits.message_bytes,
            compress=False,  # it would cost more than it saves, and a bomb could come compressed
            writer_limit=1,  # so that sending waits as soon as the page does not read
            timeout=CLOSE_S,
        )
        client = Client(socket, self.limits)
        self.clients.add(client)
        try:
            await socket.prepare(request)
            client.send(api.encoded(self.past.told(time.monotonic())))
            client.show(self.newest())
            writing = asyncio.create_task(client.write())
            try:
                async for message in socket:
                    self._hear(client, message.data)
                    if client.is_too_much:
                        await socket.close(code=1008, message=TOO_MUCH)
                    await asyncio.sleep(0)  # others have their turn, whatever one sends
            finally:
                writing.cancel()
        finally:
            self.clients.discard(client)
            if socket.close_code == WSCloseCode.ABNORMAL_CLOSURE and request.transport is not None:
                request.transport.abort()  # what waits to be sent to one that is gone would keep it for minutes
        return socket

    async def close(self) -> None:
        """Say goodbye to all, within a limit for all together."""
        goodbyes = (client.socket.close(code=1001, message=ENDED) for client in list(self.clients))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*goodbyes, return_exceptions=True), CLOSE_S)

    def _hear(self, client: Client, data: Any) -> None:
        """Do what a page says, or tell it why not."""
        try:
            if not client.may_send():
                raise api.Refused("Too many messages. This one was dropped.")
            if not isinstance(data, str):
                raise api.Refused("Send text, not bytes.")
            command = api.command(data, self.deck.picture.profiles)
            self._obey(client, command)
        except ConfigError as error:
            kind = error.kind if isinstance(error, api.Refused) else "preset"
            client.send(api.encoded({"type": "error", "text": str(error), "for": kind}))

    def _obey(self, client: Client, command: Command) -> None:
        said = ""
        match command.verb:
            case "preset":
                commands = self._preset(client, command.name, command.value)
            case "history" | "settings":
                commands, said = self._turn_back(command.name)
            case "programme":
                self.restart()
                commands, said = [], "Loudness, range and true peak are measured anew."
            case _:
                commands = [command]
        if not self.deck.offer(*commands):
            raise api.Refused(BUSY, command.verb)
        if said:
            self.happened(said, "done")

    def _turn_back(self, verb: str) -> tuple[list[Command], str]:
        """What undoes, does again, or brings the other settings; and what to say of it."""
        if verb == "copy":
            return [], self.changes.copy()
        return {"undo": self.changes.undo, "redo": self.changes.redo, "swap": self.changes.swap}[verb](time.monotonic())

    def _preset(self, client: Client, verb: str, name: str) -> list[Command]:
        """Do what is to be done with a preset; what the session is to do then."""
        picture = self.deck.picture
        match verb:
            case "save":
                if picture.status is None:
                    raise ConfigError("Nothing plays yet.")
                self.presets.save(name, picture.status)
            case "delete":
                self.presets.delete(name)
            case "recall":
                commands, missing = self.presets.recalled(name, picture.profiles)
                if missing:
                    client.send(api.encoded({"type": "error", "text": missing, "for": "preset"}))
                return commands
        return []
