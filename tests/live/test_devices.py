"""`rt-automix devices` beside a real JACK server, without one, and beside one that hangs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sounddevice
from jackserver import jack_server, needs_jack
from pipewireserver import needs_pipewire, only_jackd, pipewire_server
from waiting import PATIENCE_S

from rt_automix.cli.commands.devices import survey_within
from rt_automix.errors import DeviceError
from rt_automix.io.devices.streams import survey

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
NO_SERVER = "automix-nobody"


def devices(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "rt_automix", "devices", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)


ASKING = """
import signal, subprocess
signal.pthread_sigmask(signal.SIG_SETMASK, ())
from rt_automix.errors import AutomixError
from rt_automix.io.devices.jack.server import Server
from rt_automix.io.devices.streams import survey
try:
    Server("asks").close()
except AutomixError:
    pass
survey.survey(name="asks too")
print(subprocess.run(["grep", "SigBlk", "/proc/self/status"], capture_output=True, text=True).stdout)
"""


@needs_jack
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_started_after_jack_was_asked_has_no_signal_blocked(is_there, monkeypatch):
    with jack_server(128) if is_there else contextlib.nullcontext():
        if not is_there:
            monkeypatch.setenv("JACK_DEFAULT_SERVER", NO_SERVER)
        done = subprocess.run([sys.executable, "-c", ASKING], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout.split() == ["SigBlk:", "0000000000000000"], done.stderr


def test_ctrl_c_shows_nothing_of_the_process_that_asks(tmp_path):
    """A terminal sends it to all, also to one that is about to start."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\nif '--multiprocessing-fork' in sys.argv: os.killpg(0, signal.SIGINT)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "rt_automix", "devices"]
    pipes = {"capture_output": True, "text": True, "timeout": PATIENCE_S}
    done = subprocess.run(command, env=environment, start_new_session=True, **pipes)
    assert (done.returncode, done.stderr) == (1, "Stopped; the file under way was not written.\n")


@only_jackd
@needs_jack
def test_a_running_server_is_listed_as_the_default():
    with jack_server(128, rate_hz=44100, synchronous=True) as server:
        done, document = devices(), json.loads(devices("--json").stdout)
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in done.stdout.splitlines() if "system" in line and "JACK" in line)
    assert row.split()[-8:] == ["2", "2", "44100", "2.9", "/", "2.9", "in,", "out"]
    number = row.split()[0]
    assert f'Without options live uses {number} "system" at 44100 Hz.' in done.stdout
    system = next(device for device in document["devices"] if device["name"] == "system")
    assert (system["in_channels"], system["out_channels"], system["rates_hz"]) == (2, 2, [44100])
    assert system["out_latency_s"] == pytest.approx(128 / 44100)
    assert document["live"] == {"input": system["index"], "output": system["index"], "rate_hz": 44100}
    assert document["missing"] == []
    assert document["servers"] == [f'JACK "{server.name}"'] and f'Sound server: JACK "{server.name}".' in done.stdout


@needs_pipewire
def test_pipewire_is_named_and_how_to_reach_it():
    with pipewire_server("Main") as server:
        command = [sys.executable, "-m", "rt_automix", "devices", "--json"]
        for environment, word in ((server.environment, "PipeWire"), (server.bare_environment, "pw-jack")):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
            document = json.loads(done.stdout)
            assert document["servers"][0].startswith("PipeWire") and word in document["servers"][0]
            assert not any("jackd" in lack for lack in document["missing"])
        assert any("pw-jack" in lack for lack in document["missing"])


@needs_jack
def test_a_server_that_comes_later_is_seen_in_the_same_process():
    code = (
        "import sys; from rt_automix.io.devices.streams.survey import shut_down, survey\n"
        "for _ in range(2):\n"
        "    print(*(api.name for api in survey().host_apis), sep=', ', flush=True)\n"
        "    sys.stdin.readline()\n"
        "shut_down()\n"
    )
    with jack_server(64) as server:
        server.stop()
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert "JACK" not in process.stdout.readline()
            server.start()
            process.stdin.write("\n")
            process.stdin.flush()
            assert "JACK" in process.stdout.readline()
            _, complaints = process.communicate("\n", timeout=PATIENCE_S)
            assert complaints == "" and process.returncode == 0
        finally:
            process.kill()
            process.wait(PATIENCE_S)


