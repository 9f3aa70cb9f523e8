"""A song that is heard first: one gain, and the target is met, or it says why not."""

from __future__ import annotations

import numpy as np
import pytest
from demosong import demo_song

from rt_automix.config import Config
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import GAIN_TOLERANCE_LU, render, stages
from rt_automix.render.stages import Source
from rt_automix.units import lin_from_db

RATE_HZ = 44100


@pytest.fixture(scope="module")
def song():
    """Twelve seconds at about -27 LUFS."""
    return np.ascontiguousarray(demo_song(RATE_HZ)[:, 12 * RATE_HZ : 24 * RATE_HZ])


def _write(path, samples):
    with AudioWriter(path, RATE_HZ, len(samples), 32, force=True) as writer:
        writer.write(np.ascontiguousarray(samples, np.float32))
    return path


def _heard_first(source, target_lufs, **settings):
    named = {name.replace("__", "."): value for name, value in settings.items()}
    config = Config().with_overrides(**{"master.target_lufs": target_lufs, **named})
    return render(source, source.with_name("out.wav"), config=config, lookahead="song", force=True)


@pytest.mark.parametrize("level_db", [-25.0, 0.0, 15.0])
@pytest.mark.parametrize("target_lufs", [-40.0, -23.0, -14.0])
def test_every_target_is_met_from_every_level(song, tmp_path, target_lufs, level_db):
    result = _heard_first(_write(tmp_path / "in.wav", song * lin_from_db(level_db)), target_lufs)
    assert result.output.integrated_lufs == pytest.approx(target_lufs, abs=GAIN_TOLERANCE_LU)
    assert np.ptp(result.history.gain_db) == pytest.approx(0.0, abs=1e-3) and result.missed == ""
    assert result.output.true_peak_dbtp <= result.ceiling_dbtp + 0.02


def test_what_cannot_be_met_is_said_with_the_reason(song, tmp_path):
    result = _heard_first(_write(tmp_path / "in.wav", song), -5.0, limiter__ceiling_dbtp=-6.0)
    assert result.output.integrated_lufs < -6.0
    assert result.missed.startswith("The target of -5.0 LUFS is missed") and "ceiling" in result.missed
    assert result.to_dict()["missed"] == result.missed


def test_a_file_that_is_not_kept_gives_the_same(song, tmp_path, monkeypatch):
    source = _write(tmp_path / "in.wav", song)
    kept = _heard_first(source, -14.0)
    bytes_kept = kept.target.read_bytes()
    monkeypatch.setattr(stages, "KEPT_BYTES", 0)
    assert _heard_first(source, -14.0).target.read_bytes() == bytes_kept


def test_a_source_is_decoded_once_where_it_is_kept(song, tmp_path, monkeypatch):
    broken = song[:, :50_000].copy()
    broken[0, 7] = np.nan
    with AudioReader(_write(tmp_path / "in.wav", broken)) as reader:
        source = Source(reader, keep=True)
        first = np.concatenate(list(source.blocks(4096)), axis=1)
        monkeypatch.setattr(reader, "blocks", None)
        again = np.concatenate(list(source.blocks(777)), axis=1)
    assert source.faults == 1 and first[0, 7] == 0.0
    np.testing.assert_array_equal(first, again)
    again[:] = 1.0
    np.testing.assert_array_equal(source.whole, first)


@pytest.mark.parametrize(("frequency_hz", "level"), [(0.0, 0.03), (12.0, 0.05), (12.0, 0.3), (18.0, 0.05)])
def test_what_nobody_hears_keeps_nobody_from_the_target(song, tmp_path, frequency_hz, level):
    """DC and rumble under quiet music: without the subsonic filter the target is missed, by up to 8 LU."""
    quiet = song * lin_from_db(-12.0)
    rumble = level * np.cos(2 * np.pi * frequency_hz * np.arange(song.shape[1]) / RATE_HZ)
    source = _write(tmp_path / "in.wav", quiet + rumble)
    result = _heard_first(source, -14.0)
    assert result.output.integrated_lufs == pytest.approx(-14.0, abs=GAIN_TOLERANCE_LU) and result.missed == ""
    without = _heard_first(source, -14.0, master__subsonic_hz=0.0)
    assert without.output.integrated_lufs < -14.15


def test_a_file_with_dc_ends_without_a_step(song, tmp_path):
    faded = song * np.linspace(1.0, 0.0, song.shape[1]) * lin_from_db(-12.0)
    result = _heard_first(_write(tmp_path / "in.wav", faded + 0.03), -14.0)
    with AudioReader(result.target) as reader:
        played = np.concatenate(list(reader.blocks(65536)), axis=1)
    assert np.abs(played[:, -1]).max() < 0.01 and np.abs(played[:, -RATE_HZ:].mean(axis=1)).max() < 0.002
