"""A knob on a real MIDI port, through the real program, to the sound."""

from __future__ import annotations

import asyncio
import json
import random
import time

import aiohttp
import numpy as np
import pytest
import soundfile
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe
from midi_controller import Controller

pytestmark = [needs_jack, pytest.mark.alone]

RATE_HZ = 48_000
CC = 0xB0

MAP = """
[midi]
port = "knobdev"
[[midi.map]]
control = "output_trim_db"
number = 20
kind = "relative"
[[midi.map]]
control = "target_lufs"
number = 3
kind = "14bit"
takeover = false
[[midi.map]]
control = "bypass"
source = "note"
number = 60
kind = "toggle"
[[midi.map]]
control = "amount"
number = 16
kind = "7bit"
[[midi.map]]
control = "record"
source = "note"
number = 95
kind = "toggle"
[[midi.map]]
control = "preset"
source = "note"
number = 61
kind = "toggle"
preset = "Loud end"
[[midi.map]]
control = "preset"
source = "program"
number = 10
kind = "latching"
"""

PRESETS = {"Soft start": {"amount": 0.3, "trim.air_db": 1.5}, "Loud end": {"amount": 0.9, "target_lufs": -9.0}}


@pytest.fixture
def session(tmp_path, monkeypatch):
    """(the program with `MAP` and `PRESETS`, a controller it listens to)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    presets = tmp_path / "config" / "rt_automix" / "presets.json"
    presets.parent.mkdir(parents=True)
    named = [{"name": name, "controls": controls} for name, controls in PRESETS.items()]
    presets.write_text(json.dumps({"v": 1, "presets": named}))
    config = tmp_path / "gig.toml"
    config.write_text(MAP)
    with (
        jack_server(64) as server,
        LiveRun(server, tmp_path / "state.json", "--config", str(config), "--panel", "--panel-port", "0") as run,
        Controller() as knob,
    ):
        run.wait_until_playing()
        run.wait_for(lambda run: run.status["midi"]["ports"], 10.0)
        yield run, knob
    assert run.process.returncode == 0


def test_a_thousand_turns_at_500_a_second_lose_none(session):
    run, knob = session
    rng, messages, steps = random.Random(2), [], -64
    for _ in range(1000):  # some steps at a time, each time another number of them, away from both ends
        step = rng.randint(1, 9) * (1 if steps < -100 else -1 if steps > -20 else rng.choice((1, -1)))
        steps += step
        messages.append([CC, 20, step % 128])
    run.command(set={"output_trim_db": -24.0 * 64 / 127})
    run.wait_for(lambda run: run.status["controls"]["output_trim_db"] < -12.0, 5.0)
    knob.send(*messages, every_s=0.002)
    time.sleep(0.5)
    assert run.status["controls"]["output_trim_db"] == pytest.approx(24.0 * steps / 127, abs=1e-6)


def test_a_knob_turned_down_is_heard_without_a_jump(session):
    run, knob = session
    run.command(set={"amount": 0.0})
    tone = (0.25 * np.sin(2 * np.pi * 500.0 * np.arange(4 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    probe = Probe(np.stack([tone, tone]))
    probe.connect()
    probe._go = True
    time.sleep(0.5)
    knob.send(*([CC, 20, 126] for _ in range(32)), every_s=0.01)  # two steps down each time: 12 dB
    heard = probe.run(30.0)[0].copy()
    probe.close()
    before, after = heard[8_000:16_000], heard[-24_000:-8_000]
    assert 20 * np.log10(after.std() / before.std()) == pytest.approx(-24.0 * 64 / 127, abs=0.1)
    assert np.abs(np.diff(heard[8_000:])).max() < 1.02 * np.abs(np.diff(tone)).max()


def test_pairs_notes_and_take_over(session):
    run, knob = session
    value = 9000  # of 16383
    knob.send([CC, 3, value >> 7], [CC, 35, value & 127])
    run.wait_for(lambda run: run.status["controls"]["target_lufs"] == pytest.approx(-24 + 16 * value / 16383), 5.0)
    knob.send([0x90, 60, 100], [0x80, 60, 0])
    run.wait_for(lambda run: run.status["controls"]["listen"] == "bypass", 5.0)
    knob.send([0x90, 60, 100], [0x90, 60, 0])
    run.wait_for(lambda run: run.status["controls"]["listen"] == "master", 5.0)
    knob.send([CC, 16, 30], [CC, 16, 40])  # amount is at 1: the knob has not met it
    knob.send([0x90, 60, 100], [0x80, 60, 0])
    run.wait_for(lambda run: run.status["controls"]["listen"] == "bypass", 5.0)
    assert run.status["controls"]["amount"] == 1.0
    knob.send([CC, 16, 126], [CC, 16, 64])
    run.wait_for(lambda run: run.status["controls"]["amount"] == pytest.approx(64 / 127), 5.0)
    assert run.status["midi"]["heard"] == "CC 16 on channel 1 = 64 sets amount"
    assert "amount: CC 16 on any channel" in run.status["midi"]["map"]
    asyncio.run(is_listed_and_taken_back(run, "Amount 100 % → 50 %, by MIDI"))
    run.wait_for(lambda run: run.status["controls"]["amount"] == 1.0, 5.0)


async def is_listed_and_taken_back(run, text):
    """What the panel tells of the last change, to those that come, too; it takes it back."""
    url = next(text for text in run.texts() if text.startswith("Panel: ")).removeprefix("Panel: ")
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}api/v1/ws") as socket, asyncio.timeout(10):
        while True:
            message = json.loads((await socket.receive()).data)
            events = [event["text"] for event in message.get("events", ())] + [message.get("text")]
            if text in events:
                break
        await socket.send_json({"v": 1, "type": "history", "do": "undo"})
        while "Taken back" not in (json.loads((await socket.receive()).data).get("text") or ""):
            pass


def test_takes_and_presets_by_buttons_and_programs(session):
    run, knob = session
    lights = []

    def has_shown(message):
        lights.extend(knob.heard())
        return message in lights

    def press(note):
        knob.send([0x90, note, 100], [0x80, note, 0])

    press(95)
    run.wait_for(lambda run: has_shown((0x90, 95, 127)), 10.0)
    run.wait_for(lambda run: [take["state"] for take in run.status["takes"]] == ["recording"], 10.0)
    run.wait_for(lambda run: run.status["takes"][0]["seconds"] > 0.5, 10.0)
    press(61)
    run.wait_for(lambda run: run.status["controls"]["target_lufs"] == -9.0, 10.0)
    assert run.status["controls"]["amount"] == 0.9
    knob.send([0xC0, 10])
    run.wait_for(lambda run: run.status["controls"]["trims"].get("air_db") == 1.5, 10.0)
    knob.send([0xC0, 12])
    run.wait_for(lambda run: "MIDI: preset 3: there are 2: Soft start, Loud end." in run.texts(), 10.0)
    assert run.texts()[-3:-1] == ['Preset "Loud end".', 'Preset "Soft start".']
    lights.clear()
    press(95)
    run.wait_for(lambda run: has_shown((0x90, 95, 0)), 10.0)
    run.wait_for(lambda run: [take["state"] for take in run.status["takes"]] == ["stopped"], 10.0)
    (take,) = (dict(take) for take in run.status["takes"])
    assert soundfile.info(take["path"]).duration == pytest.approx(take["seconds"], abs=0.01)
    run.command(learn="preset/Soft start")
    run.wait_for(lambda run: run.status["learning"] == "preset/Soft start", 10.0)
    press(62)
    run.wait_for(lambda run: any("preset/Soft start listens to note 62" in text for text in run.texts()), 10.0)
    press(61)
    run.wait_for(lambda run: run.status["controls"]["amount"] == 0.9, 10.0)
    press(62)
    run.wait_for(lambda run: run.status["controls"]["amount"] == 0.3, 10.0)
