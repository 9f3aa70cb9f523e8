"""The server itself: states, several pages in step, one that stalls, an end, and what happens when it fails."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time

import aiohttp
import pytest
from panel_stage import GENEROUS, Stage, next_of, page, status

from rt_automix.config import Config
from rt_automix.errors import ConfigError
from rt_automix.live.setup import Setup
from rt_automix.panel import hub
from rt_automix.panel.view import Panel


def test_what_the_panel_does_is_about(tmp_path):
    with Stage(tmp_path) as stage:
        about = stage.ask("GET", "/api/v1/about")[1]
        assert about["v"] == 1 and len(about["params"]) == 10 and len(about["bands_hz"]) == 64
        assert about["controls"]["target_lufs"] == [-40.0, -5.0] and about["limits"]["clients"] == 32
        assert set(about["params"][0]) == {"name", "label", "unit", "low", "high", "neutral"}


def test_a_state_holds_all_that_there_is(tmp_path):
    with Stage(tmp_path) as stage:
        state = stage.ask("GET", "/api/v1/state")[1]
    assert state["type"] == "state" and state["session"]["controls"] == status()["controls"]
    assert state["profiles"] == ["balanced", "bright", "warm"] and state["presets"] == [] and state["starts"] == 1
    scope = state["scope"]
    assert all(len(scope[name]) == 64 for name in ("in_db", "out_db", "profile_db", "eq_db"))
    assert scope["clips_in"] == 0 and scope["in_peak_dbfs"] == -120.0


def test_before_the_process_that_plays_has_answered_there_is_no_session(tmp_path):
    stage = Stage(tmp_path)
    stage.supervisor.status, stage.supervisor.answers = None, False
    with stage:
        stage.panel.hear({"type": "compiling", "done": 3, "total": 40})
        state = stage.wait_for(lambda: (s := stage.ask("GET", "/api/v1/state")[1])["state"] == "compiling" and s)
        assert state["session"] is None and state["scope"] is None and "3 of 40" in state["text"]
        assert state["profiles"] == ["balanced", "bright", "warm"]


def test_two_pages_stay_in_step_and_a_third_finds_it_so(tmp_path):
    def has(amount):
        return lambda state: state["session"]["controls"]["amount"] == amount

    async def run(stage):
        async with page(stage) as left, page(stage) as right:
            await left.send_json({"v": 1, "type": "set", "control": "amount", "value": 0.8})
            await next_of(right, "state", has(0.8))
            await right.send_json({"v": 1, "type": "set", "control": "amount", "value": 0.2})
            await next_of(left, "state", has(0.2))
            stage.supervisor.set("amount", 0.6)  # as a MIDI knob does
            await next_of(left, "state", has(0.6))
            await next_of(right, "state", has(0.6))
            async with page(stage) as late:
                first = await next_of(late, "state")
                assert has(0.6)(first)

    with Stage(tmp_path) as stage:
        asyncio.run(run(stage))


def test_every_verb_reaches_the_session(tmp_path):
    messages = [
        {"type": "set", "control": "trim.air_db", "value": 1.5},
        {"type": "set", "control": "compare", "value": True},
        {"type": "nudge", "control": "target_lufs", "steps": -2},
        {"type": "record", "on": True},
        {"type": "learn", "control": "amount"},
        {"type": "set", "control": "panic", "value": True},
    ]

    async def run(stage):
        async with page(stage) as socket:
            for message in messages:
                await socket.send_json({"v": 1, **message})
            await next_of(socket, "state", lambda _: len(stage.supervisor.done) == len(messages))

    with Stage(tmp_path) as stage:
        asyncio.run(run(stage))
        assert stage.supervisor.done == [
            ("set", "trim.air_db", 1.5), ("set", "compare", True), ("nudge", "target_lufs", -2), ("record", True),
            ("learn", "amount"), ("set", "panic", True),
        ]  # fmt: skip


def test_an_invalid_message_is_answered_and_reaches_nobody(tmp_path):
    async def run(stage):
        async with page(stage) as socket:
            await socket.send_json({"v": 1, "type": "set", "control": "amount", "value": 7})
            error = await next_of(socket, "error")
            assert error["for"] == "set" and "amount = 7 is outside [0, 1]" in error["text"]
            await socket.send_bytes(b"{}")
            assert "not bytes" in (await next_of(socket, "error"))["text"]

    with Stage(tmp_path) as stage:
        asyncio.run(run(stage))
        assert stage.supervisor.done == []


def test_events_reach_every_page_with_their_level(tmp_path):
    async def run(stage):
        async with page(stage) as left, page(stage) as right:
            await next_of(left, "state")
            await next_of(right, "state")
            stage.panel.hear({"type": "state", "state": "lost", "text": "Lost: the interface."})
            for socket in (left, right):
                event = await next_of(socket, "event")
                assert event == {"v": 1, "type": "event", "text": "Lost: the interface.", "level": "warning"}
                assert (await next_of(socket, "state", lambda state: state["state"] == "lost"))["text"] == event["text"]
            stage.panel.hear({"type": "state", "state": "playing", "text": "Playing."})
            stage.panel.remark("A take began.")
            for _ in range(2):
                assert (await next_of(left, "event"))["level"] == "info"

    with Stage(tmp_path) as stage:
        asyncio.run(run(stage))


def test_a_process_that_stopped_answering_gets_no_more_to_do(tmp_path):
    """Its pipe would fill up otherwise, and hold the loop that watches."""

    async def run(stage):
        async with page(stage) as socket:
            await next_of(socket, "state")
            stage.supervisor.answers = False
            rounds = stage.rounds
            await next_of(socket, "state", lambda _: stage.rounds > rounds + 2)
            for _ in range(100):
                await socket.send_json({"v": 1, "type": "nudge", "control": "amount", "steps": 1})
            assert "does not answer" in (await next_of(socket, "error"))["text"]
            rounds, done = stage.rounds, len(stage.supervisor.done)
            await next_of(socket, "state", lambda _: stage.rounds > rounds + 5)
            assert len(stage.supervisor.done) == done == 0
            stage.supervisor.answers = True
            await next_of(socket, "state", lambda _: len(stage.supervisor.done) == 64)

    with Stage(tmp_path) as stage:
        asyncio.run(run(stage))


def stalled_page(stage):
    """A page that shakes hands, and reads no more; its own buffer is small."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10.0)
    connection.connect(("127.0.0.1", stage.port))
    lines = ("GET /api/v1/ws HTTP/1.1", f"Host: {stage.address}", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", "")  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


def test_ten_pages_one_of_which_does_not_read(tmp_path, monkeypatch):
    """The nine get every state; for the tenth no more waits than the buffers hold, and then the newest."""
    monkeypatch.setattr(hub, "HEARTBEAT_S", 60.0)  # nor does it answer pings, for which it would be let go
    states = 1200

    async def follow(stage):
        async with page(stage) as socket:
            first = (await next_of(socket, "state"))["seq"]
            seqs = []
            while not seqs or seqs[-1] < first + states:
                seqs.append((await next_of(socket, "state"))["seq"])
            return seqs

    async def run(stage):
        return await asyncio.gather(*(follow(stage) for _ in range(9)))

    with Stage(tmp_path, step_s=0.002) as stage:
        stalled = stalled_page(stage)
        for seqs in asyncio.run(run(stage)):
            assert seqs == sorted(set(seqs)) and len(seqs) > 0.9 * states
        deadline = time.monotonic() + 10.0
        while len(stage.server._hub.clients) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)  # those that left are let go of one by one
        (tenth,) = stage.server._hub.clients
        stage.wait_for(lambda: stage.server._hub.clients == {tenth})
        assert tenth.socket._req.transport.get_write_buffer_size() < 200_000
        assert len(tenth._others) == 0

        newest, got = stage.server._seq, b""
        while f'"seq":{newest}'.encode()[:-2] not in got[-20_000:]:  # reads again: some hundred of the newest
            got += stalled.recv(1 << 16)
        assert got.count(b'"type":"state"') < states / 4
        stalled.close()


