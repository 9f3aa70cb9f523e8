"""The true-peak detectors against a slow twin, pure tones and the 32x meter."""

from __future__ import annotations

import detector_twin
import numpy as np
import pytest
from oversampled import band_limited, true_peak_dbtp

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.loudness import truepeak

SHORT = (*detector_twin.SHORT, truepeak.detect, truepeak.BUFFER_SIZE)
LONG = (*detector_twin.LONG, truepeak.detect_long, truepeak.LONG_BUFFER_SIZE)
TONE_LIMITS = {
    "short, most of the band": (SHORT, 0.397, -0.093, 0.2, -32.0),
    "short, to 21 kHz at 48 kHz": (SHORT, 0.4375, -0.2, 0.315, -28.6),
    "long, most of the band": (LONG, 0.453, -0.05, 0.05, -45.0),
    "long, to 21 kHz at 44.1 kHz": (LONG, 0.476, -0.1, 0.053, -38.7),
}
"""Detector, highest share of the rate, lowest and highest reading in dB, error against the ideal in dB."""

tone_limits = pytest.mark.parametrize(
    ("detector", "highest_ratio", "least_db", "most_db", "most_error_db"), TONE_LIMITS.values(), ids=TONE_LIMITS
)
both = pytest.mark.parametrize("detector", [SHORT, LONG], ids=["short", "long"])
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
    half = np.zeros(truepeak.HALF_SIZE, np.float32)
    found = []
    for start in range(0, audio.shape[1], truepeak.WIDTH):
        peaks = np.zeros(truepeak.WIDTH, np.float32)
        for channel in padded:
            detect(channel[start : start + buffer_size], half, peaks)
        found.append(peaks)
    return np.concatenate(found)[: audio.shape[1]]


@both
def test_detectors_agree_with_a_slow_twin(detector):
    """Every point by its full row of weights, with no even or odd parts; sample by sample, so the delay too."""
    audio = noise(48000, 24000.0)[:, 960:][:, : 4000 if JIT_ENABLED else 150]
    expected = detector_twin.peaks(audio.astype(np.float64), *detector[:2])
    np.testing.assert_allclose(detected(audio, detector), expected, rtol=0, atol=5e-7)


@both
def test_peaks_are_only_raised(detector):
    """A channel that is quieter than what was there leaves it."""
    _, _, detect, buffer_size = detector
    peaks = np.linspace(0.0, 2.0, truepeak.WIDTH).astype(np.float32)
    before, half = peaks.copy(), np.zeros(truepeak.HALF_SIZE, np.float32)
    detect(np.zeros(buffer_size, np.float32), half, peaks)
    assert np.array_equal(peaks, before)
    detect(np.ones(buffer_size, np.float32), half, peaks)
    resting = detector_twin.peaks(np.ones((1, buffer_size)), *detector[:2])[-1]
    assert 1.0 <= resting < 1.002
    np.testing.assert_allclose(peaks, np.maximum(before, resting), rtol=1e-6)


