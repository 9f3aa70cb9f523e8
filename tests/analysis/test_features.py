"""Features against a slow twin, closed forms and themselves at other rates and block sizes."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from rt_automix.analysis import features
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS, MID_ROW, PEAK_ROW, ROW_FLOOR_DB, ROWS, SIDE_ROW
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.dsp.loudness import kweighting

RATES_HZ = (44100, 48000, 88200, 96000)


def noise(sample_rate_hz: int, seconds: float, high_hz: float = 20000.0, seed: int = 0) -> np.ndarray:
    """Pink stereo noise between 40 Hz and `high_hz`; the same signal at any rate."""
    count = round(seconds * 96000)
    frequencies = np.fft.rfftfreq(count, 1 / 96000)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal((2, count)))
    spectrum *= ((frequencies > 40.0) & (frequencies < high_hz)) / np.sqrt(np.maximum(frequencies, 40.0))
    size = count * sample_rate_hz // 96000
    signal = np.fft.irfft(spectrum[:, : size // 2 + 1], size) * (size / count)
    return (signal * (0.1 / np.fft.irfft(spectrum).std())).astype(np.float32)


def sine(frequency_hz: float, amplitude: float, sample_rate_hz: int = 48000, seconds: float = 0.5) -> np.ndarray:
    time_s = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def twin(frame: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """One stereo frame the slow, obvious way, in float64 and with dense triangles."""
    left, right = frame.astype(np.float64)
    window = np.hanning(left.size + 1)[:-1]
    frequencies = np.fft.rfftfreq(4 * left.size, 1 / sample_rate_hz)
    edges = features.mel_edges_hz()
    rows = np.empty(ROWS)
    loudness_power = 0.0
    for at, signal in ((0, (left + right) / 2), (MEL_BANDS, (left - right) / 2)):
        power = 2.0 * np.abs(np.fft.rfft(signal * window, 4 * left.size)) ** 2 / (4 * left.size * np.sum(window**2))
        for band in range(MEL_BANDS):
            triangle = np.interp(frequencies, edges[band : band + 3], [0.0, 1.0, 0.0], left=0.0, right=0.0)
            rows[at + band] = triangle @ power
        loudness_power += 2.0 * features.k_weighting_power(frequencies) @ power
        rows[MID_ROW if at == 0 else SIDE_ROW] = np.sum((signal * window) ** 2) / np.sum(window**2)
    rows[LOUDNESS_ROW] = loudness_power * 10 ** (-0.0691)
    rows[PEAK_ROW] = np.abs(frame.astype(np.float64)).max() ** 2
    return 10.0 * np.log10(np.maximum(rows, 1e-10))


@pytest.mark.parametrize("sample_rate_hz", RATES_HZ)
def test_a_frame_agrees_with_the_slow_twin(sample_rate_hz):
    audio = noise(sample_rate_hz, 0.2)
    frame = audio[:, : 2 * features.hop_samples(sample_rate_hz)]
    row = FeatureStream(sample_rate_hz, 2).push(audio)[0]
    # Bands a few bins wide depend a little on where the bins lie: a random spectrum is not smooth.
    np.testing.assert_allclose(row, twin(frame, sample_rate_hz), atol=0.3)
    np.testing.assert_allclose(row[20:64], twin(frame, sample_rate_hz)[20:64], atol=0.03)
    np.testing.assert_allclose(row[128:], twin(frame, sample_rate_hz)[128:], atol=0.002)


@pytest.mark.parametrize("block_samples", [1, 7, 64, 65, 512, 4464, 8929])
@pytest.mark.parametrize("channels", [1, 2])
def test_stream_equals_batch_bit_for_bit(block_samples, channels):
    audio = np.ascontiguousarray(noise(48000, 0.5 if block_samples < 64 else 2.0)[:channels])
    batch = FeatureStream(48000, channels).push(audio)
    stream = FeatureStream(48000, channels)
    pieces = [stream.push(audio[:, at : at + block_samples]) for at in range(0, audio.shape[1], block_samples)]
    np.testing.assert_array_equal(np.concatenate(pieces), batch)
    assert len(batch) == audio.shape[1] // 4464 - 1


@pytest.mark.parametrize("sample_rate_hz", [44100, 48000, 88200])
def test_rates_agree(sample_rate_hz):
    """0.1 dB below 16 kHz and in loudness and RMS; a sample peak is not comparable between rates."""
    expected = FeatureStream(96000, 2).push(noise(96000, 2.0, 17000.0))
    rows = FeatureStream(sample_rate_hz, 2).push(noise(sample_rate_hz, 2.0, 17000.0))
    count = min(len(rows), len(expected))
    assert count >= 20
    below = features.mel_edges_hz()[2:] < 16000.0
    compared = np.concatenate([below, below, [True, True, True, False]])
    np.testing.assert_allclose(rows[:count, compared], expected[:count, compared], atol=0.1)


def test_levels_of_a_sine():
    tone = sine(997.0, 1.0)
    mono = FeatureStream(48000, 1).push(tone[None])[1]
    stereo = FeatureStream(48000, 2).push(np.stack([tone, tone]))[1]
    left_only = FeatureStream(48000, 2).push(np.stack([tone, 0 * tone]))[1]
    np.testing.assert_allclose(mono[128:], [-3.01, -3.01, ROW_FLOOR_DB, 0.0], atol=0.01)
    np.testing.assert_allclose(stereo[128:], [0.0, -3.01, ROW_FLOOR_DB, 0.0], atol=0.01)
    np.testing.assert_allclose(left_only[128:], [-3.01, -9.03, -9.03, 0.0], atol=0.01)


def test_mel_bands_share_all_power_out():
    row = FeatureStream(48000, 1).push(noise(48000, 0.3, 16000.0)[:1])[0].astype(np.float64)
    # The lowest triangle rises from 30 to 67 Hz, so a little of the lowest power is left out.
    total_db = 10 * np.log10(np.sum(10 ** (row[:MEL_BANDS] / 10)))
    assert row[MID_ROW] - 0.8 < total_db < row[MID_ROW] + 0.01


def test_k_weighting_is_the_standard_filter():
    frequencies = np.geomspace(20.0, 10000.0, 200)
    b0, b1, b2, a1, a2, c1, c2 = kweighting.design(48000)
    z = np.exp(-2j * np.pi * frequencies / 48000)
    shelf = (b0 + b1 * z + b2 * z * z) / (1 + a1 * z + a2 * z * z)
    high_pass = (1 - 2 * z + z * z) / (1 + c1 * z + c2 * z * z)
    expected_db = 20 * np.log10(np.abs(shelf * high_pass))
    np.testing.assert_allclose(10 * np.log10(features.k_weighting_power(frequencies)), expected_db, atol=0.02)


@pytest.mark.parametrize("sample_rate_hz", RATES_HZ)
def test_mean_loudness_agrees_with_a_meter(sample_rate_hz):
    audio = noise(sample_rate_hz, 6.0)
    rows = FeatureStream(sample_rate_hz, 2).push(audio)
    mean_lufs = 10 * np.log10(np.mean(10 ** (rows[:, LOUDNESS_ROW].astype(np.float64) / 10)))
    meter = pyloudnorm.Meter(sample_rate_hz, filter_class="DeMan")
    assert mean_lufs == pytest.approx(meter.integrated_loudness(audio.T.astype(np.float64)), abs=0.1)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e30, 3e38, 1e-40, np.nan, np.inf, -np.inf])
def test_rows_are_finite_for_any_input(value):
    audio = noise(48000, 0.5)
    audio[0, 5000:9000] = value
    for block in (audio, np.full_like(audio, value)):
        rows = FeatureStream(48000, 2).push(block)
        assert np.isfinite(rows).all() and rows.min() >= ROW_FLOOR_DB


def test_sound_after_a_nan_is_heard_as_if_it_had_been_silence():
    audio = noise(48000, 1.0)
    broken, muted = audio.copy(), audio.copy()
    broken[1, 100:300], muted[1, 100:300] = np.nan, 0.0
    np.testing.assert_array_equal(FeatureStream(48000, 2).push(broken), FeatureStream(48000, 2).push(muted))


def test_silence_reads_the_floor():
    rows = FeatureStream(48000, 2).push(np.zeros((2, 20000), np.float32))
    np.testing.assert_array_equal(rows, np.full((3, ROWS), ROW_FLOOR_DB, np.float32))


def test_restore_goes_on_and_reset_starts_anew():
    audio = noise(48000, 1.0)
    stream = FeatureStream(48000, 2)
    fresh = stream.push(audio[:, :20000])
    kept = stream.state()
    rest = stream.push(audio[:, 20000:])
    stream.restore(kept)
    np.testing.assert_array_equal(stream.push(audio[:, 20000:]), rest)
    stream.reset()
    np.testing.assert_array_equal(stream.push(audio[:, :20000]), fresh)
