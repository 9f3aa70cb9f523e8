"""What the tests of recordings share: a signal whose every sample says where it belongs, and three readers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import soundfile

from rt_automix.io.files.audio import AudioReader

RATE_HZ = 48000
_LONGEST = 1 << 22
_MIXER = 2654435761  # odd, so that every position has a value of its own; far from a tone, so that FLAC stays big


def signal(start: int, stop: int) -> np.ndarray:
    """Samples that name their own position, never zero, exact in 24 bits; the right side is upside down."""
    left = (((np.arange(start, stop) * _MIXER) % _LONGEST + 1) / 2.0**23).astype(np.float32)
    return np.stack([left, -left])


def position(sample: float) -> int:
    """Where a left sample of `signal` belongs."""
    return (round(float(sample) * 2**23) - 1) * pow(_MIXER, -1, _LONGEST) % _LONGEST


def read(path: Path) -> np.ndarray:
    """The whole file as our own reader gives it, after two others have been found to agree."""
    with AudioReader(path) as reader:
        ours = np.concatenate(list(reader.blocks()), axis=1)
    theirs = soundfile.read(path, always_2d=True, dtype="float32")[0].T
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-f", "f32le", "-"]
    third = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    decoded = np.frombuffer(third, "<f4").reshape(-1, len(ours)).T
    assert np.array_equal(ours, theirs)
    # ffmpeg goes by the frames rather than by the count of samples: it may find more.
    assert np.array_equal(ours, decoded[:, : ours.shape[1]])
    return ours
