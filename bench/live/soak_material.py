"""What is played through the program for hours: music, silence, and what goes wrong on stages, in no pattern."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.common import material
from rt_automix.demo.song import render_song

SAMPLE_RATE_HZ = 48_000
LEVEL_JUMP_LIN = 10.0 ** (-12.0 / 20.0)
LEVEL_FOR_S = 8.0
SONGS = 6
SONG_S = 60.0

Audio = NDArray[np.float32]


def sounds(music: Path | None) -> tuple[dict[str, Audio], dict[str, Audio]]:
    """(music, everything else) by name: float32, shape (2, n)."""
    rng = np.random.default_rng(1)
    times_s = np.arange(10 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    song = render_song(SAMPLE_RATE_HZ)
    songs = {"demo song": song}
    if music is not None:  # as they are: at another rate they are only a little higher
        songs |= {name: audio for name, (audio, _) in material.songs([music], SONGS, SONG_S).items()}
    noise = rng.standard_normal((2, len(times_s)))
    others = {
        "silence": np.zeros((2, 3 * len(times_s))),
        "noise bursts": 0.3 * noise * (times_s % 0.5 < 0.12),
        "noise": 0.1 * noise,
        "sine, 1 kHz": np.tile(0.7 * np.sin(2.0 * np.pi * 1000.0 * times_s), (2, 1)),
        "sine, 55 Hz": np.tile(0.9 * np.sin(2.0 * np.pi * 55.0 * times_s), (2, 1)),
        "DC": np.full((2, len(times_s) // 2), 0.5),
        "clipped song": np.clip(8.0 * song[:, song.shape[1] // 2 :][:, : 20 * SAMPLE_RATE_HZ], -1.0, 1.0),
    }
    return songs, {name: np.ascontiguousarray(audio, np.float32) for name, audio in others.items()}


class Programme:
    """An endless programme, the same at every run: songs, and between them something else, at two levels.

    Parameters
    ----------
    songs, others : what `sounds` gives
    period_samples : int
    """

    def __init__(self, songs: dict[str, Audio], others: dict[str, Audio], period_samples: int) -> None:
        self._kinds = (songs, others)
        self._period_samples = period_samples
        self._rng = np.random.default_rng(11)
        self._level_periods = round(LEVEL_FOR_S * SAMPLE_RATE_HZ / period_samples)
        self._periods = self._place = 0
        self._level_lin = np.float32(1.0)
        self.is_music = False
        self._now = np.zeros((2, 0), np.float32)

    def next(self, block: Audio) -> None:
        """Write the next period."""
        if self._place + self._period_samples > self._now.shape[1]:
            self.is_music = not self.is_music
            kind = self._kinds[0 if self.is_music else 1]
            self._now = kind[list(kind)[self._rng.integers(len(kind))]]
            self._place = 0
        if self._periods % self._level_periods == 0:
            self._level_lin = np.float32(self._rng.choice((1.0, LEVEL_JUMP_LIN)))
        np.multiply(self._now[:, self._place : self._place + self._period_samples], self._level_lin, out=block)
        self._place += self._period_samples
        self._periods += 1
