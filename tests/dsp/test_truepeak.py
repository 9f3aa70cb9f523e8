"""The true-peak detectors against a slow twin, pure tones and the 32x meter."""

from __future__ import annotations

import numpy as np
import pytest
from oversampled import band_limited, true_peak_dbtp

from rt_automix.dsp import truepeak
from rt_automix.dsp.jit import JIT_ENABLED

SHORT = (truepeak.TAPS, truepeak.KAISER_BETA, truepeak.detect, truepeak.BUFFER_SIZE)
LONG = (truepeak.LONG_TAPS, truepeak.LONG_KAISER_BETA, truepeak.detect_long, truepeak.LONG_BUFFER_SIZE)
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def noise(rate_hz: int, limit_hz: float, seed: int = 1) -> np.ndarray:
    """Half a second, two channels, nothing above `limit_hz`, silent at both ends."""
    audio = 0.3 * np.random.default_rng(seed).standard_normal((2, rate_hz // 2))
    audio[:, : rate_hz // 50] = audio[:, -rate_hz // 50 :] = 0.0
    return band_limited(audio, rate_hz, limit_hz).astype(np.float32)


def metered_db(audio: np.ndarray, block: int | None = None) -> float:
    state = truepeak.new_state()
    for start in range(0, audio.shape[1], block or audio.shape[1]):
        stop = start + (block or audio.shape[1])
        truepeak.process(state, audio[0, start:stop], audio[1, start:stop])
    return float(20.0 * np.log10(truepeak.true_peak_lin(state)))


def detected(audio: np.ndarray, detector) -> np.ndarray:
    """Peaks of both channels of a (2, samples) signal after each of its samples."""
    _, _, detect, buffer_size = detector
    history = buffer_size - truepeak.WIDTH
    padded = np.concatenate([np.zeros((2, history), np.float32), audio, np.zeros((2, 64), np.float32)], axis=1)
    found = []
    for start in range(0, audio.shape[1], truepeak.WIDTH):
        peaks = np.zeros(truepeak.WIDTH, np.float32)
        for channel in padded:
            detect(channel[start : start + buffer_size], peaks)
        found.append(peaks)
    return np.concatenate(found)[: audio.shape[1]]


@pytest.mark.parametrize("detector", [SHORT, LONG], ids=["short", "long"])
def test_detectors_agree_with_their_interpolator(detector):
    """Every phase by its full row of weights, with no even or odd parts."""
    taps, beta, *_ = detector
    audio = noise(48000, 24000.0)[:, 960:][:, : 1000 if JIT_ENABLED else 150]
    rows = truepeak.interpolator(truepeak.PHASES, taps, beta)
    if taps != truepeak.TAPS:
        rows = rows[1:]  # the sample itself is left to the short detector
    expected = np.zeros(audio.shape[1])
    for row in rows:
        for channel in audio.astype(np.float64):
            expected = np.maximum(expected, np.abs(np.convolve(channel, row[::-1])[: audio.shape[1]]))
    np.testing.assert_allclose(detected(audio, detector), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("detector", [SHORT, LONG], ids=["short", "long"])
def test_peaks_are_only_raised(detector):
    """A channel that is quieter than what was there leaves it."""
    _, _, detect, buffer_size = detector
    peaks = np.linspace(0.0, 2.0, truepeak.WIDTH).astype(np.float32)
    before = peaks.copy()
    detect(np.zeros(buffer_size, np.float32), peaks)
    assert np.array_equal(peaks, before)
    detect(np.ones(buffer_size, np.float32), peaks)
    np.testing.assert_allclose(peaks, np.maximum(before, 1.0), rtol=1e-6)


@pytest.mark.parametrize("taps", [16, 48, 64])
@pytest.mark.parametrize("phases", [4, 16])
def test_interpolator_rows_sum_to_one_and_mirror(taps, phases):
    """Row 0 is the sample itself; row p read backwards is row P - p."""
    rows = truepeak.interpolator(phases, taps, 4.0)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(rows[0], np.eye(taps)[taps // 2 - 1], atol=1e-12)
    np.testing.assert_allclose(rows[1:], rows[:0:-1, ::-1], atol=1e-12)


@pytest.mark.parametrize(
    ("detector", "highest_ratio", "most_db", "least_db"),
    [(SHORT, 0.4375, 0.33, -0.22), (LONG, 0.476, 0.08, -0.05)],
    ids=["short", "long"],
)
def test_pure_tones(detector, highest_ratio, most_db, least_db):
    """What the interpolator makes of any tone up to its limit, at any of its points.

    EBU Tech 3341 allows +0.2 and -0.4 dB; the short one reads single tones near 0.41 of the sample
    rate 0.31 dB high, which can only limit too early.
    """
    taps, beta, *_ = detector
    rows = truepeak.interpolator(truepeak.PHASES, taps, beta)
    position = np.arange(taps) - (taps // 2 - 1) - np.arange(truepeak.PHASES)[:, None] / truepeak.PHASES
    ratios = np.linspace(0.0, highest_ratio, 400)
    responses = np.array([np.sum(rows * np.exp(2j * np.pi * ratio * position), axis=1) for ratio in ratios])
    readings_db = 20.0 * np.log10(np.abs(responses))
    print(f"{taps} taps, tones to {highest_ratio} fs: {readings_db.min():+.3f} to {readings_db.max():+.3f} dB")
    assert least_db < readings_db.min() and readings_db.max() < most_db


@needs_speed
@pytest.mark.parametrize("rate_hz", [44100, 48000, 88200, 96000])
@pytest.mark.parametrize("limit_hz", [5000.0, 12000.0, 18000.0])
def test_meter_agrees_with_32_times_oversampling(rate_hz, limit_hz):
    """0.15 dB for noise up to 18 kHz."""
    errors_db = [
        metered_db(audio) - true_peak_dbtp(audio) for audio in (noise(rate_hz, limit_hz, seed) for seed in range(3))
    ]
    print(f"{rate_hz} Hz, noise to {limit_hz:.0f} Hz: {min(errors_db):+.3f} to {max(errors_db):+.3f} dB")
    assert max(np.abs(errors_db)) < 0.15


@needs_speed
def test_long_detector_is_true_where_the_short_one_is_not():
    """21 kHz at 44.1 kHz: the short one misses decibels, the long one hundredths; both agree at 15 kHz."""
    for frequency_hz, short_misses_db in ((15000.0, (-0.1, 0.3)), (21000.0, (-6.5, -2.0))):
        tone = np.sin(2.0 * np.pi * frequency_hz / 44100.0 * (np.arange(2000) - 1000.0)) * np.hanning(2000)
        # Only where the beat between tone and samples hides the crest: around the middle.
        audio = np.stack([tone, tone]).astype(np.float32)
        middle = slice(1000 - 1, 1000 + 1)
        short = detected(audio, SHORT)[truepeak.DELAY :][middle].max()
        long = detected(audio, LONG)[truepeak.LONG_DELAY :][middle].max()
        assert abs(20.0 * np.log10(long)) < 0.06
        assert short_misses_db[0] < 20.0 * np.log10(short) < short_misses_db[1]


@needs_speed
def test_meter_keeps_the_largest_of_both_channels():
    """True peak never under the sample peak, and no memory of which channel or block it came in."""
    audio = noise(48000, 20000.0)
    state = truepeak.new_state()
    truepeak.process(state, audio[0], audio[1])
    assert truepeak.sample_peak_lin(state) == np.abs(audio).max()
    assert truepeak.true_peak_lin(state) >= truepeak.sample_peak_lin(state)
    largest_db = metered_db(audio)
    assert metered_db(audio[::-1].copy()) == largest_db
    assert metered_db(audio, block=7) == largest_db
    truepeak.process(state, np.zeros(500, np.float32), np.zeros(500, np.float32))
    assert 20.0 * np.log10(truepeak.true_peak_lin(state)) == pytest.approx(largest_db)


def test_last_sample_counts_at_once():
    """The interpolator waits eight samples; a sample's own value does not."""
    state = truepeak.new_state()
    click = np.array([0.0, 0.0, -0.7], dtype=np.float32)
    truepeak.process(state, np.zeros(3, np.float32), click)
    assert truepeak.true_peak_lin(state) == pytest.approx(0.7)
