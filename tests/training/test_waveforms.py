"""What is said of the outcome: renders of damaged waveforms, comparisons with intervals, the ten parameters blind."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import soundfile
from demosong import demo_song
from scipy.signal import butter, sosfilt

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters as known
from rt_automix.analysis.tone import TONE_BANDS
from training.correction import baselines, blind, comparison, masters
from training.judging import waveforms
from training.music import corpus

RATE_HZ = 44_100
SECONDS = 6


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> corpus.Song:
    path = tmp_path_factory.mktemp("music") / "song.wav"
    soundfile.write(path, demo_song(RATE_HZ)[:, : SECONDS * RATE_HZ].T, RATE_HZ, "FLOAT")
    return corpus.Song(path, "album", "validation", "song", "0123456789ab")


def test_renders_are_planned_in_turn_and_the_same_for_any_count(song):
    few, many = waveforms.jobs([song], 2), waveforms.jobs([song], 5)
    assert {job.kind for job in few} == set(waveforms.KINDS) and len(many) == 5
    assert set(few) <= set(many)


def test_a_render_is_judged_by_its_master_and_kept(song, tmp_path, monkeypatch):
    monkeypatch.setattr(waveforms, "SECONDS", 3.0)
    job = waveforms.Job(song, "usual", 0)
    found = waveforms.measure(job, tmp_path)
    monkeypatch.setattr(waveforms, "played", None)  # whoever plays it again fails
    assert waveforms.measure(job, tmp_path) == found
    report = waveforms.judge([(job, found), (job, {**found, "untouched": found["own"]})])
    usual = report["kinds"]["usual"]
    assert usual["untouched"]["change_share"] == 0.0 and usual["untouched"]["tone_db"] > 0.1
    assert set(usual) == set(found) - {"own"} and "hard" not in report["kinds"]
    assert usual["untouched"]["moments_share"] == 0.0 and usual["untouched"]["moments_db"] > 0.1
    assert "| usual | networks and Wiener, first |" in waveforms.table(report)
    json.dumps(report)


def test_a_gain_that_moves_changes_the_tone_of_a_stretch_but_not_of_its_moments():
    noise = 0.1 * np.random.default_rng(2).standard_normal((2, 3 * RATE_HZ))
    bright = np.linspace(0.0, 1.0, noise.shape[1])
    dull = [np.convolve(one, np.full(8, 0.125), "same") for one in noise]
    own = (bright * noise + (1.0 - bright) * dull).astype(np.float32)
    ridden = (own * 10.0**-bright).astype(np.float32)
    master = waveforms.Master.of(own)
    numbers = {who: waveforms.numbers(audio, master) for who, audio in (("own", own), ("ridden", ridden))}
    error = waveforms._errors(numbers["ridden"][None], numbers["own"][None])
    assert error["tone_db"][0] > 1.0 and error["moments_db"][0] < 0.2


def test_how_loud_a_stretch_is_does_not_change_its_tone():
    own = 0.2 * np.random.default_rng(2).standard_normal((2, 3 * RATE_HZ))
    own = sosfilt(butter(8, 9000.0, fs=RATE_HZ, output="sos"), own).astype(np.float32)
    master = waveforms.Master.of(own)
    loud, soft = (waveforms.numbers(own * np.float32(gain), master) for gain in (1.0, 0.01))
    np.testing.assert_allclose(soft, loud, atol=0.05)


def test_what_is_better_everywhere_is_apart_from_nothing():
    rng = np.random.default_rng(1)
    song, theirs = np.repeat(np.arange(20), 5), rng.uniform(1.0, 2.0, 100)
    groups = {"song": song, "package": song // 5}
    chosen = {"project whole": np.ones(100, bool), "tilt whole": song < 10}
    better = comparison.against(theirs - 0.1 - 0.05 * rng.random(100), {"Wiener": theirs}, chosen, groups)["Wiener"]
    alike = comparison.against(theirs + np.where(song % 2, 0.1, -0.1), {"Wiener": theirs}, chosen, groups)["Wiener"]
    for line in chosen:
        low, high = better[line]["by_song"]
        assert low <= better[line]["apart_db"] <= high < 0.0 and better[line]["share"] < 0.0
        assert alike[line]["by_song"][0] < 0.0 < alike[line]["by_song"][1]


def test_a_network_alone_is_one_of_the_shipped_and_the_closed_form_has_no_say():
    table, shipped = comparison.alone(1), known.table()
    for member in range(at.NET_MEMBERS):
        start = at.NET + member * at.NET_SIZE
        np.testing.assert_array_equal(
            table[start : start + at.NET_SIZE], shipped[at.NET + at.NET_SIZE : at.NET + 2 * at.NET_SIZE]
        )
    assert (table[at.BLEND : at.BLEND + at.KNOTS] == 1.0).all() and shipped[at.BLEND] < 1.0


def test_who_aims_at_the_own_master_undoes_the_damage():
    """All but what follows the level; and who aims elsewhere does not."""
    from rt_automix.analysis.hearing.listener import FeatureStream
    from rt_automix.analysis.hearing.statistics import Statistics
    from training.correction import examples, rowdamage

    rows = FeatureStream(RATE_HZ, 2).push(np.ascontiguousarray(demo_song(RATE_HZ)[:, : 10 * RATE_HZ]))
    damaged = rowdamage.damaged(rows, np.random.default_rng(3), 1.0)
    heard, own = Statistics(math.inf), Statistics(math.inf)
    heard.add(damaged)
    own.add(rows)
    one = examples.Examples(
        heard=heard.values[None, : examples.KEPT].astype("f4"), own=own.vector()[None].astype("f4"),
        whole=own.vector()[None].astype("f4"), seconds=np.array([math.inf], "f4"), scale=np.ones(1, "f4"),
        family=np.zeros(1, "i2"), song=np.zeros(1, "i4"), songs=[],
    )  # fmt: skip
    level_free = [*range(TONE_BANDS), TONE_BANDS + 2, TONE_BANDS + 4]
    assert level_free == baselines.LEVEL_FREE
    before, wanted = (of.vector()[None, level_free] for of in (heard, own))
    chosen = np.zeros(1, int)
    undone, led, left = (
        blind.undoing(one, chosen), blind.leading(one, chosen, wanted), blind.leading(one, chosen, before),
    )  # fmt: skip
    np.testing.assert_allclose(led[:, ~blind.IS_LEVEL], undone[:, ~blind.IS_LEVEL], atol=2e-3)
    assert np.abs(left - undone)[:, ~blind.IS_LEVEL].max() > 0.1


def test_a_folder_of_tables_knows_talk_as_the_shipped_one_does(tmp_path, monkeypatch):
    """What learns from nothing has measured music alone."""
    monkeypatch.setattr(known, "_DATA", known._DATA)
    (tmp_path / "masters.json").write_bytes((masters.SHIPPED / "masters.json").read_bytes())
    try:
        masters.use(tmp_path)
        np.testing.assert_array_equal(known.table(), known.table(False))
        assert known.table()[at.SPOKEN : at.SPOKEN + at.CLOSED_FORM_SIZE].any()
    finally:
        monkeypatch.undo()
        known.table.cache_clear()