def test_the_end_comes_soon_even_with_a_page_that_does_not_read(tmp_path):
    with Stage(tmp_path) as stage:
        stalled = stalled_page(stage)

        async def run():
            async with page(stage) as socket:
                await next_of(socket, "state")
                closing = threading.Thread(target=stage.panel.__exit__)
                closing.start()
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
                assert socket.close_code == 1001
                closing.join(10.0)
                assert not closing.is_alive()

        asyncio.run(run())
        assert not stage.server._thread.is_alive()
        stalled.close()


def test_a_server_that_fails_is_told_of_and_the_loop_goes_on(tmp_path, monkeypatch):
    with Stage(tmp_path) as stage:
        monkeypatch.setattr(stage.server, "_push", lambda: 1 // 0)
        stage.wait_for(lambda: stage.told)
        assert stage.told[0].startswith("The panel failed: ZeroDivisionError") and "goes on" in stage.told[0]
        rounds = stage.rounds
        stage.panel.remark("Still here.")
        stage.wait_for(lambda: stage.rounds > rounds + 3)
        assert len(stage.told) == 1


def test_a_request_that_fails_inside_is_told_of_once(tmp_path, monkeypatch):
    with Stage(tmp_path) as stage:
        monkeypatch.setattr(stage.server._hub, "newest", lambda: 1 // 0)
        for _ in range(3):
            code, content, _ = stage.ask("GET", "/api/v1/state")
            assert code == 500 and "goes on" in content["error"]
        stage.wait_for(lambda: stage.told)
        assert stage.told == ["Panel: /api/v1/state: ZeroDivisionError: integer division or modulo by zero"]


def test_a_port_that_is_taken_is_an_error_before_anything_starts(tmp_path):
    with Stage(tmp_path) as stage, pytest.raises(ConfigError, match=f"port {stage.port}: .*--panel-port"):
        Panel(Setup(Config(), ()), "127.0.0.1", stage.port, print, tmp_path / "presets.json", GENEROUS)
    with pytest.raises(ConfigError, match="--panel-host"):
        Panel(Setup(Config(), ()), "no.such.host.invalid", 0, print, tmp_path / "presets.json", GENEROUS)


def test_light_to_import():
    """No compiler and no decoder in the process that watches, and no server where none is asked for."""
    code = (
        "import sys, rt_automix.cli; assert 'aiohttp' not in sys.modules; import rt_automix.panel.view; "
        "print(*sorted({'numba', 'pedalboard', 'onnxruntime', 'segno'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ""


def test_states_are_json_of_one_line(tmp_path):
    with Stage(tmp_path) as stage:
        stage.supervisor.status["meters"]["integrated_lufs"] = float("-inf")
        text = stage.wait_for(lambda: (t := stage.server._newest()) and "integrated_lufs" in t and t)
        document = json.loads(text, parse_constant=pytest.fail)
        assert document["session"]["meters"]["integrated_lufs"] is None and "\n" not in text
