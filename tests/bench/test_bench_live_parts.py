"""The parts of the benchmarks of the live program that need no server."""

from __future__ import annotations

import numpy as np
import pytest

from bench.common import jackd
from bench.live import jitter, roundtrip, soak
from bench.live.soak_material import Programme
from bench.speed import startup
from rt_automix.dsp.dynamics import limiter
from rt_automix.dsp.jit import JIT_ENABLED

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="times compiled kernels")


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


def test_under_pw_jack_they_say_to_leave_it_out(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/lib/pipewire-0.3/jack")
    roundtrip.run([64], 2, 2, tmp_path)
    assert "leave pw-jack out" in " ".join(capsys.readouterr().out.split())
