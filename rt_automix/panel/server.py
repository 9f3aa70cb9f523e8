"""The server of the panel: a thread with an event loop of its own, which the sound and its watcher never wait for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections import deque

from aiohttp import web

from rt_automix.errors import ConfigError
from rt_automix.io.devices.edge.board import Board
from rt_automix.panel import api
from rt_automix.panel.deck import Deck
from rt_automix.panel.hub import Hub
from rt_automix.panel.presets import Presets
from rt_automix.panel.programme import Programme
from rt_automix.panel.routes import Routes
from rt_automix.panel.scope import Scope
from rt_automix.panel.security import Guard, Limits

CLOSE_LIMIT_S = 2.0
KEEP_ALIVE_S = 15.0
BACKLOG = 16
"""So many may be let in at once, over the limit of connections at most."""

SEND_BUFFER_BYTES = 1 << 16
"""What the system keeps for a page that reads slowly: less than a second of states."""

ALIVE_S = 1.0
"""A page hears from us as often as that, even if there is nothing to tell."""

_ALIVE = api.encoded({"type": "alive"})
_MOST_EVENTS = 100
_MOST_WONDERS = 20


class Server:
    """Serves pages from a thread.

    Parameters
    ----------
    deck : Deck
        Where commands go, and the picture comes from.
    presets : Presets
    host : str
    port : int
        0 takes any that is free.
    limits : Limits
    origin : str
        Of pages that come through a proxy.

    Raises
    ------
    ConfigError
        The address cannot be served on.
    """

    def __init__(self, deck: Deck, presets: Presets, host: str, port: int, limits: Limits, origin: str = "") -> None:
        self.remarks: deque[str] = deque()
        self._deck, self._presets, self._limits = deck, presets, limits
        self.programme = Programme()
        self._hub = Hub(deck, presets, limits, self._newest, self.programme.restart)
        self._scope: Scope | None = None
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        self.guard = Guard(host, self.port, origin)
        self._events: deque[tuple[str, str]] = deque(maxlen=_MOST_EVENTS)
        self._wonders: set[str] = set()
        self._state, self._seq = "", 0
        self._shown: object = None
        self._seen: object = None
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rt_automix panel", daemon=True)

    # From other threads ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()
        self._started.wait(CLOSE_LIMIT_S)

    def watch(self, board: Board) -> None:
        """Look at the sound in a board's rings from now on; the first one stays. Thread: main."""
        if self._scope is None:
            self._scope = Scope(board, self._deck.style)

    def publish(self) -> None:
        """Have the deck's picture shown to everybody. Thread: any. Never waits."""
        if self._loop is not None and self._news is not None:
            with contextlib.suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(self._news.set)

    def announce(self, text: str, level: str) -> None:
        """Tell everybody what has happened. Thread: any. Never waits."""
        if self._thread.is_alive():
            self._events.append((text, level))
            self.publish()

    def close(self) -> None:
        """End it; waits no longer than CLOSE_LIMIT_S."""
        self._closing = True
        self.publish()
        if self._thread.is_alive():
            self._thread.join(CLOSE_LIMIT_S)
        self._socket.close()

    # The thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if not self._closing:
                self.remarks.append(f"The panel failed: {type(error).__name__}: {error}. The sound goes on without it.")
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _, context: self._wonder(str(context["message"])))
        log = logging.Logger("rt_automix.panel")  # nobody's child: it must not write over the performer's screen
        log.addHandler(logging.NullHandler())
        runner = web.AppRunner(
            Routes(self.guard, self._hub, self._wonder).application(),
            access_log=None,
            logger=log,
            keepalive_timeout=KEEP_ALIVE_S,
            shutdown_timeout=CLOSE_LIMIT_S / 4,
        )
        await runner.setup()
        http = runner.server
        assert http is not None

        def protocol() -> asyncio.BaseProtocol:
            return http() if len(http.connections) < self._limits.connections else _Full()

        listener = await self._loop.create_server(protocol, sock=self._socket, backlog=BACKLOG)
        self._started.set()
        try:
            while not self._closing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), ALIVE_S)
                if self._news.is_set():
                    self._news.clear()
                    self._push()
                else:
                    self._hub.tell(_ALIVE)
        finally:
            listener.close()
            await self._hub.close()
            await runner.cleanup()

    def _wonder(self, what: str) -> None:
        """Report what should not have happened; each such thing once, and no more than so many."""
        if what not in self._wonders and len(self._wonders) < _MOST_WONDERS:
            self._wonders.add(what)
            self.remarks.append(f"Panel: {what}")

    def _push(self) -> None:
        """Send what is new to every page; the state is put into words once for all."""
        while self._events:
            self._hub.happened(*self._events.popleft())
        picture = self._deck.picture
        if picture.status is not None and picture.status is not self._seen:
            self._seen, now = picture.status, time.monotonic()
            self._hub.past.see(picture.status, now)
            for text in self._hub.changes.see(picture.status, now):
                self._hub.happened(text, "done")
        if self._scope is not None and picture.status is not None:
            self._scope.count(picture.status["controls"]["ceiling_dbtp"])
        if self._hub.clients and self._shown is not picture:
            state = self._newest()
            for client in self._hub.clients:
                client.show(state)

    def _newest(self) -> str:
        """The state document of the newest picture."""
        picture = self._deck.picture
        if self._shown is not picture or not self._state:
            self._shown = picture
            self._seq += 1
            status = picture.status
            self._state = api.encoded(
                {
                    "type": "state",
                    "seq": self._seq,
                    "state": picture.state,
                    "text": picture.text,
                    "session": status,
                    "starts": picture.starts,
                    "takes": picture.takes,
                    "profiles": picture.profiles,
                    "presets": self._presets.names,
                    "learning": status.get("learning") if status else None,
                    "programme": self.programme.figures,
                    "changes": self._hub.changes.told,
                    "aim": self._aim(status["profile"]) if status else None,
                    "scope": self._scope.read(status) if self._scope and status else None,
                }
            )
        return self._state

    def _aim(self, name: str) -> dict[str, float] | None:
        """What a profile measures like; None where none is aimed at: "auto" goes where the correction leads."""
        style = self._deck.style(name) if name != "auto" else None
        fields = ("loudness_lufs", "plr_db", "side_mid_db")
        return {field: round(getattr(style, field), 1) for field in fields} if style else None


class _Full(asyncio.Protocol):
    """Hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"The panel cannot be served on {host}, port {port}: {reason}. Choose others: --panel-host, --panel-port."
        ) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # what is accepted has it, too
    return listener
