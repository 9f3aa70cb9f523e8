"""A small set of made-up shards in the format that labelling writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_automix import params
from rt_automix.analysis.bundles import context

USES = ("train", "validation")


def make(folder: Path, windows: int = 30, examples: int = 70, seed: int = 0) -> Path:
    """WORK/data/train and WORK/data/validation with two shards each; WORK.

    The teacher of this world moves the matcher's answer by what the profile misses and by the
    window's level: a rule that a network can find.
    """
    random = np.random.default_rng(seed)
    for use in USES:
        (folder / "data" / use).mkdir(parents=True)
        for number in range(2):
            np.savez(folder / "data" / use / f"{number:03d}.npz", **shard(random, windows, examples))
    return folder


def shard(random: np.random.Generator, windows: int, examples: int) -> dict[str, np.ndarray]:
    """One shard of `windows` windows and `examples` examples."""
    sound = random.normal(-12.0, 6.0, (windows, *context.WINDOW_SHAPE)) + random.normal(0.0, 6.0, (windows, 1, 1))
    sound[0, :, :60] = context.LOWEST_LU
    window_of = np.sort(random.integers(0, windows, examples)).astype(np.int32)
    numbers = vectors(random, examples)
    matched = numbers[:, context.PARTS["matched_norm"]]
    nudge = 0.02 * np.tanh(numbers[:, context.PARTS["missing_bands_db"]][:, :1] / 5.0)
    level = 0.02 * np.tanh((sound.mean((1, 2))[window_of, None] + 12.0) / 6.0)
    heard = np.clip(matched + nudge + level, 0.0, 1.0)
    total_db = 24.0 * heard[:, 0] - 12.0 + 9.0 * heard[:, params.INDEX["limiter_drive_db"]]
    drive_db = np.clip(total_db, 0.0, 9.0)
    heard[:, 0], heard[:, params.INDEX["limiter_drive_db"]] = (total_db - drive_db + 12.0) / 24.0, drive_db / 9.0
    song = np.clip(heard + random.normal(0.0, 0.02, heard.shape), 0.0, 1.0)
    song[0] = np.nan
    return {
        "windows": np.clip(sound, context.LOWEST_LU, context.HIGHEST_LU).astype(np.float16),
        "window_of": window_of,
        "context": numbers,
        "heard": heard.astype(np.float32),
        "song": song.astype(np.float32),
        "seconds": random.uniform(2.0, 60.0, examples).astype(np.float32),
        "song_id": np.zeros(examples, np.int32),
        "profile_kind": np.zeros(examples, np.uint8),
    }


def vectors(random: np.random.Generator, count: int) -> np.ndarray:
    """Contexts in the ranges that `context.vector` keeps: float32, shape (count, context.SIZE)."""
    numbers = random.normal(0.0, 5.0, (count, context.SIZE))
    numbers[:, context.PARTS["histogram"]] = random.dirichlet(np.ones(context.HISTOGRAM_BINS), count)
    # Dynamics are calm already: the compressor rests, in the matcher's answer and in its rehearsal.
    numbers[:, context.PARTS["heard"].stop - 1], numbers[:, context.PARTS["wanted"].stop - 1] = 0.0, 15.0
    numbers[:, context.PARTS["matched_norm"]] = params.normalise(_parameters(random, count))
    return numbers.astype(np.float32)


def _parameters(random: np.random.Generator, count: int) -> np.ndarray:
    """Parameters in the teacher's gauge: the drive takes what is above 0 dB."""
    values = random.uniform(params.LOW, params.HIGH, (count, params.COUNT))
    total_db = random.uniform(-8.0, 12.0, count)
    values[:, params.INDEX["limiter_drive_db"]] = np.clip(total_db, 0.0, 9.0)
    values[:, 0] = total_db - np.clip(total_db, 0.0, 9.0)
    values[:, params.INDEX["compression"]] = 0.0
    return values
