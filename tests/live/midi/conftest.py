"""A session that listens to a controller."""

from __future__ import annotations

import json

import pytest
from jackserver import jack_server
from liverun import LiveRun
from midi_controller import Controller

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
        jack_server(64, synchronous=True) as server,
        LiveRun(server, tmp_path / "state.json", "--config", str(config), "--panel", "--panel-port", "0") as run,
        Controller() as knob,
    ):
        run.wait_until_playing()
        run.wait_for(lambda run: run.status["midi"]["ports"])
        yield run, knob
    assert run.process.returncode == 0
