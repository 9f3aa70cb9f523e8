"""The stages a file goes through: read and hear it, decide, play, measure and write."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.aim.profile import MIN_MUSIC_S, Profile
from rt_automix.analysis.deciding.analyst import Analyst
from rt_automix.analysis.deciding.suggester import Suggester
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.recordings.bed import folded
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.config import Config
from rt_automix.dsp.samples import mix
from rt_automix.engine import exchange
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine
from rt_automix.engine.history import Recorder
from rt_automix.io.files.audio import BLOCK_SAMPLES, AudioReader, Block
from rt_automix.render.ahead import Ahead
from rt_automix.render.levels import Samples
from rt_automix.render.programme import Programme
from rt_automix.surround import Layout, layout_for

STRETCH_S = 3.0
"""About so much is worked on at a time: long enough to ask a network for many windows at once."""

KEPT_BYTES = 1 << 28
"""Files of more samples than fit in here are decoded again for every pass: 12 minutes of stereo at 44.1 kHz."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""


def sides_of(channels: int, mono: str) -> int:
    """How many channels a file of so many is heard and played on. Thread: any. Allocates: no."""
    return max(channels, 2) if mono == "dual" else channels


_NO_MESSAGES = np.empty((0, at.SUGGESTION_SIZE))


@dataclass(frozen=True)
class Stretch:
    """Some seconds of input, and the suggestions that they lead to.

    Parameters
    ----------
    samples : float32, shape (channels, n)
    messages : float64, shape (k, layout.SUGGESTION_SIZE)
    done : float
        Share of the file up to its end, 0 to 1.
    """

    samples: Block
    messages: NDArray[np.float64]
    done: float


class Source:
    """A file's sane samples: decoded once and kept where they are few, decoded anew for each pass where not.

    Parameters
    ----------
    reader : AudioReader
    keep : bool
        Whether there will be more than one pass.
    sides : int
        2 plays a mono file on both; there are never fewer channels than in the file.
    """

    def __init__(self, reader: AudioReader | Programme, keep: bool, sides: int = 1) -> None:
        self.sample_rate_hz, self.samples = reader.sample_rate_hz, reader.samples
        self.channels = max(sides, reader.channels)
        self.faults = 0
        self._reader = reader
        is_short = 4 * self.channels * self.samples <= KEPT_BYTES
        self._kept = np.empty((self.channels, self.samples), np.float32) if keep and is_short else None
        self._is_kept = False

    def keep(self) -> None:
        """Read it now, if it is to be kept and can be."""
        if self._kept is not None and not self._is_kept:
            for _ in self.blocks(BLOCK_SAMPLES):
                pass

    @property
    def whole(self) -> Block | None:
        """Everything, once it has been read and where it is kept: not to be written to."""
        return self._kept if self._is_kept else None

    def blocks(self, block_samples: int) -> Iterator[Block]:
        """The file from its start, in blocks that are the caller's to overwrite."""
        if self._is_kept and self._kept is not None:
            for start in range(0, self.samples, block_samples):
                yield self._kept[:, start : start + block_samples].copy()
            return
        faults = done = 0
        for block in self._reader.blocks(block_samples):
            faults += mend(block)
            if len(block) < self.channels:
                block = np.repeat(block, self.channels, axis=0)
            if self._kept is not None:
                self._kept[:, done : done + block.shape[1]] = block
            done += block.shape[1]
            yield block
        self.faults, self._is_kept = faults, self._kept is not None


@dataclass(frozen=True)
class Job:
    """A file and how it is to be mastered: makes engines, and passes of the file through them."""

    source: Samples
    config: Config
    style: Profile | None
    suggester: Suggester
    longest_samples: int | None
    progress: Progress

    @property
    def layout(self) -> Layout | None:
        """How the file's channels lie; None for one or two."""
        return layout_for(self.source.channels, self.config.engine.pairs == "linked")

    def engine(self, config: Config) -> Engine:
        """An engine at the start of the stream, to be told by others what to do."""
        engine = Engine(config, self.style, self.suggester, "off")
        engine.prepare(self.source.sample_rate_hz, 1, self.source.channels)
        return engine

    def stretches(
        self, engine: Engine, hear: Callable[[Block], object] | None, decide: bool, gain_lin: float = 1.0
    ) -> Iterator[Stretch]:
        """The file from its start and, after it, as much silence as the engine is late.

        Parameters
        ----------
        engine : Engine
            Whose analyst decides; nothing else of it is touched.
        hear : function of a block, optional
            Gets each first.
        decide : bool
            Whether suggestions are made.
        gain_lin : float
            Applied after all of that.
        """
        interval_samples = engine.analyst.interval_samples
        intervals = max(1, round(STRETCH_S * self.source.sample_rate_hz / interval_samples))
        done = 0
        for block in self.source.blocks(intervals * interval_samples):
            if hear is not None:
                hear(block)
            messages = _decided(engine.analyst, folded(block, engine.layout)) if decide else _NO_MESSAGES
            if gain_lin != 1.0:
                block *= np.float32(gain_lin)
            done += block.shape[1]
            yield Stretch(block, messages, done / self.source.samples)
        late = np.zeros((self.source.channels, engine.latency_samples), np.float32)
        yield Stretch(late, _NO_MESSAGES, 1.0)

    def played(self, recorder: Recorder, stretches: Iterator[Stretch]) -> Iterator[tuple[Block, float]]:
        """What comes out for what goes in, as long and aligned, and the share that is done: the latency is cut off."""
        late_samples = recorder.engine.latency_samples
        with Ahead(stretches) as coming:
            for stretch in coming:
                recorder.play(stretch.samples, stretch.messages)
                yield stretch.samples[:, late_samples:], stretch.done
                late_samples = max(late_samples - stretch.samples.shape[1], 0)


def _decided(analyst: Analyst, block: Block) -> NDArray[np.float64]:
    """A message for each whole interval in a block: float64, shape (k, layout.SUGGESTION_SIZE)."""
    size = analyst.interval_samples
    starts = range(0, block.shape[1] - size + 1, size)
    decisions = analyst.decide([analyst.hear(block[:, start : start + size]) for start in starts])
    messages = [exchange.message(one) for one in decisions]
    return np.array(messages) if messages else _NO_MESSAGES


def mend(block: Block) -> int:
    """Make silence of what is not sane audio, in place; how many samples were not. Thread: any. Allocates: no."""
    return sum(mix.guard(row, row) for row in block) // 2  # each row is both sides


class Ears:
    """Measures one side of the chain.

    Parameters
    ----------
    sample_rate_hz, channels : int
    detail : bool
        Also measure the profile.
    layout : Layout, optional
        As of `Meter`.
    """

    def __init__(self, sample_rate_hz: int, channels: int, detail: bool, layout: Layout | None = None) -> None:
        self._layout, self.meter = layout, Meter(sample_rate_hz, channels, layout)
        self.listener = Listener(sample_rate_hz, min(channels, 2), math.inf) if detail else None

    def push(self, block: Block) -> None:
        """Hear a block."""
        self.meter.push(block)
        if self.listener is not None:
            self.listener.push(folded(block, self._layout))

    def profile(self, name: str) -> Profile | None:
        """What this side measures like; None if there was next to nothing, or nobody listened."""
        if self.listener is None or self.listener.statistics.seconds_heard < MIN_MUSIC_S:
            return None
        heard, measured = self.listener.statistics, self.meter.result()
        levels = measured.integrated_lufs, measured.plr_db, heard.side_mid_db, measured.true_peak_dbtp
        return Profile(name, tuple(heard.bands_db.tolist()), *levels, heard.dynamics_db)
