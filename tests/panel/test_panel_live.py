"""The panel of the real program while music plays: what strangers send changes nothing, what pages say does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import numpy as np
import pytest
import soundfile
from frozen import keep, played
from hypothesis import given, settings
from liverun import LiveRun, kill
from panel_messages import FUZZED
from panel_stage import next_of

from rt_automix.errors import ConfigError
from rt_automix.io.devices.edge.wiring import FADE_S
from rt_automix.panel import api

pytestmark = pytest.mark.alone

RATE_HZ = 48_000
PAGES = 32
MESSAGES = 10_000
STORMS = 4
MOST_GROWTH_MB = 4.0
PAUSE_S = 0.02
"""After every tenth message of a page, so that the music is not played on what is left of two cores."""


def music(seconds):
    """Noise with a beat and a bass: float32, shape (n, 2)."""
    t = np.arange(round(seconds * RATE_HZ))[:, None] / RATE_HZ
    beat = np.exp(-8.0 * (t % 0.5))
    noise = np.random.default_rng(7).standard_normal((len(t), 2))
    return (0.2 * np.sin(2 * np.pi * 55.0 * t) + 0.1 * beat * noise).astype(np.float32)


@contextlib.contextmanager
def playing(folder, *arguments):
    """The real program with a panel, playing a file: (run, the panel's address)."""
    soundfile.write(folder / "song.wav", music(30.0), RATE_HZ, "FLOAT")
    computer = SimpleNamespace(environment={**os.environ, "XDG_CONFIG_HOME": str(folder / "config")})
    options = ["--play", str(folder / "song.wav"), "--panel", "--panel-port", "0", *arguments]
    with LiveRun(computer, folder / "state.json", *options) as run:
        run.wait_for(lambda run: run.status.get("state") == "playing" and run.status["timing"]["callbacks"])
        (url,) = (found[1] for text in run.texts() if (found := re.match(r"Panel: (http\S+)/$", text)))
        yield run, url


def invalid_messages(count):
    """So many, from what hypothesis makes up; as text or bytes."""
    found = []

    @settings(max_examples=1500)
    @given(FUZZED)
    def collect(message):
        with contextlib.suppress(UnicodeEncodeError):
            if len(message if isinstance(message, bytes) else message.encode()) > 4096:
                return
            try:
                api.command(message, ("balanced", "bright", "warm"))
            except ConfigError:
                found.append(message)
            else:
                if isinstance(message, bytes):
                    found.append(message)

    collect()
    assert len(set(found)) > 500
    return [found[k % len(found)] for k in range(count)]


async def bombard(url, messages):
    """Send from one page; how many errors came back."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/api/v1/ws", max_msg_size=0) as socket:

        async def count():
            for _ in messages:
                await next_of(socket, "error", limit_s=60.0)

        counting = asyncio.create_task(count())
        for number, message in enumerate(messages):
            await (socket.send_str if isinstance(message, str) else socket.send_bytes)(message)
            if number % 10 == 9:
                await asyncio.sleep(PAUSE_S)
        await counting
        return len(messages)


def resident_mb(run):
    """Memory of the process that serves the panel."""
    return int(Path(f"/proc/{run.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


async def storm(url, messages):
    """All of them, from PAGES pages at once."""
    share = len(messages) // PAGES + 1
    parts = [messages[start : start + share] for start in range(0, len(messages), share)]
    return sum(await asyncio.gather(*(bombard(url, part) for part in parts)))


def stormed(folder, messages):
    """What came in and what went out of a run under storms, float32 of (2, n), and its last status."""
    takes = ["--record", str(folder / "out.wav"), "--record-input", str(folder / "in.wav"), "--record-bits", "32"]
    with playing(folder, "--amount", "0.8", *takes) as (run, url):
        assert asyncio.run(storm(url, messages)) == MESSAGES
        for _ in range(STORMS):  # what waits on a busy machine takes memory, too, but no more of it each time
            before_mb = resident_mb(run)
            assert asyncio.run(storm(url, messages)) == MESSAGES
            if (growth_mb := resident_mb(run) - before_mb) < MOST_GROWTH_MB:
                break
        assert growth_mb < MOST_GROWTH_MB
        run.wait_for(lambda run: run.status["meters"]["seconds"] > 4.0)
    assert run.process.returncode == 0 and not [text for text in run.texts() if "failed" in text]
    sides = (soundfile.read(folder / f"{side}.wav", dtype="float32")[0].T for side in ("in", "out"))
    return *map(np.ascontiguousarray, sides), run.status


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_ten_thousand_invalid_messages_leave_sound_memory_and_process_as_they_are(tmp_path):
    learned = keep(tmp_path / "state.json")
    came_in, went_out, status = stormed(tmp_path, invalid_messages(MESSAGES))
    assert status["controls"]["amount"] == 0.8 and status["profile"] == "auto" and status["starts"] == 1
    expected = played(came_in, learned, amount=0.8)
    heard_from = int(np.flatnonzero(np.abs(went_out).max(axis=0))[0])  # it fades in once it is joined
    assert heard_from < 0.5 * RATE_HZ
    inside = slice(heard_from + 2 * round(FADE_S * RATE_HZ), -8 * round(FADE_S * RATE_HZ))
    assert np.abs(went_out[:, inside]).max() > 0.1
    assert np.array_equal(went_out[:, inside], expected[:, inside])


def test_a_page_steers_the_sound_and_stays_over_a_restart(tmp_path):
    async def steer(run, url):
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/api/v1/ws", max_msg_size=0) as socket:

            async def wait(condition, limit_s=60.0):
                return await next_of(socket, "state", lambda state: state["session"] and condition(state), limit_s)

            moving = (await wait(lambda state: max(state["scope"]["out_db"]) > -60.0))["session"]["meters"]["seconds"]
            await wait(lambda state: state["session"]["meters"]["seconds"] > moving + 0.5)
            for control, value in (("amount", 0.25), ("trim.air_db", 2.0), ("profile", "warm"), ("freeze", True)):
                await socket.send_json({"v": 1, "type": "set", "control": control, "value": value})
            state = await wait(lambda state: state["session"]["controls"]["freeze"])
            assert state["session"]["controls"]["amount"] == 0.25 and state["session"]["profile"] == "warm"
            assert state["session"]["controls"]["trims"]["air_db"] == 2.0
            song = (tmp_path / "song.wav").read_bytes()
            headers = {"X-File-Name": "My%20song.wav", "Content-Type": "audio/wav"}

            async def drop():
                async with session.post(f"{url}/api/v1/reference", data=song, headers=headers) as answer:
                    assert (answer.status, await answer.json()) == (200, {"v": 1, "profile": "My song"})

            dropping = asyncio.create_task(drop())  # meanwhile pings are answered, however long it takes
            await wait(lambda state: state["session"]["profile"] == "My song" and state["scope"]["profile_db"])
            await dropping
            await socket.send_json({"v": 1, "type": "preset", "do": "save", "name": "Mine"})
            await wait(lambda state: state["presets"] == ["Mine"])
            kill(run.status["pid"])
            state = await wait(lambda state: state["starts"] == 2 and state["state"] == "playing")
            state = await wait(lambda state: state["session"]["profile"] == "My song")
            assert state["session"]["controls"]["amount"] == 0.25
            await socket.send_json({"v": 1, "type": "set", "control": "panic", "value": True})
            await wait(lambda state: state["session"]["controls"]["amount"] == 0.0)

    with playing(tmp_path) as (run, url):
        asyncio.run(steer(run, url))
    assert run.process.returncode == 0
    assert json.loads((tmp_path / "config/rt_automix/presets.json").read_text())["presets"][0]["name"] == "Mine"
