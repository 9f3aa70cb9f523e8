"""The style `auto`: starts from what it hears, leans to what that is like, never jumps, gives way to a name."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from rt_automix.analysis import features, profile
from rt_automix.analysis.auto_style import FARTHEST_DB, AutoStyle
from rt_automix.analysis.listener import FeatureStream
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS, tone_edges_hz

RATE_HZ = 44_100
AUTO = profile.load("auto")
HOPS = 4
STEP_S = HOPS * features.HOP_S


def rows_like(style: Profile, seconds: float, gain_db: float = 0.0) -> np.ndarray:
    """Feature rows of noise that measures like a style in tone, width and dynamics."""
    random, count = np.random.default_rng(1), round(seconds * RATE_HZ)
    edges = tone_edges_hz()
    frequencies = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    density_db = np.array(style.bands_db) - 10.0 * np.log10(np.diff(edges))
    shape = 10.0 ** (np.interp(frequencies, np.sqrt(edges[:-1] * edges[1:]), density_db) / 20.0)
    mid, side = np.fft.irfft(np.fft.rfft(random.standard_normal((2, count))) * shape, count)
    side *= 10.0 ** (style.side_mid_db / 20.0)
    # For energies that are lognormal with this standard deviation, D = 5 log10(e) sigma^2.
    sigma = math.sqrt(style.dynamics_db / (5.0 * math.log10(math.e)))
    logs = np.repeat(random.normal(0.0, sigma, count // RATE_HZ + 1), RATE_HZ)[:count]
    audio = np.stack([mid + side, mid - side]) * np.exp(0.5 * logs)
    audio *= 0.1 * 10.0 ** (gain_db / 20.0) / audio.std()
    return FeatureStream(RATE_HZ, 2).push(audio.astype(np.float32))


def follow(auto: AutoStyle, statistics: Statistics, rows: np.ndarray, wanted: Profile = AUTO) -> list[Profile]:
    """What comes of it at every suggestion."""
    found = []
    for start in range(0, len(rows), HOPS):
        statistics.add(rows[start : start + HOPS])
        found.append(auto.follow(statistics, wanted))
    return found


def leans(auto: AutoStyle, statistics: Statistics, rows: np.ndarray) -> np.ndarray:
    """How far what comes of it is from what has been heard, at every suggestion: level-free numbers in dB."""
    found = []
    for start in range(0, len(rows), HOPS):
        statistics.add(rows[start : start + HOPS])
        lean = auto.follow(statistics, AUTO).vector() - statistics.vector()
        found.append([*lean[:TONE_BANDS], lean[TONE_BANDS + 2], lean[TONE_BANDS + 4]])
    return np.array(found)


def tone_apart_db(one: Profile, other: Profile) -> float:
    return float(np.sqrt(np.mean((np.array(one.bands_db) - np.array(other.bands_db)) ** 2)))


def test_it_starts_with_nothing_to_change():
    auto, statistics = AutoStyle(), Statistics()
    assert auto.follow(statistics, AUTO) == AUTO
    first = leans(auto, statistics, rows_like(profile.load("warm-full"), 2.0))[0]
    np.testing.assert_allclose(first, 0.0, atol=1e-9)


@pytest.mark.parametrize("name", ["warm-wide", "bright-dense", "scooped-narrow"])
def test_fed_a_style_it_becomes_that_style(name):
    style = profile.load(name)
    last = follow(AutoStyle(), Statistics(), rows_like(style, 120.0))[-1]
    assert tone_apart_db(last, style) < 0.25 * tone_apart_db(AUTO, style)
    others = [profile.load(other) for other in profile.shipped() if other != name]
    assert tone_apart_db(last, style) < 0.5 * min(tone_apart_db(last, other) for other in others)
    assert (last.loudness_lufs, last.peak_dbtp, last.plr_db) == (AUTO.loudness_lufs, AUTO.peak_dbtp, AUTO.plr_db)


def test_what_no_style_is_like_is_led_back_a_little():
    """A hole of 20 dB in the treble: the aim fills it by what may be asked of any band, not more."""
    bands_db = np.array(AUTO.bands_db)
    bands_db[18:22] -= 20.0
    odd = dataclasses.replace(AUTO, bands_db=tuple((bands_db - bands_db.mean()).tolist()))
    statistics = Statistics()
    last = follow(AutoStyle(), statistics, rows_like(odd, 120.0))[-1]
    apart_db = np.array(last.bands_db) - statistics.bands_db
    assert apart_db[18:22].mean() - apart_db[:18].mean() > 0.5
    assert np.abs(apart_db).max() < FARTHEST_DB[0] + 0.1


def test_it_never_jumps():
    warm, bright = rows_like(profile.load("warm-full"), 60.0), rows_like(profile.load("bright-dense"), 60.0)
    found = leans(AutoStyle(), Statistics(), np.concatenate([warm, bright, warm]))
    assert np.isfinite(found).all()
    assert 0.01 < np.abs(np.diff(found, axis=0)).max() < 0.2, "it moves, but by less than a fifth of a dB at a time"


def test_it_never_asks_much_of_a_song_that_moves_on():
    """Another section, another band: the aim goes with the song, the statistics being slow enough."""
    styles = ("warm-full", "bright-dense", "scooped-narrow", "warm-wide")
    rows = np.concatenate([rows_like(profile.load(name), 20.0) for name in styles])
    assert (np.abs(leans(AutoStyle(), Statistics(), rows)) <= FARTHEST_DB).all()


def test_without_music_it_stays():
    auto, statistics = AutoStyle(), Statistics()
    last = follow(auto, statistics, rows_like(profile.load("warm-full"), 20.0))[-1]
    silence = np.full((200, features.ROWS), features.ROW_FLOOR_DB, np.float32)
    assert set(follow(auto, statistics, silence)) == {last}


def test_how_loud_it_comes_in_says_nothing():
    style = profile.load("bright-scooped")
    loud = follow(AutoStyle(), Statistics(), rows_like(style, 40.0))[-1]
    soft = follow(AutoStyle(), Statistics(), rows_like(style, 40.0, gain_db=-20.0))[-1]
    np.testing.assert_allclose(loud.vector(), soft.vector(), atol=0.05)


def test_what_is_chosen_by_name_wins():
    auto, statistics, warm = AutoStyle(), Statistics(), profile.load("warm")
    reference = Profile("auto", warm.bands_db, -9.0, 8.0, -3.0, -1.0, 0.4)
    rows = rows_like(profile.load("bright-dense"), 60.0)
    assert all(one is warm for one in follow(auto, statistics, rows, warm))
    assert auto.follow(statistics, reference) is reference, "a reference song that is called auto is not it"
    back = leans(auto, statistics, rows[:HOPS])[0]
    assert np.abs(back).max() < 0.1, "coming back is no jump either"


def test_it_goes_on_from_a_saved_state():
    rows = rows_like(profile.load("warm-wide"), 30.0)
    auto, statistics = AutoStyle(), Statistics()
    follow(auto, statistics, rows[:160])
    saved, heard = auto.state(), statistics.state()
    expected = follow(auto, statistics, rows[160:])
    again, statistics = AutoStyle(), Statistics()
    again.restore(saved)
    statistics.restore(heard)
    assert follow(again, statistics, rows[160:]) == expected


def test_settled_is_where_it_ends():
    auto, statistics = AutoStyle(), Statistics()
    style = profile.load("warm-full")
    last = follow(auto, statistics, rows_like(style, 300.0))[-1]
    settled = auto.settled(statistics, AUTO)
    assert tone_apart_db(last, settled) < 0.1
    assert auto.settled(statistics, style) == style
    assert auto.settled(Statistics(), AUTO) == AUTO
