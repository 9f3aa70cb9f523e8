"""The aim: what is heard, corrected, and leaned to a style; a reference is a place. It never jumps, nor goes far."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import correction, masters, profile
from rt_automix.analysis.aim.masters import Aim
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.deciding import deciding
from rt_automix.analysis.hearing import means
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS, VECTOR_SIZE, tone_edges_hz

RATE_HZ = 44_100
AUTO = profile.load("auto")
MEAN_DB = masters.table()[at.MEAN : at.MEAN + TONE_BANDS]
MIDDLE = dataclasses.replace(AUTO, name="middle", bands_db=tuple(MEAN_DB.tolist()))
HOPS = 4
STEP_S = HOPS * features.HOP_S


def closed(**how: float) -> Aim:
    """With the closed form alone, whose every answer can be foreseen; networks have tests of their own."""
    return Aim(**how, masters=masters.table(False))


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


def off_by(bands_db: np.ndarray) -> Profile:
    """The middle of all masters, with something done to its tone."""
    made_db = MEAN_DB + bands_db - np.mean(bands_db)
    return dataclasses.replace(MIDDLE, bands_db=tuple(made_db.tolist()))


def follow(aim: Aim, statistics: Statistics, rows: np.ndarray, wanted: Profile = AUTO) -> list[Profile]:
    """What comes of it at every suggestion."""
    found = []
    for start in range(0, len(rows), HOPS):
        statistics.add(rows[start : start + HOPS])
        found.append(aim.follow(statistics, wanted))
    return found


def leans(aim: Aim, statistics: Statistics, rows: np.ndarray, wanted: Profile = AUTO) -> np.ndarray:
    """How far what comes of it is from what has been heard, at every suggestion: level-free numbers in dB."""
    found = []
    for start in range(0, len(rows), HOPS):
        statistics.add(rows[start : start + HOPS])
        lean = aim.follow(statistics, wanted).vector() - statistics.vector()
        found.append([*lean[:TONE_BANDS], lean[TONE_BANDS + 2], lean[TONE_BANDS + 4]])
    return np.array(found)


def rms_db(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def heard_of(rows: np.ndarray) -> Statistics:
    statistics = Statistics()
    statistics.add(rows)
    return statistics


def test_it_starts_with_nothing_to_change():
    aim, statistics = closed(), Statistics()
    assert aim.follow(statistics, AUTO) == AUTO
    first = leans(aim, statistics, rows_like(off_by(np.linspace(9.0, -9.0, TONE_BANDS)), 2.0))[0]
    np.testing.assert_allclose(first, 0.0, atol=1e-9)


def test_what_measures_like_the_middle_of_all_masters_is_left_alone():
    last = leans(closed(), Statistics(), rows_like(MIDDLE, 60.0))[-1]
    assert rms_db(last[:TONE_BANDS]) < 0.2


@pytest.mark.parametrize("bands_db", [np.linspace(12.0, -12.0, TONE_BANDS), 10.0 * np.hanning(TONE_BANDS)])
def test_what_is_far_from_all_masters_is_led_back_a_part_of_the_way(bands_db):
    statistics = heard_of(rows_like(off_by(bands_db), 60.0))
    aim = closed()
    before_db, aimed = statistics.bands_db - MEAN_DB, aim.settled(statistics, AUTO)
    after_db = np.array(aimed.bands_db) - MEAN_DB
    assert rms_db(after_db) < 0.95 * rms_db(before_db), "it is less far off"
    assert rms_db(after_db) > 0.2 * rms_db(before_db), "but nobody can know that it is all damage"
    assert (aimed.loudness_lufs, aimed.peak_dbtp, aimed.plr_db) == (AUTO.loudness_lufs, AUTO.peak_dbtp, AUTO.plr_db)
    assert (aim.found.doubt_db > 0.3).all() and (aim.found.doubt_db < 8.0).all()
    np.testing.assert_allclose(aim.found.correction_db, after_db - before_db, atol=1e-6)


def test_the_bolder_the_farther_and_not_at_all_without_boldness():
    statistics = heard_of(rows_like(off_by(np.linspace(8.0, -8.0, TONE_BANDS)), 60.0))
    moved = []
    for boldness in (0.0, 0.25, 0.5, 0.75, 1.0):
        aim = closed(boldness=boldness)
        aim.settled(statistics, AUTO)
        moved.append(rms_db(aim.found.correction_db))
    assert moved[0] == 0.0 and all(np.diff(moved) > 0.0)


def test_a_band_with_nothing_in_it_has_no_say_and_is_left_alone():
    """Above a codec's cliff there is nothing to correct, and what is below is judged as if it were not there."""
    bands_db = np.where(np.arange(TONE_BANDS) > 20, -60.0, np.linspace(4.0, -4.0, TONE_BANDS))
    aim, whole = closed(), closed()
    aim.settled(heard_of(rows_like(off_by(bands_db), 60.0)), AUTO)
    whole.settled(heard_of(rows_like(off_by(np.linspace(4.0, -4.0, TONE_BANDS)), 60.0)), AUTO)
    assert np.abs(aim.found.correction_db[21:]).max() < 0.05
    assert np.abs(aim.found.correction_db[:18] - whole.found.correction_db[:18]).max() < 2.0


