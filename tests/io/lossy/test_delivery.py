"""Encoded and decoded by the real ffmpeg: aligned, measured as other meters do, and told when it fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from demosong import demo_song

from rt_automix.analysis.recordings.measure import Meter
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.errors import AudioFileError, UserError
from rt_automix.io.lossy import ffmpeg
from rt_automix.io.lossy.codecs import CODECS, parse
from rt_automix.io.lossy.delivery import deliver

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")

RATE_HZ = 44_100
ALL = "aac:128,aac:256,mp3:128,mp3:320,opus:96,vorbis:160"


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """Six seconds at -1 dBFS."""
    song = demo_song(RATE_HZ)[:, 15 * RATE_HZ : 21 * RATE_HZ]
    return np.ascontiguousarray(song * (10.0 ** (-1.0 / 20.0) / np.abs(song).max()), np.float32)


@pytest.fixture(scope="module")
def hot(song) -> np.ndarray:
    """The same, twenty decibels too hot and clipped at -1 dBFS."""
    return np.clip(10.0 * song, -0.891, 0.891).astype(np.float32)


def _delivered(music, text, path, rate_hz=RATE_HZ, **options):
    return deliver([music], rate_hz, len(music), music.shape[1], parse(text)[0], path, **options)


def _of(music, rate_hz=RATE_HZ):
    meter = Meter(rate_hz, len(music))
    meter.push(music)
    return meter.result()


def _ffmpegs_own(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak, as ffmpeg's filter reads the file."""
    command = ["ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr.split("Summary:")[1]
    return float(re.search(r"I:\s+(\S+) LUFS", said)[1]), float(re.search(r"Peak:\s+(\S+) dBFS", said)[1])


@pytest.mark.parametrize("text", ALL.split(","))
def test_figures_are_those_of_ffmpegs_own_meter(hot, tmp_path, text):
    found = _delivered(hot, text, tmp_path / "out")
    integrated_lufs, true_peak_dbtp = _ffmpegs_own(tmp_path / "out")
    assert found.integrated_lufs == pytest.approx(integrated_lufs, abs=0.11)  # it prints one decimal
    # That meter oversamples fourfold and reads up to .7 dB low near Nyquist (standards: BS.1770-5, annex 2).
    assert true_peak_dbtp - 0.15 <= found.true_peak_dbtp <= true_peak_dbtp + 0.5
    decoded = np.concatenate(list(ffmpeg.decode(tmp_path / "out", 2)), axis=1)
    length = round(hot.shape[1] * found.sample_rate_hz / RATE_HZ)
    assert found.clipped_samples == np.count_nonzero(np.abs(decoded[:, :length]) > 1.0)


@pytest.mark.parametrize("text", ALL.replace("256", "160").split(","))
@pytest.mark.parametrize("channels", [1, 2])
def test_what_decodes_stands_where_it_stood(song, tmp_path, text, channels):
    music = np.ascontiguousarray(song[:channels])
    found = _delivered(music, text, tmp_path / "out")
    decoded = np.concatenate(list(ffmpeg.decode(tmp_path / "out", channels)), axis=1)
    if found.sample_rate_hz != RATE_HZ:
        time_s = np.arange(music.shape[1]) / RATE_HZ
        decoded = np.stack([np.interp(time_s, np.arange(row.size) / found.sample_rate_hz, row) for row in decoded])
    samples = music.shape[1]
    assert decoded.shape[1] >= samples
    size = 2 * samples
    product = np.fft.rfft(decoded[0, :samples], size) * np.conj(np.fft.rfft(music[0], size))
    assert int(np.fft.irfft(product).argmax()) == 0


@pytest.mark.parametrize("text", ["aac:128", "mp3:128", "opus:96", "vorbis:160"])
def test_encoders_lift_the_peaks_of_a_hot_master(hot, tmp_path, text):
    """And ffmpeg's AAC most: the reason for all of this. LAME turns constant rates down by 0.44 LU."""
    found, before = _delivered(hot, text, tmp_path / "out"), _of(hot)
    rise_db = found.true_peak_dbtp - before.true_peak_dbtp
    least_db = {"aac:128": 2.0, "mp3:128": -0.2, "opus:96": 1.0, "vorbis:160": 0.3}[text]
    assert least_db < rise_db < 7.0 and found.is_clean == (found.true_peak_dbtp <= 0.0)
    expected_lu = -0.44 if text == "mp3:128" else -0.05
    assert found.integrated_lufs - before.integrated_lufs == pytest.approx(expected_lu, abs=0.1)


def test_more_bits_do_not_cure_aac(hot, tmp_path):
    rises_db = [_delivered(hot, text, tmp_path / "out").true_peak_dbtp + 1.0 for text in ("aac:128", "aac:256")]
    assert min(rises_db) > 2.0


def test_the_bit_rate_is_that_of_the_file(song, tmp_path):
    assert _delivered(song, "mp3:128", tmp_path / "out").kbps == pytest.approx(128.0, abs=2.0)
    assert _delivered(song, "aac:128", tmp_path / "out").kbps == pytest.approx(128.0, abs=14.0)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 88_200, 96_000])
