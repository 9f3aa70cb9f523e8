"""What the files hold: noise with a tone, of which every sample is known, and the reference decoders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SECONDS = 0.5
Samples = NDArray[np.float32]


def steps(rate_hz: int, channels: int, bits: int, seconds: float = SECONDS) -> NDArray[np.int64]:
    """Integers of so many bits, shape (channels, samples), both ends of the range among them."""
    rng = np.random.default_rng([rate_hz, channels, bits])
    count = int(rate_hz * seconds) + 7
    wave = 0.4 * np.sin(2.0 * np.pi * 440.0 / rate_hz * np.arange(count)) + 0.15 * rng.standard_normal(
        (channels, count)
    )
    top = 1 << bits - 1
    found = np.rint(wave * top).clip(-top, top - 1).astype(np.int64)
    found[:, 5:9] = (-top, top - 1, -1, 1)
    return found


def run(*words: str | Path) -> None:
    """A program that makes a file; what it says is shown only where it fails."""
    done = subprocess.run(list(map(str, words)), capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stderr.decode(errors='replace').strip()[:300]}")


def ffmpeg(*words: str | Path) -> None:
    """ffmpeg, which writes over what is there."""
    run("ffmpeg", "-v", "error", "-nostdin", "-y", *words)


def by_ffmpeg(path: Path, channels: int, *decoder: str) -> Samples:
    """What ffmpeg decodes of a file's first sound."""
    command = ["ffmpeg", "-v", "quiet", "-nostdin", *decoder, "-i", str(path), "-map", "0:a:0", "-f", "f32le", "-"]
    data = subprocess.run(command, capture_output=True).stdout
    return np.frombuffer(data, "<f4").reshape(-1, channels).T


def by_sox(path: Path, channels: int) -> Samples:
    """What sox decodes."""
    data = subprocess.run(["sox", str(path), "-t", "f32", "-"], capture_output=True).stdout
    return np.frombuffer(data, "<f4").reshape(-1, channels).T
