"""What a network is told: independent of the input's level, always finite, and in the places that PARTS says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim import profile
from rt_automix.analysis.bundles import context
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.hearing.statistics import MEMORY_S, Statistics
from rt_automix.analysis.layout import WINDOW_FRAMES

RATE_HZ = 44_100
STYLE = profile.load("balanced")


def listened(gain_db: float = 0.0, seconds: float = 12.0) -> Listener:
    """A listener to noise with a beat."""
    rng = np.random.default_rng(2)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    samples = 0.05 * (0.2 + np.exp(-5.0 * (time_s % 0.5))) * rng.standard_normal((2, time_s.size))
    listener = Listener(RATE_HZ, 2)
    listener.push((samples * 10.0 ** (gain_db / 20.0)).astype(np.float32))
    return listener


def told(listener: Listener) -> dict[str, np.ndarray]:
    vector = context.vector(listener.statistics, STYLE, params.NEUTRAL)
    assert vector.shape == (context.SIZE,) and vector.dtype == np.float32
    return {name: vector[part] for name, part in context.PARTS.items()}


def test_a_level_changes_nothing_but_what_says_it():
    soft, loud = listened(-14.0), listened()
    one, other = told(soft), told(loud)
    np.testing.assert_allclose(one.pop("loudness_change_lu") - other.pop("loudness_change_lu"), 14.0, atol=0.05)
    heard, louder = one.pop("heard"), other.pop("heard")
    np.testing.assert_allclose(louder - heard, [0.0, 0.0, 14.0, 0.0], atol=0.05)
    for name, part in one.items():
        np.testing.assert_allclose(part, other[name], atol=0.06, err_msg=name)
    windows = [context.window(each.window, each.statistics.loudness_lufs) for each in (soft, loud)]
    assert windows[0].shape == context.WINDOW_SHAPE and windows[0].flags.c_contiguous
    np.testing.assert_allclose(*windows, atol=0.1)


def test_parts_say_what_they_are_called():
    listener = listened()
    heard, parts = listener.statistics, told(listener)
    np.testing.assert_allclose(parts["missing_bands_db"], np.array(STYLE.bands_db) - heard.bands_db, atol=1e-4)
    wanted = [STYLE.plr_db, STYLE.side_mid_db, STYLE.peak_dbtp, STYLE.dynamics_db]
    np.testing.assert_allclose(parts["wanted"], wanted, atol=1e-5)
    assert parts["heard"][3] == pytest.approx(heard.dynamics_db, abs=1e-5)
    assert parts["histogram"].sum() == pytest.approx(1.0, abs=1e-5) and parts["histogram"].min() >= 0.0
    np.testing.assert_allclose(parts["matched_norm"], params.normalise(params.NEUTRAL), atol=1e-6)
    assert parts["seconds_log2"][0] == pytest.approx(math.log2(heard.seconds_heard), abs=1e-5)


def test_music_that_is_forgotten_is_not_counted():
    """A network has learned from a minute at most; an hour looks no different."""
    rows = np.full((round(MEMORY_S / features.HOP_S), features.ROWS), -30.0, np.float32)
    statistics = Statistics()
    found = []
    for _ in range(3):
        statistics.add(rows)
        found.append(context.vector(statistics, STYLE, params.NEUTRAL))
    assert statistics.seconds_heard > 2.9 * MEMORY_S
    np.testing.assert_allclose(found[2], found[0], atol=0.01)
    assert found[2][context.PARTS["seconds_log2"]] == pytest.approx(math.log2(MEMORY_S), abs=0.01)


@pytest.mark.parametrize("level", [features.ROW_FLOOR_DB, -200.0, 300.0])
def test_nothing_and_too_much_stay_finite(level):
    rows = np.full((WINDOW_FRAMES, features.ROWS), level, np.float32)
    statistics = Statistics()
    statistics.add(rows)
    assert np.isfinite(context.vector(statistics, STYLE, params.NEUTRAL)).all()
    window = context.window(rows, statistics.loudness_lufs)
    assert ((window >= context.LOWEST_LU) & (window <= context.HIGHEST_LU)).all()
