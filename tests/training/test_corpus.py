"""The music: packages that say what they are, a split that holds, and what is decoded is whole and sounds."""

from __future__ import annotations

import collections
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from rt_automix.errors import AudioFileError, ConfigError
from training.__main__ import COMMANDS, main
from training.music import corpus, fetch

RATE_HZ = 44_100
LONG_S = 46.0


def write(path: Path, audio: np.ndarray, rate_hz: int = RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, rate_hz)
    return path


def song(seconds: float = LONG_S, rate_hz: int = RATE_HZ, channels: int = 1) -> np.ndarray:
    return 0.5 * np.sin(0.05 * np.arange(1, 1 + round(seconds * rate_hz))) * np.ones((channels, 1))


def as_song(path: Path) -> corpus.Song:
    return corpus.Song(path, "album", "train", path.stem, "0" * 12)


# The packages ---------------------------------------------------------------------------------------


def test_every_package_says_what_it_is():
    packages = corpus.packages()
    assert {entry["use"] for entry in packages.values()} == set(corpus.USES)
    for name, entry in packages.items():
        assert set(entry) - {"leave_out"} == {"use", "music", "licences", "credit"}, name
        assert "*" in entry["licences"] and entry["credit"] and all(path.startswith("usr/") for path in entry["music"])
    by_use = {use: {name for name, entry in packages.items() if entry["use"] == use} for use in corpus.USES}
    test = {"hyperrogue-music", "fretsonfire-songs-sectoid", "hedgewars-data", "unknown-horizons", "nexuiz-music"}
    assert by_use["test"] == test, "never trained or tuned on"
    assert "wesnoth-1.16-music" in by_use["train"]


def test_a_licence_is_that_of_the_song():
    stk = "supertuxkart-data"
    assert corpus.licence(stk, Path("data/music/alien_signal.ogg")) == "CC-BY-SA-4.0"
    assert corpus.licence(stk, Path("data/music/bay.ogg")) == "CC-BY-SA-3.0"
    assert corpus.licence("my album", Path("song.flac")) == "unknown"


# Finding --------------------------------------------------------------------------------------------


def test_only_songs_are_found_in_the_same_order_with_the_same_ids(tmp_path):
    good = [write(tmp_path / "b" / "2.wav", song()), write(tmp_path / "b" / "cd" / "1.WAV", song(channels=2))]
    good.append(write(tmp_path / "a" / "x.flac", song() + 1e-2 * np.random.default_rng(0).standard_normal(2028600)))
    write(tmp_path / "a" / "short.wav", song(44.0, channels=2))
    write(tmp_path / "a" / "dull.wav", song(rate_hz=22_050), 22_050)
    write(tmp_path / "a" / "small.ogg", song())
    (tmp_path / "a" / "text.ogg").write_bytes(b"no music " * 100_000)
    (tmp_path / "a" / "cover.png").write_bytes(b"0" * 900_000)
    write(tmp_path / ".hidden" / "x.wav", song())
    write(tmp_path / "a.part" / "x.wav", song())
    write(tmp_path / "loose.wav", song())
    found = corpus.find(tmp_path)
    assert [(one.package, one.title) for one in found] == [("a", "x"), ("b", "2"), ("b", "1"), ("loose.wav", "loose")]
    assert {one.path for one in found[:3]} == set(good)
    assert found == corpus.find(tmp_path) and len({one.id for one in found}) == 4
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "b").rename(moved / "b")
    assert [one.id for one in corpus.find(moved)] == [one.id for one in found[1:3]], "ids do not know the machine"


def test_nothing_found_says_what_music_is(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=r"no music found.*45 s.*python -m training fetch"):
            corpus.find(folder)


def test_known_packages_have_their_use_and_leave_out_what_is_no_song(tmp_path):
    write(tmp_path / "hyperrogue-music/usr/share/hyperrogue/music/x.wav", song())
    write(tmp_path / "hyperrogue-music/usr/share/hyperrogue/sounds/noise.wav", song())
    write(tmp_path / "supertuxkart-data/usr/share/games/supertuxkart/data/music/x.wav", song())
    [one, other] = corpus.find(tmp_path)
    assert (one.package, one.use, one.title) == ("hyperrogue-music", "test", "x")
    assert (other.package, other.use) == ("supertuxkart-data", "train")


