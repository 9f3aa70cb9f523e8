"""Who is refused: other origins, other hosts, no token, too much, too often, too many, and names of files."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import aiohttp
import pytest
from panel_stage import GENEROUS, Stage, next_of, page

from rt_automix.panel import security
from rt_automix.panel.security import Allowance, Limits


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("panel")) as stage:
        yield stage


@pytest.fixture(scope="module")
def open_stage(tmp_path_factory):
    """On all addresses, where a token is needed."""
    with Stage(tmp_path_factory.mktemp("open_panel"), host="0.0.0.0") as stage:
        yield stage


def refused_status(stage, **headers):
    """The status of the answer to a WebSocket's handshake that is refused."""

    async def run():
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with page(stage, **headers):
                pass
        return refused.value.status

    return asyncio.run(run())


def test_the_page_and_its_policy(stage):
    code, content, headers = stage.ask("GET", "/")
    assert code == 200 and b"<html" in content
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY" and headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


ORIGINS = ("http://example.org", "null", "http://localhost:1", "https://{address}", "http://{address}.example.org")


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_is_refused(stage, origin):
    origin = origin.format(address=stage.address)
    assert refused_status(stage, Origin=origin) == 403
    for method, path in (("POST", "/api/v1/reference"), ("POST", "/api/v1/presets/import"), ("GET", "/api/v1/state")):
        code, content, _ = stage.ask(method, path, b"", Origin=origin)
        assert code == 403 and "another site" in content["error"]


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1.example.org", "10.0.0.1", "", "[::2]"])
def test_a_wrong_host_is_refused_whatever_the_origin(stage, host):
    for origin in ({}, {"Origin": f"http://{host}"}):
        assert stage.ask("GET", "/", Host=host, **origin)[0] == 403
        assert stage.ask("GET", "/api/v1/state", Host=host, **origin)[0] == 403
    assert refused_status(stage, Host=host) == 403


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1:9", "[::1]:{port}"])
def test_names_of_this_machine_are_let_in_with_their_own_origin(stage, host):
    host = host.format(port=stage.port)
    assert stage.ask("GET", "/api/v1/state", Host=host, Origin=f"http://{host}")[0] == 200


def test_on_a_network_nobody_comes_in_without_the_token(open_stage):
    token = open_stage.server.guard.token
    assert len(token) >= 20 and token not in str(open_stage.ask("GET", "/")[1])
    for path in ("/", "/static/index.html", "/api/v1/about", "/api/v1/state", "/api/v1/presets/export", "/?token=x"):
        assert open_stage.ask("GET", path)[0] == 401
        assert open_stage.ask("GET", path, Cookie=f"{open_stage.server.guard.cookie}=x")[0] == 401
        assert open_stage.ask("GET", path, Authorization="Bearer ä".encode("latin-1"))[0] == 401
    assert open_stage.ask("POST", "/api/v1/reference", b"RIFF", X_File_Name="a.wav")[0] == 401
    assert open_stage.ask("POST", f"/api/v1/presets/import?token={token}", b"{}")[0] == 401, "the page's address only"
    assert refused_status(open_stage) == 401
    assert refused_status(open_stage, Cookie=f"{open_stage.server.guard.cookie}={token[:-1]}") == 401


def test_the_token_opens_and_becomes_a_cookie(open_stage):
    token, cookie = open_stage.server.guard.token, open_stage.server.guard.cookie
    code, _, headers = open_stage.ask("GET", f"/?token={token}")
    assert (code, headers["Location"]) == (303, "/")
    assert headers["Set-Cookie"].startswith(f"{cookie}={token};")
    assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=Lax" in headers["Set-Cookie"]
    assert open_stage.ask("GET", "/", Cookie=f"{cookie}={token}")[0] == 200
    assert open_stage.ask("GET", "/api/v1/state", Authorization=f"Bearer {token}")[0] == 200
    assert open_stage.ask("GET", "/", Cookie=f"{cookie}={token}", Origin="http://example.org")[0] == 403

    async def talk():
        async with page(open_stage, Cookie=f"{cookie}={token}") as socket:
            return await next_of(socket, "state")

    assert asyncio.run(talk())["profiles"] == ["balanced", "bright", "warm"]