def test_a_style_is_a_direction():
    """Two songs that are led to one style stay two songs: the style's departure is put on top of each."""
    warm = profile.load("warm-full")
    departure_db = np.array(warm.bands_db) - MEAN_DB
    for bands_db in (np.zeros(TONE_BANDS), np.linspace(-5.0, 5.0, TONE_BANDS)):
        statistics = heard_of(rows_like(off_by(bands_db), 40.0))
        plain = np.array(closed().settled(statistics, AUTO).bands_db)
        for strength in (0.0, 0.5, 1.0):
            led = np.array(closed(style_strength=strength).settled(statistics, warm).bands_db)
            np.testing.assert_allclose(led - plain, strength * departure_db, atol=1e-9)


def test_a_reference_is_a_place():
    statistics = heard_of(rows_like(off_by(np.linspace(8.0, -8.0, TONE_BANDS)), 30.0))
    reference = dataclasses.replace(profile.load("warm"), fine_db=(0.0,) * at.FINE_POINTS)
    aim = closed()
    assert aim.follow(statistics, reference) is reference and aim.settled(statistics, reference) is reference
    assert aim.found is None


@pytest.mark.parametrize("has_networks", [False, True])
def test_it_never_jumps(has_networks):
    warm, bright = rows_like(off_by(np.linspace(6.0, -6.0, 24)), 60.0), rows_like(off_by(np.linspace(-6, 6, 24)), 60.0)
    aim = Aim(masters=masters.table(has_networks))
    found = leans(aim, Statistics(), np.concatenate([warm, bright, warm]))
    assert np.isfinite(found).all()
    assert 0.01 < np.abs(np.diff(found, axis=0)).max() < 0.4, "it moves, but by less than half a dB at a time"


def test_without_music_it_stays():
    aim, statistics = closed(), Statistics()
    last = follow(aim, statistics, rows_like(profile.load("warm-full"), 60.0))[-1]
    silence = np.full((200, features.ROWS), features.ROW_FLOOR_DB, np.float32)
    assert set(follow(aim, statistics, silence)) == {last}


def test_how_loud_it_comes_in_says_nothing():
    style = profile.load("bright-scooped")
    loud = follow(closed(), Statistics(), rows_like(style, 40.0))[-1]
    soft = follow(closed(), Statistics(), rows_like(style, 40.0, gain_db=-20.0))[-1]
    np.testing.assert_allclose(loud.vector(), soft.vector(), atol=0.1)


def test_it_goes_on_from_a_saved_state():
    rows = rows_like(profile.load("warm-wide"), 30.0)
    aim, statistics = closed(), Statistics()
    follow(aim, statistics, rows[:160])
    saved, heard = aim.state(), statistics.state()
    expected = follow(aim, statistics, rows[160:])
    again, statistics = closed(), Statistics()
    again.restore(saved)
    statistics.restore(heard)
    assert follow(again, statistics, rows[160:]) == expected


@pytest.mark.parametrize("name", ["auto", "warm-full"])
def test_settled_is_where_it_ends(name):
    aim, statistics, wanted = closed(), Statistics(), profile.load(name)
    minute = rows_like(off_by(np.linspace(5.0, -5.0, TONE_BANDS)), 60.0)
    last = follow(aim, statistics, np.tile(minute, (5, 1)), wanted)[-1]
    settled = aim.settled(statistics, wanted)
    assert rms_db(np.array(last.bands_db) - settled.bands_db) < 0.1
    assert aim.settled(Statistics(), AUTO) == AUTO


