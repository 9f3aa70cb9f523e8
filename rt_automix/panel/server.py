"""The server of the panel: a thread with an event loop of its own, which the sound and its watcher never wait for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import socket
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

import rt_automix
from rt_automix import params
from rt_automix.errors import AudioFileError, ConfigError
from rt_automix.io.board import Board
from rt_automix.panel import api, reference
from rt_automix.panel.api import Command
from rt_automix.panel.client import Client
from rt_automix.panel.deck import Deck
from rt_automix.panel.presets import Presets
from rt_automix.panel.scope import BANDS_HZ, Scope
from rt_automix.panel.security import Allowance, Guard, Limits

STATIC = Path(__file__).parent / "static"
CLOSE_LIMIT_S = 2.0
HEARTBEAT_S = 20.0
"""A page that has not answered for one and a half of these is gone."""

SEND_BUFFER_BYTES = 1 << 16
"""What the system keeps for a page that reads slowly: less than a second of states."""

_MOST_ADDRESSES = 256
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Server": "rt_automix",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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

    Raises
    ------
    ConfigError
        The address cannot be served on.
    """

    def __init__(self, deck: Deck, presets: Presets, host: str, port: int, limits: Limits) -> None:
        self.guard = Guard(host)
        self.remarks: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._deck, self._presets, self._limits = deck, presets, limits
        self._scope: Scope | None = None
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        self._cookie = f"rt_automix_{self.port}"
        self._clients: set[Client] = set()
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()
        self._announcements: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._state, self._seq = "", 0
        self._shown: object = None
        self._measuring = False
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
            self._announcements.put(api.encoded({"type": "event", "text": text, "level": level}))
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
                self.remarks.put(f"The panel failed: {type(error).__name__}: {error}. The sound goes on without it.")
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _, context: self._wonder(str(context["message"])))
        log = logging.Logger("rt_automix.panel")  # nobody's child: it must not write over the performer's screen
        log.addHandler(logging.NullHandler())
        runner = web.AppRunner(
            self._app(), access_log=None, logger=log, keepalive_timeout=15.0, shutdown_timeout=CLOSE_LIMIT_S / 4
        )
        await runner.setup()
        http = runner.server
        assert http is not None

        def protocol() -> asyncio.BaseProtocol:
            return http() if len(http.connections) < self._limits.connections else _Full()

        listener = await self._loop.create_server(protocol, sock=self._socket)
        self._started.set()
        try:
            while not self._closing:
                await self._news.wait()
                self._news.clear()
                self._push()
        finally:
            listener.close()
            for client in list(self._clients):
                await _within(client.socket.close(code=1001), CLOSE_LIMIT_S / 4)
            await runner.cleanup()

    def _wonder(self, what: str) -> None:
        self.remarks.put(f"Panel: {what}")

    def _push(self) -> None:
        """Send what is new to every page; the state is put into words once for all."""
        while not self._announcements.empty():
            text = self._announcements.get()
            for client in self._clients:
                client.send(text)
        picture = self._deck.picture
        if self._scope is not None and picture.status is not None:
            self._scope.count(picture.status["controls"]["ceiling_dbtp"])
        if self._clients and self._shown is not picture:
            state = self._newest()
            for client in self._clients:
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
                    "scope": self._scope.read(status) if self._scope and status else None,
                }
            )
        return self._state

    # HTTP ------------------------------------------------------------------------------------------

    def _app(self) -> web.Application:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        app = web.Application(middlewares=[guard], client_max_size=self._limits.import_bytes)

        async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
            response.headers.update(_HEADERS)

        app.on_response_prepare.append(add_headers)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/static/{name:.+}", self._asset),
                web.get("/api/v1/about", self._about),
                web.get("/api/v1/state", self._get_state),
                web.get("/api/v1/presets", self._get_presets),
                web.get("/api/v1/presets/export", self._export),
                web.post("/api/v1/presets/import", self._import),
                web.post("/api/v1/reference", self._reference),
                web.get("/api/v1/ws", self._talk),
            ]
        )
        return app

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come in, and tell the others why not."""
        if not self._allowance(request.remote or "").take():
            return _refusal(429, "Too many requests. Wait a second.")
        if complaint := self.guard.complaint(request.headers):
            return _refusal(403, complaint)
        if self.guard.token and request.path == "/" and self.guard.admits(request.query.get("token")):
            moved = web.Response(status=303, headers={"Location": "/"})
            moved.set_cookie(self._cookie, self.guard.token, httponly=True, samesite="Lax")
            return moved
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.guard.admits(request.cookies.get(self._cookie) or bearer):
            return _refusal(401, "Not without the token. Open the address that the terminal shows.")
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _refusal(error.status, error.reason)
        except ConfigError as error:
            return _refusal(400, str(error))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            self._wonder(f"{request.path}: {type(error).__name__}: {error}")
            return _refusal(500, "The panel failed at that. The sound goes on.")

    def _allowance(self, address: str) -> Allowance:
        """What an address may still ask for; those that have asked for nothing for long are forgotten."""
        if address not in self._allowances:
            limits = self._limits
            self._allowances[address] = Allowance(limits.requests_per_s, limits.request_burst, time.monotonic)
        self._allowances.move_to_end(address)
        while len(self._allowances) > _MOST_ADDRESSES:
            self._allowances.popitem(last=False)
        return self._allowances[address]

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return self._file("index.html")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        return self._file(request.match_info["name"])

    def _file(self, name: str) -> web.StreamResponse:
        """A file that is among ours by name; no path is ever made of what came over the network."""
        ours = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
        return web.FileResponse(ours[name]) if name in ours else _refusal(404, "There is no such page.")

    async def _about(self, _: web.Request) -> web.StreamResponse:
        fields = ("name", "label", "unit", "low", "high", "neutral")
        return _json(
            {
                "version": rt_automix.__version__,
                "params": [{field: getattr(param, field) for field in fields} for param in params.PARAMS],
                "controls": api.RANGES,
                "switches": api.SWITCHES,
                "learned": api.LEARNED,
                "nudged": api.NUDGED,
                "bands_hz": BANDS_HZ.round(2).tolist(),
                "limits": vars(self._limits) | {"upload_types": reference.SUFFIXES},
            }
        )

    async def _get_state(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=self._newest(), content_type="application/json")

    async def _get_presets(self, _: web.Request) -> web.StreamResponse:
        return _json(self._presets.exported())

    async def _export(self, _: web.Request) -> web.StreamResponse:
        name = {hdrs.CONTENT_DISPOSITION: 'attachment; filename="rt_automix-presets.json"'}
        return _json(self._presets.exported(), headers=name)

    async def _import(self, request: web.Request) -> web.StreamResponse:
        return _json({"imported": self._presets.merge(await request.read())})

    async def _reference(self, request: web.Request) -> web.StreamResponse:
        """Measure a song that a page sends, and aim at it."""
        file_name = request.headers.get("X-File-Name", "")
        try:
            suffix = reference.suffix_of(file_name, request.headers.get(hdrs.CONTENT_TYPE, ""))
        except AudioFileError as error:
            return _refusal(415, str(error))
        if (request.content_length or 0) > self._limits.upload_bytes:
            return self._too_big()
        if self._measuring:
            return _refusal(429, "Another song is being measured. Try again when it is done.")
        self._measuring = True
        try:
            with tempfile.TemporaryDirectory(prefix="rt_automix-") as folder:
                song = Path(folder) / f"song{suffix}"
                await self._receive(request, song)
                name = reference.name_of(file_name, self._deck.profiles)
                style = await reference.measured(Path(folder), song, name)
        except web.HTTPRequestEntityTooLarge:
            return self._too_big()
        except TimeoutError:
            return _refusal(408, f"Not here within {self._limits.upload_s:g} s.")
        except AudioFileError as error:
            return _refusal(422, str(error))
        finally:
            self._measuring = False
        self._deck.keep(style)
        if not self._deck.offer(Command("reference", style.name, style)):
            return _refusal(503, _BUSY)
        return _json({"profile": style.name})

    def _too_big(self) -> web.Response:
        return _refusal(413, f"More than {self._limits.upload_bytes / 1e6:g} MB. Send a shorter piece of it.")

    async def _receive(self, request: web.Request, song: Path) -> None:
        """Write the body to a file of ours; raises TimeoutError, or HTTP 413."""
        most, left = self._limits.upload_bytes, self._limits.upload_bytes
        async with asyncio.timeout(self._limits.upload_s):
            with song.open("wb") as file:
                async for chunk in request.content.iter_chunked(1 << 16):
                    left -= len(chunk)
                    if left < 0:
                        raise web.HTTPRequestEntityTooLarge(most, most - left)
                    file.write(chunk)

    # The WebSocket ---------------------------------------------------------------------------------

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        if len(self._clients) >= self._limits.clients:
            return _refusal(503, f"{self._limits.clients} panels are open already. Close one.")
        talk = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            max_msg_size=self._limits.message_bytes,
            compress=False,  # it would cost more than it saves, and a bomb could come compressed
            writer_limit=1,  # so that sending waits as soon as the page does not read
            timeout=CLOSE_LIMIT_S / 4,
        )
        client = Client(talk, self._limits)
        self._clients.add(client)
        try:
            await talk.prepare(request)
            writing = asyncio.create_task(client.write())
            client.show(self._newest())
            try:
                async for message in talk:
                    self._hear(client, message.data)
                    if client.is_too_much:
                        await talk.close(code=1008, message=b"too many messages")
            finally:
                writing.cancel()
        finally:
            self._clients.discard(client)
        return talk

    def _hear(self, client: Client, data: Any) -> None:
        """Do what a page says, or tell it why not."""
        try:
            if not client.may_send():
                raise api.Refused("Too many messages. This one was dropped.")
            if not isinstance(data, str):
                raise api.Refused("Send text, not bytes.")
            self._obey(client, api.command(data, self._deck.picture.profiles))
        except ConfigError as error:
            kind = getattr(error, "kind", "preset")
            client.send(api.encoded({"type": "error", "text": str(error), "for": kind}))

    def _obey(self, client: Client, command: Command) -> None:
        commands = [command]
        if command.verb == "preset":
            commands = self._preset(client, command.name, command.value)
        if not self._deck.offer(*commands):
            raise api.Refused(_BUSY, command.verb)

    def _preset(self, client: Client, verb: str, name: str) -> list[Command]:
        picture = self._deck.picture
        match verb:
            case "save":
                if picture.status is None:
                    raise api.Refused("Nothing plays yet.", "preset")
                self._presets.save(name, picture.status)
            case "delete":
                self._presets.delete(name)
            case "recall":
                commands, missing = self._presets.recalled(name, picture.profiles)
                if missing:
                    client.send(api.encoded({"type": "error", "text": missing, "for": "preset"}))
                return commands
        return []


_BUSY = "The process that plays does not answer. Try again."


class _Full(asyncio.Protocol):
    """Hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=64)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"The panel cannot be served on {host}, port {port}: {reason}. Choose others: --panel-host, --panel-port."
        ) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # what is accepted has it, too
    return listener


def _json(document: dict[str, Any], **more: Any) -> web.Response:
    return web.Response(text=api.encoded(document), content_type="application/json", **more)


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=api.encoded({"error": text}), content_type="application/json")


async def _within(awaitable: Awaitable[Any], limit_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(awaitable, limit_s)