def test_albums_are_dealt_out_whole_and_always_alike():
    uses = [corpus.use_by_hash(f"album {k}") for k in range(2000)]
    assert uses == [corpus.use_by_hash(f"album {k}") for k in range(2000)]
    shares = {use: count / 2000 for use, count in collections.Counter(uses).items()}
    assert shares == pytest.approx({"train": 0.8, "validation": 0.1, "test": 0.1}, abs=0.03)


def test_a_split_is_read_as_it_was_written(tmp_path):
    songs = [as_song((tmp_path / "Ünique.wav").absolute())]
    corpus.write_split(tmp_path / "split.json", songs)
    assert corpus.read_split(tmp_path / "split.json") == songs
    with pytest.raises(ConfigError, match=r"none\.json: cannot be read"):
        corpus.read_split(tmp_path / "none.json")
    (tmp_path / "split.json").write_text('{"songs": [{"pfad": 1}]}')
    with pytest.raises(ConfigError, match="not a split"):
        corpus.read_split(tmp_path / "split.json")


# Decoding -------------------------------------------------------------------------------------------


def test_mono_is_doubled_and_silence_at_the_ends_is_cut(tmp_path):
    silence = np.zeros((1, 700))
    path = write(tmp_path / "x.wav", np.concatenate([silence, song(1.0), silence], axis=1))
    audio = corpus.decode(as_song(path))
    assert audio.shape == (2, RATE_HZ) and audio.dtype == np.float32 and audio.flags.c_contiguous
    np.testing.assert_array_equal(audio[0], audio[1])
    np.testing.assert_allclose(audio[0], song(1.0)[0], atol=1e-4)


def test_another_rate_is_resampled(tmp_path):
    times_s = np.arange(96_000) / 48_000
    path = write(tmp_path / "x.wav", 0.5 * np.sin(2.0 * np.pi * 1000.0 * np.stack([times_s, times_s])) + 1e-3, 48_000)
    audio = corpus.decode(as_song(path))
    assert abs(audio.shape[1] - 2 * RATE_HZ) <= 3
    expected = 0.5 * np.sin(2.0 * np.pi * 1000.0 * np.arange(audio.shape[1]) / RATE_HZ) + 1e-3
    np.testing.assert_allclose(audio[0, 500:-500], expected[500:-500], atol=2e-3)


def test_the_two_halves_of_a_song_play_together_below_full_scale(tmp_path):
    one, other = song(1.0), np.cos(0.03 * np.arange(RATE_HZ))[None]
    path = write(tmp_path / "x" / "song.wav", one)
    path = path.rename(path.with_suffix(".ogg"))
    write(tmp_path / "x" / "guitar.wav", other).rename(path.with_name("guitar.ogg"))
    audio = corpus.decode(as_song(path))
    both = one[0] + other[0]
    np.testing.assert_allclose(audio[0], both / np.abs(both).max(), atol=1e-3)


def test_what_cannot_be_learned_from_is_refused(tmp_path):
    with pytest.raises(AudioFileError, match="nothing but silence"):
        corpus.decode(as_song(write(tmp_path / "x.wav", np.zeros((2, 2000)))))
    (tmp_path / "y.wav").write_bytes(b"RIFF, but no more")
    with pytest.raises(AudioFileError, match="cannot be decoded"):
        corpus.decode(as_song(tmp_path / "y.wav"))


