"""One scale everywhere: an integer n of b bits is n / 2**(b - 1), read and written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rt_automix.config import Config
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.io.files.take import Take
from rt_automix.render import render

RATE_HZ = 48000
READ = [
    ("a.wav", 8, "WAV", "PCM_U8"),
    ("a.wav", 16, "WAV", "PCM_16"),
    ("a.wav", 24, "WAV", "PCM_24"),
    ("a.wav", 24, "WAVEX", "PCM_24"),
    ("a.wav", 16, "RF64", "PCM_16"),
    ("a.w64", 24, "W64", "PCM_24"),
    ("a.aiff", 8, "AIFF", "PCM_S8"),
    ("a.aiff", 16, "AIFF", "PCM_16"),
    ("a.aiff", 24, "AIFF", "PCM_24"),
    ("a.flac", 8, "FLAC", "PCM_S8"),
    ("a.flac", 16, "FLAC", "PCM_16"),
    ("a.flac", 24, "FLAC", "PCM_24"),
    ("a.caf", 24, "CAF", "PCM_24"),  # by PyAV or ffmpeg
    ("a.au", 16, "AU", "PCM_16"),
]
WRITTEN = [(".wav", 16), (".wav", 24), (".flac", 16), (".flac", 24)]


def steps(bits: int, count: int = 60_000) -> np.ndarray:
    top = 2 ** (bits - 1)
    found = np.random.default_rng(bits).integers(-top, top, (2, count))
    found[:, :5] = (-top, top - 1, -1, 0, 1)
    return found


def read_all(path: Path) -> np.ndarray:
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks(4096)), axis=1)


@pytest.mark.parametrize(("name", "bits", "container", "subtype"), READ)
def test_every_container_and_depth_is_read_at_one_scale(tmp_path, name, bits, container, subtype):
    made = steps(bits)
    data = (made << (32 - bits)).astype(np.int32).T
    soundfile.write(tmp_path / name, data, RATE_HZ, subtype, format=container)
    np.testing.assert_array_equal(read_all(tmp_path / name) * 2.0 ** (bits - 1), made)


@pytest.mark.parametrize(("ending", "bits"), WRITTEN)
def test_what_fits_is_written_as_it_is(tmp_path, ending, bits):
    made = steps(bits)
    with AudioWriter(tmp_path / f"out{ending}", RATE_HZ, 2, bits) as writer:
        writer.write((made / 2.0 ** (bits - 1)).astype(np.float32))
    written = soundfile.read(tmp_path / f"out{ending}", dtype="int32")[0].T >> (32 - bits)
    np.testing.assert_array_equal(written, made)


@pytest.mark.parametrize(("ending", "bits"), WRITTEN)
def test_what_does_not_fit_is_dithered(tmp_path, ending, bits):
    wanted_steps = np.random.default_rng(1).uniform(-900, 900, (2, 60_000))
    audio = (wanted_steps / 2.0 ** (bits - 1)).astype(np.float32)
    with AudioWriter(tmp_path / f"out{ending}", RATE_HZ, 2, bits) as writer:
        writer.write(audio)
    written = soundfile.read(tmp_path / f"out{ending}", dtype="int32")[0].T >> (32 - bits)
    error = written - audio.astype(np.float64) * 2.0 ** (bits - 1)
    assert abs(error.mean()) < 0.01, "no rounding down"
    assert error.var() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("ending", "bits"), [(".wav", 24), (".flac", 24), (".wav", 32)])
def test_takes_have_the_same_scale(tmp_path, ending, bits):
    made = steps(24)
    take = Take(tmp_path / f"take{ending}", RATE_HZ, 2, bits)
    take.write((made / 2.0**23).astype(np.float32))
    take.close()
    np.testing.assert_array_equal(read_all(take.path) * 2.0**23, made)
    assert np.array_equal(soundfile.read(take.path)[0].T * 2.0**23, made)


def test_a_reference_song_and_an_upload_measure_alike_at_every_depth(tmp_path):
    """16 and 24 bits, and floats, of one sound: one profile, by the command's way and by the panel's."""
    from rt_automix.cli import settings
    from rt_automix.panel import reference

    sound = np.random.default_rng(3).normal(0, 0.1, (20 * RATE_HZ, 2))
    sound = np.rint(sound.clip(-0.9, 0.9) * 2**15) / 2**15
    found = []
    for name, subtype in (("a.wav", "PCM_16"), ("b.wav", "PCM_24"), ("c.flac", "PCM_16"), ("d.wav", "FLOAT")):
        soundfile.write(tmp_path / name, sound, RATE_HZ, subtype)
        found.append(settings.measured(tmp_path / name, lambda doing, share: None))
    folder = tmp_path / "page"
    folder.mkdir()
    confine, reference._confine = reference._confine, lambda: None
    try:
        reference._measure(folder, tmp_path / "a.wav", "a")
    finally:
        reference._confine = confine
    for other in found[1:]:
        np.testing.assert_array_equal(other.bands_db, found[0].bands_db)
    assert (folder / "profile.toml").is_file()
    found[0].save(tmp_path / "ours.toml")
    assert (folder / "profile.toml").read_text() == (tmp_path / "ours.toml").read_text()


@pytest.mark.parametrize("lookahead", ["live", "song"])
@pytest.mark.parametrize(("name", "bits"), [("a.wav", 16), ("a.wav", 24), ("a.flac", 24)])
def test_amount_0_leaves_identical_bytes(tmp_path, name, bits, lookahead):
    sound = np.random.default_rng(5).normal(0, 0.1, (2, 6 * RATE_HZ)).clip(-0.8, 0.8).astype(np.float32)
    source, target = tmp_path / name, tmp_path / f"out-{name}"
    with AudioWriter(source, RATE_HZ, 2, bits) as writer:
        writer.write(sound)
    config = Config().with_overrides(**{"master.amount": 0.0})
    render(source, target, config=config, bits=bits, lookahead=lookahead)
    assert target.read_bytes() == source.read_bytes()


def test_ffmpeg_reads_the_same_of_what_we_write(tmp_path):
    sound = np.random.default_rng(6).normal(0, 0.2, (2, 20_000)).astype(np.float32)
    for ending, bits in [*WRITTEN, (".wav", 32)]:
        with AudioWriter(tmp_path / f"out{ending}", RATE_HZ, 2, bits, force=True) as writer:
            writer.write(sound)
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", tmp_path / f"out{ending}", "-f", "f32le", "-"]
        theirs = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<f4")
        np.testing.assert_array_equal(read_all(tmp_path / f"out{ending}"), theirs.reshape(-1, 2).T)
