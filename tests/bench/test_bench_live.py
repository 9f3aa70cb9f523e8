"""The benchmarks of the live program run on a real server, and what they say of it is what was played."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from jackserver import needs_jack

from bench.live import jitter, roundtrip
from bench.speed import first_sound
from rt_automix.dsp.dynamics import limiter
from rt_automix.dsp.jit import JIT_ENABLED

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.live, pytest.mark.skipif(not JIT_ENABLED, reason="times compiled kernels")]


def results_of(command, out):
    """What a command wrote under "results"."""
    picture = matplotlib.image.imread(out / f"{command}.png")
    assert np.ptp(picture[..., :3]) > 0.5  # something is drawn on it
    return json.loads((out / f"{command}.json").read_text(encoding="utf-8"))["results"]


@needs_jack
def test_roundtrip_counts_samples_and_messages(tmp_path, monkeypatch):
    monkeypatch.setattr(roundtrip, "BACKENDS", ("jack",))
    roundtrip.run([128], 4, 120, tmp_path)
    results = results_of("roundtrip", tmp_path)
    for path in results["paths"]:
        expected = 128 + (limiter.LATENCY_SAMPLES if path["lookahead"] else 0)
        assert path["delays_samples"] == [expected] == [path["shown_samples"]]
    (knob,) = results["knob"]
    assert knob["answered"] == 4 and knob["stream_arrived"] == 120
    assert 0.0 < knob["first_change_ms"]["min"] < knob["half_of_the_way_ms"]["median"]


@needs_jack
def test_soak_hears_master_and_bypass(tmp_path):
    line = [sys.executable, "-m", "bench", "soak", "--hours", "0.01", "--out", str(tmp_path)]
    run = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    results = results_of("soak", tmp_path)
    assert not results["trouble"] and results["starts"] == 1
    assert results["played_s"] >= 36.0 and results["judged"] > 48_000
    assert results["not_finite"] == results["over_the_ceiling"] == 0
    assert results["nulls"] and all(entry["unequal"] == 0 and entry["peak_lin"] > 0.0 for entry in results["nulls"])
    assert results["callbacks"] >= results["periods_played"] > 0
    assert all(entry["audio_mb"] > 10.0 for entry in results["memory"])


def servers_of(pid):
    """The numbers of the servers that a process has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in children if Path(f"/proc/{child}/comm").read_text().strip() == "jackd"]


@needs_jack
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads a process's children where Linux keeps them")
def test_what_is_ended_leaves_no_server_behind(tmp_path):
    line = [sys.executable, "-m", "bench", "soak", "--hours", "1", "--out", str(tmp_path)]
    run = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60.0
        while not (servers := servers_of(run.pid)):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        run.terminate()
        assert run.wait(60) == 128 + signal.SIGTERM
        assert not Path(f"/proc/{servers[0]}").exists()
    finally:
        run.kill()
        run.wait()


@needs_jack
def test_jitter_times_native_and_python_callbacks_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(jitter, "LOADS", (jitter.COLLECTING,))
    monkeypatch.setattr(jitter, "NATIVE", ("JACK, native",))
    monkeypatch.delitem(jitter.WAYS, "PortAudio, native")
    monkeypatch.setattr(jitter.material, "loud_song", lambda rate_hz: np.full((2, rate_hz), 0.1, np.float32))
    jitter.run(256, 0.4, 1, tmp_path)
    ways = results_of("jitter", tmp_path)["loads"][jitter.COLLECTING]
    for row in ways.values():
        assert 0 < row["callbacks"] == sum(row["histogram"])
        assert 0.0 < row["median_us"] <= row["p99_us"] <= row["max_us"]
    # A collection takes a hundred times as long as a callback: seen only with the wait for the interpreter.
    assert ways["PortAudio, Python"]["max_us"] > 10.0 * ways["JACK, native"]["median_us"]


@needs_jack
def test_the_first_sample_of_live_is_heard(monkeypatch):
    monkeypatch.setattr(first_sound, "RESERVE_S", 0.1)
    memory_mb = {}
    found = first_sound.first_sample_s({}, memory_mb)
    assert found["first_sample_s"] > 0.0 and found["processor_s"] > 0.0
    assert memory_mb["the process that plays"] > memory_mb["the parent, which watches"] > 10.0
