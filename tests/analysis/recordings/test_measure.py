"""The file meter against ffmpeg's ebur128, the EBU's true-peak signals, and its own kernels."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import firwin, lfilter

from rt_automix.analysis.recordings.measure import Measurement, Meter
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.units import FLOOR_DB

RATE_HZ = 48000
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="minutes of audio: too slow as plain Python")


def measure(signal: np.ndarray, rate_hz: int = RATE_HZ) -> Measurement:
    meter = Meter(rate_hz, len(signal))
    meter.push(signal)
    return meter.result()


def ebur128(signal: np.ndarray, rate_hz: int) -> tuple[float, float]:
    """Integrated loudness and loudness range of ffmpeg's own meter, to three decimals."""
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(rate_hz), "-ac", str(len(signal)), "-i", "-"]
    command += ["-af", "ebur128=metadata=1,ametadata=print:file=-", "-f", "null", "-"]
    printed = subprocess.run(command, input=signal.T.tobytes(), capture_output=True, check=True).stdout.decode()
    integrated, ranged = (re.findall(rf"lavfi\.r128\.{key}=(\S+)", printed)[-1] for key in ("I", "LRA"))
    return float(integrated), float(ranged)


def programme(seed: int, seconds: int, channels: int, rate_hz: int) -> np.ndarray:
    """Low-passed noise whose level wanders between segments of 4 s: float32, shape (channels, n)."""
    rng = np.random.default_rng(seed)
    noise = lfilter([0.2], [1.0, -0.8], rng.standard_normal((channels, seconds * rate_hz)))
    level_db = np.interp(
        np.arange(seconds * rate_hz), np.arange(0, seconds, 4) * rate_hz, rng.uniform(-35.0, -5.0, -(-seconds // 4))
    )
    return (noise * 10.0 ** (level_db / 20.0)).astype(np.float32)


@needs_speed
@pytest.mark.parametrize(
    ("seed", "channels", "rate_hz"), [(0, 2, 48000), (1, 2, 44100), (2, 1, 48000), (3, 2, 96000)], ids=str
)
def test_agrees_with_ffmpeg(seed, channels, rate_hz):
    signal = programme(seed, 40, channels, rate_hz)
    integrated_lufs, range_lu = ebur128(signal, rate_hz)
    measured = measure(signal, rate_hz)
    assert measured.integrated_lufs == pytest.approx(integrated_lufs, abs=0.05)
    assert measured.loudness_range_lu == pytest.approx(range_lu, abs=0.3)


def songs() -> list[Path]:
    """Three songs, each from another folder of the music."""
    by_folder: dict[str, Path] = {}
    root = Path(os.environ["RT_AUTOMIX_MUSIC"])
    for path in sorted(root.rglob("*.ogg")):
        if path.stat().st_size > 700_000:
            by_folder.setdefault(path.relative_to(root).parts[0], path)
    return list(by_folder.values())[:3]


@pytest.mark.music
@needs_speed
@pytest.mark.skipif("RT_AUTOMIX_MUSIC" not in os.environ, reason="RT_AUTOMIX_MUSIC names no folder of music")
def test_agrees_with_ffmpeg_on_real_songs():
    found = songs()
    assert len(found) == 3
    for song in found:
        command = ["ffmpeg", "-v", "error", "-i", song, "-t", "90", "-f", "f32le", "-ac", "2", "-ar", "48000", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        signal = np.ascontiguousarray(np.frombuffer(raw, np.float32).reshape(-1, 2).T)
        integrated_lufs, range_lu = ebur128(signal, RATE_HZ)
        measured = measure(signal)
        assert measured.integrated_lufs == pytest.approx(integrated_lufs, abs=0.05), song
        assert measured.loudness_range_lu == pytest.approx(range_lu, abs=0.3), song


def faded(signal: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    """With 10 ms of linear fade at both ends."""
    ramp = np.minimum(1.0, np.arange(len(signal)) / (0.01 * rate_hz))
    return signal * ramp * ramp[::-1]


def sine(period_samples: float, amplitude: float, phase_deg: float) -> np.ndarray:
    """Half a second of a faded sine."""
    return faded(amplitude * np.sin(2.0 * np.pi * np.arange(24000) / period_samples + np.radians(phase_deg)))


def overshoot(offset: int) -> np.ndarray:
    """fs/6 at 0.50 with one period of fs/4 at 1.00, made at 4 fs, filtered and decimated from `offset` on."""
    calm = 0.5 * np.sin(2.0 * np.pi * np.arange(24 * 1000) / 24)
    loud = np.sin(2.0 * np.pi * np.arange(16) / 16)
    high = faded(np.concatenate((calm, loud, calm)), 4 * RATE_HZ)
    return lfilter(firwin(513, 22000.0, fs=4 * RATE_HZ), [1.0], np.concatenate((high, np.zeros(512))))[offset::4]


@needs_speed
@pytest.mark.parametrize(
    ("signal", "expected_dbtp"),
    [
        pytest.param(sine(4, 0.50, 0.0), -6.0, id="signal-15"),
        pytest.param(sine(4, 0.50, 45.0), -6.0, id="signal-16"),
        pytest.param(sine(6, 0.50, 60.0), -6.0, id="signal-17"),
        pytest.param(sine(8, 0.50, 67.5), -6.0, id="signal-18"),
        pytest.param(sine(4, 1.41, 45.0), 3.0, id="signal-19"),
        *(pytest.param(overshoot(offset), 0.0, id=f"signal-{20 + offset}") for offset in range(4)),
    ],
)
def test_tech_3341_true_peak(signal, expected_dbtp):
    stereo = np.tile(signal.astype(np.float32), (2, 1))
    measured_dbtp = measure(stereo).true_peak_dbtp
    assert expected_dbtp - 0.4 <= measured_dbtp <= expected_dbtp + 0.2


@needs_speed
def test_blocks_of_any_size_measure_alike():
    signal = programme(5, 10, 2, 44100)
    whole = Meter(44100, 2)
    whole.push(signal)
    cut = Meter(44100, 2)
    for start in range(0, signal.shape[1], 1021):
        cut.push(signal[:, start : start + 1021])
    assert cut.result() == whole.result()
    np.testing.assert_array_equal(cut.curve.momentary_lufs, whole.curve.momentary_lufs)
    np.testing.assert_array_equal(cut.curve.short_term_lufs, whole.curve.short_term_lufs)


@needs_speed
def test_curve_follows_the_level():
    t = np.arange(8 * RATE_HZ) / RATE_HZ
    level_db = np.where(t < 4.0, -20.0, -30.0)
    left = (10.0 ** (level_db / 20.0) * np.sin(2.0 * np.pi * 1000.0 * t)).astype(np.float32)
    meter = Meter(RATE_HZ, 2)
    meter.push(np.stack((left, left)))
    curve = meter.curve
    np.testing.assert_allclose(curve.time_s, np.arange(1, 81) / 10.0)
    at_3_s, at_4_4_s, at_7_s = 29, 43, 69
    assert curve.short_term_lufs[at_3_s] == pytest.approx(-20.0, abs=0.1)
    assert curve.momentary_lufs[at_3_s] == pytest.approx(-20.0, abs=0.1)
    assert curve.momentary_lufs[at_4_4_s] == pytest.approx(-30.0, abs=0.1)
    assert curve.short_term_lufs[at_7_s] == pytest.approx(-30.0, abs=0.1)
    assert meter.result().duration_s == 8.0


def test_short_mono_square_wave():
    """Also as plain Python: closed forms of half a second in odd blocks."""
    signal = np.where(np.arange(2400) % 100 < 50, 0.5, -0.5).astype(np.float32)[None, :]
    meter = Meter(4800, 1)
    for start in range(0, 2400, 333):
        meter.push(signal[:, start : start + 333])
    measured = meter.result()
    assert measured.sample_peak_dbfs == pytest.approx(20.0 * np.log10(0.5))
    assert measured.true_peak_dbtp >= measured.sample_peak_dbfs
    assert measured.plr_db == pytest.approx(measured.true_peak_dbtp - measured.integrated_lufs)
    assert measured.duration_s == 0.5
    assert len(meter.curve.time_s) == 5


def test_nothing_heard():
    measured = Meter(RATE_HZ, 2).result()
    assert measured == Measurement(FLOOR_DB, FLOOR_DB, FLOOR_DB, 0.0, FLOOR_DB, FLOOR_DB, 0.0, 0.0)


@pytest.mark.parametrize("shape", [(1, 64), (64,), (64, 2)], ids=str)
def test_wrong_shape_is_named(shape):
    with pytest.raises(ValueError, match=r"give \(2, samples\)"):
        Meter(RATE_HZ, 2).push(np.zeros(shape, np.float32))
