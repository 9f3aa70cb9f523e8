"""A record as one programme: distances that stay, joins that are none, gains of track and album, and going on."""

from __future__ import annotations

import json
from itertools import pairwise

import mixes
import mutagen
import numpy as np
import pytest
import soundfile

from rt_automix import params
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.render import album as together

RATE_HZ = 48_000
LEVELS_LU = (0.0, -5.0, -9.0)


def song(seed, seconds, level_db, fade=True):
    """A mix that begins and ends in silence: float32, shape (samples, channels)."""
    made = mixes.mix(seed, seconds) * 10 ** (level_db / 20)
    if fade:
        ramp = np.linspace(0.0, 1.0, 4800)[:, None]
        made[:4800] *= ramp
        made[-4800:] *= ramp[::-1]
        made[:1200], made[-1200:] = 0.0, 0.0
    return made.astype(np.float32)


def record(folder):
    """Three songs, three more that run into one another, a silence and a blip; in the order of their names."""
    folder.mkdir()
    songs = {f"{n}.wav": song(n, 5.0, level_db) for n, level_db in enumerate(LEVELS_LU)}
    long = song(7, 12.0, -3.0, fade=False)
    long[192_000:] *= 0.7
    songs |= {f"{3 + n}.wav": long[n * 192_000 : (n + 1) * 192_000] for n in range(3)}
    songs |= {"6.wav": np.zeros((48_000, 2), np.float32), "7.wav": song(9, 0.2, 0.0)}
    for name, samples in songs.items():
        soundfile.write(folder / name, samples, RATE_HZ, subtype="FLOAT")
    return songs


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The record, and what the command made of it."""
    folder = tmp_path_factory.mktemp("album")
    songs = record(folder / "in")
    ended = mixes.run("--album", "in", "-o", "out", "--to", "flac", "--jobs", 2, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in (folder / "out" / "batch.jsonl").read_text().splitlines()]
    return folder, songs, {row["target"]: row for row in rows}


def test_the_loudest_is_at_the_target_and_the_others_keep_their_distance(done):
    _, songs, rows = done
    heard = [rows[f"{n}.flac"] for n in range(6)]
    before, after = ([row[name] for row in heard] for name in ("input_lufs", "output_lufs"))
    assert max(after) == pytest.approx(-14.0, abs=0.2) and len(rows) == len(songs)
    assert np.subtract(after, max(after)) == pytest.approx(np.subtract(before, max(before)), abs=0.3)
    assert max(row["output_dbtp"] for row in rows.values()) < -0.98


def test_a_join_is_none(done, tmp_path):
    """Songs that run into one another have the bits of one long programme, levels glided by hand."""
    folder, songs, _ = done
    sources = [folder / "in" / f"{n}.wav" for n in (3, 4, 5)]
    heard = [together.hear(source, Config(), None, "dual") for source in sources]
    (run,) = together.runs(heard, -14.0)
    targets = [tmp_path / source.name for source in sources]
    mastered = together.play(run, sources, targets, Config(), bits=32)
    made = np.concatenate([soundfile.read(target, dtype="float32")[0] for target in targets])
    gains_db = np.array([one.gain_db for one in mastered])
    assert np.ptp(gains_db) > 0.01, "nothing glides: the test needs songs that want other gains"
    level_db = np.full(len(made), gains_db[0])
    for n, (before_db, after_db) in enumerate(pairwise(gains_db), 1):
        turn = np.clip(0.5 + (np.arange(len(made)) - n * 192_000) / (4.0 * RATE_HZ), 0.0, 1.0)
        level_db += (after_db - before_db) * (0.5 - 0.5 * np.cos(np.pi * turn))
    engine = Engine(Config().with_overrides(**{"rider.enabled": False}), analysis="off")
    engine.prepare(RATE_HZ, 1 << 20)
    values, gain_db = np.array(run.values), float(gains_db.max())
    drive, first = params.INDEX["limiter_drive_db"], params.INDEX["input_gain_db"]
    values[drive] = np.clip(gain_db, 0.0, params.HIGH[drive])
    values[first] = np.clip(gain_db - values[drive], params.LOW[first], params.HIGH[first])
    engine.hold(values, np.array(run.fine_db))
    engine.settle()
    before_db = level_db - values[drive] - values[first]
    long = np.concatenate([songs[f"{n}.wav"] for n in (3, 4, 5)]) * 10 ** (before_db / 20)[:, None]
    late = np.zeros((engine.latency_samples, 2))
    played = engine.process(np.ascontiguousarray(np.concatenate((long, late)).T, np.float32)).T
    assert np.abs(played[engine.latency_samples :] - made).max() < 1e-6


def test_gains_are_gated_together_and_what_is_silent_has_none_of_its_own(done):
    folder, _, rows = done
    tags = {name: mutagen.File(folder / "out" / name).tags for name in rows}
    albums = {(tag["REPLAYGAIN_ALBUM_GAIN"][0], tag["REPLAYGAIN_ALBUM_PEAK"][0]) for tag in tags.values()}
    assert len(albums) == 1
    for name, tag in tags.items():
        assert ("REPLAYGAIN_TRACK_GAIN" in tag) == ("R128_TRACK_GAIN" in tag) == (name < "6")
    own_db = float(tags["0.flac"]["REPLAYGAIN_TRACK_GAIN"][0].removesuffix(" dB"))
    assert own_db == pytest.approx(-18.0 - rows["0.flac"]["output_lufs"], abs=0.01)
    assert int(tags["0.flac"]["R128_TRACK_GAIN"][0]) == pytest.approx(256 * (own_db - 5.0), abs=3)
