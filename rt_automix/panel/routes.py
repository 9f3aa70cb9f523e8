"""What the panel serves over HTTP: the page, its files, and the requests that are not messages."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

import rt_automix
from rt_automix import owncurve, params
from rt_automix.errors import AudioFileError, ConfigError
from rt_automix.panel import api, reference
from rt_automix.panel.api import Command
from rt_automix.panel.deck import BUSY
from rt_automix.panel.hub import Hub
from rt_automix.panel.presets import EXPORTED
from rt_automix.panel.scope import BANDS_HZ
from rt_automix.panel.security import Allowance, Guard

STATIC = Path(__file__).parent / "static"
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


class Routes:
    """Answers requests.

    Parameters
    ----------
    guard : Guard
    hub : Hub
        The pages that are open, with all that they see and do.
    wonder : function of a str
        Told what should not have happened.
    """

    def __init__(self, guard: Guard, hub: Hub, wonder: Callable[[str], None]) -> None:
        self._guard, self._hub, self._wonder = guard, hub, wonder
        self._deck, self._presets, self._limits = hub.deck, hub.presets, hub.limits
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()
        self._measuring = False

    def application(self) -> web.Application:
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
                web.post("/api/v1/ws", self._why),
            ]
        )
        return app

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come in, and tell the others why not."""
        if not self._allowance(request.remote or "").take():
            return _refusal(429, "Too many requests. Wait a second.")
        if complaint := self._guard.complaint(request.headers, request.path.startswith("/static/")):
            return _refusal(403, complaint)
        if self._guard.token and request.path == "/" and self._guard.admits(request.query.get("token")):
            moved = web.Response(status=303, headers={"Location": "/"})
            moved.set_cookie(self._guard.cookie, self._guard.token, httponly=True, samesite="Lax")
            return moved
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._guard.admits(request.cookies.get(self._guard.cookie) or bearer):
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
                "curve": {
                    "low_hz": owncurve.LOWEST_HZ,
                    "high_hz": owncurve.HIGHEST_HZ,
                    "limit_db": owncurve.LIMIT_DB,
                    "points": owncurve.MOST_POINTS,
                    "apart_octaves": owncurve.APART_OCTAVES,
                },
                "bands_hz": BANDS_HZ.round(2).tolist(),
                "limits": vars(self._limits) | {"upload_types": reference.SUFFIXES},
            }
        )

    async def _get_state(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=self._hub.newest(), content_type="application/json")

    async def _get_presets(self, _: web.Request) -> web.StreamResponse:
        return _json(self._presets.exported())

    async def _export(self, _: web.Request) -> web.StreamResponse:
        name = {hdrs.CONTENT_DISPOSITION: 'attachment; filename="rt_automix-presets.json"'}
        return _json(self._presets.exported(), headers=name)

    async def _import(self, request: web.Request) -> web.StreamResponse:
        try:
            text = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _refusal(
                413, f"More than {self._limits.import_bytes / 1e3:g} kB is no export of presets. {EXPORTED}"
            )
        return _json({"imported": self._presets.merge(text)})

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
            return _refusal(503, BUSY)
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

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        if self._hub.is_full:
            return _refusal(503, f"{self._limits.clients} panels are open already. Close one.")
        return await self._hub.talk(request)

    async def _why(self, request: web.Request) -> web.StreamResponse:
        """Tell a page why it was refused: of a handshake browsers do not say, and only a POST always has an Origin."""
        return await self._talk(request) if self._hub.is_full else _refusal(400, "Nothing stands against a handshake.")


def _json(document: dict[str, Any], **more: Any) -> web.Response:
    return web.Response(text=api.encoded(document), content_type="application/json", **more)


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=api.encoded({"error": text}), content_type="application/json")