@only_jackd
@needs_jack
def test_sessions_of_one_name_on_two_servers_both_find_their_places():
    code = (
        "from rt_automix.io.devices.jack.jacklib import load, opened\n"
        "[opened(load(), 'rt_automix').close() for _ in range(25)]"
    )
    with jack_server(512) as one, jack_server(512) as other:
        both = [
            subprocess.Popen([sys.executable, "-c", code], env=server.environment, stderr=subprocess.PIPE, text=True)
            for server in (one, other)
        ]
        assert [process.communicate(timeout=PATIENCE_S)[1] for process in both] == ["", ""]


@only_jackd
@needs_jack
def test_without_a_server_it_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", NO_SERVER)
    done, document = devices(), json.loads(devices("--json").stdout)
    assert done.returncode == 0
    assert f'no server named "{NO_SERVER}" is running' in done.stderr and "jackd -d alsa" in done.stderr
    assert all(line.startswith(("JACK:", "No audio device")) for line in done.stderr.splitlines()), "chatter"
    assert any(f'"{NO_SERVER}"' in lack for lack in document["missing"])
    assert not any("JACK" in api["name"] for api in document["host_apis"])


def test_without_the_library_it_says_how_to_install_it(monkeypatch, tmp_path):
    """A module that raises as sounddevice does where PortAudio is missing stands in for a machine without it."""
    (tmp_path / "sounddevice.py").write_text('raise OSError("PortAudio library not found")')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = devices()
    assert done.returncode == 0
    assert "PortAudio library is not installed" in done.stderr and "sudo apt install libportaudio2" in done.stderr


ASKS = """
from rt_automix.config import Audio, Config
from rt_automix.errors import DeviceChoiceError
from rt_automix.live.playing import opening
from rt_automix.live.setup import Setup

try:
    opening.opened(Setup(Config(audio=Audio(sample_rate_hz=96_000)), ("auto",)))
except DeviceChoiceError as error:
    print(error, flush=True)
input()
"""


@needs_jack
def test_who_finds_nothing_has_left_the_server_again():
    """A client that only dies holds the others up."""
    with jack_server(256) as server:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([sys.executable, "-c", ASKS], env=server.environment, **pipes) as process:
            assert "--rate 96000: not possible" in process.stdout.readline()
            held = [path.readlink() for path in Path(f"/proc/{process.pid}/fd").iterdir()]
            process.communicate("\n")
    assert not [one for one in held if str(one).startswith("socket:")]


@only_jackd
@needs_jack
def test_a_server_too_busy_to_let_portaudio_in_at_once_is_asked_again(monkeypatch):
    """Where a client does not become active within 20 blocks it is thrown out, and PortAudio gives up."""
    begin, refused = sounddevice._initialize, [-9999, -9999]

    def late():
        if refused:
            raise sounddevice.PortAudioError("Error initializing PortAudio", refused.pop())
        begin()

    monkeypatch.setattr(sounddevice, "_initialize", late)
    with jack_server(256):
        assert any("JACK" in api.name for api in survey.survey().host_apis)
        survey.shut_down()
        assert not refused
        refused += [-9999] * 100
        assert "PortAudio does not start" in survey.survey().missing[0]


@needs_jack
def test_a_server_that_hangs_holds_nobody():
    with jack_server(64) as server:
        server.signal(signal.SIGSTOP)
        try:
            with pytest.raises(DeviceError, match="does not answer"):
                survey_within(1.5)
        finally:
            server.signal(signal.SIGCONT)


def test_a_crash_inside_portaudio_is_told(monkeypatch, tmp_path):
    """PortAudio aborts on a JACK server that died at the wrong moment; a stand-in does so for certain."""
    (tmp_path / "sounddevice.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = devices()
    assert done.returncode == 1
    assert done.stderr == "Error: The sound system crashed when it was asked. Restart it.\n"
