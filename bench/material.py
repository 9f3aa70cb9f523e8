"""The music that is measured on: the built-in song, or songs of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rt_automix import demo_song
from rt_automix.errors import AudioFileError
from rt_automix.io.files import AudioReader
from rt_automix.measure import Meter
from rt_automix.units import lin_from_db

Audio = NDArray[np.float32]

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")


def integrated_lufs(audio: Audio, sample_rate_hz: int) -> float:
    """Loudness of the whole of it."""
    meter = Meter(sample_rate_hz, len(audio))
    meter.push(np.ascontiguousarray(audio))
    return meter.result().integrated_lufs


def at_loudness(audio: Audio, sample_rate_hz: int, loudness_lufs: float) -> Audio:
    """The same at another loudness."""
    gain_db = loudness_lufs - integrated_lufs(audio, sample_rate_hz)
    return audio * np.float32(lin_from_db(gain_db))


def loud_song(sample_rate_hz: int) -> Audio:
    """The choruses of the built-in song, where compressor and limiter have work: float32, (2, samples)."""
    song = demo_song.render_song(sample_rate_hz)
    starts_s = demo_song.section_starts_s()
    first, last = round(starts_s["chorus"] * sample_rate_hz), round(starts_s["break"] * sample_rate_hz)
    return at_loudness(song[:, first:last], sample_rate_hz, -14.0)


def songs(folder: Path, count: int, seconds: float) -> dict[str, tuple[Audio, int]]:
    """The middle of `count` stereo songs, drawn from all over a folder: audio and rate by name."""
    found: dict[str, tuple[Audio, int]] = {}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    for index in np.random.default_rng(3).permutation(len(paths)):
        if len(found) == count:
            break
        path = paths[index]
        try:
            with AudioReader(path) as reader:
                if reader.channels != 2 or reader.duration_s < 2.0 * seconds:
                    continue
                whole = np.concatenate(list(reader.blocks()), axis=1)
        except AudioFileError:
            continue
        start = (whole.shape[1] - round(seconds * reader.sample_rate_hz)) // 2
        part = whole[:, start : start + round(seconds * reader.sample_rate_hz)]
        found[path.stem] = (np.ascontiguousarray(part), reader.sample_rate_hz)
    return found