@pytest.mark.parametrize("text", ["aac:192", "mp3:192", "opus:128", "vorbis:192"])
def test_every_rate_is_delivered(tmp_path, text, rate_hz):
    music = np.sin(2.0 * np.pi * 997.0 * np.arange(2 * rate_hz) / rate_hz, dtype=np.float64)
    found = _delivered(np.float32(0.25 * np.stack([music, music])), text, tmp_path / "out", rate_hz)
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", tmp_path / "out"]
    stream = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"][0]
    assert int(stream["sample_rate"]) == found.sample_rate_hz == parse(text)[0].rate_hz(rate_hz)
    # BS.1770: both at -12.04 dBFS peak are -12.04 LUFS; MP3 at 192 comes out 0.26 LU down.
    assert found.integrated_lufs == pytest.approx(-12.04 - (0.26 if text == "mp3:192" else 0.0), abs=0.15)


def test_one_channel_from_two_loudspeakers_is_three_lu_more(song, tmp_path):
    mono = np.ascontiguousarray(song[:1])
    single, dual = (_delivered(mono, "mp3:128", tmp_path / "out", sides=sides).integrated_lufs for sides in (1, 2))
    assert dual - single == pytest.approx(3.01, abs=0.01)


def test_progress_goes_to_the_end(song, tmp_path):
    shares = []
    blocks = [np.ascontiguousarray(song[:, start : start + 50_000]) for start in range(0, song.shape[1], 50_000)]
    deliver(blocks, RATE_HZ, 2, song.shape[1], parse("mp3:128")[0], tmp_path / "out", progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and 0.5 in shares


# What is said when it fails -------------------------------------------------------------------------


def test_a_missing_ffmpeg_is_told_with_the_cure(monkeypatch):
    monkeypatch.setenv("PATH", "nowhere")
    with pytest.raises(UserError, match=r"ffmpeg, which encodes and decodes, is missing. Install it: .*apt install"):
        ffmpeg.check(parse("aac:128"))


def test_a_missing_encoder_is_told_with_the_cure(tmp_path, monkeypatch):
    """An ffmpeg of our own that has got only one, as those of some distributions."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' A....D aac   AAC (Advanced Audio Coding)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    ffmpeg.check(parse("aac:128"))
    with pytest.raises(UserError, match=r"opus:96: this ffmpeg .* lacks the encoder libopus. Install one that has it"):
        ffmpeg.check(parse("aac:128,opus:96"))


def test_the_ffmpeg_there_is_has_all():
    ffmpeg.check(parse(ALL))
    assert {parse(text)[0].name for text in ALL.split(",")} == set(CODECS)


def test_what_ffmpeg_says_is_handed_on(song, tmp_path):
    with pytest.raises(AudioFileError, match=r"not encoded as mp3:128: ffmpeg says: .*[Nn]o such file"):
        _delivered(song, "mp3:128", tmp_path / "nowhere" / "out")
    (tmp_path / "text").write_text("no audio")
    with pytest.raises(AudioFileError, match=r"not decoded: ffmpeg says: .*[Ii]nvalid data"):
        list(ffmpeg.decode(tmp_path / "text", 2))


def test_who_leaves_early_ends_ffmpeg(song, tmp_path):
    _delivered(song, "mp3:128", tmp_path / "out")
    decoding = ffmpeg.decode(tmp_path / "out", 2)
    next(decoding)
    decoding.close()

    def breaks_off():
        yield song
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ffmpeg.encode(breaks_off(), RATE_HZ, 2, parse("mp3:128")[0], tmp_path / "out")
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    assert not [pid for pid in children.read_text().split() if "ffmpeg" in Path(f"/proc/{pid}/cmdline").read_text()]
