"""The panel behind a real nginx with a certificate of its own: the proxy's origin is let in, and no other."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import aiohttp
import pytest
from browser_house import CHROMIUM, until
from panel_stage import GENEROUS, Stage, next_of, outside, page

from rt_automix.errors import ConfigError
from rt_automix.panel.security import Guard, origin_of

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
DOCS = Path(__file__).parents[2] / "docs/panel-https.md"
NAME = "mix.example"
BADGE = "document.getElementById('session-state').textContent"
BANNER = "(document.getElementById('banner').hidden ? '' : document.getElementById('banner').textContent)"

pytestmark = pytest.mark.live
needs_nginx = pytest.mark.skipif(
    NGINX is None or shutil.which("openssl") is None, reason="needs nginx: sudo apt install nginx openssl"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    command += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def nginx(folder, certificate, port, upstream, keeps_host):
    """An nginx with the settings of docs/panel-https.md; or with its own idea of the Host."""
    block = re.search(r"```nginx\n(.*?)```", DOCS.read_text(), re.S)[1]
    changes = {
        "443 ssl": f"127.0.0.1:{port} ssl",
        "/etc/ssl/mix.example.pem": str(certificate / "cert.pem"),
        "/etc/ssl/mix.example.key": str(certificate / "key.pem"),
        "127.0.0.1:8765": f"127.0.0.1:{upstream}",
    }
    if not keeps_host:
        changes["        proxy_set_header Host $http_host;\n"] = ""
    for old, new in changes.items():
        assert old in block
        block = block.replace(old, new)
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = folder / "nginx.conf"
    settings.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}{block}\n}}\n"
    )
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(settings)], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 10.0
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10.0)
        process.stderr.close()


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("needs a browser: sudo apt install chromium")
    with playwright.sync_playwright() as engine:
        rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1, MAP evil.example 127.0.0.1"
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
        yield browser
        browser.close()


def answered(port, certificate, path="/api/v1/state", **headers):
    """(status, document) of a request through the proxy, whose certificate is checked."""
    trust = ssl.create_default_context(cafile=certificate / "cert.pem")
    trust.check_hostname = False  # there is no such name here
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, context=trust, timeout=10.0) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@needs_nginx
@pytest.mark.parametrize("keeps_host", [True, False])
def test_exactly_the_named_origin_comes_in_through_nginx(chromium, certificate, tmp_path, status, keeps_host):
    port = free_port()
    origin = f"https://{NAME}:{port}"
    with (
        Stage(tmp_path, limits=GENEROUS, origin=origin) as stage,
        nginx(tmp_path, certificate, port, stage.port, keeps_host),
    ):
        stage.supervisor.status = status
        stage.panel.hear({"type": "state", "state": "playing", "text": "Playing."})
        assert stage.panel.proxied_url == f"{origin}/"
        context = chromium.new_context(ignore_https_errors=True)
        tab = context.new_page()
        tab.goto(f"{origin}/")
        until(tab, f"{BADGE} === 'playing' && {BANNER} === ''")
        tab.click("#freeze")
        stage.wait_for(lambda: any(order[:2] == ("set", "freeze") for order in stage.supervisor.done))

        # A page of another site, and one whose name is made to point here.
        other = context.new_page()
        other.goto(f"https://evil.example:{port}/")
        if keeps_host:
            assert "is not this machine" in other.content()
        opened = other.evaluate(
            f"""() => new Promise((done) => {{
                const socket = new WebSocket("wss://{NAME}:{port}/api/v1/ws");
                socket.onopen = () => done("open");
                socket.onerror = () => done("refused");
            }})"""
        )
        assert opened == "refused"
        context.close()

        host = {"Host": f"{NAME}:{port}"}
        assert answered(port, certificate, **host)[0] == answered(port, certificate, **host, Origin=origin)[0] == 200
        wrong = [f"http://{NAME}:{port}", f"https://{NAME}", f"https://{NAME}:1", f"https://a.{NAME}:{port}", "null"]
        for one in (*wrong, f"https://{NAME}.evil.example:{port}", origin.upper(), f"{origin}/"):
            code, document = answered(port, certificate, **host, Origin=one)
            assert code == 403 and "another site" in document["error"], one
        assert stage.ask("GET", "/api/v1/state", Origin=f"http://{stage.address}")[0] == 200  # here it is as before


@needs_nginx
def test_without_the_option_the_proxy_s_page_says_why_it_is_refused(chromium, certificate, tmp_path):
    port = free_port()
    with Stage(tmp_path, limits=GENEROUS) as stage, nginx(tmp_path, certificate, port, stage.port, False):
        context = chromium.new_context(ignore_https_errors=True)
        tab = context.new_page()
        tab.goto(f"https://{NAME}:{port}/")
        until(tab, f"{BANNER}.includes('--panel-origin')")
        context.close()
        code, document = answered(port, certificate, Origin=f"https://{NAME}:{port}")
        assert code == 403 and "--panel-origin" in document["error"]


def test_with_a_token_the_token_is_needed_through_the_proxy_too(tmp_path):
    origin = f"https://{NAME}"
    with Stage(tmp_path, host="0.0.0.0", origin=origin) as stage:
        token = stage.server.guard.token
        assert stage.panel.proxied_url == f"{origin}/?token={token}"
        headers = {"Host": NAME, "Origin": origin}
        assert stage.ask("GET", "/api/v1/state", **headers)[0] == 401
        assert stage.ask("GET", "/api/v1/state", **headers, Authorization=f"Bearer {token}")[0] == 200
        headers["Origin"] = f"http://{NAME}"
        assert stage.ask("GET", "/api/v1/state", **headers, Authorization=f"Bearer {token}")[0] == 403


def test_a_websocket_of_the_proxy_s_page(tmp_path):
    async def state(stage, **headers):
        async with page(stage, **headers) as there:
            return await next_of(there, "state")

    with Stage(tmp_path, origin=f"https://{NAME}:8443") as stage:
        for host in (stage.address, f"{NAME}:8443", NAME):  # as proxies pass it on
            assert outside(state(stage, Host=host, Origin=f"https://{NAME}:8443"))["profiles"]
            with pytest.raises(aiohttp.WSServerHandshakeError):
                outside(state(stage, Host=host, Origin=f"https://{NAME}"))


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://mix.example", "https://mix.example"),
        ("https://MIX.example:443/", "https://mix.example"),
        ("http://mix.example:80", "http://mix.example"),
        ("https://mix.example:8443", "https://mix.example:8443"),
        ("https://mühle.example", "https://xn--mhle-0ra.example"),
        ("https://[fd00::1]:8443", "https://[fd00::1]:8443"),
    ],
)
def test_an_origin_is_written_as_browsers_do(text, origin):
    assert origin_of(text) == origin
    name = origin.removeprefix("https://").removeprefix("http://")
    assert Guard("127.0.0.1", 1, origin).complaint({"Host": name, "Origin": origin}) == ""


@pytest.mark.parametrize(
    "text",
    ["mix.example", "https://", "https://mix.example/panel", "https://*.example", "https://a@mix.example", "ftp://a.b",
     "https://mix.example:x", "https://mix.example?x", "null", "*", "https://mix.example:99999"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_with_the_cure(text):
    with pytest.raises(ConfigError, match=re.escape("such as https://mix.example")):
        origin_of(text)
