"""The panel of the real program while music plays: what pages say steers it."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from liverun import kill
from panel_playing import playing
from panel_stage import next_of
from waiting import PATIENCE_S

pytestmark = pytest.mark.live


def test_a_page_steers_the_sound_and_stays_over_a_restart(tmp_path):
    async def steer(run, url):
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/api/v1/ws", max_msg_size=0) as socket:

            async def wait(condition, limit_s=PATIENCE_S):
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
