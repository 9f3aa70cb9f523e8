"""What goes wrong on a stage, done to the real program: the sound comes back as it was.

RT_AUTOMIX_REPEATS=10 does each ten times; `pytest -s` shows the table.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import numpy as np
import pytest
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe, kill

pytestmark = needs_jack

REPEATS = int(os.environ.get("RT_AUTOMIX_REPEATS", "1"))
BACK_LIMIT_S = 3.0
RATE_HZ = 48_000


def music(seconds):
    """Quiet noise with a beat, for the rider to work on: float32, shape (2, n)."""
    rng = np.random.default_rng(5)
    count = round(seconds * RATE_HZ)
    beat = 0.03 * (0.3 + np.exp(-6.0 * (np.arange(count) / RATE_HZ % 0.5)))
    return (beat * rng.standard_normal((2, count))).astype(np.float32)


@contextmanager
def sounding(limit_s=15.0):
    """A probe that plays through the program as soon as its ports are there; it waits until something is heard."""
    probe = Probe(music(120.0), name="probe")
    try:
        probe._go = True
        deadline = time.monotonic() + limit_s
        while True:
            assert time.monotonic() < deadline, "no sound came back"
            if not probe.can_connect():
                time.sleep(0.005)
                continue
            probe.connect()
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
        time.sleep(6.0)
        run.command(set={"freeze": True})
        run.wait_for(lambda run: run.status["controls"]["freeze"], 5.0)
        time.sleep(2.0)
    return kept(run.status), run.status["meters"]["applied"]


def assert_kept(before, applied, run):
    """The same controls, profile, frozen parameters and loudness."""
    run.wait_for(lambda run: run.status["state"] == "playing" and run.status["meters"]["seconds"] > 0.3, 10.0)
    controls, profile, ride_db = kept(run.status)
    assert controls == before[0] and profile == before[1]
    assert abs(ride_db - before[2]) < 0.1
    for name, value in run.status["meters"]["applied"].items():
        assert value == pytest.approx(applied[name], abs=1e-3), name


@pytest.fixture
def profile_file(tmp_path):
    """A profile of one's own."""
    from rt_automix import profile

    path = tmp_path / "mine.toml"
    profile.load("balanced").save(path)
    return path


def report(what, times):
    """A row of the table."""
    print(f"{what:45s} {len(times):3d} times  median {np.median(times):.2f} s  worst {max(times):.2f} s")


@pytest.mark.parametrize("backend", ["portaudio", "jack"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_dies_and_comes_back(backend, number, tmp_path, profile_file):
    times = []
    with jack_server(64) as server:
        with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
            run.wait_until_playing()
            before, applied = settle(run, profile_file)
            for _ in range(REPEATS):
                server.stop(number)
                run.wait_for(lambda run: run.texts("state")[-1].startswith("Waiting"), 15.0)
                server.start()
                began = time.monotonic()
                with sounding():
                    times.append(time.monotonic() - began)
                    assert_kept(before, applied, run)
        assert run.process.returncode == 0
    report(f"jackd ended by {signal.Signals(number).name}, {backend}", times)
    assert np.median(times) < BACK_LIMIT_S


def test_the_process_that_plays_is_killed(tmp_path, profile_file):
    times = []
    with jack_server(64) as server:
        with LiveRun(server, tmp_path / "state.json") as run:
            run.wait_until_playing()
            before, applied = settle(run, profile_file)
            for number in range(REPEATS):
                kill(run.status["pid"])
                began = time.monotonic()
                run.wait_for(lambda run, number=number: run.status["starts"] > number + 1, 15.0)
                with sounding():
                    times.append(time.monotonic() - began)
                    assert_kept(before, applied, run)
        assert run.process.returncode == 0
    report("audio process killed", times)
    assert np.median(times) < BACK_LIMIT_S
