"""The texture of music: against its slow twin, blind to equalisers, gains and widths, and going on from its state."""

from __future__ import annotations

import math

import numpy as np
import pytest
from demosong import demo_song

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS, ROW_FLOOR_DB
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS, TONE_MATRIX
from rt_automix.dsp.tone import equalizer
from rt_automix.units import power_from_db

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Twenty seconds of the built-in song that all pass the gates."""
    found = FeatureStream(RATE_HZ, 2).push(np.ascontiguousarray(demo_song(RATE_HZ)[:, : 40 * RATE_HZ]))
    return found[-210:]


def heard(rows: np.ndarray, memory_s: float = math.inf) -> Statistics:
    statistics = Statistics(memory_s)
    statistics.add(rows)
    assert statistics.seconds_heard == pytest.approx(len(rows) * 0.093), "all of it is music"
    return statistics


def levels_of(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    power = np.maximum(power_from_db(rows[:, : 2 * MEL_BANDS].astype(np.float64)) - power_from_db(ROW_FLOOR_DB), 0.0)
    mid, side = power[:, :MEL_BANDS] @ TONE_MATRIX.T, power[:, MEL_BANDS:] @ TONE_MATRIX.T

    def db(values):
        return 10.0 * np.log10(np.maximum(values, 1e-12))

    loudness = rows[:, LOUDNESS_ROW].astype(np.float64)
    bands = np.maximum(db(mid + side), loudness[:, None] - 70.0)
    return np.column_stack([bands, loudness]), np.clip(db(side) - db(mid), -40.0, 40.0)


def test_it_is_what_the_plain_formulas_say(rows):
    texture = heard(rows).texture
    levels, widths = levels_of(rows)
    count = at.TEXTURE_CHANNELS

    def part(start, size):
        return texture[start : start + size]

    np.testing.assert_allclose(part(at.T_MEANS, count), levels.mean(axis=0), atol=1e-6)
    together = np.cov(levels.T, bias=True)
    np.testing.assert_allclose(
        part(at.T_TOGETHER, count * (count + 1) // 2), together[np.tril_indices(count)], atol=1e-5
    )
    for j, lag in enumerate(at.TEXTURE_LAGS):
        changes = ((levels[lag:] - levels[:-lag]) ** 2).mean(axis=0)
        np.testing.assert_allclose(part(at.T_CHANGES + j * count, count), changes, rtol=1e-6)
    steps = np.diff(levels, axis=0)
    np.testing.assert_allclose(part(at.T_RISES, count), (np.maximum(steps, 0.0) ** 2).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(part(at.T_STEPS, count), np.abs(steps).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(part(at.T_WIDTHS, TONE_BANDS), widths.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(part(at.T_WIDTH_SPREADS, TONE_BANDS), widths.var(axis=0), rtol=1e-5, atol=1e-6)


def test_an_equaliser_a_gain_and_a_width_change_next_to_nothing_of_what_is_told(rows):
    centres_hz = np.geomspace(40.0, 18000.0, MEL_BANDS)
    curve_db = equalizer.analog_magnitude_db(np.array([5.0, -4.0, 3.0, -3.0, 4.0]), centres_hz)
    changed = rows.copy()
    changed[:, :MEL_BANDS] += curve_db - 7.0
    changed[:, MEL_BANDS : 2 * MEL_BANDS] += curve_db - 4.0
    changed[:, LOUDNESS_ROW] -= 6.0
    plain, told = heard(rows).told(), heard(changed).told()
    assert plain.shape == (at.TOLD_SIZE,) and np.isfinite(plain).all()
    assert np.sqrt(np.mean((told - plain) ** 2)) < 0.1 * plain.std()
    other = heard(rows[::2].copy()).told()
    assert np.sqrt(np.mean((other - plain) ** 2)) > 0.15 * plain.std(), "but another rhythm does"


def test_it_forgets_at_the_pace_of_the_other_means(rows):
    """After a long other stretch, what was first has next to no say."""
    still = np.repeat(rows[:1], 2000, axis=0)
    texture = heard(np.concatenate([rows, still]), 10.0).texture
    spread = texture[at.T_TOGETHER + np.cumsum(np.arange(1, TONE_BANDS + 1)) - 1]
    assert (spread < 0.01).all()


def test_it_goes_on_from_a_file(rows):
    whole, first = heard(rows, 60.0), heard(rows[:150], 60.0)
    again = Statistics()
    again.restore_plain(first.plain())
    again.add(rows[150:])
    assert np.sqrt(np.mean((again.told() - whole.told()) ** 2)) < 0.05 * whole.told().std()
    old = first.plain()
    del old["_texture"]
    again.restore_plain(old)
    assert again.texture[at.T_FRAMES] == 0.0 and np.isfinite(again.told()).all()


def test_nothing_heard_is_told_in_finite_numbers():
    assert np.isfinite(Statistics().told()).all()
