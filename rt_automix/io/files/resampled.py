"""Rates that the chain is not made for, brought to one that it is. soxr gives exactly round(n * out / in) samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rt_automix.io.files.codec import Block, Decoder

LOWEST_HZ, HIGHEST_HZ = 8_000, 192_000
"""What can be read."""

KEPT_HZ = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
"""What is mastered as it is."""


def rate_for(rate_hz: int) -> int:
    """The rate to play a file at: its own if the chain is made for it, else one that loses nothing.

    44100 or 48000 where one is a multiple, such as 44100 for 22050; else the next above. Thread: any. Allocates: no.
    """
    if rate_hz in KEPT_HZ:
        return rate_hz
    multiples = [kept_hz for kept_hz in KEPT_HZ[:2] if kept_hz % rate_hz == 0]
    return multiples[0] if multiples else next(kept_hz for kept_hz in KEPT_HZ[1:] if kept_hz >= rate_hz)


class Resampled:
    """Another decoder's song at another rate; NaN and Inf, which would ring on, are silence."""

    def __init__(self, source: Decoder, sample_rate_hz: int) -> None:
        self._source = source
        self.sample_rate_hz, self.channels, self.encoding = sample_rate_hz, source.channels, source.encoding
        self.samples = (2 * source.samples * sample_rate_hz + source.sample_rate_hz) // (2 * source.sample_rate_hz)

    def blocks(self, block_samples: int) -> Iterator[Block]:
        import soxr

        stream = soxr.ResampleStream(self._source.sample_rate_hz, self.sample_rate_hz, self.channels, quality="VHQ")
        for block in self._source.blocks(block_samples):
            finite = np.nan_to_num(block.T, nan=0.0, posinf=0.0, neginf=0.0)
            yield np.ascontiguousarray(stream.resample_chunk(np.ascontiguousarray(finite)).reshape(-1, self.channels).T)
        silence = np.empty((0, self.channels), np.float32)
        yield np.ascontiguousarray(stream.resample_chunk(silence, last=True).reshape(-1, self.channels).T)

    def close(self) -> None:
        self._source.close()
