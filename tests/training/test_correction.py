"""What the correction is learned from and judged by: rows that are damaged as waveforms are, the table, the figures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import soundfile
from demosong import demo_song

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters as known
from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.masters import Aim
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS
from rt_automix.dsp.tone import equalizer
from training.correction import baselines, evaluate, examples, masters, rowdamage, rows
from training.music import corpus, damage

RATE_HZ = 44_100
SECONDS = 50


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    return np.ascontiguousarray(demo_song(RATE_HZ)[:, : SECONDS * RATE_HZ])


@pytest.fixture(scope="module")
def heard(audio) -> np.ndarray:
    return FeatureStream(RATE_HZ, 2).push(audio)


def measured(of: np.ndarray) -> Statistics:
    statistics = Statistics(math.inf)
    statistics.add(of)
    return statistics


@pytest.fixture
def work(tmp_path, audio, monkeypatch):
    """A folder with two songs' rows: one to learn from, one to judge on."""
    monkeypatch.setattr(corpus, "SMALLEST_BYTES", 1000)
    for album in ("learned", "judged"):
        (tmp_path / "music" / album).mkdir(parents=True)
        soundfile.write(tmp_path / "music" / album / "song.wav", audio.T, RATE_HZ, "FLOAT")
    monkeypatch.setattr(corpus, "use_by_hash", lambda album: "train" if album == "learned" else "validation")
    songs = corpus.find(tmp_path / "music")
    corpus.write_split(tmp_path / "split.json", songs)
    assert rows.make(songs, tmp_path / "rows", 1) == []
    return tmp_path


def test_rows_are_kept_as_they_were_heard(work, heard):
    songs = corpus.read_split(work / "split.json")
    kept = rows.read(songs[0], work / "rows")
    assert kept.shape == heard.shape and np.abs(kept - heard).max() < 0.02
    before = rows.file_of(songs[0], work / "rows").stat().st_mtime_ns
    rows.make(songs, work / "rows", 1)
    assert rows.file_of(songs[0], work / "rows").stat().st_mtime_ns == before, "what is there is kept"


def test_an_equaliser_on_rows_is_one_on_the_waveform(audio, heard):
    hz, q, gain_db = 700.0, 1.0, 6.0
    coefficients = damage.biquad(equalizer.BELL, hz, q, gain_db, RATE_HZ)
    filtered = audio.copy()
    neutral = np.tile([1.0, 0.0, 0.0, 0.0, 0.0], equalizer.BAND_COUNT - 1)
    equalizer.process(np.concatenate([coefficients, neutral]), equalizer.new_state(), filtered[0], filtered[1])
    through_rows = measured(rowdamage.recoloured(heard, rowdamage.response_db(coefficients)))
    through_audio = measured(FeatureStream(RATE_HZ, 2).push(filtered))
    assert np.abs(through_rows.bands_db - through_audio.bands_db).max() < 0.3
    assert through_rows.loudness_lufs == pytest.approx(through_audio.loudness_lufs, abs=0.1)
    assert np.abs(through_audio.bands_db - measured(heard).bands_db).max() > 3.0


def test_width_and_gain_on_rows_are_exact(heard):
    before, after = measured(heard), measured(rowdamage.recoloured(heard, np.zeros(64), 3.0, -6.0))
    assert after.side_mid_db - before.side_mid_db == pytest.approx(3.0, abs=0.01)
    plain = measured(rowdamage.recoloured(heard, np.zeros(64), 0.0, -6.0))
    assert plain.loudness_lufs - before.loudness_lufs == pytest.approx(-6.0, abs=0.05)
    np.testing.assert_allclose(plain.bands_db, before.bands_db, atol=0.05)


def test_expansion_makes_dynamics_larger_and_a_master_is_no_damage(heard):
    rng = np.random.default_rng(1)
    expanded = rowdamage.recoloured(heard, np.zeros(64), 0.0, rowdamage.expansion_db(heard, rng))
    assert measured(expanded).dynamics_db > measured(heard).dynamics_db
    np.testing.assert_array_equal(rowdamage.damaged(heard, rng, 0.0), heard)


@pytest.mark.parametrize("kind", rowdamage.CURVES)
def test_every_curve_is_finite_seeded_and_grows_with_its_scale(kind):
    one, again, twice = (rowdamage.CURVES[kind](np.random.default_rng(4), scale) for scale in (1.0, 1.0, 2.0))
    np.testing.assert_array_equal(one, again)
    assert np.isfinite(twice).all() and np.abs(twice).max() > 1.2 * np.abs(one).max() > 1.0


def test_examples_are_the_same_whenever_they_are_made(work):
    (learned, judged) = sorted(corpus.read_split(work / "split.json"), key=lambda song: song.use)
    for song in (learned, judged):
        examples._write(song, work)
        made, again = examples.make(song, work / "rows"), np.load(examples.file_of(song, work))
        assert all(np.array_equal(made[name], again[name]) for name in made)
    found = examples.read(work, "validation")
    assert set(found.family.tolist()) == set(range(len(examples.FAMILIES)))
    is_master = found.family == examples.FAMILIES.index("masters")
    heard, own = evaluate.heard_of(found), evaluate.level_free(found.own)
    np.testing.assert_allclose(heard[is_master], own[is_master], atol=1e-3)
    assert (found.seconds[np.isinf(found.seconds)].size) == len(examples.FAMILIES)


