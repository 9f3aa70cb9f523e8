"""The quality benchmark: its measures on signals whose answer is known, and a tiny run from end to end."""

from __future__ import annotations

import json
import sys

import bundles
import click
import matplotlib.image
import numpy as np
import pedalboard
import pytest
from demosong import demo_song

from bench import headlines
from bench.quality import measures, systems, targets
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.io.files.audio import AudioWriter

RATE_HZ = 48_000
pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="runs whole songs through compiled kernels")


def noise(seconds: float = 12.0) -> np.ndarray:
    return (0.1 * np.random.default_rng(2).standard_normal((2, round(seconds * RATE_HZ)))).astype(np.float32)


def times_s(audio: np.ndarray) -> np.ndarray:
    return np.arange(audio.shape[1]) / RATE_HZ


def gained(audio: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    return (audio * 10.0 ** (gain_db / 20.0)).astype(np.float32)


# Measures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("moves_hz", "depth_db"), [(2.0, 1.0), (4.0, 1.0), (4.0, 3.0)])
def test_pumping_is_the_rms_of_a_known_modulation(moves_hz, depth_db):
    before = noise()
    after = gained(before, depth_db * np.sin(2.0 * np.pi * moves_hz * times_s(before)))
    found = measures.pumping_db(measures.gain_curve_db(before, after, RATE_HZ))
    assert found == pytest.approx(depth_db / np.sqrt(2.0), rel=0.08)  # frames of 62 ms average a little


@pytest.mark.parametrize("moves_hz", [0.3, 12.0])
def test_what_moves_slower_or_faster_is_no_pumping(moves_hz):
    before = noise()
    after = gained(before, np.sin(2.0 * np.pi * moves_hz * times_s(before)))
    assert measures.pumping_db(measures.gain_curve_db(before, after, RATE_HZ)) < 0.1


def test_jitter_is_the_slope_of_a_ramp_and_nothing_for_a_gain_that_holds():
    before = noise()
    ramp = gained(before, 0.5 * times_s(before))
    assert measures.jitter_db_per_s(measures.gain_curve_db(before, ramp, RATE_HZ)) == pytest.approx(0.5, rel=0.05)
    still = gained(before, np.full(before.shape[1], -7.0))
    assert measures.jitter_db_per_s(measures.gain_curve_db(before, still, RATE_HZ)) < 1e-4


@pytest.mark.parametrize(
    "still", [pedalboard.LowShelfFilter(300.0, 9.0), pedalboard.PeakFilter(40.0, 12.0, 4.3)], ids=["broad", "fine"]
)
def test_an_equaliser_that_holds_still_is_no_movement(still):
    # Bass and treble by turns: the broadband ratio of levels would swing by many dB.
    before = noise()
    low = pedalboard.LowpassFilter(300.0)(before, RATE_HZ)
    turns = (times_s(before) * 4.0).astype(int) % 2 == 0
    before = np.where(turns, low, before - low).astype(np.float32)
    after = pedalboard.Pedalboard([still])(before, RATE_HZ)
    gains_db = measures.gain_curve_db(before, after, RATE_HZ)
    assert measures.pumping_db(gains_db) < 0.05 and measures.jitter_db_per_s(gains_db) < 0.05
    ratio_db = 10.0 * np.log10(measures._powers(after, RATE_HZ) / measures._powers(before, RATE_HZ))
    assert measures.pumping_db(ratio_db) > 0.3


def test_silence_in_the_input_says_nothing_of_the_gain():
    before = noise()
    before[:, 4 * RATE_HZ : 5 * RATE_HZ] = 0.0
    assert np.ptp(measures.gain_curve_db(before, 0.5 * before, RATE_HZ)) < 0.01


def test_thd_of_a_known_distortion():
    def squarer(audio, rate_hz, ceiling_dbtp):
        return audio + np.float32(0.02) * audio**2  # of a tone of amplitude a: a / 2 x 2 % of second harmonic

    found = measures.limiter_figures(squarer, RATE_HZ, 1.0)
    amplitude = 10.0 ** ((measures.CEILING_DBTP + 6.0) / 20.0)
    assert found["thd_50_hz_percent"] == pytest.approx(100.0 * 0.01 * amplitude, rel=1e-3)
    assert found["thd_100_hz_percent"] == pytest.approx(100.0 * 0.01 * amplitude, rel=1e-3)


def test_wobble_of_a_known_modulation_and_none_of_hits_that_nobody_limits():
    drums = measures.bass_under_drums(RATE_HZ, 4.0)
    assert np.abs(drums).max() > 10.0 ** ((measures.CEILING_DBTP + 3.0) / 20.0)
    assert measures.wobble_db(drums, RATE_HZ) < 0.02
    moving = gained(drums, 0.5 * np.sin(2.0 * np.pi * 2.0 * times_s(drums)))
    assert measures.wobble_db(moving, RATE_HZ) == pytest.approx(0.5 / np.sqrt(2.0), rel=0.05)


def test_true_peak_between_samples_loudness_and_width_are_read_as_they_are():
    # A sine of a quarter of the rate, caught at 45 degrees: 3.01 dB between the samples.
    quarter = np.cos(np.pi * np.arange(12 * RATE_HZ) / 2.0 + np.pi / 4.0)
    quarter *= np.clip(20.0 * np.minimum(times_s(quarter[None]), times_s(quarter[None])[::-1]), 0.0, 1.0)  # no clicks
    tone = np.tile(0.5 * quarter, (2, 1)).astype(np.float32) + 0.01 * noise()
    wanted = measures.measured(tone, RATE_HZ)
    found = measures.towards_target(tone, tone, RATE_HZ, wanted, 4.0)
    assert set(found) == set(list(measures.MEASURES)[:8])
    assert found["true_peak_over_db"] == pytest.approx(20.0 * np.log10(0.5) - measures.CEILING_DBTP, abs=0.1)
    assert found["loudness_error_lu"] < 0.2 and found["settles_s"] == pytest.approx(3.0)
    assert max(found[name] for name in ("band_balance_db", "side_mid_error_db", "pumping_db", "jitter_db_per_s")) < 0.3
    louder = measures.towards_target(tone, 2.0 * tone, RATE_HZ, wanted, 4.0)
    assert louder["loudness_error_lu"] == pytest.approx(6.02, abs=0.2) and louder["settles_s"] is None
    assert measures.harm(tone, 2.0 * tone, RATE_HZ, 4.0)["harm_loudness_lu"] == pytest.approx(6.02, abs=0.01)


def test_damage_is_the_same_every_time_and_another_for_another_seed():
    audio = noise(1.0)
    once, done = targets.damage(audio, RATE_HZ, 3)
    again, _ = targets.damage(audio, RATE_HZ, 3)
    other, _ = targets.damage(audio, RATE_HZ, 4)
    assert once.dtype == np.float32 and np.array_equal(once, again) and not np.array_equal(once, other)
    assert done["seed"] == 3 and len(done["bands_db"]) == len(targets.BANDS)
    json.dumps(done)


# The command ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Two songs: the demo song and its choruses, upside down."""
    folder = tmp_path_factory.mktemp("music")
    song = demo_song(RATE_HZ)[:, : 13 * RATE_HZ]
    for name, audio in (("one", song), ("two", 0.5 * song[:, ::-1])):
        with AudioWriter(folder / f"{name}.wav", RATE_HZ, 2, 24) as writer:
            writer.write(np.ascontiguousarray(audio))
    return folder


@pytest.fixture
def models(tmp_path):
    bundles.make(tmp_path / "models" / "baseline_cnn")
    broken = bundles.make(tmp_path / "models" / "weighted_ensemble")
    (broken / "model.onnx").write_bytes(b"")
    (broken / "model.int8.onnx").write_bytes(b"")
    return tmp_path / "models"


def test_a_tiny_run_has_every_value_of_everybody(music, models, tmp_path, capsys):
    targets.run([music], 2, 6.0, models, True, tmp_path)
    written = json.loads((tmp_path / "quality.json").read_text(encoding="utf-8"))
    assert written["settings"]["first_seed"] == targets.SEED and written["machine"]["processor"]
    results = written["results"]
    takers = ["untouched", "static preset", "matcher", "baseline_cnn", "baseline_cnn, --lookahead song"]
    assert list(results["summary"])[:5] == takers and "pedalboard, offline" in results["summary"]
    assert set(results["songs"]) == {"one", "two"}
    for name, song in results["songs"].items():
        assert song["like"] != name and song["damage"]["seed"] >= targets.SEED
        assert list(song["systems"]) == list(results["summary"])
        for figures in song["systems"].values():
            assert list(figures) == list(measures.MEASURES)
            assert all(np.isfinite(value) for value in figures.values() if value is not None)
        assert song["systems"]["untouched"]["harm_bands_db"] == 0.0
        for ours in takers[2:]:
            assert song["systems"][ours]["true_peak_over_db"] <= 0.02
    untouched, matcher = (results["summary"][name]["loudness_error_lu"]["median"] for name in ("untouched", "matcher"))
    assert matcher < untouched
    assert {"ours", "pedalboard.Limiter"} <= set(results["limiters"])
    assert np.ptp(matplotlib.image.imread(tmp_path / "quality.png")[..., :3]) > 0.5
    rows = dict(headlines.quality(results))
    assert len(rows) == len(results["summary"]) and "LU off" in rows["matcher, over 2 songs"]
    table = (tmp_path / "quality.md").read_text(encoding="utf-8")
    assert all(f"| {words} |" in table for words in (*measures.MEASURES.values(), *measures.LIMITER_MEASURES.values()))


def test_every_system_of_this_machine_masters_in_step(music):
    found = targets.tasks([music], 2, 6.0)
    task = found["one"]
    for name, system in systems.systems(None, quick=False).items():
        out = system(task)
        assert out.dtype == np.float32 and out.shape[0] == 2, name
        assert abs(out.shape[1] - task.audio.shape[1]) <= RATE_HZ // 20, name
        spectra = [np.fft.rfft(audio[0], 2**20) for audio in (task.audio, out)]
        lag = int(np.argmax(np.fft.irfft(spectra[1] * np.conj(spectra[0]))))
        assert min(lag, 2**20 - lag) < 64, name


def test_who_is_not_installed_is_skipped_with_a_word(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(systems, "find_spec", lambda name: None)
    monkeypatch.setattr(systems.sonare, "find_spec", lambda name: None)
    monkeypatch.setattr(systems.peers, "has_ffmpeg", lambda: False)
    monkeypatch.setitem(sys.modules, "training.labels.teacher", None)
    found = systems.systems(tmp_path, quick=False)
    assert list(found) == ["untouched", "static preset", "matcher", "pedalboard, offline"]
    assert list(systems.limiters(quick=False)) == ["ours", "pedalboard.Limiter"]
    words = capsys.readouterr().out
    for word in (
        "Matchering 2 is skipped",
        "libsonare is skipped",
        "ffmpeg is not installed",
        "teacher is skipped",
        "Networks are skipped",
    ):
        assert word in " ".join(words.split())


def test_a_bundle_that_is_not_whole_is_skipped_with_a_word(models, capsys):
    found = systems.systems(models, quick=False)
    assert "baseline_cnn" in found and "weighted_ensemble" not in found
    assert "It is skipped." in " ".join(capsys.readouterr().out.split())


def test_a_folder_without_music_is_refused(tmp_path):
    with pytest.raises(click.ClickException, match="at least 2 needed"):
        targets.tasks([tmp_path], 3, 8.0)
