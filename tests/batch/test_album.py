"""A record as one programme: distances that stay, joins that are none, gains of track and album, and going on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import warnings
from itertools import combinations, pairwise

import mixes
import mutagen
import numpy as np
import pytest
import soundfile
from oversampled import band_limited

from rt_automix import params
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.recordings.measure import Measurement, Meter
from rt_automix.batch import How, Item, Session
from rt_automix.batch.album import album, order, states
from rt_automix.batch.album.kept import Kept
from rt_automix.cli import main
from rt_automix.config import Config
from rt_automix.dsp.loudness import loudness
from rt_automix.dsp.tone import fine
from rt_automix.engine.engine import Engine
from rt_automix.errors import UserError
from rt_automix.io.files import gains
from rt_automix.render import album as together

RATE_HZ = 48_000
LEVELS_LU = (0.0, -5.0, -9.0)


def song(seed, seconds, level_db, fade=True):
    """A mix between silences, nothing above what the ceiling is promised for: float32, shape (samples, channels)."""
    made = band_limited(mixes.mix(seed, seconds).T, RATE_HZ).T * 10 ** (level_db / 20)
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
    """Songs that run into one another have the bits of one long programme, levels and tone glided by hand."""
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
    gain_db, interval = float(gains_db.max()), engine.analyst.interval_samples
    tone = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
    assert np.ptp(np.array(run.values)[:, tone], axis=0).max() > 0.1, "the test needs songs of another tone each"

    def held(sample):
        values = np.array(run.values[0])
        for n, (before, after) in enumerate(pairwise(np.array(run.values)), 1):
            turn = np.clip(0.5 + (sample - n * 192_000) / (4.0 * RATE_HZ), 0.0, 1.0)
            values[tone] += (after - before)[tone] * (0.5 - 0.5 * np.cos(np.pi * turn))
        values[drive] = np.clip(gain_db, 0.0, params.HIGH[drive])
        values[first] = np.clip(gain_db - values[drive], params.LOW[first], params.HIGH[first])
        return values

    drive, first = params.INDEX["limiter_drive_db"], params.INDEX["input_gain_db"]
    engine.hold(held(0), np.array(run.fine_db))
    engine.settle()
    before_db = level_db - held(0)[drive] - held(0)[first]
    long = np.concatenate([songs[f"{n}.wav"] for n in (3, 4, 5)]) * 10 ** (before_db / 20)[:, None]
    late = np.zeros((engine.latency_samples, 2))
    fed, played = np.concatenate((long, late)).T.astype(np.float32), []
    for start in range(0, fed.shape[1], interval):
        played.append(engine.process(np.ascontiguousarray(fed[:, start : start + interval])))
        engine.hold(held(start + interval), np.array(run.fine_db))
    assert np.abs(np.concatenate(played, axis=1).T[engine.latency_samples :] - made).max() < 1e-6


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


def test_three_levels_gated_together_are_not_their_mean():
    """-20, -14 and -8 LUFS of the same length make -11.58, as loudgain has it, too."""
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 997.0 * time_s, dtype=np.float32)
    several = []
    for level_lufs in (-20.0, -14.0, -8.0):
        meter = Meter(RATE_HZ, 2)
        meter.push(np.ascontiguousarray(np.stack((tone, tone)) * np.float32(10 ** (level_lufs / 20))))
        several.append(meter)
        assert loudness.together_lufs(meter.gated) == pytest.approx(meter.result().integrated_lufs, abs=1e-9)
    together_lufs = loudness.together_lufs(np.sum([meter.gated for meter in several], axis=0))
    assert together_lufs == pytest.approx(-11.58, abs=0.01)
    silent = Meter(RATE_HZ, 2)
    silent.push(np.zeros((2, RATE_HZ), np.float32))
    tags = gains.of(silent.result(), np.sum([meter.gated for meter in several], axis=0), -1.0)
    assert sorted(tags) == ["R128_ALBUM_GAIN", "REPLAYGAIN_ALBUM_GAIN", "REPLAYGAIN_ALBUM_PEAK"]
    assert float(tags["REPLAYGAIN_ALBUM_GAIN"].removesuffix(" dB")) == pytest.approx(-6.42, abs=0.01)


def test_songs_are_no_further_apart_in_tone_than_before(done):
    folder, _, rows = done
    kept = Kept(folder / "out")
    spectra = []
    for name in ("0.flac", "1.flac", "2.flac", "3.flac"):
        (heard,) = (one for (source, _), one in kept.heard.items() if source == rows[name]["source_hash"])
        made = kept.mastered[name, rows[name]["settings"]]
        spectra.append((heard.profile.bands_db, made.profile.bands_db))
    before, after = zip(*spectra, strict=True)
    for one, other in combinations(range(len(spectra)), 2):
        apart_db = [np.sqrt(np.mean(np.subtract(side[one], side[other]) ** 2)) for side in (before, after)]
        assert apart_db[1] < apart_db[0] + 0.1


def test_what_is_a_songs_own_is_bounded_and_a_share_of_the_distances_can_go():
    bass = np.where(np.arange(24) < 5, 1.0, 0.0)

    def heard(lufs, bass_db, has_bass_db):
        values = params.NEUTRAL.copy()
        values[params.INDEX["low_shelf_db"]] = bass_db
        figures = Measurement(lufs, lufs, lufs, 5.0, -1.0, -1.0, 12.0, 60.0)
        profile = Profile("a", tuple(has_bass_db * bass), lufs, 12.0, -10.0, -1.0, 3.0)
        zeros = (0.0,) * fine.BAND_COUNT
        return together.Heard(RATE_HZ, 2, 60 * RATE_HZ, figures, profile, tuple(values), zeros, False, False)

    for sign in (-1.0, 1.0):  # what would take the songs further apart is not done, but some of the contrary
        record = [heard(-10.0, 3.0, sign * 2.0), heard(-16.0, 0.0, 0.0), heard(-22.0, -3.0, -sign * 2.0)]
        runs = together.runs(record, -14.0, keep=0.5)
        assert [run.targets_lufs[0] for run in runs] == [-14.0, -17.0, -20.0]
        first_db, middle_db, last_db = (run.values[0][params.INDEX["low_shelf_db"]] for run in runs)
        assert middle_db == pytest.approx(0.0, abs=1e-9) and last_db == pytest.approx(-first_db)
        assert first_db == together.OWN_DB if sign < 0.0 else -0.5 < first_db < -0.1


def test_it_goes_on_where_it_was_and_makes_anew_what_another_song_changes(done, tmp_path):
    folder, _, rows = done
    copied = tmp_path / "out"
    shutil.copytree(folder / "out", copied)
    sources = [folder / "in" / f"{n}.wav" for n in range(8)]
    how = How(kind="flac")
    items = [Item(source, source.with_suffix(".flac").name, how) for source in sources]
    with Session(copied, jobs=1) as session:
        assert [row.is_new for row in album(items, session)] == [False] * 8
    assert {name: (copied / name).read_bytes() for name in rows} == {
        name: (folder / "out" / name).read_bytes() for name in rows
    }
    assert {state for _, state in states(items, copied)} == {"done"}
    (copied / "4.flac").unlink()  # as if it had been killed there: its run is made again, and nothing else
    assert [item.target for item, state in states(items, copied) if not state] == ["3.flac", "4.flac", "5.flac"]
    with Session(copied, jobs=1) as session:
        again = {row.target for row in album(items, session) if row.is_new}
    assert again == {"3.flac", "4.flac", "5.flac"}
    assert (copied / "4.flac").read_bytes() == (folder / "out" / "4.flac").read_bytes()
    assert {state for _, state in states(items[1:], copied)} == {""}  # without the loudest all are others
    with (copied / "album.jsonl").open("a") as kept:
        kept.write('{"heard": {"sa')
    assert {state for _, state in states(items, copied)} == {"done"}


def test_the_report_shows_all_songs_side_by_side(done):
    folder, _, rows = done
    page = (folder / "out" / "album.html").read_text()
    assert "The loudest song at −14.0 LUFS" in page and page.count("<svg") == 2 and "http" not in page.split("<svg")[0]
    assert all(f'<a href="{name}">{name}</a>' in page for name in rows)


def test_the_order_is_that_of_tags_of_a_cue_sheet_or_of_names(tmp_path):
    items = []
    for name, track in (("a.flac", "3/3"), ("b.flac", "1"), ("c.flac", "2")):
        path = mixes.write(tmp_path / name, 1, 0.1)
        tags = mutagen.File(path)
        tags["tracknumber"] = track
        tags.save()
        items.append(Item(path, name))
    assert [item.target for item in order.ordered(items)] == ["b.flac", "c.flac", "a.flac"]
    unnumbered = Item(mixes.write(tmp_path / "0.wav", 1, 0.1), "0.wav")
    assert order.ordered([unnumbered, *items]) == [unnumbered, *items]
    cue = tmp_path / "record.cue"
    cue.write_text('\ufeffFILE "c.flac" WAVE\n  TRACK 01 AUDIO\nFILE a.flac WAVE\n  TRACK 02 AUDIO\n', "utf-8")
    assert order.expanded([cue, "b.flac"]) == [tmp_path / "c.flac", tmp_path / "a.flac", "b.flac"]
    cue.write_text('FILE "all.flac" WAVE\n  TRACK 01 AUDIO\n  TRACK 02 AUDIO\n')
    with pytest.raises(UserError, match="cuts one file into 2 songs"):
        order.expanded([cue])


def test_a_record_without_a_song_is_said_and_rates_may_differ(tmp_path):
    paths = [mixes.write(tmp_path / "a.wav", 1, 1.0), mixes.write(tmp_path / "b.wav", 2, 1.0, rate_hz=44_100)]
    (tmp_path / "c.wav").touch()
    with Session(tmp_path / "out", jobs=1) as session:
        rows = {row.target: row for row in album([Item(p, p.name) for p in [*paths, tmp_path / "c.wav"]], session)}
    assert {name: row.status for name, row in rows.items()} == {"a.wav": "done", "b.wav": "done", "c.wav": "failed"}
    assert "is empty" in rows["c.wav"].reason
    with Session(tmp_path / "none", jobs=1) as session, warnings.catch_warnings(action="error"):
        (row,) = album([Item(tmp_path / "c.wav", "c.wav")], session)
    assert row.status == "failed" and (tmp_path / "none" / "album.html").is_file()
    assert main(["batch", "--album", str(tmp_path), "-o", "x", "--watch"]) == 2
    assert main(["batch", str(tmp_path / "a.wav"), "-o", "x", "--album-keep", "0.5"]) == 2


def test_killed_in_the_middle_it_ends_with_the_same_bits(done, tmp_path):
    folder, _, rows = done
    surroundings = {**os.environ, "PYTHONPATH": str(mixes.ROOT)}
    words = [*mixes.BATCH, "--album", "in", "-o", str(tmp_path / "out"), "--to", "flac", "--jobs", "1"]
    process = subprocess.Popen(words, env=surroundings, cwd=folder, stdout=subprocess.DEVNULL)
    while not list((tmp_path / "out").glob("*.flac")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert 0 < len(list((tmp_path / "out").glob("*.flac"))) < len(rows)
    assert subprocess.run(words, env=surroundings, cwd=folder, capture_output=True).returncode == 0
    for name in [*rows, "album.html"]:
        assert (tmp_path / "out" / name).read_bytes() == (folder / "out" / name).read_bytes()
