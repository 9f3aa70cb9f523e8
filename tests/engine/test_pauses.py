"""A pause is a pause, whatever hums in it: gain and bands stand still, and the music after it is as loud as before."""

from __future__ import annotations

import numpy as np
import pytest
from demosong import demo_song
from scipy import signal

from rt_automix.analysis.recordings.measure import Meter
from rt_automix.config import Config
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine.engine import Engine

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="minutes of audio: too slow in plain Python")
RATE_HZ, BLOCK = 48000, 4800
BEFORE_S, AFTER_S = 24, 2
OCTAVES_HZ = 1000.0 * 2.0 ** np.arange(-4.0, 4.0)
KINDS = ("hum", "whine", "fan", "rain", "room")


def low_passed(noise, cutoff_hz):
    return signal.lfilter(*signal.butter(1, cutoff_hz / (RATE_HZ / 2)), noise)


def humming(kind, seconds) -> np.ndarray:
    """What stands in the pause."""
    times_s, rng = np.arange(RATE_HZ * seconds) / RATE_HZ, np.random.default_rng(1)
    noise = rng.standard_normal(times_s.size)
    if kind == "hum":
        found = sum(np.sin(2 * np.pi * 50 * k * times_s + k) / k for k in range(1, 20))
    elif kind == "whine":
        found = np.sin(2 * np.pi * 3150 * times_s) + 0.3 * np.sin(2 * np.pi * 6300 * times_s) + 0.05 * noise
    elif kind == "fan":
        blades = sum(np.sin(2 * np.pi * 117 * k * times_s) / k for k in (1, 2, 3))
        found = low_passed(noise, 400.0) + 0.1 * blades
    elif kind == "rain":
        drops = np.zeros(times_s.size)
        drops[rng.integers(0, times_s.size, 40 * seconds)] = rng.exponential(1.0, 40 * seconds)
        found = noise - low_passed(noise, 1500.0) + 5.0 * signal.lfilter([1.0], [1.0, -0.97], drops) * noise
    else:
        found = low_passed(noise, 150.0) + 0.1 * low_passed(noise, 1500.0)
    return np.stack([found, found]).astype(np.float32)


def loudness_lufs(audio) -> float:
    meter = Meter(RATE_HZ, 2)
    meter.push(np.ascontiguousarray(audio))
    return meter.result().integrated_lufs


def streamed(audio) -> tuple[np.ndarray, np.ndarray]:
    """Output, aligned, and the rider's gain in dB after every 100 ms."""
    engine = Engine(Config(), analysis="inline")
    engine.prepare(RATE_HZ, BLOCK, 2)
    late = engine.latency_samples
    out, gains_db = np.pad(audio, ((0, 0), (0, BLOCK))), []
    for start in range(0, out.shape[1] - BLOCK + 1, BLOCK):
        out[:, start : start + BLOCK] = engine.process(np.ascontiguousarray(out[:, start : start + BLOCK]))
        gains_db.append(engine.meters().ride_db)
    return out[:, late:], np.array(gains_db)


def octaves_db(audio) -> np.ndarray:
    """Level of each octave."""
    hz, powers = signal.welch(audio, RATE_HZ, nperseg=8192)
    near = np.abs(np.log2(np.maximum(hz, 1.0) / OCTAVES_HZ[:, None])) < 0.5
    return 10.0 * np.log10(near @ powers.sum(axis=0) + 1e-20)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    return np.ascontiguousarray(demo_song(RATE_HZ)[:, : (BEFORE_S + AFTER_S) * RATE_HZ])


@pytest.fixture(scope="module")
def straight(music) -> np.ndarray:
    return streamed(music)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("seconds", "under_lu"), [(2, 12.0), (8, 25.0), (30, 12.0)])
def test_a_pause_moves_nothing(music, straight, seconds, kind, under_lu):
    at, end = BEFORE_S * RATE_HZ, (BEFORE_S + seconds) * RATE_HZ
    pause = humming(kind, seconds)
    over_db = loudness_lufs(pause) - loudness_lufs(music[:, at - 10 * RATE_HZ : at]) + under_lu
    audio = np.concatenate([music[:, :at], pause * np.float32(10.0 ** (-over_db / 20.0)), music[:, at:]], axis=1)
    out, gains_db = streamed(audio)
    there_db = gains_db[10 * BEFORE_S : 10 * (BEFORE_S + seconds)] - gains_db[10 * BEFORE_S - 1]
    assert np.abs(there_db).max() <= 0.5

    first_db = [10.0 * np.log10(np.mean(x[:, k : k + RATE_HZ] ** 2)) for x, k in ((out, end), (straight, at))]
    assert first_db[0] == pytest.approx(first_db[1], abs=1.0)

    parts = [slice(at - 10 * RATE_HZ, at), slice(at + RATE_HZ // 2, end)]
    lifted_db = [octaves_db(out[:, part]) - octaves_db(audio[:, part]) for part in parts]
    heard_db = octaves_db(audio[:, parts[1]])
    beyond_db = (lifted_db[1] - lifted_db[0])[heard_db > heard_db.max() - 30.0]
    print(f"gain {np.abs(there_db).max():.2f}, after {first_db[0] - first_db[1]:+.2f}, bands {beyond_db.max():+.2f} dB")
    assert beyond_db.max() <= 0.0
