"""Presets: kept whole in one file, recalled as commands, and checked like anything else that comes in."""

from __future__ import annotations

import asyncio
import json

import pytest
from panel_stage import Stage, next_of, page, status

from rt_automix.errors import ConfigError
from rt_automix.panel.api import Command
from rt_automix.panel.presets import MOST, Presets

PROFILES = ("balanced", "bright")


def session(**changes):
    made = status()
    made["profile"] = changes.pop("profile", "balanced")
    made["controls"].update(changes)
    return made


def exported(*presets, **more):
    return json.dumps({"v": 1, "presets": list(presets), **more})


def test_what_was_saved_comes_back_in_another_program(tmp_path):
    path = tmp_path / "new" / "presets.json"
    Presets(path).save("Früh am Abend", session(amount=0.3, profile="bright", trims={"air_db": 1.5, "mid_db": 0.0}))
    commands, missing = Presets(path).recalled("Früh am Abend", PROFILES)
    values = {command.name: command.value for command in commands}
    assert missing == "" and commands[0] == Command("set", "profile", "bright"), "it brings a loudness of its own"
    assert values["amount"] == 0.3 and values["ride"] is True and values["trim.air_db"] == 1.5
    assert values["trim.mid_db"] == values["trim.low_shelf_db"] == 0.0, "what was not trimmed then is not trimmed now"
    assert "listen" not in values and "freeze" not in values
    assert [path.name for path in path.parent.iterdir()] == ["presets.json"]


def test_the_own_curve_comes_back_and_a_preset_without_one_is_flat(tmp_path):
    one, two = Presets(tmp_path / "1.json"), Presets(tmp_path / "2.json")
    one.save("mine", session(curve=[[120.0, 2.5], [3000.0, -4.0]], fine_tone=0.6))
    two.merge(json.dumps(one.exported()))
    commands, _ = two.recalled("mine", PROFILES)
    assert Command("set", "curve", [[120.0, 2.5], [3000.0, -4.0]]) in commands
    assert Command("set", "fine_tone", 0.6) in commands
    two.merge(exported({"name": "older", "controls": {"amount": 0.5}}))
    commands, _ = two.recalled("older", PROFILES)
    assert Command("set", "curve", []) in commands and all(command.name != "fine_tone" for command in commands)


def test_two_programs_do_not_lose_each_other_s_presets(tmp_path):
    one, two = Presets(tmp_path / "presets.json"), Presets(tmp_path / "presets.json")
    one.save("a", session())
    two.save("b", session())
    one.delete("a")
    assert Presets(tmp_path / "presets.json").names == one.names == ["b"]


def test_a_profile_that_is_not_there_is_named_and_the_rest_recalled(tmp_path):
    presets = Presets(tmp_path / "presets.json")
    presets.save("a", session(profile="/somewhere/else.toml"))
    commands, missing = presets.recalled("a", PROFILES)
    assert "else.toml" in missing and all(command.name != "profile" for command in commands) and len(commands) == 21


def test_an_export_is_an_import(tmp_path):
    one, two = Presets(tmp_path / "1.json"), Presets(tmp_path / "2.json")
    one.save("a", session(amount=0.1))
    one.save("b", session(trims={"mid_db": -1.0}))
    two.save("a", session(amount=0.9))
    two.save("c", session())
    assert two.merge(json.dumps(one.exported())) == 2
    assert two.names == ["a", "c", "b"]
    assert Command("set", "amount", 0.1) in two.recalled("a", PROFILES)[0]


