"""Damage: repeatable, finite, and each kind does what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from demosong import demo_song
from scipy.signal import freqz, welch

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone import equalizer
from training.music import damage
from training.music.damage import HARD

if not JIT_ENABLED:
    pytest.skip("the equaliser takes minutes in plain Python", allow_module_level=True)

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def music():
    return np.ascontiguousarray(demo_song(RATE_HZ)[:, 10 * RATE_HZ : 18 * RATE_HZ])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def db(power_ratio: float) -> float:
    return 10.0 * math.log10(power_ratio)


@pytest.mark.parametrize("kind", ["clean", "usual", "hard"])
def test_it_is_repeatable_and_leaves_the_input_alone(music, kind):
    before = music.copy()
    once, again = (damage.damage(music, RATE_HZ, rng(3), kind) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(music, before)
    assert once.dtype == np.float32 and once.shape == music.shape and once.flags.c_contiguous
    other = damage.damage(music, RATE_HZ, rng(4), kind)
    assert (once == music).all() and (other == music).all() if kind == "clean" else not np.array_equal(once, other)


@pytest.mark.parametrize("kind", ["usual", "hard"])
@pytest.mark.parametrize("what", ["silence", "one sample", "nothing", "full scale", "tiny", "burst"])
def test_nothing_makes_it_break(kind, what):
    audio = {
        "silence": np.zeros((2, 50_000)),
        "one sample": np.full((2, 1), 0.5),
        "nothing": np.zeros((2, 0)),
        "full scale": np.sign(rng().standard_normal((2, 50_000))),
        "tiny": 1e-30 * rng().standard_normal((2, 50_000)),
        "burst": np.pad(rng().standard_normal((2, 1000)), ((0, 0), (30_000, 20_000))),
    }[what].astype(np.float32)
    for seed in range(12):
        damaged = damage.damage(audio, RATE_HZ, rng(seed), kind)
        assert damaged.shape == audio.shape and np.isfinite(damaged).all()
        assert np.abs(damaged).max(initial=0.0) < 100.0


def test_the_usual_is_still_the_song(music):
    """Level within what was asked for, tone within what five bands can do."""
    changes_db, spectra_db = [], []
    for seed in range(40):
        damaged = damage.damage(music, RATE_HZ, rng(seed), "usual")
        changes_db.append(db(np.mean(damaged**2) / np.mean(music**2)))
        before, after = (welch(audio.mean(axis=0), RATE_HZ, nperseg=4096)[1][4:1500] for audio in (music, damaged))
        spectra_db.append(10.0 * np.log10(after / before) - changes_db[-1])
    assert -28.0 < min(changes_db) < -12.0 and 0.0 < max(changes_db) < 14.0
    assert 1.0 < np.std(spectra_db) < 6.0


@pytest.mark.parametrize("kind", ["usual", "hard"])
def test_it_comes_when_it_came(kind):
    click = np.zeros((2, 20_000), np.float32)
    click[:, 9000] = 0.5
    for seed in range(12):
        damaged = damage.damage(click, RATE_HZ, rng(seed), kind)
        assert abs(int(np.abs(damaged).max(axis=0).argmax()) - 9000) <= 12


@pytest.mark.parametrize(("kind", "at_zero", "at_nyquist"), [(0, 1.0, 0.0), (1, 0.0, 0.0), (2, 0.0, 1.0)])
@pytest.mark.parametrize("gain_db", [-7.0, 5.0])
def test_bands_are_what_they_are_called(kind, at_zero, at_nyquist, gain_db):
    band = damage.biquad(kind, 900.0, 1.1, gain_db, RATE_HZ)
    _, response = freqz(band[:3], [1.0, *band[3:]], worN=[1e-3, 900.0, RATE_HZ / 2 - 1e-3], fs=RATE_HZ)
    at_corner = 1.0 if kind == equalizer.BELL else 0.5
    expected_db = gain_db * np.array([at_zero, at_corner, at_nyquist])
    np.testing.assert_allclose(20.0 * np.log10(np.abs(response)), expected_db, atol=1e-6)


def test_expansion_moves_loud_and_soft_apart_but_not_too_far():
    levels = np.repeat(10.0 ** (np.tile([0.0, -10.0, -40.0], 4) / 20.0), RATE_HZ)
    noise = (0.2 * levels * rng().standard_normal((2, levels.size))).astype(np.float32)
    for seed in range(6):
        expanded = noise.copy()
        damage.expand(expanded, RATE_HZ, rng(seed))
        slope = rng(seed).uniform(0.0, damage.EXPANSION_SLOPE)
        gains_db = [
            db(np.mean(expanded[:, at - 20_000 : at] ** 2) / np.mean(noise[:, at - 20_000 : at] ** 2))
            for at in (RATE_HZ, 2 * RATE_HZ, 3 * RATE_HZ)
        ]
        assert gains_db[0] - gains_db[1] == pytest.approx(10.0 * slope, abs=0.5)
        assert -damage.EXPANSION_LIMIT_DB - 0.01 <= gains_db[2] <= gains_db[1]


def test_mono_is_mono(music):
    for seed in range(3):
        one, other = HARD["mono"](music, RATE_HZ, rng(seed))
        np.testing.assert_array_equal(one, other)


def test_noise_is_under_the_programme(music):
    for seed in range(6):
        added = HARD["noise"](music, RATE_HZ, rng(seed)) - music
        assert -60.0 < db(np.mean(added**2) / np.mean(music**2)) < -26.0
        frequencies, power = welch(added[0], RATE_HZ, nperseg=RATE_HZ)
        lines = power[[50, 60]].max(), np.median(power[1000:5000])
        assert frequencies[50] == 50.0 and lines[0] > lines[1], "hum stands out of the hiss"


def test_a_room_rings_on_and_keeps_what_comes_first():
    click = np.zeros((2, RATE_HZ), np.float32)
    click[:, 100] = 1.0
    for seed in range(4):
        room = HARD["room"](click, RATE_HZ, rng(seed))
        energy = np.sum(room**2, axis=0)
        assert np.abs(room[:, :100]).max() < 1e-6 and energy.argmax() == 100
        assert -19.0 < db(energy[101:].sum() / energy[100]) < -5.0
        assert energy[101:2000].sum() > 2.0 * energy[4000:8000].sum(), "it decays"


def test_a_clipped_recording_has_lost_its_peaks(music):
    for seed in range(4):
        clipped = HARD["clip"](music, RATE_HZ, rng(seed))
        lost_db = db((np.abs(music).max() / np.abs(clipped).max()) ** 2)
        assert 2.9 < lost_db < 11.0
        assert np.corrcoef(clipped[0], music[0])[0, 1] > 0.9


def test_a_codec_takes_the_top(music):
    rich = music + (0.003 * rng(9).standard_normal(music.shape)).astype(np.float32)
    kinds = set()
    for seed in range(6):
        coded = HARD["codec"](rich, RATE_HZ, rng(seed))
        kinds.add(rng(seed).random() < 0.5)
        assert np.corrcoef(coded[0], rich[0])[0, 1] > 0.9
        before, after = (welch(audio[0], RATE_HZ, nperseg=4096)[1][1800:].mean() for audio in (rich, coded))
        assert db(after / before) < -15.0
    assert kinds == {True, False}, "both an MP3 and a plain cut were tried"
