"""The stages a file goes through: read and hear it, decide, play, measure and write."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.analyst import Analyst
from rt_automix.analysis.measure import Meter
from rt_automix.analysis.profile import MIN_MUSIC_S, Profile
from rt_automix.analysis.listener import Listener
from rt_automix.analysis.suggester import Suggester
from rt_automix.config import Config
from rt_automix.dsp import mix
from rt_automix.engine import exchange
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine
from rt_automix.engine.history import Recorder
from rt_automix.io.files.audio import AudioReader, Block

STRETCH_S = 3.0
"""About so much is worked on at a time: long enough to ask a network for many windows at once."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""

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


@dataclass(frozen=True)
class Job:
    """A file and how it is to be mastered: makes engines, and passes of the file through them."""

    reader: AudioReader
    config: Config
    style: Profile | None
    suggester: Suggester
    longest_samples: int | None
    progress: Progress

    def engine(self, config: Config) -> Engine:
        """An engine at the start of the stream, to be told by others what to do."""
        engine = Engine(config, self.style, self.suggester, "off")
        engine.prepare(self.reader.sample_rate_hz, 1, self.reader.channels)
        return engine

    def stretches(
        self, engine: Engine, hear: Callable[[Block], object], decide: bool, gain_lin: float = 1.0
    ) -> Iterator[Stretch]:
        """The file from its start and, after it, as much silence as the engine is late.

        Parameters
        ----------
        engine : Engine
            Whose analyst decides; nothing else of it is touched.
        hear : function of a block
            Gets each first, and may mend it.
        decide : bool
            Whether suggestions are made.
        gain_lin : float
            Applied after all of that.
        """
        interval_samples = engine.analyst.interval_samples
        intervals = max(1, round(STRETCH_S * self.reader.sample_rate_hz / interval_samples))
        done = 0
        for block in self.reader.blocks(intervals * interval_samples):
            hear(block)
            messages = _decided(engine.analyst, block) if decide else _NO_MESSAGES
            if gain_lin != 1.0:
                block *= np.float32(gain_lin)
            done += block.shape[1]
            yield Stretch(block, messages, done / self.reader.samples)
        late = np.zeros((self.reader.channels, engine.latency_samples), np.float32)
        yield Stretch(late, _NO_MESSAGES, 1.0)

    def played(self, recorder: Recorder, stretches: Iterator[Stretch], doing: str) -> Iterator[Block]:
        """What comes out for what goes in, as long and aligned: the latency is cut off."""
        late_samples = recorder.engine.latency_samples
        for stretch in stretches:
            recorder.play(stretch.samples, stretch.messages)
            yield stretch.samples[:, late_samples:]
            late_samples = max(late_samples - stretch.samples.shape[1], 0)
            self.progress(doing, stretch.done)


def _decided(analyst: Analyst, block: Block) -> NDArray[np.float64]:
    """A message for each whole interval in a block: float64, shape (k, layout.SUGGESTION_SIZE)."""
    size = analyst.interval_samples
    starts = range(0, block.shape[1] - size + 1, size)
    decisions = analyst.decide([analyst.hear(block[:, start : start + size]) for start in starts])
    messages = [
        exchange.message(
            one.values, one.effective_at_samples, one.input_lufs, one.applause, one.fine_gains_db
        )
        for one in decisions
    ]
    return np.array(messages) if messages else _NO_MESSAGES


def mend(block: Block) -> int:
    """Make silence of what is not sane audio, in place; how many samples were not."""
    return mix.guard(block[0], block[-1]) * len(block) // 2  # of mono it counts both sides


class Ears:
    """Measures one side of the chain.

    Parameters
    ----------
    reader : AudioReader
        Of the file: rate and channels.
    detail : bool
        Also measure the profile.
    """

    def __init__(self, reader: AudioReader, detail: bool) -> None:
        self.meter = Meter(reader.sample_rate_hz, reader.channels)
        self.faults = 0
        self._listener = Listener(reader.sample_rate_hz, reader.channels, math.inf) if detail else None

    def push(self, block: Block) -> None:
        """Hear a block, mended first."""
        self.faults += mend(block)
        self.meter.push(block)
        if self._listener is not None:
            self._listener.push(block)

    def profile(self, name: str) -> Profile | None:
        """What this side measures like; None if there was next to nothing, or nobody listened."""
        if self._listener is None or self._listener.statistics.seconds_heard < MIN_MUSIC_S:
            return None
        heard, measured = self._listener.statistics, self.meter.result()
        levels = measured.integrated_lufs, measured.plr_db, heard.side_mid_db, measured.true_peak_dbtp
        return Profile(name, tuple(heard.bands_db.tolist()), *levels, heard.dynamics_db)
