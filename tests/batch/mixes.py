"""Short mixes for the tests of a batch, good and bad, and what `render` makes of the good."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from mutagen.flac import FLAC

ROOT = Path(__file__).parents[2]
BATCH = [sys.executable, "-m", "rt_automix", "batch"]


def mix(seed, seconds=2.0, rate_hz=48_000, channels=2):
    """Chords and a beat in noise: float32, shape (samples, channels)."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    tones = sum(np.sin(2 * np.pi * hz * time_s) for hz in random.uniform(80.0, 900.0, 4))
    beat = random.standard_normal((time_s.size, channels)) * np.exp(-8.0 * (time_s % 0.5))[:, None]
    return (0.04 * tones[:, None] + 0.1 * beat).astype(np.float32)


def write(path, seed, seconds=2.0, rate_hz=48_000, channels=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, mix(seed, seconds, rate_hz, channels), rate_hz, subtype="PCM_24")
    return path


def good(folder):
    """Four mixes, one an MP3, one in a folder of its own: FLAC with tags, mono. By target."""
    deep = write(folder / "disc 1" / "03 wälz.flac", 3, rate_hz=44_100, channels=1)
    tags = FLAC(deep)
    tags["title"] = "Walzer"
    tags.save()
    soundfile.write(folder / "m.mp3", mix(4), 48_000, format="MP3")
    wavs = {name: write(folder / name, seed, 3.0) for seed, name in enumerate(("a.wav", "b.c.wav"))}
    return wavs | {"m.wav": folder / "m.mp3", "disc 1/03 wälz.flac": deep}


def bad(folder):
    """Ten files that cannot be mastered, by what is said of each."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "whole.wav", 9)
    whole = (folder / "whole.wav").read_bytes()
    (folder / "whole.wav").unlink()
    broken = bytearray(write(folder / "broken.flac", 9).read_bytes())
    broken[len(broken) // 2 : len(broken) // 2 + 4000] = bytes(4000)
    (folder / "broken.flac").write_bytes(broken)
    (folder / "empty.wav").touch()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 3])
    (folder / "text.mp3").write_text("These are words.\n" * 40)
    (folder / "folder.wav").mkdir()
    soundfile.write(folder / "seven.wav", np.zeros((48_000, 7), np.float32), 48_000)
    soundfile.write(folder / "slow.wav", np.zeros(4_000, np.float32), 4_000)
    soundfile.write(folder / "none.wav", np.zeros((0, 2), np.float32), 48_000)
    (folder / "head.wav").write_bytes(struct.pack("<4sI4s", b"RIFF", 4, b"WAVE"))
    (folder / "link.wav").symlink_to(folder / "nowhere.wav")
    return {
        "broken.flac": "be decoded at|can be decoded|breaks off",
        "empty.wav": "is empty",
        "cut.wav": "Copy it again",
        "text.mp3": "not audio",
        "folder.wav": "a folder",
        "seven.wav": "7 channels",
        "slow.wav": "4000 Hz",
        "none.wav": "no audio found",
        "head.wav": "damaged|cut off",
        "link.wav": "no such file",
    }


def run(*words, **how):
    """`rt-automix batch` to its end."""
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*BATCH, *map(str, words)], env=surroundings, capture_output=True, text=True, **how)
