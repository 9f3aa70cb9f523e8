"""Songs that run into one another, each with a level and a tone of its own: they glide where one becomes the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

GLIDE_S = 4.0
"""So long it takes from one song's level and tone to the next one's: half of it before the border, half behind."""

_Block = NDArray[np.float32]


class Samples(Protocol):
    """Where samples come from, as often as they are asked for."""

    sample_rate_hz: int
    channels: int
    samples: int

    @property
    def whole(self) -> _Block | None: ...

    def blocks(self, block_samples: int) -> Iterator[_Block]: ...


class Glides:
    """What a programme's parts have of their own, sample by sample: raised cosines where one becomes the next.

    Parameters
    ----------
    sample_rate_hz : int
    stops : sequence of int
        The sample behind each part's last.
    """

    def __init__(self, sample_rate_hz: int, stops: Sequence[int]) -> None:
        lengths = np.diff([0, *stops])
        shortest = np.minimum(lengths[:-1], lengths[1:])
        self._halves = np.minimum(0.5 * GLIDE_S * sample_rate_hz, 0.5 * shortest).tolist()
        self._borders = stops[:-1]

    def along(self, start: int, stop: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at some samples.

        Parameters
        ----------
        values : float64, shape (parts, k)

        Returns
        -------
        float64, shape (stop - start, k), or (1, k) where they stand still

        Thread: any but audio. Allocates: yes.
        """
        found = values[:1]
        for border, half, step in zip(self._borders, self._halves, np.diff(values, axis=0), strict=True):
            if start >= border + half:
                found = found + step
            elif stop > border - half:
                share = np.clip(0.5 + 0.5 * (np.arange(start, stop) - border) / half, 0.0, 1.0)
                found = found + step * (0.5 - 0.5 * np.cos(np.pi * share))[:, None]
        return found


class Levelled:
    """Another source, each part of it at its level.

    Parameters
    ----------
    source : Samples
    glides : Glides
    levels_db : float64, shape (parts,)
    """

    whole = None

    def __init__(self, source: Samples, glides: Glides, levels_db: NDArray[np.float64]) -> None:
        self.sample_rate_hz, self.channels, self.samples = source.sample_rate_hz, source.channels, source.samples
        self._source, self._glides, self._levels_db = source, glides, levels_db[:, None]

    def blocks(self, block_samples: int) -> Iterator[_Block]:
        """The source from its start, in blocks that are the caller's to overwrite."""
        done = 0
        for block in self._source.blocks(block_samples):
            level_db = self._glides.along(done, done + block.shape[1], self._levels_db)[:, 0]
            block *= np.power(10.0, level_db / 20.0).astype(np.float32)
            done += block.shape[1]
            yield block
