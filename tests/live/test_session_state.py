"""What a session keeps for the next: whose word counts when settings, command line and memory disagree."""

from __future__ import annotations

import json
import time

import pytest
from jackserver import jack_server, needs_jack
from liverun import LiveRun

from rt_automix.live.playing import keeper

pytestmark = [needs_jack, pytest.mark.live]


@pytest.fixture(scope="module")
def server():
    with jack_server(256) as running:
        yield running


def controls_after(server, tmp_path, *arguments, then=None):
    """Controls and profile that a session starts with; `then` is set before it ends."""
    with LiveRun(server, tmp_path / "state.json", *arguments) as run:
        run.wait_until_playing()
        found = {**run.status["controls"], "profile": run.status["profile"]}
        if then:
            run.command(set=then)
            run.wait_for(lambda run: all(run.status["controls"].get(k, v) == v for k, v in then.items()))
    return found


def test_memory_the_settings_and_the_command_line(server, tmp_path):
    config = tmp_path / "gig.toml"
    config.write_text("[master]\namount = 0.8\n")
    options = ("--config", str(config))
    first = controls_after(server, tmp_path, *options, then={"amount": 0.3, "listen": "bypass", "profile": "warm"})
    assert first["amount"] == 0.8 and first["profile"] == "auto"
    again = controls_after(server, tmp_path, *options)
    assert (again["amount"], again["listen"], again["profile"]) == (0.3, "master", "warm")
    config.write_text("[master]\namount = 0.6\n")
    assert controls_after(server, tmp_path, *options)["amount"] == 0.6
    said = controls_after(server, tmp_path, *options, "--amount", "0.9", "--profile", "bright")
    assert (said["amount"], said["profile"]) == (0.9, "bright")
    fresh = controls_after(server, tmp_path, *options, "--fresh")
    assert (fresh["amount"], fresh["profile"]) == (0.6, "auto")


def test_the_file_is_whole_whenever_it_is_looked_at(tmp_path):
    path = tmp_path / "deep" / "state.json"
    kept = keeper.Keeper(path, pytest.fail)
    for number in range(200):
        kept.put({"number": number, "ballast": "x" * 20_000})
        if path.exists():
            assert json.loads(path.read_text())["ballast"]
        time.sleep(0.001)
    kept.close()
    assert keeper.load(path, pytest.fail)["number"] == 199
    assert [file.name for file in path.parent.iterdir()] == ["state.json"]


def test_a_place_that_cannot_be_written_is_complained_about_once(tmp_path):
    (tmp_path / "file").write_text("")
    complaints = []
    kept = keeper.Keeper(tmp_path / "file" / "state.json", complaints.append)
    for number in range(3):
        kept.put({"number": number})
        time.sleep(0.05)
    kept.close()
    assert len(complaints) == 1 and "state.json" in complaints[0]
    assert keeper.load(tmp_path / "file" / "state.json", complaints.append) == {}


def test_where_there_is_room_again_it_is_written_and_said(tmp_path):
    (tmp_path / "place").write_text("")
    complaints = []
    kept = keeper.Keeper(tmp_path / "place" / "state.json", complaints.append)
    for wanted, number in ((1, 1), (2, 2)):
        until = time.monotonic() + 20.0
        while len(complaints) < wanted and time.monotonic() < until:
            kept.put({"number": number})
            time.sleep(0.01)
        if wanted == 1:
            (tmp_path / "place").unlink()
    kept.close()
    assert len(complaints) == 2 and "is written again" in complaints[1]
    assert keeper.load(tmp_path / "place" / "state.json", pytest.fail)["number"] == 2


@pytest.mark.parametrize(
    "content", [b"", b'{"learned": {', b"[1, 2]", b"\xff\xfe\x00", b"[" * 200_000, b"7" * 5000], ids=range(6)
)
def test_a_file_that_is_none_is_put_aside_and_named(content, tmp_path):
    path = tmp_path / "state.json"
    path.write_bytes(content)
    complaints = []
    assert keeper.load(path, complaints.append) == {}
    (complaint,) = complaints
    assert str(path) in complaint and "state.json.unreadable" in complaint
    assert not path.exists() and (tmp_path / "state.json.unreadable").read_bytes() == content
    assert keeper.load(path, pytest.fail) == {}


def test_a_session_begins_with_what_makes_sense_of_a_damaged_state(server, tmp_path):
    options = ("--output", "main: channels=1,2", "--output", f"stream: file={tmp_path / 'stream.flac'}")
    before = controls_after(server, tmp_path, *options, then={"amount": 0.3, "target_lufs": -20.0})
    assert before["amount"] == 1.0
    path = tmp_path / "state.json"
    kept = json.loads(path.read_text())
    kept["learned"]["controls"]["amount"] = 2e77
    kept["learned"]["statistics"]["_mel_power"] = "gone"
    path.write_text(json.dumps({**kept, "asked": [], "profile": "nowhere", "outputs": 7, "phones": {}}))
    with LiveRun(server, path, *options) as run:
        run.wait_until_playing()
        controls = run.status["controls"]
        assert (controls["amount"], controls["target_lufs"], run.status["profile"]) == (1.0, -20.0, "auto")
        for words in ("amount = 2e+77", "_mel_power", "nowhere"):
            assert any(words in text for text in run.texts()), run.texts()
