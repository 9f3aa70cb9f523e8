"""`rt-automix midi`: ports, learning from a real controller in a child process, and the file it writes."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import tomllib

import pytest
from jackserver import jack_server, needs_jack
from midi_controller import Controller
from pipewireserver import only_jackd
from waiting import PATIENCE_S, until

from rt_automix import cli
from rt_automix.cli import asking, mapfile
from rt_automix.config import Config, load
from rt_automix.errors import ConfigError, DeviceError
from rt_automix.midimap import DEFAULT, MidiMapping
from rt_automix.panel.api import LEARNED

pytestmark = pytest.mark.live

KNOB = MidiMapping(control="amount", number=21, kind="7bit", channel=1)
LINK_S = 0.3
"""So long it may take until what a server has joined carries."""
BUTTON = MidiMapping(control="bypass", number=36, kind="toggle", source="note", channel=10)


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def server():
    with jack_server(64, synchronous=True) as server:
        yield server


@pytest.fixture
def started(server, tmp_path):
    """Start a command in a child process and wait until it listens."""
    children = []

    def start(*arguments):
        command = [sys.executable, "-m", "rt_automix", "midi", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        children.append(subprocess.Popen(command, cwd=tmp_path, **pipes))
        assert "Listening to" in (line := children[-1].stderr.readline()), line + children[-1].stderr.read()
        time.sleep(LINK_S)
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate(timeout=PATIENCE_S)


# The file ----------------------------------------------------------------------------------------


def test_a_new_file_keeps_the_knob_that_worked_unlearned(tmp_path):
    path = tmp_path / "gig.toml"
    assert mapfile.write(path, Config(), BUTTON, None) == []
    assert load(path).midi.map == (DEFAULT, BUTTON)
    assert mapfile.write(path, load(path), KNOB, "nano") == [DEFAULT]
    assert load(path).midi.map == (BUTTON, KNOB) and load(path).midi.port == "nano"
    assert [file.name for file in tmp_path.iterdir()] == ["gig.toml"]


def test_comments_and_other_settings_stay(tmp_path):
    path = tmp_path / "gig.toml"
    path.write_text(
        "# Friday\n[master]\namount = 0.5  # not too much\n\n[midi]\n# the small one\nport = 'nano'\n\n"
        "[[midi.map]]  # left pad\ncontrol = 'freeze'\nsource = 'note'\nnumber = 36\nkind = 'toggle'\n\n"
        "[[midi.map]]\n# big knob\ncontrol = 'amount'\nnumber = 7\nkind = '7bit'\n\n"
        "[[midi.map]]  # pedal\ncontrol = 'compare'\nnumber = 64\nkind = 'momentary'\n\n[limiter]\nlookahead = false\n",
        encoding="utf-8",
    )
    path.chmod(0o640)
    old = load(path)
    replaced = mapfile.write(path, old, BUTTON, None)
    assert replaced == [old.midi.map[0]]  # the same pad, of any channel
    new = load(path)
    assert new.midi.map == (*old.midi.map[1:], BUTTON)
    assert (new.master, new.limiter, new.midi.port) == (old.master, old.limiter, "nano")
    text = path.read_text(encoding="utf-8")
    assert all(f"# {words}" in text for words in ("Friday", "not too much", "the small one", "big knob", "pedal"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "text",
    [
        "[midi]\nmap = [{control = 'freeze', number = 3, kind = 'toggle'}]\n",
        "[midi]\nmap = []\n[master]\namount = 0.5\n",
        "midi.port = 'x'\n",
        "midi = {port = 'x'}\n",
        "[midi]\n[master]\n",
        "[[midi.map]]\ncontrol = 'amount'\nnumber = 3\nkind = '7bit'\n",
    ],
)
def test_a_file_is_edited_right_however_it_is_written(tmp_path, text):
    path = tmp_path / "gig.toml"
    path.write_text(text, encoding="utf-8")
    before = load(path)
    mapfile.write(path, before, KNOB, None)
    assert load(path).midi.map == (*(one for one in before.midi.map if one.control != "amount"), KNOB)
    assert load(path).midi.port == before.midi.port and load(path).master == before.master


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"gone/gig\.toml: cannot be written \(No such file or directory\)"):
        mapfile.write(tmp_path / "gone" / "gig.toml", Config(), KNOB, None)
    path = tmp_path / "gig.toml"
    path.write_text("[midi]\nport = 'x'\n", encoding="utf-8")
    monkeypatch.setattr(mapfile, "_edited", lambda *_: "[midi]\nmap = []\n")
    with pytest.raises(ConfigError, match="cannot be edited here"):
        mapfile.write(path, load(path), KNOB, None)
    assert path.read_text(encoding="utf-8") == "[midi]\nport = 'x'\n" and list(tmp_path.iterdir()) == [path]


# What it says where there is no MIDI -------------------------------------------------------------


@pytest.fixture
def no_midi(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "automix-nobody")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)  # whose PipeWire would be named
    monkeypatch.delenv("PIPEWIRE_RUNTIME_DIR", raising=False)


@only_jackd
def test_without_ports_it_says_what_is_missing(run, no_midi):
    code, out, err = run("midi")
    assert code == 0 and out.startswith("No MIDI ports.") and "jack: no server is running" in err
    code, out, _ = run("midi", "--json")
    assert code == 0 and json.loads(out)["inputs"] == [] and "jack" in json.loads(out)["missing"][-1]


@only_jackd
def test_learning_without_a_port_and_of_what_is_unknown(run, no_midi, tmp_path):
    code, _, err = run("midi", "learn", "amount", "-o", "gig.toml")
    assert code == 1 and "no server is running" in err and err.count("\n") == 1
    code, _, err = run("midi", "learn", "amout", "-o", "gig.toml")
    assert code == 2 and err.startswith('Error: control "amout" is unknown. Did you mean "amount"? Known: amount,')
    (tmp_path / "gig.toml").write_text("[midi]\nprt = 3\n", encoding="utf-8")
    code, _, err = run("midi", "learn", "amount", "-o", "gig.toml")
    assert code == 2 and "midi.prt is unknown" in err


@pytest.mark.parametrize("command", ["midi", "midi learn", "midi monitor"])
def test_help_has_an_example(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0 and re.search(rf"Examples?:\n +rt-automix {command}", out)


def test_help_names_everything_that_can_be_learned(run):
    words = set(re.findall(r"[\w./]+", run("midi", "learn", "--help")[1].replace(".\n", "\n")))
    assert {name for name in LEARNED if not name.startswith("trim.")} <= words


def test_a_driver_that_hangs_or_crashes_holds_nobody():
    with pytest.raises(DeviceError, match=r"^MIDI does not answer \(0\.2 s\)"):
        asking.asked(signal.pause, 0.2, "MIDI")
    with pytest.raises(DeviceError, match=r"^MIDI crashed"):
        asking.asked(sys.exit, PATIENCE_S, "MIDI")
    assert asking.asked(time.time, PATIENCE_S, "MIDI") > 0.0


# From a real controller --------------------------------------------------------------------------


@needs_jack
def test_ports_are_shown(server, run):
    with Controller():
        code, out, err = run("midi")
        assert code == 0 and re.search(r"knobdev:knobs out +in +jack", out) and "jack:" not in err
        assert re.search(r"knobdev\S*:knobs in +out +jack", out)
        _, out, _ = run("midi", "--json")
        assert json.loads(out)["inputs"] == [{"name": "knobdev:knobs out", "api": "jack"}]
        code, _, err = run("midi", "learn", "amount", "-o", "gig.toml", "--port", "knobdef")
        assert (
            code == 1 and 'no port has "knobdef" in its name. Did you mean "knobdev"? There: knobdev:knobs out' in err
        )
        code, _, err = run("midi", "learn", "amount", "-o", "gig.toml", "--timeout", "1")
        assert code == 1 and "Nothing came within 1 s from knobdev:knobs out" in err


@needs_jack
def test_a_pair_and_then_a_button_are_learned_into_one_file(started, tmp_path):
    with Controller() as knobs:
        learning = started("learn", "target_lufs", "-o", "gig.toml", "--port", "knobdev")
        places = [*range(6000, 9000, 37), *range(9000, 6000, -41)]
        knobs.send(*(m for place in places for m in ((0xB2, 5, place >> 7), (0xB2, 37, place & 127))), every_s=0.001)
        out, _ = learning.communicate(timeout=PATIENCE_S)
        assert out == (
            "Learned: target_lufs from CC 5 and 37 on channel 3 (14bit). Written: gig.toml. "
            "Use it with: rt-automix live --config gig.toml\n"
        )
        learning = started("learn", "bypass", "-o", "gig.toml", "--json")
        knobs.send((0x99, 36, 90), (0x89, 36, 0), every_s=0.1)
        document = json.loads(learning.communicate(timeout=PATIENCE_S)[0])
        assert document["replaced"] == [] and document["mapping"]["kind"] == "toggle"
    midi = load(tmp_path / "gig.toml").midi
    assert midi.port == "knobdev"
    assert midi.map == (DEFAULT, MidiMapping(control="target_lufs", number=5, kind="14bit", channel=3), BUTTON)
    assert "low" not in tomllib.loads((tmp_path / "gig.toml").read_text(encoding="utf-8"))["midi"]["map"][0]


@needs_jack
def test_a_take_and_a_preset_are_learned(started, tmp_path):
    with Controller() as knobs:
        learning = started("learn", "record", "-o", "gig.toml")
        knobs.send((0x90, 95, 127), (0x90, 95, 0), every_s=0.1)
        assert "record from note 95 on channel 1 (toggle)" in learning.communicate(timeout=PATIENCE_S)[0]
        learning = started("learn", "preset/Loud end", "-o", "gig.toml")
        knobs.send((0xC2, 7))
        assert "preset/Loud end from program 7 on channel 3 (latching)" in learning.communicate(timeout=PATIENCE_S)[0]
    assert load(tmp_path / "gig.toml").midi.map[1:] == (
        MidiMapping(control="record", number=95, kind="toggle", source="note", channel=1),
        MidiMapping(control="preset", number=7, kind="latching", source="program", channel=3, preset="Loud end"),
    )


@needs_jack
def test_an_encoder_replaces_the_knob(started, tmp_path):
    with Controller() as knobs:
        learning = started("learn", "amount", "-o", "gig.toml")
        knobs.send(*[(0xB0, 16, value) for value in (1, 1, 1, 2, 1, 1, 127, 127, 126, 127, 127)], every_s=0.01)
        out, _ = learning.communicate(timeout=PATIENCE_S)
        assert out.startswith(
            "Replaced: amount from CC 16 on any channel (auto).\nLearned: amount from CC 16 on channel 1"
        )
    assert load(tmp_path / "gig.toml").midi.map == (
        MidiMapping(control="amount", number=16, kind="relative", channel=1),
    )


@needs_jack
def test_the_monitor_shows_what_comes_and_ends_with_ctrl_c(started):
    with Controller() as knobs:
        watching = started("monitor")
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(map(str.strip, watching.stdout)), daemon=True)
        reader.start()
        knobs.send((0xB0, 21, 5), (0x90, 36, 100), (0xC3, 7))
        until(lambda: len(lines) == 3, "lines")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE_S) == 0
        reader.join(PATIENCE_S)
    port = "knobdev:knobs out"
    assert lines == [
        f"{port}: CC 21 on channel 1 = 5",
        f"{port}: note 36 on channel 1 = 100",
        f"{port}: program 7 on channel 4",
    ]
