"""MIDI beside a real PipeWire, as under `pw-jack`: controllers are found, learned, heard, lit, and taken up again."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time

import pytest
from liverun import LiveRun
from midi_controller import Controller, dark
from pipewireserver import needs_pipewire, pipewire_server
from waiting import PATIENCE_S

from rt_automix.config import load
from rt_automix.midimap import MidiMapping

pytestmark = [needs_pipewire, pytest.mark.live]

PORT = "knobdev:knobs out"
MAP = """
[midi]
port = "knobdev"
[[midi.map]]
control = "output_trim_db"
number = 20
kind = "relative"
[[midi.map]]
control = "freeze"
source = "note"
number = 36
kind = "toggle"
"""


@pytest.fixture(scope="module")
def server():
    with pipewire_server("Main") as running:
        yield running


def midi(server, *arguments):
    command = [sys.executable, "-m", "rt_automix", "midi", *arguments]
    return subprocess.Popen(command, env=server.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextlib.contextmanager
def monitor(server):
    process = midi(server, "monitor")
    try:
        assert "Listening to" in process.stderr.readline()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def test_a_controller_is_listed_and_learned(server, tmp_path):
    with Controller(environment=server.environment) as knobs:
        listed = json.loads(midi(server, "--json").communicate(timeout=PATIENCE_S)[0])
        assert {"name": PORT, "api": "jack"} in listed["inputs"]
        assert {"name": "knobdev:knobs in", "api": "jack"} in listed["outputs"]
        path = tmp_path / "gig.toml"
        with midi(server, "learn", "amount", "-o", str(path), "--port", "knobdev") as learning:
            assert f"Listening to {PORT}." in learning.stderr.readline()
            for _ in range(3):  # what has been joined may take a block until it carries
                knobs.send(*[(0xB2, 74, value) for value in (*range(30, 60), *range(59, 20, -2))], every_s=0.005)
            assert "amount from CC 74 on channel 3 (7bit)" in learning.communicate(timeout=PATIENCE_S)[0]
    assert load(path).midi.map == (MidiMapping(control="amount", number=74, kind="7bit", channel=3),)


def test_two_programs_hear_one_controller(server):
    """PipeWire lets two clients have one name, and a link by that name goes to either: so the second has a number."""
    with Controller(environment=server.environment) as knobs, monitor(server) as one, monitor(server) as other:
        clients = {port.partition(":")[0] for port in server.ports()}
        assert {"rt_automix_midi", f"rt_automix_midi-{other.pid}"} <= clients
        knobs.send(*[(0xB0, 21, 5)] * 200, every_s=0.01)
        heard = [each.stdout.readline() for each in (one, other)]
    assert heard == [f"{PORT}: CC 21 on channel 1 = 5\n"] * 2


def test_without_the_server_it_says_so_and_outside_pw_jack_how_to_get_there(server):
    bare = subprocess.run(
        [sys.executable, "-m", "rt_automix", "midi"],
        env=server.bare_environment, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert "Put `pw-jack` before the command" in bare.stderr
    lost = {**server.environment, "PIPEWIRE_REMOTE": "nobody"}
    gone = subprocess.run(
        [sys.executable, "-m", "rt_automix", "midi"], env=lost, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert gone.returncode == 0 and "PipeWire does not answer" in gone.stderr


def test_knobs_steer_lights_follow_and_a_killed_server_is_found_again(server, tmp_path):
    (tmp_path / "gig.toml").write_text(MAP)
    arguments = ("--backend", "jack", "--config", str(tmp_path / "gig.toml"))
    with LiveRun(server, tmp_path / "state.json", *arguments) as run:
        run.wait_until_playing()
        with Controller(environment=server.environment) as knobs:
            run.wait_for(lambda run: run.status["midi"]["ports"] == [PORT])
            presses_are_heard_and_lit(run, knobs)
            run.command(set={"output_trim_db": -12.0})
            run.wait_for(lambda run: run.status["controls"]["output_trim_db"] == -12.0)
            choice, steps, turns = random.Random(3), 0, []
            for _ in range(1000):  # away from both ends
                step = choice.randint(1, 9) * (-1 if steps > 0 else 1)
                steps += step
                turns.append((0xB0, 20, step % 128))
            knobs.send(*turns, every_s=0.002)
            wanted = pytest.approx(-12.0 + 24.0 * steps / 127, abs=1e-6)
            run.wait_for(lambda run: run.status["controls"]["output_trim_db"] == wanted)
        run.wait_for(lambda run: run.status["midi"]["ports"] == [])
        server.stop(signal.SIGKILL)
        server.start()
        server.create("Main")
        with Controller(environment=server.environment) as knobs:
            run.wait_for(lambda run: run.status["state"] == "playing" and run.status["midi"]["ports"] == [PORT])
            presses_are_heard_and_lit(run, knobs)
        assert run.stop() == 0


def presses_are_heard_and_lit(run, knobs):
    """Press until the session has frozen, and until it has not; the light follows."""
    lit = {True: {(0x90, 36, 127)}, False: dark(36)}
    for wanted in (True, False):
        lights: set[tuple[int, ...]] = set()
        deadline = time.monotonic() + PATIENCE_S
        while run.status["controls"]["freeze"] != wanted:  # what has been joined takes a while until it carries
            assert time.monotonic() < deadline, "no press was heard"
            knobs.send((0x90, 36, 100), (0x80, 36, 0))
            time.sleep(0.5)
        run.wait_for(lambda run, to=lights: to.update(knobs.heard()) or to & lit[wanted])  # noqa: B023
