"""What limiting costs in distortion and loudness, beside two limiters that people use.

Run with `-s` to see the tables.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import pedalboard
import pytest
import soundfile
from oversampled import band_limited, true_peak_dbtp

from rt_automix.dsp.dynamics import limiter
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.loudness import loudness

CEILING_DB = -1.0
CEILING = np.float32(10.0 ** (CEILING_DB / 20.0))
pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def ours(audio: np.ndarray, rate_hz: int) -> np.ndarray:
    output = audio.astype(np.float32)
    limiter.process(limiter.new_state(), limiter.new_settings(rate_hz), CEILING, output[0], output[1])
    return output


def pedalboards(audio: np.ndarray, rate_hz: int) -> np.ndarray:
    return pedalboard.Limiter(threshold_db=CEILING_DB, release_ms=100.0)(audio.astype(np.float32), rate_hz)


def ffmpegs(audio: np.ndarray, rate_hz: int) -> np.ndarray:
    shape = ["-f", "f32le", "-ar", str(rate_hz), "-ac", "2"]
    effect = f"alimiter=level=0:limit={CEILING:.6f}:attack=5:release=50"
    command = ["ffmpeg", "-v", "error", *shape, "-i", "-", "-af", effect, *shape, "-"]
    piped = np.ascontiguousarray(audio.T, dtype=np.float32).tobytes()
    output = subprocess.run(command, input=piped, capture_output=True, check=True).stdout
    return np.frombuffer(output, np.float32).reshape(-1, 2).T


LIMITERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"ours": ours, "pedalboard.Limiter": pedalboards}
if shutil.which("ffmpeg"):
    LIMITERS["ffmpeg alimiter"] = ffmpegs


def distortion_percent(output: np.ndarray, frequency_hz: int, rate_hz: int) -> float:
    """Everything but the tone and the mean, over the last second, in whole periods."""
    power = np.abs(np.fft.rfft(output[0, -rate_hz:].astype(np.float64))) ** 2
    return float(100.0 * np.sqrt((power[1:].sum() - power[frequency_hz]) / power[frequency_hz]))


def integrated_lufs(audio: np.ndarray, rate_hz: int) -> float:
    state = loudness.new_state(rate_hz, 2)
    loudness.process(state, *np.ascontiguousarray(audio, dtype=np.float32))
    return loudness.integrated_lufs(state)


def dense_programme(rate_hz: int) -> np.ndarray:
    """Eight seconds of kick, bass, chord and hiss, 12 dB over the ceiling at its peaks."""
    times_s = np.arange(8 * rate_hz) / rate_hz
    beat_s = times_s % 0.5
    kick = np.sin(2.0 * np.pi * (50.0 * beat_s + 3.0 * (1.0 - np.exp(-30.0 * beat_s)))) * np.exp(-8.0 * beat_s)
    bass = np.sin(2.0 * np.pi * 55.0 * times_s) * np.exp(-3.0 * ((times_s + 0.25) % 0.5))
    chord = sum(np.sin(2.0 * np.pi * note_hz * times_s) for note_hz in (220.0, 277.2, 329.6, 440.0))
    hiss = np.random.default_rng(1).standard_normal((2, len(times_s))) * np.exp(-20.0 * (times_s % 0.25))
    edge = np.minimum(np.minimum(times_s, times_s[::-1]) / 0.01, 1.0)
    mix = band_limited(edge * (kick + 0.5 * bass + 0.15 * chord + 0.1 * hiss), rate_hz)
    return mix / np.abs(mix).max() * 10.0 ** ((CEILING_DB + 12.0) / 20.0)


@pytest.mark.parametrize("rate_hz", [44100, 48000, 96000])
def test_bass_tones_are_limited_without_distortion(rate_hz):
    """6 dB off 50 and 100 Hz adds less than 0.01 %; below 42 Hz the hold cannot reach, that is reported."""
    found = {}
    for frequency_hz in (30, 50, 100, 1000):
        tone = np.sin(2.0 * np.pi * frequency_hz * np.arange(6 * rate_hz) / rate_hz)
        audio = 10.0 ** ((CEILING_DB + 6.0) / 20.0) * np.stack([tone, tone])
        found[frequency_hz] = {
            name: distortion_percent(limit(audio, rate_hz), frequency_hz, rate_hz) for name, limit in LIMITERS.items()
        }
        print(f"{rate_hz} Hz, {frequency_hz:4d} Hz:", *(f"{name} {x:.4f} %" for name, x in found[frequency_hz].items()))
    assert found[50]["ours"] < 0.01
    assert found[100]["ours"] < 0.01
    assert found[1000]["ours"] < 0.01


def compare_loudness(name: str, audio: np.ndarray, rate_hz: int) -> None:
    """Ours within 1.5 LU of the louder peer, once each peer is turned down by what it let over the ceiling."""
    fair_lufs = {}
    for peer, limit in LIMITERS.items():
        output = limit(audio, rate_hz)
        over_db = max(true_peak_dbtp(output) - CEILING_DB, 0.0)
        fair_lufs[peer] = integrated_lufs(output, rate_hz) - over_db
        print(f"{name}, {rate_hz} Hz, {peer}: {fair_lufs[peer] + over_db:.2f} LUFS, {over_db:.2f} dB over the ceiling")
    assert fair_lufs["ours"] > max(fair_lufs.values()) - 1.5


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_loudness_at_the_same_ceiling(rate_hz):
    compare_loudness("dense programme", dense_programme(rate_hz), rate_hz)


@pytest.mark.music
def test_loudness_of_songs_at_the_same_ceiling(songs):
    """The same, three songs with their peaks 9 dB over the ceiling, as far as the limiter can be driven."""
    for path in songs[:3]:
        with soundfile.SoundFile(path) as file:
            file.seek(min(30 * file.samplerate, file.frames // 2))
            audio = file.read(20 * file.samplerate, always_2d=True).T
        driven = audio[[0, -1]] / np.abs(audio).max() * 10.0 ** ((CEILING_DB + 9.0) / 20.0)
        compare_loudness(path.name, driven, file.samplerate)
