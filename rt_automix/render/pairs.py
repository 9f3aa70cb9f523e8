"""Several stereo pairs side by side, each mastered as a programme of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.engine.engine import Engine
from rt_automix.io.files.audio import BLOCK_SAMPLES, AudioReader, AudioWriter
from rt_automix.render import Progress, render
from rt_automix.render.result import RenderResult
from rt_automix.surround import pairs_of


class Pairs:
    """Engines side by side, each for two of the channels, to be fed as one.

    Parameters
    ----------
    engines : sequence of Engine
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = list(engines)

    def prepare(self, sample_rate_hz: int, max_block_samples: int = 4096) -> None:
        """As `Engine.prepare`, of each. Thread: main. Allocates: yes."""
        for engine in self.engines:
            engine.prepare(sample_rate_hz, max_block_samples)

    @property
    def channels(self) -> int:
        """Of all together."""
        return 2 * len(self.engines)

    @property
    def latency_samples(self) -> int:
        """As `Engine.latency_samples`, the same of each."""
        return self.engines[0].latency_samples

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Master a block of all channels in place and return it, as `Engine.process` does of two.

        Thread: audio (from Python). Allocates: yes.
        """
        for number, engine in enumerate(self.engines):
            engine.process(block[2 * number : 2 * number + 2])
        return block


def render_pairs(source: str | Path, target: str | Path, **how: Any) -> list[RenderResult]:
    """Master every pair of a file's channels as `render` does a stereo file, into one file again.

    Parameters
    ----------
    source, target : path
    **how
        As of `render`; `progress` hears of each pair in turn.

    Raises
    ------
    UserError
        The file's channels are no pairs.
    AudioFileError, ConfigError
        As of `render`.

    Thread: main. Allocates: yes.
    """
    bits, force = how.pop("bits", 24), how.pop("force", False)
    progress: Progress = how.pop("progress", None) or (lambda doing, share: None)
    with ExitStack() as open_files:
        reader = open_files.enter_context(AudioReader(Path(source), pairs=True))
        folder = Path(open_files.enter_context(tempfile.TemporaryDirectory(prefix="rt_automix-")))
        numbers = range(1, pairs_of(reader.channels) + 1)
        writer = AudioWriter(
            Path(target), reader.sample_rate_hz, reader.channels, bits, force,
            not_over=reader.path, tags_from=reader.path, is_aligned=not reader.is_resampled, mask=reader.mask,
        )  # fmt: skip
        mixes = [folder / f"pair-{number}.wav" for number in numbers]
        masters = [folder / f"pair-{number}-master.wav" for number in numbers]
        _part(reader, mixes)
        results = [
            render(mix, master, bits=32, progress=partial(_tell, progress, number), **how)
            for number, mix, master in zip(numbers, mixes, masters, strict=True)
        ]
        readers = [open_files.enter_context(AudioReader(master)) for master in masters]
        open_files.enter_context(writer)
        for blocks in zip(*(one.blocks(BLOCK_SAMPLES) for one in readers), strict=True):
            writer.write(np.concatenate(blocks))
    # Of the file, not of a pair: told once.
    results[0] = replace(results[0], source_notes=reader.notes, tags_note=writer.tags_note)
    return results


def _part(reader: AudioReader, paths: Sequence[Path]) -> None:
    """Each pair of channels as a file of its own."""
    with ExitStack() as open_files:
        writers = [open_files.enter_context(AudioWriter(path, reader.sample_rate_hz, 2, bits=32)) for path in paths]
        for block in reader.blocks(BLOCK_SAMPLES):
            for number, writer in enumerate(writers):
                writer.write(np.ascontiguousarray(block[2 * number : 2 * number + 2]))


def _tell(progress: Progress, number: int, doing: str, share: float) -> None:
    progress(f"pair {number}: {doing}", share)