@pytest.mark.parametrize("taps", [16, 62, 64])
@pytest.mark.parametrize("phases", [2, 16])
def test_interpolator_rows_sum_to_one_and_mirror(taps, phases):
    """Row 0 is the sample itself; row p read backwards is row P - p."""
    rows = truepeak.interpolator(phases, taps, 4.0)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(rows[0], np.eye(taps)[taps // 2 - 1], atol=1e-12)
    np.testing.assert_allclose(rows[1:], rows[:0:-1, ::-1], atol=1e-12)


@tone_limits
def test_response_of_both_stages(detector, highest_ratio, least_db, most_db, most_error_db):
    """A complex wave at each of the sixteen points, against the same wave where it truly is.

    EBU Tech 3341 allows +0.2 and -0.4 dB. The short one's worst is reading single tones near 0.415 of
    the sample rate 0.31 dB high, which can only limit too early.
    """
    taps, beta, *_ = detector
    times = np.arange(2 * taps)
    true_times = times[-1] - (taps // 2 + 1) + np.arange(16) / 16.0
    turns = 2j * np.pi * np.linspace(0.0, highest_ratio, 400)
    seen = [detector_twin.points(np.exp(turn * times), taps, beta)[-1] / np.exp(turn * true_times) for turn in turns]
    readings_db = 20.0 * np.log10(np.abs(seen))
    error_db = 20.0 * np.log10(np.abs(np.array(seen) - 1.0).max())
    print(
        f"{taps} taps, tones to {highest_ratio} fs: {readings_db.min():+.3f} to {readings_db.max():+.3f} dB,"
        f" error {error_db:.1f} dB"
    )
    assert least_db < readings_db.min() and readings_db.max() < most_db and error_db < most_error_db


@tone_limits
def test_crests_of_pure_tones(detector, highest_ratio, least_db, most_db, most_error_db):
    """A crest of height 1 at each of sixteen places between two samples reads 1, where it is."""
    _, _, detect, buffer_size = detector
    delay = truepeak.DELAY if detector is SHORT else truepeak.LONG_DELAY
    half, entry, readings = np.zeros(truepeak.HALF_SIZE, np.float32), truepeak.WIDTH // 2, []
    times = np.arange(buffer_size) - (buffer_size - truepeak.WIDTH + entry - delay)
    for ratio in np.linspace(0.01, highest_ratio, 200 if JIT_ENABLED else 3):
        for place in np.arange(16) / 16.0:
            peaks = np.zeros(truepeak.WIDTH, np.float32)
            detect(np.cos(2.0 * np.pi * ratio * (times - place)).astype(np.float32), half, peaks)
            readings.append(peaks[entry])
    readings_db = 20.0 * np.log10(readings)
    print(f"crests to {highest_ratio} fs: {readings_db.min():+.3f} to {readings_db.max():+.3f} dB")
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
@pytest.mark.parametrize(
    ("frequency_hz", "short_misses_db", "long_misses_db"),
    [
        (15000.0, (-0.1, 0.3), 0.06),
        (21000.0, (-6.5, -2.0), 0.07),
    ],
)
def test_long_detector_is_true_where_the_short_one_is_not(frequency_hz, short_misses_db, long_misses_db):
    """21 kHz at 44.1 kHz: the short one misses decibels, the long one hundredths; both agree at 15 kHz."""
    tone = np.sin(2.0 * np.pi * frequency_hz / 44100.0 * (np.arange(2000) - 1000.0)) * np.hanning(2000)
    # Only where the beat between tone and samples hides the crest: around the middle.
    audio = np.stack([tone, tone]).astype(np.float32)
    middle = slice(1000 - 1, 1000 + 1)
    short = detected(audio, SHORT)[truepeak.DELAY :][middle].max()
    long = detected(audio, LONG)[truepeak.LONG_DELAY :][middle].max()
    assert short_misses_db[0] < 20.0 * np.log10(short) < short_misses_db[1]
    assert abs(20.0 * np.log10(long)) < long_misses_db


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


def test_meter_looks_wherever_a_peak_could_be():
    """Samples that make the highest peak there can be of their size count, even just above an older peak."""
    size = 3 * truepeak.LONG_TAPS
    weights = np.array([detector_twin.points(sample, *detector_twin.LONG)[-1] for sample in np.eye(size)])
    worst = np.abs(weights).sum(axis=0).argmax()
    signs = np.concatenate([np.sign(weights[:, worst]), np.zeros(truepeak.LONG_TAPS)]).astype(np.float32)
    highest = np.abs(weights[:, worst]).sum()
    state = truepeak.new_state()
    older = np.array([0.9999 * highest], dtype=np.float32)
    truepeak.process(state, older, older)
    silence = np.zeros(200, np.float32)
    truepeak.process(state, silence, silence)
    before = truepeak.true_peak_lin(state)
    truepeak.process(state, signs, np.zeros_like(signs))
    print(f"highest peak of samples of 1: {highest:.3f}, an older one {before:.3f}")
    assert truepeak.true_peak_lin(state) == pytest.approx(max(before, highest), rel=1e-6)