@pytest.mark.parametrize("has_networks", [False, True])
def test_whatever_the_statistics_are_the_correction_is_finite_and_within_its_range(has_networks):
    rng, work = np.random.default_rng(3), np.zeros(correction.WORK_SIZE)
    found, doubt, heard = np.empty(at.LEAN_SIZE), np.empty(at.LEAN_SIZE), np.empty(VECTOR_SIZE)
    known, texture = masters.table(has_networks), slice(at.TEXTURE, at.TEXTURE + at.TEXTURE_SIZE)
    for trial in range(10_000):
        statistics = Statistics().values
        statistics[at.HEARD_FRAMES] = 10.0 ** rng.uniform(-2.0, 8.0)
        statistics[at.MEL_POWER : at.MEL_POWER + 128] = 10.0 ** rng.uniform(-30.0, 30.0, 128)
        statistics[at.MEL_POWER : at.MEL_POWER + 128] *= rng.random(128) > rng.random()
        statistics[at.ENERGY], statistics[at.ENERGY_SQUARED] = 10.0 ** rng.uniform(-30.0, 30.0, 2)
        statistics[texture] = rng.normal(0.0, 10.0 ** rng.uniform(-3.0, 30.0), at.TEXTURE_SIZE)
        if trial % 7 == 0:
            statistics[texture.start + rng.integers(at.TEXTURE_SIZE)] = (math.nan, math.inf)[trial % 2]
        statistics[at.TEXTURE + at.T_FRAMES] = 10.0 ** rng.uniform(0.0, 4.0)
        boldness = (0.5, 1.0, -1e9, 1e9, math.nan)[trial % 5]
        means.vector(statistics, heard)
        correction.estimate(statistics, heard, known, boldness, work, found, doubt)
        assert np.isfinite(found).all() and np.isfinite(doubt).all() and (doubt >= 0.0).all()
        assert (np.abs(found) <= correction.MOST_DB).all()


@pytest.mark.parametrize("name", ["auto", "warm", "speech"])
def test_statistics_that_are_none_leave_ten_sane_parameters_and_a_correction_that_goes_on(name):
    """100,000 such were seen once; see docs/learning.md."""
    rng, wanted = np.random.default_rng(7), masters.numbers(profile.load(name))
    wild = np.array([math.nan, math.inf, -math.inf, 1e300, -1e300, 1e30, -1e30, 0.0, 1e-300, -1.0])
    values, work = np.zeros(at.DECISION_SIZE), np.zeros(deciding.WORK_SIZE)
    for trial in range(1000):
        statistics = 10.0 ** rng.uniform(-10.0, 10.0) * rng.normal(size=at.STATISTICS_SIZE)
        broken = rng.random(at.STATISTICS_SIZE) < rng.choice([0.0, 0.001, 0.05, 0.5])
        statistics[broken] = rng.choice(wild, broken.sum())
        statistics[at.HEARD_FRAMES] = 100.0 * (trial + 1)
        statistics[at.TEXTURE + at.T_FRAMES] = 10.0 ** rng.uniform(0.0, 4.0)
        passing = np.zeros(at.PASSING_SIZE)
        passing[at.BOLDNESS] = (0.5, 1.0, 0.0, -1e9, 1e9, math.nan)[trial % 6]
        deciding.match(statistics, passing, wanted, masters.table(), values, work)
        ten = passing[at.MATCHED : at.MATCHED + params.COUNT]
        assert ((ten >= params.LOW) & (ten <= params.HIGH)).all()
        told = passing[at.CORRECTION : at.DOUBT + at.LEAN_SIZE]
        assert np.isfinite(told).all() and np.isfinite(values[at.LEAN : at.LEAN + at.LEAN_SIZE]).all()


def test_networks_answer_too_and_not_at_all_without_boldness():
    statistics = heard_of(rows_like(off_by(np.linspace(8.0, -8.0, TONE_BANDS)), 60.0))
    plain, learned, none = closed(), Aim(), Aim(boldness=0.0)
    for aim in (plain, learned, none):
        aim.settled(statistics, AUTO)
    assert np.abs(learned.found.correction_db - plain.found.correction_db).max() > 0.05
    assert not none.found.correction_db.any()