def test_no_longer_than_the_longest(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LONGEST_S", 2.0)
    assert corpus.decode(as_song(write(tmp_path / "x.wav", song(5.0)))).shape == (2, 2 * RATE_HZ)


# Fetching: apt-get and dpkg are played by scripts, since an archive that fails is not to be had -------


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Three packages, and tools that note each download; the one named in `broken` fails."""
    tools, bag = tmp_path / "tools", tmp_path / "archive"
    for place in (tools, bag):
        place.mkdir()
    write(bag / "song.wav", song())
    scripts = {
        "apt-get": f"""
            for name; do :; done
            echo $name >> {bag}/asked
            if grep -qx $name {bag}/broken; then echo "E: Unable to locate package $name" >&2; exit 100; fi
            echo x > ${{name}}_1_all.deb""",
        "dpkg": f"""
            mkdir -p "$3/usr/share/music" && cp {bag}/song.wav "$3/usr/share/music/" """,
    }
    for name, text in scripts.items():
        (tools / name).write_text("#!/bin/sh\n" + text)
        (tools / name).chmod(0o755)
    (bag / "broken").write_text("")
    entry = {"use": "train", "music": ["usr/share/music"], "licences": {"*": "CC0"}, "credit": "Nobody"}
    monkeypatch.setattr(corpus, "packages", lambda: dict.fromkeys(("one", "two", "three"), entry))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return bag


def test_a_fetch_that_failed_goes_on_where_it_was(archive, tmp_path):
    folder = tmp_path / "music"
    (archive / "broken").write_text("two\n")
    with pytest.raises(
        ConfigError, match=r"two: cannot be fetched \(E: Unable to locate package two\)[\s\S]*Debian 12"
    ):
        fetch.fetch(folder)
    assert {path.name for path in folder.iterdir()} == {"one", "three", fetch.SONGS_FILE}
    (archive / "broken").write_text("")
    (folder / "two.part").mkdir()
    (folder / "two_0_all.deb").write_bytes(b"half of it")
    steps = []
    fetch.fetch(folder, lambda *step: steps.append(step))
    assert (archive / "asked").read_text().split() == ["one", "two", "three", "two"], "what is there is kept"
    assert {path.name for path in folder.iterdir()} == {"one", "two", "three", fetch.SONGS_FILE}
    assert steps[0] == ("one", 0, 3) and steps[-1] == ("", 3, 3)
    assert len(corpus.find(folder)) == 3


def test_songs_are_written_down_and_a_changed_one_is_noticed(archive, tmp_path):
    folder = tmp_path / "music"
    fetch.fetch(folder)
    listed = json.loads((folder / fetch.SONGS_FILE).read_text())
    assert sorted(listed) == [f"{name}/usr/share/music/song.wav" for name in ("one", "three", "two")]
    entry = listed["one/usr/share/music/song.wav"]
    assert (entry["licence"], entry["package"], len(entry["sha256"])) == ("CC0", "one", 64)
    write(folder / "two/usr/share/music/song.wav", 0.9 * song())
    with pytest.raises(ConfigError, match=r"two.*changed since it was fetched. Delete .*two and fetch again"):
        fetch.fetch(folder)


def test_without_debians_tools_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"needs apt-get and dpkg.*missing: wesnoth.*--music FOLDER"):
        fetch.fetch(tmp_path / "music")


def test_the_command_line_lists_and_explains(tmp_path, monkeypatch):
    listed = CliRunner().invoke(main, ["--help"])
    assert listed.exit_code == 0 and all(name in listed.output for name in COMMANDS)
    assert "Example" in CliRunner().invoke(main, ["fetch", "--help"]).output
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = CliRunner().invoke(main, ["fetch", "--music", str(tmp_path / "music")])
    assert refused.exit_code == 2 and refused.stderr.startswith("Error: fetching music needs apt-get")
    assert CliRunner().invoke(main, ["fitch"]).exit_code == 2


@pytest.mark.music
def test_real_music(music_folder):
    found = corpus.find(music_folder)
    known = [one for one in found if one.package in corpus.packages()]
    assert known and all(one.use == corpus.packages()[one.package]["use"] for one in known)
    shortest = min(known, key=lambda one: one.path.stat().st_size)
    audio = corpus.decode(shortest)
    assert audio.shape[0] == 2 and audio.shape[1] >= 30 * RATE_HZ
    assert np.isfinite(audio).all() and 0.05 < np.abs(audio).max() < 4.0
