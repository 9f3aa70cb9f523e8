"""The benchmarks of the live program run on a real server, and what they say of it is what was played."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from jackserver import needs_jack

from bench.common import jackd
from bench.live import jitter, roundtrip, soak
from bench.live.soak_material import Programme
from bench.speed import first_sound, startup
from rt_automix.dsp.dynamics import limiter
from rt_automix.dsp.jit import JIT_ENABLED

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.alone, pytest.mark.skipif(not JIT_ENABLED, reason="times compiled kernels")]


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


def _listener(period_samples=256):
    sounds = {"noise": 0.2 * np.random.default_rng(2).standard_normal((2, 10_240)).astype(np.float32)}
    listener = soak.Listener(Programme(sounds, sounds, period_samples), period_samples)
    listener.goes = True
    return listener


@pytest.mark.parametrize("drift", [0, 1, -1])
def test_the_null_of_soak_sees_a_sample_of_drift(drift):
    listener, period = _listener(), 256
    played = np.zeros((2, 8 * period), np.float32)
    for number in range(100):
        listener.nulls = number >= 10
        late = period + limiter.LATENCY_SAMPLES + drift
        block = np.zeros((2, period), np.float32)
        # The block that is played now comes after everything in `played`.
        listener.turn(block, played[:, played.shape[1] - late :][:, :period].copy())
        played = np.concatenate([played[:, period:], block], axis=1)
    assert listener.nulled == 90 * 2 * period
    assert (listener.unequal == 0) == (drift == 0)


def test_soak_counts_what_is_over_the_ceiling_and_what_is_no_number():
    listener = _listener()
    listener.judges = True
    heard = np.zeros((2, 256), np.float32)
    heard[0, 3], heard[1, 7], heard[1, 9] = 0.95, np.nan, np.inf
    listener.turn(np.zeros_like(heard), heard)
    heard[1] = 0.0
    listener.turn(np.zeros_like(heard), heard)
    assert listener.not_finite == 2 and listener.over == 4 and listener.judged == 4 * 256


def test_the_true_peak_of_soak_lies_between_the_samples():
    quarter = 0.5 * np.cos(np.pi * np.arange(8000) / 2.0 + np.pi / 4.0)
    assert np.abs(quarter).max() < 0.36
    assert soak.true_peak_lin(np.stack([quarter, quarter])) == pytest.approx(0.5, rel=1e-3)


def test_answers_are_timed_from_message_to_sample():
    period, latency = 64, 32
    recording = roundtrip._Recording(np.zeros((2, 64 * 200), np.float32), period)
    recording.count = 200
    recording.periods_us[:] = 1_000_000 + np.arange(200) * 1333
    recording.heard[:, :] = 0.25
    recording.heard[:, 64 * 50 + 10 :] = np.linspace(0.249, 0.2, 64 * 150 - 10)
    first_ms, half_ms = roundtrip.answers_ms(np.array([1_000_000 + 48 * 1333]), recording, period, latency)
    assert first_ms == [pytest.approx(1e-3 * (2 * 1333 + 1e6 * (10 + latency) / 48_000))]
    way = np.argmax(recording.heard[0] <= np.sqrt(0.25 * 0.2)) - (64 * 50 + 10)
    assert half_ms == [pytest.approx(first_ms[0] + 1e3 * way / 48_000, abs=1.0)]


def test_without_a_server_they_say_what_is_missing(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(jackd.shutil, "which", lambda name: None)
    jitter.run(64, 1.0, 1, tmp_path)
    roundtrip.run([64], 2, 2, tmp_path)
    soak.run(0.01, 256, None, tmp_path)
    assert startup._live(1, False) is None
    said = " ".join(capsys.readouterr().out.split())
    for command in ("jitter", "roundtrip", "soak", "startup of live"):
        assert f"bench {command} is skipped. It needs a JACK server: sudo apt install jackd2 libportaudio2" in said
    assert not list(tmp_path.iterdir())
