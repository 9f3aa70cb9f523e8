"""Profiles: measured, saved, loaded, and every mistake in a file named."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.tone import TONE_BANDS, VECTOR_SIZE
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.errors import ConfigError

SAMPLE_RATE_HZ = 48000
compiled = pytest.mark.skipif(not JIT_ENABLED, reason="takes minutes in plain Python; the meter has its own tests")


def noise(seconds: float = 4.0) -> np.ndarray:
    size = (2, round(seconds * SAMPLE_RATE_HZ))
    return (0.1 * np.random.default_rng(0).standard_normal(size)).astype(np.float32)


def some_profile() -> Profile:
    bands = np.linspace(6.0, -6.0, TONE_BANDS)
    return Profile("some", tuple(bands.tolist()), -14.0, 13.0, -8.0, -1.0, 1.2)


def text_of(tmp_path) -> str:
    some_profile().save(tmp_path / "some.toml")
    return (tmp_path / "some.toml").read_text(encoding="utf-8")


@compiled
def test_measure_is_what_the_listener_hears():
    audio = noise()
    measured = profile.measure([audio[:, :30000], audio[:, 30000:]], SAMPLE_RATE_HZ, 2, "noise")
    listener = Listener(SAMPLE_RATE_HZ, 2)
    listener.push(audio)
    expected = listener.statistics.vector()
    np.testing.assert_allclose(np.delete(measured.vector(), [25, 27]), np.delete(expected, [25, 27]), atol=1e-9)
    # The listener's peak is of samples, the profile's between them too.
    assert expected[27] <= measured.peak_dbtp < expected[27] + 2.0
    assert measured.plr_db == pytest.approx(measured.peak_dbtp - measured.loudness_lufs)


@compiled
def test_measure_survives_broken_samples():
    audio = noise()
    audio[0, 1000], audio[1, 2000], audio[0, 3000] = np.nan, np.inf, -1e30
    assert np.isfinite(profile.measure([audio], SAMPLE_RATE_HZ, 2, "broken").vector()).all()


@compiled
@pytest.mark.parametrize("audio", [noise(0.5), noise() * np.float32(1e-4)], ids=["short", "silent"])
def test_too_little_to_measure_is_an_error(audio):
    with pytest.raises(ConfigError, match=r"at least 1 s needed"):
        profile.measure([audio], SAMPLE_RATE_HZ, 2, "x")


@compiled
def test_mono_is_measured_too():
    measured = profile.measure([noise()[:1]], SAMPLE_RATE_HZ, 1, "mono")
    assert measured.side_mid_db < -100.0 and np.isfinite(measured.vector()).all()
    # As loud as it sounds from two loudspeakers, which is how it is played and how the demand on a master is meant.
    assert measured == profile.measure([np.repeat(noise()[:1], 2, axis=0)], SAMPLE_RATE_HZ, 2, "mono")


@compiled
@pytest.mark.parametrize("sides", [(1, 1), (1, -1), (1, 0)], ids=["mono", "out of phase", "one side"])
@pytest.mark.parametrize("peak", [0.02, 1.0], ids=["soft", "full"])
def test_what_is_measured_can_be_loaded(tmp_path, sides, peak):
    audio = noise(2.0)[:1]
    audio = np.outer(sides, audio * (peak / np.abs(audio).max())).astype(np.float32)
    measured = profile.measure([audio], SAMPLE_RATE_HZ, 2, "any")
    measured.save(tmp_path / "any.toml")
    np.testing.assert_allclose(profile.load(tmp_path / "any.toml").vector(), measured.vector(), atol=1e-3)


def test_save_and_load_agree(tmp_path):
    odd = dataclasses.replace(some_profile(), name='a "quoted" \\ näme\n')
    odd.save(tmp_path / "p.toml", comment="First line.\nSecond.")
    assert (tmp_path / "p.toml").read_text(encoding="utf-8").startswith("# First line.\n# Second.\nname = ")
    loaded = profile.load(tmp_path / "p.toml")
    assert loaded.name == odd.name and loaded == profile.load(str(tmp_path / "p.toml"))
    np.testing.assert_allclose(loaded.vector(), odd.vector(), atol=1e-3)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"p\.toml: cannot be written \(No such file"):
        some_profile().save(tmp_path / "none" / "p.toml")


def test_mean_of_profiles():
    low = some_profile()
    high = dataclasses.replace(low, loudness_lufs=-10.0, bands_db=tuple(-value for value in low.bands_db))
    mean = profile.mean_of([low, high], "both")
    assert mean.name == "both" and mean.loudness_lufs == -12.0 and mean.plr_db == low.plr_db
    np.testing.assert_allclose(mean.bands_db, 0.0, atol=1e-12)
    with pytest.raises(ConfigError, match="no songs given"):
        profile.mean_of([])


def test_every_shipped_profile_loads():
    assert "balanced" in profile.shipped()
    for name in profile.shipped():
        loaded = profile.load(name)
        assert loaded.name == name and loaded.vector().shape == (VECTOR_SIZE,)
        assert np.mean(loaded.bands_db) == pytest.approx(0.0, abs=1e-9)
        assert loaded.plr_db == pytest.approx(loaded.peak_dbtp - loaded.loudness_lufs, abs=0.01)


def test_unknown_names_and_missing_files(tmp_path):
    with pytest.raises(ConfigError, match=r'profile "balnced" is unknown. Did you mean "balanced"\?'):
        profile.load("balnced")
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        profile.load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        profile.load(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("loudness_lufs = -14.000", "loudness_lufs = nan", r"p: loudness_lufs = nan is outside \[-70.0, 20.0\]"),
        ("loudness_lufs = -14.000", "loudness_lufs = 'loud'", r"p: loudness_lufs = 'loud' is not a number"),
        ("loudness_lufs = -14.000", "loudness_lufs = true", r"p: loudness_lufs = True is not a number"),
        ("plr_db = 13.000", "plr_db = 1e9", r"p: plr_db = 1000000000.0 is outside"),
        ("plr_db = 13.000\n", "", r'p: "plr_db" is missing. Needed: name, loudness_lufs'),
        (
            "plr_db = 13.000",
            "pll_db = 13.000",
            r'p: "pll_db" is unknown. Did you mean "plr_db"\?\np: "plr_db" is missing',
        ),
        ('name = "some"', "name = 3", r"p: name = 3 is not text"),
        ("  6.000,", "  inf,", r"p: bands_db\[0\] = inf is outside"),
        ("  6.000,", "  '6',", r"p: bands_db\[0\] = '6' is not a number"),
        ("  6.000,", "", r"p: bands_db has 23 numbers, 24 needed"),
        ("bands_db = [", "bands_db = 1 #", r"not valid TOML"),
        ("name", "= name", r"p: not valid TOML: .*line 1"),
    ],
)
def test_every_mistake_is_named(tmp_path, old, new, message):
    with pytest.raises(ConfigError, match=message):
        profile.parse(text_of(tmp_path).replace(old, new, 1), "p")


def test_all_mistakes_are_named_at_once(tmp_path):
    text = text_of(tmp_path).replace("-14.000", "nan").replace("13.000", "nan").replace("-6.000,", "nan,")
    with pytest.raises(ConfigError) as caught:
        profile.parse(text, "p")
    assert len(str(caught.value).splitlines()) == 3
