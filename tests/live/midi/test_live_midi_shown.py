"""What a controller does to a session, and what it is shown: pairs, notes, take-over, takes, presets."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
import soundfile
from jackserver import needs_jack
from midi_controller import dark
from waiting import PATIENCE_S

pytestmark = [needs_jack, pytest.mark.live]


CC = 0xB0


def test_pairs_notes_and_take_over(session):
    run, knob = session
    value = 9000  # of 16383
    knob.send([CC, 3, value >> 7], [CC, 35, value & 127])
    run.wait_for(lambda run: run.status["controls"]["target_lufs"] == pytest.approx(-24 + 16 * value / 16383))
    knob.send([0x90, 60, 100], [0x80, 60, 0])
    run.wait_for(lambda run: run.status["controls"]["listen"] == "bypass")
    knob.send([0x90, 60, 100], [0x90, 60, 0])
    run.wait_for(lambda run: run.status["controls"]["listen"] == "master")
    knob.send([CC, 16, 30], [CC, 16, 40])  # amount is at 1: the knob has not met it
    knob.send([0x90, 60, 100], [0x80, 60, 0])
    run.wait_for(lambda run: run.status["controls"]["listen"] == "bypass")
    assert run.status["controls"]["amount"] == 1.0
    knob.send([CC, 16, 127], [CC, 16, 64])  # one change, however long after one another they are seen
    run.wait_for(lambda run: run.status["controls"]["amount"] == pytest.approx(64 / 127))
    assert run.status["midi"]["heard"] == "CC 16 on channel 1 = 64 sets amount"
    assert "amount: CC 16 on any channel" in run.status["midi"]["map"]
    asyncio.run(is_listed_and_taken_back(run, "Amount 100 % → 50 %", ", by MIDI"))
    run.wait_for(lambda run: run.status["controls"]["amount"] == 1.0)


async def is_listed_and_taken_back(run, text, by):
    """What the panel tells of the last change, to those that come, too; it takes it back.

    What was changed just before belongs to it, if it was seen within a fifth of a second.
    """
    url = next(text for text in run.texts() if text.startswith("Panel: ")).removeprefix("Panel: ")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}api/v1/ws") as socket,
        asyncio.timeout(PATIENCE_S),
    ):
        while True:
            message = json.loads((await socket.receive()).data)
            events = [event["text"] for event in message.get("events", ())] + [message.get("text") or ""]
            if any(text in event and event.endswith(by) for event in events):
                break
        await socket.send_json({"v": 1, "type": "history", "do": "undo"})
        while "Taken back" not in (json.loads((await socket.receive()).data).get("text") or ""):
            pass


def test_takes_and_presets_by_buttons_and_programs(session):
    run, knob = session
    lights = []

    def has_shown(*messages):
        lights.extend(knob.heard())
        return not {*messages}.isdisjoint(lights)

    def press(note):
        knob.send([0x90, note, 100], [0x80, note, 0])

    press(95)
    run.wait_for(lambda run: has_shown((0x90, 95, 127)))
    run.wait_for(lambda run: [take["state"] for take in run.status["takes"]] == ["recording"])
    run.wait_for(lambda run: run.status["takes"][0]["seconds"] > 0.5)
    press(61)
    run.wait_for(lambda run: run.status["controls"]["target_lufs"] == -9.0)
    assert run.status["controls"]["amount"] == 0.9
    knob.send([0xC0, 10])
    run.wait_for(lambda run: run.status["controls"]["trims"].get("air_db") == 1.5)
    knob.send([0xC0, 12])
    run.wait_for(lambda run: "MIDI: preset 3: there are 2: Soft start, Loud end." in run.texts())
    assert run.texts()[-3:-1] == ['Preset "Loud end".', 'Preset "Soft start".']
    lights.clear()
    press(95)
    run.wait_for(lambda run: has_shown(*dark(95)))
    run.wait_for(lambda run: [take["state"] for take in run.status["takes"]] == ["stopped"])
    (take,) = (dict(take) for take in run.status["takes"])
    assert soundfile.info(take["path"]).duration == pytest.approx(take["seconds"], abs=0.01)
    run.command(learn="preset/Soft start")
    run.wait_for(lambda run: run.status["learning"] == "preset/Soft start")
    press(62)
    run.wait_for(lambda run: any("preset/Soft start listens to note 62" in text for text in run.texts()))
    press(61)
    run.wait_for(lambda run: run.status["controls"]["amount"] == 0.9)
    press(62)
    run.wait_for(lambda run: run.status["controls"]["amount"] == 0.3)
