"""Takes: every sample as it was, and a whole file whenever the writing stops."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from takes import RATE_HZ, read, signal

from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import AudioReader
from rt_automix.io.files.take import Take, wav_header

KINDS = [(".wav", 32), (".wav", 24), (".flac", 24)]
EXACT = KINDS[1:]


def record(path: Path, audio: np.ndarray, bits: int, block_samples: int = 4800) -> Take:
    take = Take(path, RATE_HZ, len(audio), bits)
    for start in range(0, audio.shape[1], block_samples):
        take.write(audio[:, start : start + block_samples])
    return take


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("ending", "bits"), KINDS)
def test_what_went_in_comes_out(tmp_path, ending, bits, channels):
    audio = np.random.default_rng(2).standard_normal((channels, 30_001)).astype(np.float32) * np.float32(0.3)
    take = record(tmp_path / f"take{ending}", audio, bits)
    take.close()
    found = read(take.path)
    if bits == 32:
        assert np.array_equal(found, audio)
    else:
        steps = np.rint(audio.astype(np.float64) * 2**23)
        assert np.array_equal(found * 2.0**23, steps.clip(-(2**23), 2**23 - 1))
    assert take.seconds_kept == 30_001 / RATE_HZ
    assert take.bytes_written == take.path.stat().st_size


@pytest.mark.parametrize(("ending", "bits"), EXACT)
def test_what_is_no_number_or_too_loud_does_not_wrap_round(tmp_path, ending, bits):
    audio = np.array([[np.nan, np.inf, -np.inf, 3.0, -3.0, 0.5]] * 2, np.float32)
    take = record(tmp_path / f"take{ending}", audio, bits)
    take.close()
    top = 1 - 2.0**-23
    assert np.array_equal(read(take.path)[0], np.float32([0, top, -1, top, -1, 0.5]))


@pytest.mark.parametrize(("ending", "bits"), KINDS)
def test_a_file_is_whole_wherever_the_writer_was_killed(tmp_path, ending, bits):
    """A copy in mid-writing stands for the kill: to the reader there is no difference."""
    audio = signal(0, 2 * RATE_HZ)
    take = record(tmp_path / f"take{ending}", audio[:, :RATE_HZ], bits)
    take.commit()
    committed_bytes, committed_s = take.path.stat().st_size, take.seconds_kept
    assert 1.0 - 0.1 < committed_s <= 1.0
    take.write(audio[:, RATE_HZ:])
    whole = take.path.read_bytes()
    take.close()
    for extra_bytes in (0, 1, 7, 5000, len(whole) - committed_bytes):
        cut = tmp_path / f"cut{ending}"
        cut.write_bytes(whole[: committed_bytes + extra_bytes])
        found = read(cut)
        assert found.shape[1] == round(committed_s * RATE_HZ)
        assert np.array_equal(found, audio[:, : found.shape[1]])


def test_a_closed_flac_carries_its_checksum(tmp_path):
    take = record(tmp_path / "take.flac", signal(0, 10_000), 24)
    take.commit()
    take.close()
    assert any(take.path.read_bytes()[26:42])
    read(take.path)  # our reader holds the audio against it


@pytest.mark.parametrize(("ending", "bits"), KINDS)
def test_a_take_that_got_no_audio_is_a_file_all_the_same(tmp_path, ending, bits):
    take = Take(tmp_path / f"take{ending}", RATE_HZ, 2, bits)
    take.close()
    command = ["ffmpeg", "-v", "error", "-i", take.path, "-f", "f32le", "-"]
    assert subprocess.run(command, check=True, capture_output=True, timeout=30).stdout == b""


def test_beyond_4_gb_a_wav_becomes_rf64(tmp_path):
    samples = (1 << 32) // 8 + 1000
    path = tmp_path / "long.wav"
    with path.open("wb") as handle:  # sparse: it takes no room
        handle.write(wav_header(samples, RATE_HZ, 2, 32))
        handle.truncate(80 + 8 * samples)
        handle.seek(-8, os.SEEK_END)
        handle.write(np.float32([0.25, -0.25]).tobytes())
    with AudioReader(path) as reader:
        assert reader.samples == samples
    with soundfile.SoundFile(path) as file:
        assert file.frames == samples
        file.seek(samples - 1)
        assert file.read().tolist() == [[0.25, -0.25]]
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]
    duration_s = float(subprocess.run(probe, capture_output=True, check=True, timeout=30).stdout)
    assert abs(duration_s - samples / RATE_HZ) < 1e-3


def test_the_header_turns_to_rf64_at_the_last_size_that_fits():
    fits = ((1 << 32) - 2 - 72) // 8
    assert wav_header(fits, RATE_HZ, 2, 32)[:4] == b"RIFF" and wav_header(fits + 1, RATE_HZ, 2, 32)[:4] == b"RF64"


def test_no_file_is_ever_written_over(tmp_path):
    names = []
    for _ in range(3):
        take = record(tmp_path / "take.flac", signal(0, 5000), 24)
        take.close()
        names.append(take.path.name)
    assert names == ["take.flac", "take-2.flac", "take-3.flac"]


@pytest.mark.parametrize(
    ("name", "bits", "words"),
    [
        ("take.mp3", 24, ('".mp3"', ".flac and .wav")),
        ("take.flac", 32, ("32 bits", "24")),
        ("take.wav", 16, ("16 bits", "24 and 32")),
        ("nowhere/take.wav", 24, ("folder", "does not exist")),
    ],
)
def test_what_cannot_be_recorded_is_said_at_once(tmp_path, name, bits, words):
    with pytest.raises(AudioFileError) as caught:
        Take(tmp_path / name, RATE_HZ, 2, bits)
    assert all(word in str(caught.value) for word in (name, *words))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_a_disk_that_is_full_from_the_start_leaves_nothing(tmp_path, ending, monkeypatch):
    from rt_automix.io.files import take

    monkeypatch.setattr(take, "_create", lambda path: _on_full_disk(take, path))
    with pytest.raises(AudioFileError, match="No space left"):
        Take(tmp_path / f"take{ending}", RATE_HZ)
    assert not list(tmp_path.iterdir())


def _on_full_disk(take, path: Path):
    shutil.copy("/dev/null", path)
    return take._TakeSink("/dev/full", "r+"), path
