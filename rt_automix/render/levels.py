"""Songs that run into one another, each at a level of its own: the gain glides where one becomes the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

GLIDE_S = 4.0
"""So long the gain takes from one song's level to the next one's: half of it before the border, half behind."""

_Block = NDArray[np.float32]


class Samples(Protocol):
    """Where samples come from, as often as they are asked for."""

    sample_rate_hz: int
    channels: int
    samples: int

    @property
    def whole(self) -> _Block | None: ...

    def blocks(self, block_samples: int) -> Iterator[_Block]: ...


class Levelled:
    """Another source, each part of it at its level.

    Parameters
    ----------
    source : Samples
    stops : sequence of int
        The sample behind each part's last.
    levels_db : float64, shape (parts,)
    """

    whole = None

    def __init__(self, source: Samples, stops: Sequence[int], levels_db: NDArray[np.float64]) -> None:
        self.sample_rate_hz, self.channels, self.samples = source.sample_rate_hz, source.channels, source.samples
        self._source = source
        borders = [0, *stops]
        half = [0.0, *(0.5 * GLIDE_S * source.sample_rate_hz for _ in stops[:-1]), 0.0]
        shortest = [stop - start for start, stop in pairwise(borders)]
        for number in range(1, len(stops)):
            half[number] = min(half[number], 0.5 * shortest[number - 1], 0.5 * shortest[number])
        self._glides = [
            (borders[number], half[number], float(levels_db[number - 1]), float(levels_db[number]))
            for number in range(1, len(stops))
        ]
        self._first_db = float(levels_db[0])

    def blocks(self, block_samples: int) -> Iterator[_Block]:
        """The source from its start, in blocks that are the caller's to overwrite."""
        done = 0
        for block in self._source.blocks(block_samples):
            block *= self._gain(done, done + block.shape[1])
            done += block.shape[1]
            yield block

    def _gain(self, start: int, stop: int) -> _Block:
        """The gain at some samples, as a factor: raised cosines in dB between the levels."""
        level_db = np.full(1, self._first_db)
        for border, half, before_db, after_db in self._glides:
            if start >= border + half:
                level_db += after_db - before_db
            elif stop > border - half:
                share = np.clip(0.5 + 0.5 * (np.arange(start, stop) - border) / half, 0.0, 1.0)
                level_db = level_db + (after_db - before_db) * (0.5 - 0.5 * np.cos(np.pi * share))
        return np.power(10.0, level_db / 20.0).astype(np.float32)
