"""Several files as one programme: read one behind the other, without a sample between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path

import numpy as np

from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import BLOCK_SAMPLES, AudioReader, Block


class Programme:
    """Audio files of one sample rate and as many channels, open for reading as if they were one.

    Parameters
    ----------
    paths : sequence of Path, one or more

    Attributes
    ----------
    readers : list of AudioReader
    stops : list of int
        The sample behind the last of each file.

    Raises
    ------
    AudioFileError
        As of AudioReader; or they differ in rate or channels.

    Thread: main. Allocates: yes.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._open = ExitStack()
        with self._open as opened:
            self.readers = [opened.enter_context(AudioReader(path, surround=True)) for path in paths]
            first = self.readers[0]
            self.sample_rate_hz, self.channels = first.sample_rate_hz, first.channels
            for other in self.readers:
                if (other.sample_rate_hz, other.channels) != (self.sample_rate_hz, self.channels):
                    raise AudioFileError(
                        f"{other.path}: {other.sample_rate_hz} Hz and {other.channels} channels, where {first.path} "
                        f"has {self.sample_rate_hz} Hz and {self.channels}. Convert one of them."
                    )
            self._open = opened.pop_all()
        self.stops = list(accumulate(reader.samples for reader in self.readers))
        self.samples = self.stops[-1]

    def __enter__(self) -> Programme:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def blocks(self, block_samples: int = BLOCK_SAMPLES) -> Iterator[Block]:
        """All of it from the start, in blocks; the last one may be shorter."""
        kept: list[Block] = []
        missing = block_samples
        for block in (block for reader in self.readers for block in reader.blocks(block_samples)):
            kept.append(block)
            missing -= block.shape[1]
            if missing <= 0:
                joined = np.concatenate(kept, axis=1) if len(kept) > 1 else block
                yield np.ascontiguousarray(joined[:, :block_samples])
                rest = joined[:, block_samples:]
                kept, missing = ([rest] if rest.size else []), block_samples - rest.shape[1]
        if kept:
            yield np.ascontiguousarray(np.concatenate(kept, axis=1))
