"""Styles: the same groups for the same songs, names that tell them apart, targets that are fit for use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from rt_automix.analysis.aim import profile
from rt_automix.analysis.tone import TONE_BANDS
from rt_automix.errors import ConfigError
from training.__main__ import main
from training.correction import styles
from training.music import corpus

# Warm, soft and dynamic; bright, loud and dense; neither, and narrow.
KINDS = {
    "soft": (-6.0, -22.0, 20.0, -4.0, 2.6),
    "loud": (6.0, -6.0, 7.0, -5.0, 0.6),
    "mono": (0.0, -13.0, 13.0, -25.0, 1.0),
}
EACH = 9


def masters(albums: int = 3) -> tuple[np.ndarray, list[str]]:
    """Songs of three kinds, shuffled, and their albums."""
    random, rows, names = np.random.default_rng(5), [], []
    for tilt_db, loudness_lufs, plr_db, side_mid_db, dynamics_db in KINDS.values():
        for song in range(EACH):
            bands_db = np.linspace(10.0 - tilt_db, -10.0 + tilt_db, TONE_BANDS) + random.normal(0.0, 0.8, TONE_BANDS)
            scalars = [loudness_lufs, plr_db, side_mid_db, loudness_lufs + plr_db, dynamics_db]
            rows.append([*(bands_db - bands_db.mean()), *(scalars + random.normal(0.0, 0.1, 5))])
            names.append(f"album {song % albums}")
    order = random.permutation(len(rows))
    return np.array(rows)[order], [names[k] for k in order]


@pytest.fixture(scope="module")
def grouped() -> list[styles.Style]:
    return styles.group(*masters())


def songs_for(albums: list[str]) -> list[corpus.Song]:
    return [corpus.Song(Path(f"{k}.ogg"), album, "train", str(k), f"{k:012x}") for k, album in enumerate(albums)]


def test_the_kinds_are_found_and_named(grouped):
    assert [style.profile.name for style in grouped] == ["warm-dynamic", "neutral-narrow", "bright-dense"]
    assert [len(style.songs) for style in grouped] == [EACH] * 3


def test_the_same_songs_make_the_same_styles_in_any_order(grouped):
    vectors, albums = masters()
    assert styles.group(vectors, albums) == grouped
    back = slice(None, None, -1)
    turned = styles.group(vectors[back], albums[::-1])
    for one, other in zip(grouped, turned, strict=True):
        assert one.profile.name == other.profile.name
        np.testing.assert_allclose(one.profile.vector(), other.profile.vector(), atol=1e-9)
        assert sorted(len(albums) - 1 - song for song in other.songs) == list(one.songs)


def test_targets_keep_within_limits(grouped):
    soft, narrow, loud = (style.profile for style in grouped)
    assert (soft.loudness_lufs, loud.loudness_lufs) == styles.LOUDNESS_LUFS
    assert narrow.side_mid_db == styles.SIDE_MID_DB[0] and soft.side_mid_db == styles.SIDE_MID_DB[1]
    assert soft.dynamics_db == styles.MOST_DYNAMICS_DB
    mean_db = masters()[0][:, :TONE_BANDS].mean(axis=0)
    for one in (soft, narrow, loud):
        assert one.peak_dbtp <= styles.HIGHEST_PEAK_DBTP
        assert one.plr_db == pytest.approx(one.peak_dbtp - one.loudness_lufs)
        assert np.abs(np.array(one.bands_db) - mean_db).max() < styles.TONE_REACH_DB + 0.5


def test_one_band_is_no_style_and_few_songs_are_none():
    vectors, albums = masters()
    loud = vectors[:, TONE_BANDS] > -8.0
    one_band = ["one band" if is_loud else album for is_loud, album in zip(loud, albums, strict=True)]
    found = styles.group(vectors, one_band)
    assert not any(set(style.songs) == set(np.flatnonzero(loud)) for style in found)
    with pytest.raises(ConfigError, match="5 songs of 3 albums make no style; at least 6"):
        styles.group(vectors[:5], ["a", "b", "c", "a", "b"])
    with pytest.raises(ConfigError, match="27 songs of 1 albums"):
        styles.group(vectors, ["a"] * 27)


def test_files_replace_those_made_before_and_no_others(grouped, tmp_path):
    mine = profile.load("balanced")
    mine.save(tmp_path / "mine.toml", "My own.")
    songs = songs_for(masters()[1])
    styles.write(grouped[:2], songs, tmp_path)
    styles.write(grouped[1:], songs, tmp_path)
    names = {style.profile.name for style in grouped[1:]}
    assert {path.stem for path in tmp_path.iterdir()} == {"mine", *names}
    for style in grouped[1:]:
        loaded = profile.load(tmp_path / f"{style.profile.name}.toml")
        np.testing.assert_allclose(loaded.vector(), style.profile.vector(), atol=1e-3)
    text = (tmp_path / f"{grouped[1].profile.name}.toml").read_text()
    assert text.startswith("# What 9 masters have in common") and "#   album 0: 3 (unknown)" in text


def test_the_command_measures_once_and_draws(tmp_path, monkeypatch):
    vectors, albums = masters()
    songs, decoded = songs_for(albums), []
    by_title = {song.title: vectors[k] for k, song in enumerate(songs)}

    def measure(blocks, sample_rate_hz, channels, name):
        *bands_db, loudness_lufs, plr_db, side_mid_db, peak_dbtp, dynamics_db = by_title[name].tolist()
        return profile.Profile(name, tuple(bands_db), loudness_lufs, plr_db, side_mid_db, peak_dbtp, dynamics_db)

    monkeypatch.setattr(corpus, "find", lambda folder: [*songs, corpus.Song(Path("t"), "t", "test", "t", "f" * 12)])
    monkeypatch.setattr(corpus, "decode", lambda song, rate_hz: decoded.append(song.title))
    monkeypatch.setattr(profile, "measure", measure)
    out = tmp_path / "profiles"
    out.mkdir()
    arguments = ["styles", "--music", str(tmp_path), "--work", str(tmp_path), "--out", str(out)]
    for _ in range(2):
        done = CliRunner().invoke(main, [*arguments, "--picture", str(tmp_path / "styles.png")])
        assert done.exit_code == 0, done.output
    assert decoded == [song.title for song in songs], "each once, and none of the test songs"
    assert len(list(out.iterdir())) == 3 and done.stdout.count("9 songs") == 3
    assert (tmp_path / "styles.png").stat().st_size > 10_000


def test_the_shipped_styles_are_fit_for_use():
    made = [
        profile.load(name) for name in profile.shipped() if name not in ("auto", "balanced", "bright", "speech", "warm")
    ]
    assert 6 <= len(made) <= 8
    for one in made:
        assert styles.LOUDNESS_LUFS[0] <= one.loudness_lufs <= styles.LOUDNESS_LUFS[1]
        assert styles.SIDE_MID_DB[0] <= one.side_mid_db <= styles.SIDE_MID_DB[1]
        assert one.peak_dbtp <= -1.0 and 0.0 < one.dynamics_db <= styles.MOST_DYNAMICS_DB
    pairs = [(a, b) for a in made for b in made if a.name < b.name]
    apart_db = [np.sqrt(np.mean((np.array(a.bands_db) - np.array(b.bands_db)) ** 2)) for a, b in pairs]
    assert min(apart_db) > 1.0, "each is a choice of its own"