def test_the_url_and_its_picture(open_stage, stage):
    assert stage.panel.url == f"http://127.0.0.1:{stage.port}/" and stage.panel.is_local
    assert open_stage.panel.url.endswith(f":{open_stage.port}/?token={open_stage.server.guard.token}")
    assert not open_stage.panel.is_local
    lines = security.picture(open_stage.panel.url).splitlines()
    assert 15 < len(lines) < 30 and "█" in lines[len(lines) // 2]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_what_is_local(host):
    assert security.is_local(host) and not security.is_local("0.0.0.0") and not security.is_local("::")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/static/%2Fetc%2Fpasswd",
        "/static/..\\server.py",
        "/static/index.html%00.js",
        "/static/",
        "/static",
        "/../../etc/passwd",
        "/api/v1/presets/../../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_page_s_own_files(stage, path):
    code, content, _ = stage.ask("GET", path)
    assert code == 404 and set(content) == {"v", "error"}


def test_bodies_too_big_are_refused_announced_or_not(tmp_path):
    limits = Limits(upload_bytes=100_000, import_bytes=10_000, requests_per_s=1e9)
    with Stage(tmp_path, limits=limits) as stage:
        song = {"X_File_Name": "a.wav", "Content_Type": "audio/wav"}
        for body in (bytes(100_001), iter([bytes(50_000)] * 3)):  # the second comes in chunks, of no length told before
            code, content, _ = stage.ask("POST", "/api/v1/reference", body, **song)
            assert code == 413 and "0.1 MB" in content["error"]
        code, content, _ = stage.ask("POST", "/api/v1/presets/import", bytes(10_001))
        assert code == 413 and content["error"].startswith("More than 10 kB is no export of presets.")
        assert stage.ask("GET", "/api/v1/state")[0] == 200


def test_a_message_too_big_ends_the_talk_of_who_sent_it(stage):
    async def run():
        async with page(stage) as good, page(stage) as bad:
            await bad.send_str("x" * (GENEROUS.message_bytes + 1))
            while (message := await bad.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert bad.close_code == 1009, message
            before = await next_of(good, "state")
            await next_of(good, "state", lambda state: state["seq"] > before["seq"])

    asyncio.run(run())


def test_too_many_messages_are_dropped_with_a_word_and_then_the_talk_ends(tmp_path):
    limits = Limits(messages_per_s=1.0, burst=10, excess=20)
    nudge = json.dumps({"v": 1, "type": "nudge", "control": "amount", "steps": 1})

    async def run(stage):
        async with page(stage) as socket:
            for _ in range(60):
                await socket.send_str(nudge)
            texts = []
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                texts.append(json.loads(message.data))
            return [text for text in texts if text["type"] == "error"], socket.close_code

    with Stage(tmp_path, limits=limits) as stage:
        errors, close_code = asyncio.run(run(stage))
        assert close_code == 1008
        assert 15 <= len(errors) <= 21 and all("Too many messages" in error["text"] for error in errors)
        deadline = time.monotonic() + 10.0
        while stage.supervisor.done.count(("nudge", "amount", 1)) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert 10 <= stage.supervisor.done.count(("nudge", "amount", 1)) <= 12


def test_too_many_requests_are_refused_for_a_while(tmp_path):
    with Stage(tmp_path, limits=Limits(requests_per_s=1.0, request_burst=5)) as stage:
        codes = [stage.ask("GET", "/api/v1/about")[0] for _ in range(8)]
        assert codes[:5] == [200] * 5 and 429 in codes[5:]


def test_an_allowance_refills():
    now = [0.0]
    allowance = Allowance(2.0, 4, lambda: now[0])
    assert [allowance.take() for _ in range(5)] == [True] * 4 + [False]
    now[0] = 1.0
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now[0] = 100.0
    assert sum(allowance.take() for _ in range(10)) == 4


def test_no_more_pages_than_the_limit_and_one_that_leaves_makes_room(tmp_path):
    async def run(stage):
        async with page(stage), page(stage):
            async with page(stage):
                assert stage.server._hub.is_full
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    async with page(stage):
                        pass
                assert refused.value.status == 503
            while stage.server._hub.is_full:
                await asyncio.sleep(0.01)
            async with page(stage) as socket:
                await next_of(socket, "state")

    with Stage(tmp_path, limits=Limits(clients=3, requests_per_s=1e9)) as stage:
        asyncio.run(run(stage))


def test_connections_that_say_nothing_cannot_use_up_the_files_of_the_process(tmp_path):
    with Stage(tmp_path, limits=Limits(connections=10, requests_per_s=1e9)) as stage:
        idle = [socket.create_connection(("127.0.0.1", stage.port)) for _ in range(10)]

        def answers():
            try:
                return stage.ask("GET", "/api/v1/state")[0] == 200
            except OSError:
                return False

        stage.wait_for(lambda: not answers())
        assert not answers() and not answers()
        for connection in idle:
            connection.close()
        stage.wait_for(answers)


@pytest.mark.parametrize(
    "request_text",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"A" * 100_000 + b"\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
     b"POST /api/v1/reference HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
     b"POST /api/v1/reference HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"],
)  # fmt: skip
def test_what_is_not_http_harms_nobody(stage, request_text):
    with socket.create_connection(("127.0.0.1", stage.port), timeout=10) as connection:
        connection.sendall(request_text)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)
        assert answer == b"" or answer.split()[1].startswith(b"4")
    assert stage.ask("GET", "/api/v1/state")[0] == 200 and stage.told == []
