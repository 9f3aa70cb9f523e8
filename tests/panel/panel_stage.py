"""A panel on a stage: the real server and the loop that serves it, before a session that is played by a stand-in.

The stand-in answers as the process that plays does, at once and without sound, so that hundreds of
requests take no time; test_panel_live.py has the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from waiting import PATIENCE_S, until

from rt_automix import params
from rt_automix.config import Config
from rt_automix.io.devices.edge.board import Board
from rt_automix.live.setup import Setup
from rt_automix.panel.security import Limits
from rt_automix.panel.view import Panel

PROFILES = ("balanced", "bright", "warm")
GENEROUS = Limits(messages_per_s=1e9, burst=10**9, requests_per_s=1e9, request_burst=10**9)


def status():
    """What the process that plays tells, as far as the panel looks at it."""
    neutral = params.to_dict(params.NEUTRAL)
    controls = {"amount": 0.5, "listen": "master", "freeze": False, "ceiling_dbtp": -1.0, "target_lufs": -14.0}
    controls |= {
        "fine_tone": 1.0,
        "boldness": 0.5,
        "style_strength": 0.5,
        "curve": [],
        "ride": True,
        "night": False,
        "max_trim_db": 12.0,
        "output_trim_db": 0.0,
        "trims": {},
    }
    return {
        "state": "playing", "text": "Playing.", "sample_rate_hz": 48_000, "controls": controls, "profile": "balanced",
        "profiles": list(PROFILES), "learning": None,
        "meters": {"applied": neutral, "fine_gains_db": [0.0] * 31, "in_peak_dbfs": -6.0},
    }  # fmt: skip


class StandIn:
    """In the place of the supervisor and of the takes: notes what it is told to do."""

    def __init__(self):
        self.board = Board()
        self.status = status()
        self.starts = 1
        self.setup = Setup(Config(), PROFILES)
        self.is_playing, self.sample_rate_hz = True, 48_000
        self.done = []
        self.answers = True

    def turn(self):
        if self.answers:
            self.status = copy.deepcopy(self.status)

    def set(self, name, value):
        self.done.append(("set", name, value))
        controls = self.status["controls"]
        if name.startswith("trim."):
            controls["trims"][name.removeprefix("trim.")] = value
        elif name in controls:
            controls[name] = value
        elif name == "profile":
            self.status["profile"] = value

    def nudge(self, name, steps):
        self.done.append(("nudge", name, steps))

    def learn(self, control):
        self.done.append(("learn", control))

    def use_reference(self, style):
        self.done.append(("reference", style))
        self.status["profiles"] = [style.name, *PROFILES]

    def record(self, on):
        self.done.append(("record", on))


class Takes:
    def __init__(self, stand_in):
        self.record = stand_in.record

    def status(self):
        return []


class Stage:
    """A panel that runs; `step_s` is how often the loop that watches goes round."""

    def __init__(self, folder, host="127.0.0.1", limits=GENEROUS, step_s=0.005, origin=""):
        self.supervisor = StandIn()
        self.told = []
        setup = Setup(Config(), PROFILES)
        self.panel = Panel(setup, host, 0, self.told.append, folder / "presets.json", limits, origin)
        self.server = self.panel._server
        self.port = self.server.port
        self.address = f"127.0.0.1:{self.port}"
        self.rounds = 0
        self._step_s = step_s
        self._ending = threading.Event()
        self._loop = threading.Thread(target=self._go_round, daemon=True)

    def __enter__(self):
        self.panel.__enter__()
        self._loop.start()
        self.wait_for(lambda: self.rounds > 1)
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._loop.join(5.0)
        self.panel.__exit__()

    def _go_round(self):
        takes = Takes(self.supervisor)
        while not self._ending.wait(self._step_s):
            self.supervisor.turn()
            self.panel.show(self.supervisor, takes)
            self.rounds += 1

    @staticmethod
    def wait_for(condition):
        """Wait until a condition holds; what it gave."""
        return until(condition)

    def ask(self, method, path, body=None, **headers):
        """A request as it is written, unnormalised: (status, document or bytes, headers)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            content = answer.read()
            if answer.headers.get_content_type() == "application/json":
                content = json.loads(content)
            return answer.status, content, answer.headers
        finally:
            connection.close()


@contextlib.asynccontextmanager
async def page(stage, **headers):
    """A page's WebSocket."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{stage.address}/api/v1/ws", headers=headers, max_msg_size=0) as socket,
    ):
        yield socket


async def next_of(socket, kind, condition=lambda message: True, limit_s=PATIENCE_S):
    """The next message of a kind for which a condition holds."""
    async with asyncio.timeout(limit_s):
        while True:
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.TEXT, message
            if f'"type":"{kind}"' not in message.data:  # to read them all keeps many pages from answering pings
                continue
            document = json.loads(message.data)
            assert document["v"] == 1
            if document["type"] == kind and condition(document):
                return document


def outside(talk):
    """What a coroutine gives, run where no browser's driver has its loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, talk).result()
