"""What goes wrong on a stage, done to the real program: the sound comes back as it was.

RT_AUTOMIX_REPEATS=10 does each ten times; `pytest -s` shows the table.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe, kill
from midi_controller import Controller
from waiting import PATIENCE_S, alone_s

from rt_automix.analysis.aim import profile

pytestmark = [needs_jack, pytest.mark.alone]

REPEATS = int(os.environ.get("RT_AUTOMIX_REPEATS", "1"))
FEWEST = 3
"""So many are made where the first was slow: the median decides, of what an idle machine would have taken."""
BACK_LIMIT_S = 3.0
CONTROLLER_LIMIT_S = 2.0
RATE_HZ = 48_000


def music(seconds):
    """Quiet noise with a beat, for the rider to work on: float32, shape (2, n)."""
    rng = np.random.default_rng(5)
    count = round(seconds * RATE_HZ)
    beat = 0.03 * (0.3 + np.exp(-6.0 * (np.arange(count) / RATE_HZ % 0.5)))
    return (beat * rng.standard_normal((2, count))).astype(np.float32)


@contextmanager
def sounding(limit_s=PATIENCE_S):
    """A probe that plays through the program as soon as its ports are there; it waits until something is heard."""
    probe = Probe(music(120.0), name="probe")
    try:
        probe.go()
        deadline = time.monotonic() + limit_s
        while True:
            assert time.monotonic() < deadline, "no sound came back"
            if not probe.try_to_connect():
                time.sleep(0.005)
                continue
            seen = probe.position
            while time.monotonic() < deadline and probe.is_connected():
                if np.any(probe.heard[:, seen : probe.position]):
                    yield probe
                    return
                time.sleep(0.002)
    finally:
        probe.close()


def kept(status):
    """What must survive."""
    return status["controls"], status["profile"], status["meters"]["ride_db"]


def settle(run, path):
    """Set everything to something of its own and let the rider settle on music."""
    run.command(set={"profile": str(path)})
    run.command(set={"amount": 0.62, "target_lufs": -17.5, "output_trim_db": -2.0})
    with sounding():
        time.sleep(3.0)
        run.command(set={"freeze": True})
        run.wait_for(lambda run: run.status["controls"]["freeze"])
        time.sleep(2.0)
    return kept(run.status), run.status["meters"]["applied"]


def assert_kept(before, applied, run):
    """The same controls, profile, frozen parameters and loudness."""
    run.wait_for(lambda run: run.status["state"] == "playing" and run.status["meters"]["seconds"] > 0.3)
    controls, profile, ride_db = kept(run.status)
    assert controls == before[0] and profile == before[1]
    assert abs(ride_db - before[2]) < 0.1
    for name, value in run.status["meters"]["applied"].items():
        assert value == pytest.approx(applied[name], abs=1e-3), name


class Stage:
    """A server, and a session on it that has settled; `before` and `applied` are what must survive."""

    def __init__(self, backend, folder):
        self.backend, self.is_whole = backend, True
        mine = folder / "mine.toml"
        profile.load("balanced").save(mine)
        with ExitStack() as ends:
            self.server = ends.enter_context(jack_server(64, synchronous=True))
            self.run = ends.enter_context(LiveRun(self.server, folder / "state.json", "--backend", backend))
            self.run.wait_until_playing()
            self.before, self.applied = settle(self.run, mine)
            self._ends = ends.pop_all()

    def close(self):
        self._ends.close()
        assert self.run.process.returncode == 0


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """Lends the stage of a backend, the last one if nothing has failed on it: to settle takes longer than a test."""
    there = []

    @contextmanager
    def lent(backend):
        if there and not (there[0].is_whole and there[0].backend == backend):
            there.pop().close()
        if not there:
            there.append(Stage(backend, tmp_path_factory.mktemp("stage")))
        there[0].is_whole = False
        yield there[0]
        there[0].is_whole = True

    yield lent
    while there:
        there.pop().close()


def tries(times, limit_s):
    """Numbers of the tries, as many as asked for; more where those that `times` has are slow."""
    while len(times) < REPEATS or (len(times) < FEWEST and np.median(times) >= limit_s):
        yield len(times)


def report(what, times):
    """A row of the table."""
    print(f"{what:45s} {len(times):3d} times  median {np.median(times):.2f} s  worst {max(times):.2f} s")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("backend", ["jack", "portaudio"])
def test_the_server_dies_and_comes_back(number, backend, stages):
    times = []
    with stages(backend) as stage:
        for _ in tries(times, BACK_LIMIT_S):
            stage.server.stop(number)
            stage.run.wait_for(lambda run: run.texts("state")[-1].startswith("Waiting"))
            stage.server.start()
            with sounding():
                times.append(alone_s(time.monotonic() - stage.server.answered_at, BACK_LIMIT_S))
                assert_kept(stage.before, stage.applied, stage.run)
    report(f"jackd ended by {signal.Signals(number).name}, {backend}", times)
    assert np.median(times) < BACK_LIMIT_S


def test_the_process_that_plays_is_killed(stages):
    times = []
    with stages("portaudio") as stage:
        starts = stage.run.status["starts"]
        for number in tries(times, BACK_LIMIT_S):
            kill(stage.run.status["pid"])
            began = time.monotonic()
            stage.run.wait_for(lambda run, number=number: run.status["starts"] > starts + number)
            with sounding():
                times.append(alone_s(time.monotonic() - began, BACK_LIMIT_S))
                assert_kept(stage.before, stage.applied, stage.run)
    report("audio process killed", times)
    assert np.median(times) < BACK_LIMIT_S


def test_a_server_that_hangs_is_waited_for(stages):
    with stages("portaudio") as stage:
        stage.server.signal(signal.SIGSTOP)
        stage.run.wait_for(lambda run: "playing" not in (run.texts("state")[-1:] or [""])[0].lower())
        time.sleep(2.0)
        stage.server.signal(signal.SIGCONT)
        with sounding():
            assert_kept(stage.before, stage.applied, stage.run)


def test_the_controller_is_pulled_out_and_returned(tmp_path):
    times = []
    state = tmp_path / "state.json"
    with jack_server(64, synchronous=True) as server, LiveRun(server, state) as run:
        run.wait_until_playing()
        for number in tries(times, CONTROLLER_LIMIT_S):
            with Controller() as knob:
                began = time.monotonic()
                run.wait_for(lambda run: run.status["midi"]["ports"])
                times.append(alone_s(time.monotonic() - began, CONTROLLER_LIMIT_S))
                amount = 100 - number
                # From either end towards the other: soft take-over lets go of nothing before it is met.
                knob.send(*([0xB0, 16, value] for value in range(127, amount - 1, -1)), every_s=0.002)
                run.wait_for(lambda run, amount=amount: run.status["controls"]["amount"] == amount / 127.0)
            run.wait_for(lambda run: not run.status["midi"]["ports"])
            run.command(set={"amount": 1.0})
            run.wait_for(lambda run: run.status["controls"]["amount"] == 1.0)
    report("controller returned until it is listened to", times)
    assert np.median(times) < CONTROLLER_LIMIT_S


IMPATIENT = """
import sys
sys.path.insert(0, {root!r})
from rt_automix.live.parent import supervisor
supervisor.MUTE_S = 0.02
supervisor.BACK_OFF_S = (0.0,) * 14  # the last may take as long as the busiest machine needs
"""


def test_a_machine_too_slow_for_the_first_start_comes_to_play(tmp_path):
    """What takes longer to begin than a process may is killed, and the next may take twice as long."""
    (tmp_path / "sitecustomize.py").write_text(IMPATIENT.format(root=str(Path.cwd())))
    with jack_server(256) as server, LiveRun(server, tmp_path / "state.json", intruder=tmp_path) as run:
        run.wait_until_playing()
        assert "The audio process hangs. Starting another." in run.texts() and run.status["starts"] > 1


def test_out_of_descriptors_another_process_starts_as_soon_as_one_can(tmp_path):
    """A panel that too many hold open; the sound that goes on is left alone meanwhile."""
    options = ["--panel", "--panel-port", "0"]
    with jack_server(256) as server, LiveRun(server, tmp_path / "state.json", *options) as run:
        run.wait_until_playing()
        port = int(run.texts()[0].rsplit(":", 1)[1].strip("/"))
        used = len(list(Path(f"/proc/{run.process.pid}/fd").iterdir()))
        before = resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        held = [socket.socket() for _ in range(3)]
        for one in held:
            one.connect_ex(("127.0.0.1", port))  # the server may have left already, for want of descriptors
        killed = set()

        def is_out_of_them(run):
            """One that was ready before takes over without a descriptor more: it goes, too."""
            if run.status["state"] == "playing" and run.status["pid"] not in killed:
                killed.add(run.status["pid"])
                kill(run.status["pid"])
            return "Too many open files). Trying again" in run.texts("state")[-1]

        run.wait_for(is_out_of_them)
        resource.prlimit(run.process.pid, resource.RLIMIT_NOFILE, before)
        run.wait_for(lambda run: run.status["state"] == "playing")
        for one in held:
            one.close()
    assert run.process.returncode == 0


@contextmanager
def small_disk(folder, size):
    """A real file system of its own that is soon full."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True, timeout=PATIENCE_S)


def test_a_full_disk_costs_the_take_and_nothing_else(tmp_path):
    for number in range(REPEATS):
        with jack_server(64, synchronous=True) as server, small_disk(tmp_path / f"disk-{number}", "600k") as disk:
            take = disk / "take.flac"
            with LiveRun(server, tmp_path / "state.json", "--record", str(take), "--amount", "0") as run:
                run.wait_until_playing()
                with sounding() as probe:
                    run.wait_for(lambda run: run.status["takes"] and run.status["takes"][0]["state"] == "failed")
                    failed_at = probe.position
                    time.sleep(1.0)
                    heard = probe.heard[:, failed_at : probe.position].copy()
                late = server.period + run.status["engine_latency_samples"]  # round in a circle is a period more
            assert run.process.returncode == 0
            assert heard.shape[1] > RATE_HZ // 4
            expected = probe.played[:, failed_at - late : failed_at - late + heard.shape[1]]
            assert np.allclose(heard, expected, atol=1e-6)
            assert sum("recording stopped" in text for text in run.texts()) == 1
            samples, rate_hz = soundfile.read(take)
            assert rate_hz == RATE_HZ and len(samples) > RATE_HZ
    print(f"{'full disk':45s} {REPEATS:3d} times  not one sample differs")