GOOD = {"name": "good", "controls": {"amount": 0.5}}


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"v":1}', '{"v":2,"presets":[]}', '{"v":1,"presets":{}}', "[" * 5000,
        exported(GOOD, more=1),
        exported(GOOD, 7),
        exported(GOOD, {"name": "a"}),
        exported(GOOD, {"name": "../a", "controls": {}}),
        exported(GOOD, {"name": ["a"], "controls": {}}),
        exported(GOOD, {"name": "a", "controls": []}),
        exported(GOOD, {"name": "a", "controls": {}, "more": 1}),
        exported(GOOD, {"name": "a", "controls": {"amount": 2.0}}),
        exported(GOOD, {"name": "a", "controls": {"amount": None}}),
        exported(GOOD, {"name": "a", "controls": {"amount": float("nan")}}),
        exported(GOOD, {"name": "a", "controls": {"ride": None}}),
        exported(GOOD, {"name": "a", "controls": {"ride": 1}}),
        exported(GOOD, {"name": "a", "controls": {"panic": True}}),
        exported(GOOD, {"name": "a", "controls": {"listen": "bypass"}}),
        exported(GOOD, {"name": "a", "controls": {"trim.nothing": 1.0}}),
        exported(GOOD, {"name": "a", "controls": {"trim.air_db": 99.0}}),
        exported(GOOD, {"name": "a", "controls": {"profile": ["x"]}}),
        exported(GOOD, {"name": "a", "controls": {"fine_tone": 2.0}}),
        exported(GOOD, {"name": "a", "controls": {"curve": None}}),
        exported(GOOD, {"name": "a", "controls": {"curve": [[100, 9.0]]}}),
        exported(GOOD, {"name": "a", "controls": {"curve": [[100, 1.0], [100, 2.0]]}}),
        exported(GOOD, {"name": "a", "controls": {"curve": [[20 * 2**k, 0] for k in range(9)]}}),
        exported(GOOD, {"name": "a", "controls": {"profile": "x" * 1000}}),
        exported(*({"name": f"a{k}", "controls": {}} for k in range(MOST + 1))),
    ],
)  # fmt: skip
def test_an_import_with_anything_wrong_changes_nothing(tmp_path, text):
    presets = Presets(tmp_path / "presets.json")
    presets.save("a", session(amount=0.25))
    before = (tmp_path / "presets.json").read_bytes()
    with pytest.raises(ConfigError):
        presets.merge(text)
    assert (tmp_path / "presets.json").read_bytes() == before and presets.names == ["a"]


def test_there_is_room_for_so_many(tmp_path):
    presets = Presets(tmp_path / "presets.json")
    presets.merge(exported(*({"name": f"a{k}", "controls": {}} for k in range(MOST))))
    with pytest.raises(ConfigError, match="Delete some"):
        presets.save("one more", session())
    presets.save("a7", session())
    assert len(presets.names) == MOST


def test_a_file_that_is_not_ours_is_left_alone_and_named(tmp_path):
    path = tmp_path / "presets.json"
    path.write_text("my notes")
    presets = Presets(path)
    assert str(path) in presets.problem and presets.names == []
    with pytest.raises(ConfigError, match=r"presets\.json: Not JSON.*move it away"):
        presets.save("a", session())
    assert path.read_text() == "my notes"


def test_a_file_that_cannot_be_written_is_an_error_and_nothing_is_pretended(tmp_path):
    (tmp_path / "folder").write_text("a file in its place")
    presets = Presets(tmp_path / "folder" / "presets.json")
    with pytest.raises(ConfigError, match="cannot be"):
        presets.save("a", session())
    assert presets.names == []


def test_over_the_network(tmp_path):
    async def run(stage):
        async with page(stage) as socket:
            say = socket.send_json
            await say({"v": 1, "type": "preset", "do": "save", "name": "Show 1"})
            await next_of(socket, "state", lambda state: state["presets"] == ["Show 1"])
            await say({"v": 1, "type": "set", "control": "amount", "value": 0.9})
            await next_of(socket, "state", lambda state: state["session"]["controls"]["amount"] == 0.9)
            await say({"v": 1, "type": "preset", "do": "recall", "name": "Show 1"})
            await next_of(socket, "state", lambda state: state["session"]["controls"]["amount"] == 0.5)
            for verb in ("recall", "delete"):
                await say({"v": 1, "type": "preset", "do": verb, "name": "Show 2"})
                error = await next_of(socket, "error")
                assert error["for"] == "preset" and "Show 2" in error["text"]
            code, document, headers = stage.ask("GET", "/api/v1/presets/export")
            assert code == 200 and headers["Content-Disposition"].startswith("attachment")
            assert stage.ask("GET", "/api/v1/presets")[1] == document
            await say({"v": 1, "type": "preset", "do": "delete", "name": "Show 1"})
            await next_of(socket, "state", lambda state: state["presets"] == [])
            assert stage.ask("POST", "/api/v1/presets/import", json.dumps(document))[:2] == (
                200,
                {"v": 1, "imported": 1},
            )
            await next_of(socket, "state", lambda state: state["presets"] == ["Show 1"])
            code, content, _ = stage.ask("POST", "/api/v1/presets/import", b"\xff")
            assert code == 400 and "Not JSON" in content["error"] and "that Export has written" in content["error"]

    with Stage(tmp_path, step_s=0.02) as stage:
        asyncio.run(run(stage))
