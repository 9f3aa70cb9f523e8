"""A session whose stdin, stdout and stderr are closed, dead, full, or of another alphabet goes on; orders on stdin."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from liverun import LiveRun
from waiting import PATIENCE_S, until

from rt_automix.cli.views import orders

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("song") / "Größe – 曲 ♫.wav"  # in no alphabet but Unicode's
    soundfile.write(path, 0.1 * np.random.default_rng(3).standard_normal((96_000, 2)), 48_000)
    return path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def ask(port):
    url = f"http://127.0.0.1:{port}/api/v1/state"
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return json.load(answer)
    return {}


def wait_for(condition, process):
    def found():
        assert process.poll() is None, f"it ended with {process.returncode}"
        return condition()

    return until(found)


def dead():
    """A pipe that nobody reads any more."""
    there, ours = os.pipe()
    os.close(there)
    return ours


FULL = []


def full():
    """A pipe that takes nothing more, of somebody who has stopped reading."""
    there, ours = os.pipe()
    fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(ours, bytes(512))
    os.set_blocking(ours, True)
    FULL.append(there)
    return ours


def nothing():
    return os.open(os.devnull, os.O_RDWR)


@pytest.mark.parametrize("mode", ["--quiet", "--json-lines"])
@pytest.mark.parametrize(
    ("output", "shell", "encoding"),
    [(nothing, ">&- 2>&- <&-", ""), (dead, "", "ascii:strict"), (full, "", "cp1252:strict")],
)
def test_nothing_of_the_standard_streams_ends_the_sound(song, tmp_path, output, shell, encoding, mode):
    port, number = free_port(), output()
    command = [sys.executable, "-m", "rt_automix", "live", mode, "--play", str(song), "--state", str(tmp_path / "s")]
    command += ["--panel", "--panel-port", str(port)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding} if encoding else os.environ
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    how = {"stdin": subprocess.DEVNULL, "stdout": number, "stderr": number, "env": environment}
    process = subprocess.Popen(command, **how)
    os.close(number)
    try:
        wait_for(lambda: ask(port).get("state") == "playing" and ask(port)["session"], process)
        before = ask(port)["session"]["timing"]["callbacks"]
        wait_for(lambda: ask(port)["session"]["timing"]["callbacks"] > before + 20, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        while FULL:
            os.close(FULL.pop())


def test_a_reader_that_stalls_under_way_misses_some_and_a_dead_one_ends_nothing(song, tmp_path):
    """What is read again after a while is whole lines; what is sent on is heard although nobody reads."""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "rt_automix", "live", "--json-lines", "--play", str(song)]
    process = subprocess.Popen(
        [*command, "--state", str(tmp_path / "state.json")], stdin=subprocess.PIPE, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        with os.fdopen(ours, "rb") as reader:
            line = next(line for line in reader if b'"playing"' in line)
            time.sleep(2.0)
            line = [json.loads(reader.readline()) for _ in range(3)][-1]
            assert line["type"] in ("status", "state", "event")
        process.stdin.write(b'{"set": {"amount": 0.25}}\n\xff\xfe not text\n')
        process.stdin.flush()
        time.sleep(1.0)
        process.stdin.write(b'{"quit": true}\n')
        process.stdin.flush()
        assert process.wait(PATIENCE_S) == 0
        assert json.loads((tmp_path / "state.json").read_text())["learned"]["controls"]["amount"] == 0.25
    finally:
        process.kill()
        process.stdin.close()


def test_orders_on_stdin(song, tmp_path):
    server = SimpleNamespace(environment=dict(os.environ))
    take = tmp_path / "take.flac"
    with LiveRun(server, tmp_path / "state.json", "--play", str(song), "--record", str(take)) as run:
        run.command(set={"amount": 0.9})  # before there is anybody to obey: it is done once there is
        run.wait_until_playing()
        run.wait_for(lambda run: run.status["controls"]["amount"] == 0.9)

        run.command(panic=True)
        run.wait_for(lambda run: run.status["panic"] and run.status["controls"]["amount"] == 0.0)
        time.sleep(0.6)  # two hits are one
        run.command(panic=None)
        run.wait_for(lambda run: not run.status["panic"] and run.status["controls"]["amount"] == 0.9)

        run.wait_for(lambda run: run.status["takes"])
        run.command(record=False)
        run.wait_for(lambda run: run.status["takes"][-1]["state"] != "recording")
        assert soundfile.info(take).frames > 4800

        run.command(learn="amount")
        run.wait_for(lambda run: run.status["learning"] == "amount")
        run.command(learn=None, nudge={"amount": -2})
        run.wait_for(lambda run: run.status["learning"] is None)
        run.wait_for(lambda run: run.status["controls"]["amount"] == pytest.approx(0.8))

        run.command(stop=True)
        said = run.wait_for(lambda run: [text for text in run.texts() if "no command" in text])[0]
        assert all(f'"{verb}"' in said for verb in orders.VERBS)
        for name, value in (("profile", 5), ("curve", "x"), ("listen", [1]), ("trims", None), ("amount", "much")):
            run.command(set={name: value})
        run.command(set={"nonsense": 1})
        run.wait_for(lambda run: sum("nonsense" in text for text in run.texts()))
        assert run.status["state"] == "playing" and run.status["starts"] == 1

        run.command(quit=True)
        assert run.process.wait(PATIENCE_S) == 0
    assert "STOP" not in "".join(run.texts("state"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("louder!", "not a command"),
        ("", "not a command"),
        ("[1]", "not a command"),
        ("{}", "not a command"),
        ("[" * 100_000, "not a command"),
        ('{"recrod": true}', 'mean "record"?'),
        ('{"record": "take.flac"}', "true} or false"),
        ('{"record": null}', "does not fit"),
        ('{"panic": 1}', "does not fit"),
        ('{"quit": false}', '{"quit": true}'),
        ('{"learn": 7}', "does not fit"),
        ('{"set": 0.5}', "does not fit"),
        ('{"set": {"amount": 0.5, "target_lufs": -99}}', "outside"),
        ('{"set": {"bypass": "off"}}', "not a switch"),
        ('{"set": {"amout": 0.5}}', 'Did you mean "amount"'),
        ('{"set": {"trims": {"mid_db": 100}}}', "outside"),
        ('{"nudge": {"bypass": 1}}', "does not move in steps"),
        ('{"nudge": {"amount": Infinity}}', "does not fit"),
        ('{"nudge": {"amount": true}}', "does not fit"),
        ('{"set": {"amount": 0.5}, "quit": 1}', "does not fit"),
    ],
)
def test_what_cannot_be_followed_is_answered(line, words):
    with pytest.raises(orders.Refused) as refused:
        orders.understood(line)
    assert words in str(refused.value) and len(str(refused.value)) < 500