def test_the_basis_makes_both_covariances_diagonal():
    rng = np.random.default_rng(2)

    def covariance():
        half = rng.normal(size=(200, TONE_BANDS))
        half -= half.mean(axis=1, keepdims=True)
        return half.T @ half / 200.0

    one, other = covariance(), covariance()
    analysis, synthesis, spreads = masters.basis([one], other)
    ridge = masters.RIDGE_DB2 * (np.eye(TONE_BANDS) - 1.0 / TONE_BANDS)
    np.testing.assert_allclose(analysis @ (other + ridge) @ analysis.T, np.eye(at.MODES), atol=1e-8)
    diagonal = analysis @ one @ analysis.T
    np.testing.assert_allclose(diagonal, np.diag(np.diag(diagonal)), atol=0.02)  # but for the ridge
    np.testing.assert_allclose(spreads[0], np.diag(diagonal), atol=1e-8)
    # There and back again leaves tone as it was.
    tone = rng.normal(size=TONE_BANDS)
    np.testing.assert_allclose(synthesis.T @ (analysis @ tone), tone - tone.mean(), atol=1e-8)


def test_a_table_that_is_read_off_is_the_conditional_mean():
    rng = np.random.default_rng(3)
    own, done = rng.normal(0.0, 3.0, 40_000), rng.normal(0.0, 4.0, 40_000)
    table = masters.read_off(own + done, own, (-12.0, 12.0))
    points = table[0] + table[1] * np.arange(at.TABLE_POINTS)
    inner = np.abs(points) < 8.0
    np.testing.assert_allclose(table[2::2][inner], 0.64 * points[inner], atol=0.4)
    np.testing.assert_allclose(table[3::2][inner], 2.4, atol=0.4)


def test_the_shipped_table_was_made_of_training_packages_alone():
    told = json.loads((known._DATA / "masters.json").read_text(encoding="utf-8"))
    uses = {name: entry["use"] for name, entry in corpus.packages().items()}
    assert told["songs"] >= 200 and {uses[name] for name in told["packages"]} == {"train"}


def test_bad_tables_are_refused():
    told = json.loads((known._DATA / "masters.json").read_text(encoding="utf-8"))
    assert known.to_array(told).shape == (at.MASTERS_SIZE,)
    with pytest.raises(ValueError, match="masters: temper"):
        known.to_array(told | {"temper": math.nan})
    with pytest.raises(ValueError, match=r"masters: analysis .* \(23, 24\) needed"):
        known.to_array(told | {"analysis": [[1.0]]})


def test_errors_count_tone_and_not_level_nor_bands_with_nothing_in_them():
    own = np.zeros((1, at.LEAN_SIZE))
    own[0, :TONE_BANDS] = known.table()[at.MEAN : at.MEAN + TONE_BANDS]
    heard = own.copy()
    heard[0, :TONE_BANDS] += 3.0
    nothing = np.zeros_like(own)
    assert evaluate.errors_db(nothing, heard, own)[0] == pytest.approx(0.0, abs=1e-9)
    own[0, 23], heard[0, 23] = -90.0, -20.0
    assert evaluate.errors_db(nothing, heard, own)[0] == pytest.approx(0.0, abs=1e-9)
    heard[0, 3] += 2.0
    assert 0.3 < evaluate.errors_db(nothing, heard, own)[0] < 0.5


def test_the_judgement_has_every_figure_and_the_closed_form_in_it(work):
    for song in corpus.read_split(work / "split.json"):
        examples._write(song, work)
    report = evaluate.judge(examples.read(work, "validation"), evaluate.methods())
    project = report["methods"]["untouched"]["project"]["whole"]
    assert project["gain_db"] == 0.0 and project["made_worse"] == 0.0
    assert report["methods"]["untouched"]["masters"]["whole"]["error_db"] == pytest.approx(0.0, abs=1e-3)
    assert report["methods"]["Wiener"]["calibration"]["spearman"] <= 1.0
    text = evaluate.table(report)
    assert "| untouched |" in text and "made worse" in text
    json.dumps(report)


def test_what_auto_of_030_did_is_what_it_did():
    """Half of the way to the mix of styles that are like it, and never far."""
    known_styles = baselines.styles()
    heard = np.array([one + 0.1 for one in known_styles.values()])
    moved = baselines.auto_030(heard) - heard
    assert np.abs(moved[:, :TONE_BANDS]).max() <= 1.5
    far = heard.copy()
    far[:, :TONE_BANDS] += np.linspace(8.0, -8.0, TONE_BANDS)
    assert np.abs(baselines.auto_030(far) - far)[:, :TONE_BANDS].max() > 1.0


def test_the_correction_of_a_damaged_song_is_towards_its_master(heard):
    """In the mean over cheap microphones, whose damage is far from what masters are like."""
    own, before, after = measured(heard), [], []
    for seed in range(6):
        damaged = measured(rowdamage.recoloured(heard, rowdamage.microphone(np.random.default_rng(seed))))
        aimed = Aim().settled(damaged, profile.load("auto"))
        before.append(np.std(damaged.bands_db - own.bands_db))
        after.append(np.std(np.array(aimed.bands_db) - own.bands_db))
    assert np.mean(after) < 0.9 * np.mean(before)
