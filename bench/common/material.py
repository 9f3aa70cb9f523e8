"""The music that is measured on: the built-in song, or songs of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.recordings.measure import Meter
from rt_automix.demo.song import render_song, section_starts_s
from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import AudioReader
from rt_automix.units import lin_from_db

Audio = NDArray[np.float32]

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
INTRO_S = 30.0
GENERIC = ("song", "guitar")
"""File names that say nothing: the folder's name is the song's then."""


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
    song = render_song(sample_rate_hz)
    starts_s = section_starts_s()
    first, last = round(starts_s["chorus"] * sample_rate_hz), round(starts_s["break"] * sample_rate_hz)
    return at_loudness(song[:, first:last], sample_rate_hz, -14.0)


def _whole(path: Path, at_least_s: float) -> tuple[Audio, int] | None:
    """A stereo song that is long enough, or None."""
    try:
        with AudioReader(path) as reader:
            if reader.channels != 2 or reader.duration_s < at_least_s:
                return None
            return np.concatenate(list(reader.blocks()), axis=1), reader.sample_rate_hz
    except AudioFileError:
        return None


def _song_paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def albums(folder: Path, count: int, seconds: float) -> dict[str, tuple[Audio, int]]:
    """`seconds` of `count` stereo songs, the biggest of each sub-folder, then the second biggest: by name.

    From INTRO_S on, where there is so much: what fades in is no measure of how soon its loudness settles.
    """
    ranked: list[tuple[int, Path]] = []
    for album in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = sorted(_song_paths(album), key=lambda path: -path.stat().st_size)
        ranked += enumerate(paths)
    found: dict[str, tuple[Audio, int]] = {}
    for _, path in sorted(ranked, key=lambda entry: entry[0]):
        if len(found) == count:
            break
        song = _whole(path, seconds)
        if song is not None:
            audio, rate_hz = song
            name = f"{path.relative_to(folder).parts[0]}: {path.parent.name if path.stem in GENERIC else path.stem}"
            count_samples = round(seconds * rate_hz)
            start = min(round(INTRO_S * rate_hz), audio.shape[1] - count_samples)
            found[name] = (np.ascontiguousarray(audio[:, start : start + count_samples]), rate_hz)
    return found


def songs(folders: Sequence[Path], count: int, seconds: float) -> dict[str, tuple[Audio, int]]:
    """The middle of `count` stereo songs, drawn from all over some folders: audio and rate by name."""
    found: dict[str, tuple[Audio, int]] = {}
    paths = [path for folder in folders for path in _song_paths(folder)]
    for index in np.random.default_rng(3).permutation(len(paths)):
        if len(found) == count:
            break
        song = _whole(paths[index], 2.0 * seconds)
        if song is not None:
            whole, rate_hz = song
            start = (whole.shape[1] - round(seconds * rate_hz)) // 2
            part = whole[:, start : start + round(seconds * rate_hz)]
            found[paths[index].stem] = (np.ascontiguousarray(part), rate_hz)
    return found
