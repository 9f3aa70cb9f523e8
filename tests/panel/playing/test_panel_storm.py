"""What strangers send to the panel while music plays: it changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile
from frozen import keep, played
from hypothesis import given, settings
from panel_messages import FUZZED
from panel_playing import RATE_HZ, playing
from panel_stage import next_of

from rt_automix.errors import ConfigError
from rt_automix.io.devices.edge.wiring import FADE_S
from rt_automix.panel import api

pytestmark = pytest.mark.alone


PAGES = 32
MESSAGES = 10_000
STORMS = 4
MOST_GROWTH_MB = 4.0
PAUSE_S = 0.02
"""After every tenth message of a page, so that the music is not played on what is left of two cores."""


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
