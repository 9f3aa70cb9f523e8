"""The statistics of what has been heard: closed forms on made-up frames, a loudness meter on sound."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest

from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, LOUDNESS_ROW, MEL_BANDS, PEAK_ROW, ROW_FLOOR_DB, ROWS
from rt_automix.analysis.hearing.listener import FeatureStream, Listener
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_MATRIX, VECTOR_SIZE, tone_edges_hz

SAMPLE_RATE_HZ = 48000


def frames(loudness_lufs, mid_db=-40.0, side_db=-50.0, peak_dbfs=-6.0) -> np.ndarray:
    """Made-up frames with flat spectra; one frame per loudness."""
    rows = np.full((np.size(loudness_lufs), ROWS), ROW_FLOOR_DB, np.float32)
    rows[:, :MEL_BANDS] = np.reshape(mid_db, (-1, 1))
    rows[:, MEL_BANDS : 2 * MEL_BANDS] = np.reshape(side_db, (-1, 1))
    rows[:, LOUDNESS_ROW] = loudness_lufs
    rows[:, PEAK_ROW] = peak_dbfs
    return rows


def heard(rows, time_constant_s=math.inf) -> Statistics:
    statistics = Statistics(time_constant_s)
    statistics.add(rows)
    return statistics


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((2, round(seconds * SAMPLE_RATE_HZ)))).astype(np.float32)


def same(one: Statistics, other: Statistics) -> bool:
    """Alike in everything but how long the music has paused."""
    return np.array_equal(np.delete(one.state(), at.PAUSE_FRAMES), np.delete(other.state(), at.PAUSE_FRAMES))


def test_levels_of_steady_frames():
    statistics = heard(frames(np.full(50, -20.0)))
    assert statistics.loudness_lufs == pytest.approx(-20.0, abs=0.01)
    assert statistics.peak_dbfs == pytest.approx(-6.0)
    assert statistics.side_mid_db == pytest.approx(-10.0, abs=1e-4)
    assert statistics.dynamics_db == pytest.approx(0.0, abs=1e-9)
    assert statistics.seconds_heard == pytest.approx(50 * HOP_S)
    vector = statistics.vector()
    assert vector.shape == (VECTOR_SIZE,)
    np.testing.assert_allclose(vector[-5:], [-20.0, 14.0, -10.0, -6.0, 0.0], atol=0.01)
    assert vector[:24].mean() == pytest.approx(0.0, abs=1e-9)


def test_dynamics_is_the_closed_form():
    statistics = heard(frames(np.tile([-20.0, -26.0], 40)))
    energies = np.array([1.0, 10**-0.6])
    expected = 5 * np.log10(np.mean(energies**2) / np.mean(energies) ** 2)
    assert statistics.dynamics_db == pytest.approx(expected, abs=1e-4)


def test_tone_is_the_power_mean():
    statistics = heard(frames([-20.0, -20.0], mid_db=[-40.0, -20.0]))
    np.testing.assert_allclose(statistics.mel_power[0], (1e-4 + 1e-2) / 2, rtol=1e-5)


def test_the_floor_is_nothing():
    statistics = heard(frames(np.full(20, -50.0), side_db=ROW_FLOOR_DB))
    assert np.all(statistics.mel_power[1] == 0.0) and statistics.side_mid_db < -100.0


@pytest.mark.parametrize("quiet_lufs", [-100.0, -60.1])
def test_silence_freezes_everything(quiet_lufs):
    statistics = heard(frames(np.full(30, -20.0)))
    before = heard(frames(np.full(30, -20.0)))
    statistics.add(frames(np.full(500, quiet_lufs), mid_db=0.0, side_db=0.0, peak_dbfs=0.0))
    assert same(statistics, before)


def test_faults_are_not_heard():
    statistics = heard(frames(np.full(30, -20.0)))
    statistics.add(
        frames(
            np.full(5, 30.0),
            mid_db=30.0,
            peak_dbfs=FeatureStream(48000, 1).push(np.full((1, 9000), 1e30, np.float32))[0, PEAK_ROW],
        )
    )
    assert same(statistics, heard(frames(np.full(30, -20.0))))


def test_quiet_frames_do_not_count_for_tone_until_they_are_the_programme():
    statistics = heard(frames(np.full(100, -20.0)), 30.0)
    tone, dynamics_db = statistics.mel_power.copy(), statistics.dynamics_db
    statistics.add(frames(np.full(10, -45.0), mid_db=-10.0))
    np.testing.assert_array_equal(statistics.mel_power, tone)
    assert statistics.dynamics_db == dynamics_db
    statistics.add(frames(np.full(400, -45.0), mid_db=-10.0))
    assert statistics.mel_power[0, 0] > 100 * tone[0, 0]


def test_means_grow_first_and_then_forget():
    time_constant_s = 10.0
    short = frames(np.full(90, -20.0), mid_db=np.linspace(-40, -30, 90))
    assert same_tone(heard(short, time_constant_s), heard(short, math.inf))

    statistics = heard(frames(np.full(300, -20.0), mid_db=-60.0), time_constant_s)
    statistics.add(frames(np.full(round(time_constant_s / HOP_S), -20.0), mid_db=-20.0))
    assert statistics.mel_power[0, 0] == pytest.approx(1e-2 * (1 - math.exp(-1)), rel=0.01)


def same_tone(one: Statistics, other: Statistics) -> bool:
    return np.array_equal(one.mel_power, other.mel_power)


def test_after_a_pause_another_song_counts_sooner():
    time_constant_s = 40.0
    first, then = frames(np.full(1000, -20.0), mid_db=-60.0), frames(np.full(round(10.0 / HOP_S), -20.0), mid_db=-20.0)
    pauses = {
        "none": lambda statistics: None,
        "short": lambda statistics: statistics.add(frames(np.full(round(1.0 / HOP_S), -90.0))),
        "silence": lambda statistics: statistics.add(frames(np.full(round(3.0 / HOP_S), -90.0))),
        "applause": lambda statistics: statistics.pause(round(3.0 / HOP_S)),
    }
    found = {}
    for name, pause in pauses.items():
        statistics = heard(first, time_constant_s)
        pause(statistics)
        heard_s, tone = statistics.seconds_heard, statistics.mel_power.copy()
        assert heard_s == pytest.approx(1000 * HOP_S), "a pause makes nothing forgotten"
        statistics.add(frames([-20.0], mid_db=-60.0))
        assert same_tone(statistics, heard(first, time_constant_s)) and np.array_equal(tone, statistics.mel_power)
        statistics.add(then)
        found[name] = statistics.mel_power[0, 0] / 1e-2
    assert found["none"] == found["short"] == pytest.approx(1 - math.exp(-0.25), rel=0.02)
    # What was before weighs like a quarter of the memory, 10 s, and so does the new song after 10 s.
    assert found["silence"] == found["applause"] == pytest.approx(0.5, abs=0.02)


def test_a_pause_changes_nothing_where_all_weighs_alike():
    one, other = heard(frames(np.full(400, -20.0))), heard(frames(np.full(400, -20.0)))
    one.pause(100)
    for statistics in (one, other):
        statistics.add(frames(np.full(100, -30.0), mid_db=-20.0))
    assert same(one, other)


def test_a_peak_is_kept_for_ever_or_forgotten_slowly():
    later = frames(np.full(1000, -20.0), peak_dbfs=-30.0)
    for time_constant_s, expected_dbfs in ((math.inf, 0.0), (10.0, -30.0)):
        statistics = heard(frames([-20.0], peak_dbfs=0.0), time_constant_s)
        statistics.add(later)
        assert statistics.peak_dbfs == pytest.approx(expected_dbfs, abs=0.01)


def test_loudness_agrees_with_a_gated_meter():
    levels_db = np.repeat([0.0, -30.0, -6.0, -80.0, 6.0, -15.0], 3 * SAMPLE_RATE_HZ)
    audio = (noise(18.0) * 10 ** (levels_db / 20)).astype(np.float32)
    listener = Listener(SAMPLE_RATE_HZ, 2, math.inf)
    listener.push(audio)
    expected = pyloudnorm.Meter(SAMPLE_RATE_HZ, filter_class="DeMan").integrated_loudness(audio.T.astype(np.float64))
    assert listener.statistics.loudness_lufs == pytest.approx(expected, abs=0.15)


def test_nothing_heard_is_finite():
    assert np.isfinite(Statistics().vector()).all()


def test_tone_bands_cover_their_range_once():
    edges = tone_edges_hz()
    assert edges[0] == pytest.approx(30.0) and edges[-1] == pytest.approx(18000.0)
    shares = TONE_MATRIX.sum(axis=0)
    whole = features.mel_edges_hz()[2:] < 18000.0
    np.testing.assert_allclose(shares[whole], 1.0, atol=1e-9)
    assert (TONE_MATRIX >= 0.0).all() and (shares <= 1.0 + 1e-9).all()
    assert (TONE_MATRIX.sum(axis=1) > 0.2).all()


def test_the_window_rolls():
    listener, audio = Listener(SAMPLE_RATE_HZ, 2), noise(12.0)
    assert listener.window.shape == (107, ROWS) and (listener.window == ROW_FLOOR_DB).all()
    completed = sum(listener.push(audio[:, at : at + 4800]) for at in range(0, audio.shape[1], 4800))
    rows = FeatureStream(SAMPLE_RATE_HZ, 2).push(audio)
    assert completed == len(rows) > 107
    np.testing.assert_array_equal(listener.window, rows[-107:])


def test_restore_goes_on_and_reset_starts_anew():
    audio = noise(4.0)
    listener = Listener(SAMPLE_RATE_HZ, 2)
    listener.push(audio[:, :100000])
    kept = listener.state()
    listener.push(audio[:, 100000:])
    vector, window = listener.statistics.vector(), listener.window
    listener.push(noise(2.0, seed=1) * np.float32(0.1))
    listener.restore(kept)
    listener.push(audio[:, 100000:])
    np.testing.assert_array_equal(listener.statistics.vector(), vector)
    np.testing.assert_array_equal(listener.window, window)
    listener.reset()
    assert same(listener.statistics, Statistics()) and (listener.window == ROW_FLOOR_DB).all()
