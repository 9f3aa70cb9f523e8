"""What a user gets wrong before the first sound: one clear message, the nearest name, the right exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from jackserver import jack_server, needs_jack
from pipewireserver import IS_MEANT
from waiting import PATIENCE_S, until

from rt_automix.native import build

pytestmark = [needs_jack, pytest.mark.live]

NOBODY = {"JACK_DEFAULT_SERVER": "automix-nobody", "JACK_NO_START_SERVER": "1"}
CURE = ("automix-nobody", "jackd -d alsa")
if IS_MEANT:
    NOBODY |= dict.fromkeys(("PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"), "/nowhere")
    CURE = ("PipeWire does not answer", "systemctl --user start pipewire")


def live(*arguments, environment=None):
    """(exit code, what it says on stderr) of a live that ends by itself."""
    command = [sys.executable, "-m", "rt_automix", "live", "--quiet", *map(str, arguments)]
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert "Traceback" not in done.stderr and done.stdout == ""
    return done.returncode, done.stderr.strip()


def test_a_null_device_is_known_by_its_pace(tmp_path):
    config = tmp_path / "asound.conf"
    config.write_text("pcm.!default { type null }\nctl.!default { type null }\n")
    environment = {**NOBODY, "ALSA_CONFIG_PATH": str(config)}
    code, said = live("--state", tmp_path / "state.json", environment=environment)
    assert code == 1 and "plays nothing" in said and "times as many samples" in said


@pytest.fixture(scope="module")
def server():
    with jack_server(256) as running:
        yield running


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--device", "sistem"], 2, ['"sistem"', 'mean "system"?']),
        (["--device", "99"], 2, ["99", '"system"']),
        (["--host-api", "asio"], 2, ["asio", "JACK"]),
        (["--in-channels", "3,4"], 2, ["3,4", "1 to 2"]),
        (["--out-channels", "one"], 2, ["one", "3,4"]),
        (["--rate", "96000"], 2, ["96000", "48000"]),
        (["--rate", "22050"], 2, ["22050", "[44100, 96000]"]),
        (["--rate", "44100", "--backend", "jack"], 2, ["44100", "48000"]),
        (["--in-channels", "5", "--backend", "jack"], 2, ["5", "1 to 2"]),
        (["--name", "a:b"], 2, ["a:b", "letters"]),
        (["--amount", "1.5"], 2, ["master.amount = 1.5", "[0.0, 1.0]"]),
        (["--profile", "balancd"], 2, ['mean "balanced"?']),
        (["--profile", "balanced", "--reference", "x.wav"], 2, ["--reference"]),
        (["--reference", "nowhere.wav"], 2, ["nowhere.wav"]),
        (["--record", "take.mp3"], 2, ["take.mp3", ".flac"]),
        (["--record", "nowhere/take.flac"], 2, ["nowhere"]),
        (["--record", "take.flac", "--record-bits", "32"], 2, ["take.flac", ".wav"]),
        (["--config", "nowhere.toml"], 2, ["nowhere.toml"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_one_message_names_the_cure(server, tmp_path, arguments, code, words):
    found, said = live("--state", tmp_path / "state.json", *arguments)
    assert found == code
    assert len(said.splitlines()) == 1 and said.startswith("Error: ")
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--device", "sistem"], 2, 'mean "system"?'),
        (["--in-channels", "5", "--backend", "jack"], 2, "1 to 2"),
    ],
)
def test_nobody_waits_for_the_compiler_to_hear_what_is_wrong(server, tmp_path, arguments, code, words):
    empty = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    found, said = live("--state", tmp_path / "state.json", *arguments, environment=empty)
    assert found == code and words in said.splitlines()[-1]
    assert len(list(tmp_path.glob("cache/**/*.o"))) < len(build.with_doors(None)) // 2


@pytest.mark.parametrize("backend", ["portaudio", "jack"])
def test_without_a_server_it_says_how_to_get_one(backend, tmp_path):
    code, said = live("--backend", backend, "--state", tmp_path / "state.json", environment=NOBODY)
    assert code == 1 and len(said.splitlines()) == 1
    assert all(words in said for words in CURE)


def test_a_config_with_five_mistakes_gets_five_messages(tmp_path):
    config = tmp_path / "gig.toml"
    config.write_text(
        """
        [audio]
        devise = "scarlett"
        block_samples = 9999
        [limiter]
        ceiling_dbtp = 1.5
        [midi]
        port = 3
        [[midi.map]]
        control = "amonut"
        number = 7
        kind = "7bit"
        """
    )
    code, said = live("--config", config)
    assert code == 2 and len(said.splitlines()) == 5
    for words in ('"device"', "9999", "1.5", "midi.port = 3", '"amount"'):
        assert words in said


def test_mappings_that_collide_are_refused_together_with_what_they_share(tmp_path):
    config = tmp_path / "gig.toml"
    mapping = '[[midi.map]]\ncontrol = "{}"\nnumber = {}\nkind = "{}"\n'
    config.write_text(mapping.format("amount", 7, "14bit") + mapping.format("freeze", 39, "toggle"))
    code, said = live("--config", config)
    assert code == 2 and "midi.map[2]" in said and "39" in said and "amount" in said


def test_a_midi_port_that_is_not_there_is_waited_for_and_the_music_plays(server, tmp_path):
    config = tmp_path / "gig.toml"
    config.write_text('[midi]\nport = "nanoKONTROL"\n')
    command = [sys.executable, "-m", "rt_automix", "live", "--json-lines", "--config", str(config)]
    command += ["--state", str(tmp_path / "state.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = map(json.loads, process.stdout)
        status = next(document for document in said if document["type"] == "status" and document["state"] == "playing")
        process.terminate()
    assert "nanokontrol" in status["midi"]["missing"].lower() and status["midi"]["ports"] == []
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_is_told_to_end_before_it_plays_has_not_failed(number, tmp_path):
    command = [sys.executable, "-m", "rt_automix", "live", "--quiet", "--wait", "--state", str(tmp_path / "state.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lock = tmp_path / "state.json.lock"
        until(lock.exists)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (0, "") and err in ("", "Stopped before it played.\n")
