"""Connections that are lost without a word, and refusals: the real server, a real browser, a forwarder between them."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from browser_house import until
from panel_stage import GENEROUS, Stage, next_of, outside, page
from waiting import PATIENCE_S, OwnClock

from rt_automix.panel.security import Limits

pytestmark = pytest.mark.live

NOTICED_S = 5.0
BADGE = "document.getElementById('session-state').textContent"
BANNER = "(document.getElementById('banner').hidden ? '' : document.getElementById('banner').textContent)"


class Forwarder:
    """Passes on what comes in, until it is told to be silent: connections stay, and new ones come about."""

    def __init__(self, port):
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.passes = threading.Event()
        self.passes.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._port))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.passes.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RD)

    def close(self):
        self.passes.set()
        self._listener.close()


@pytest.fixture
def staged(status, tmp_path):
    """Makes a stage, which shows that session."""

    @contextlib.contextmanager
    def made(**how):
        with Stage(tmp_path, **how) as stage:
            stage.supervisor.status = status
            stage.panel.hear({"type": "state", "state": "playing", "text": "Playing."})
            yield stage

    return made


@pytest.fixture
def tab(browser):
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_forwarder_that_goes_silent_is_noticed_on_both_sides_and_the_page_comes_back(tab, staged):
    with staged(limits=GENEROUS) as stage, contextlib.closing(Forwarder(stage.port)) as forwarder:
        tab.goto(f"http://127.0.0.1:{forwarder.port}/")
        until(tab, f"{BADGE} === 'playing' && {BANNER} === ''")
        (lost,) = stage.server._hub.clients

        forwarder.passes.clear()
        tab.evaluate(
            f"""() => {{
                let [before, took] = [performance.now(), 0];
                window.wrong = 0;
                setInterval(() => {{
                    const [now, isLost] = [performance.now(), {BANNER}.startsWith("No connection")];
                    took += Math.min(now - before, 40);  // whatever is longer was the machine's, not the page's
                    before = now;
                    if (isLost && window.noticed === undefined) window.noticed = took;
                    if (isLost && {BADGE} !== "no connection") window.wrong += 1;
                }}, 20);
            }}"""
        )
        until(tab, "window.noticed !== undefined")
        assert tab.evaluate("window.noticed") < 1e3 * NOTICED_S
        stage.wait_for(lambda: lost not in stage.server._hub.clients)
        assert lost.socket.closed

        forwarder.passes.set()
        until(tab, f"{BADGE} === 'playing' && {BANNER} === ''")
        assert tab.evaluate("window.wrong") == 0
        stage.wait_for(lambda: len(stage.server._hub.clients) == 1)
        tab.click("#freeze")
        stage.wait_for(lambda: any(order[:2] == ("set", "freeze") for order in stage.supervisor.done))


def test_a_program_that_reads_but_answers_no_ping_is_let_go(staged):
    with (
        staged(limits=GENEROUS) as stage,
        OwnClock() as clock,
        socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE_S) as there,
    ):
        lines = ["GET /api/v1/ws HTTP/1.1", f"Host: {stage.address}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
        there.sendall("\r\n".join(lines).encode())
        assert there.recv(12) == b"HTTP/1.1 101"
        began_s = clock.now()
        with contextlib.suppress(ConnectionError):
            while there.recv(1 << 16):
                pass
        assert clock.now() - began_s < NOTICED_S
        stage.wait_for(lambda: not stage.server._hub.clients)


def test_there_is_a_sign_of_life_when_the_session_says_nothing(staged):
    with staged(limits=GENEROUS) as stage:

        async def talk():
            async with page(stage) as there:
                await next_of(there, "state")
                stage._ending.set()  # the loop that watches the sound stands still
                return await next_of(there, "alive")

        assert outside(talk())["type"] == "alive"


def test_a_session_that_stands_still_is_no_lost_connection(tab, staged):
    with staged(limits=GENEROUS) as stage:
        tab.goto(f"http://{stage.address}/")
        until(tab, f"{BADGE} === 'playing'")
        stage._ending.set()
        until(tab, f"{BANNER}.includes('does not answer')")
        assert tab.evaluate(BADGE) == "no answer"
        tab.wait_for_timeout(3500)
        assert "does not answer" in tab.evaluate(BANNER)


def test_the_reason_of_a_refusal_is_shown(browser, staged):
    limits = Limits(clients=1, messages_per_s=5.0, burst=5, excess=5, requests_per_s=1e9, request_burst=10**9)
    with staged(limits=limits) as stage:
        context = browser.new_context()
        first, second = context.new_page(), context.new_page()
        first.goto(f"http://{stage.address}/")
        until(first, f"{BADGE} === 'playing'")
        second.goto(f"http://{stage.address}/")
        until(second, f"{BANNER}.includes('open already')")
        assert second.evaluate(BADGE) == "no connection"
        second.close()
        until(first, f"{BADGE} === 'playing'")  # a busy machine may have cost it its place meanwhile
        first.evaluate(
            """() => {
                const press = () => document.getElementById("record").click();
                for (let k = 0; k < 30; k += 1) press();
            }"""
        )
        until(first, "document.getElementById('log').textContent.includes('far too many messages')")
        context.close()
    with staged(host="0.0.0.0", limits=GENEROUS) as stage:
        context = browser.new_context()
        tab = context.new_page()
        tab.goto(f"http://{stage.address}/?token={stage.server.guard.token}")
        until(tab, f"{BADGE} === 'playing'")
        context.clear_cookies()
        for client in list(stage.server._hub.clients):
            stage.server._loop.call_soon_threadsafe(client.socket._req.transport.abort)
        until(tab, f"{BANNER}.includes('no key')")
        context.close()


def test_the_end_of_a_session_is_said(tab, staged):
    with staged(limits=GENEROUS) as stage:
        tab.goto(f"http://{stage.address}/")
        until(tab, f"{BADGE} === 'playing'")
    until(tab, "document.getElementById('log').textContent.includes('The session has ended')")
