"""Master a stream from one pipe into another: what live would do, at the stream's own pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rt_automix.engine.engine import SAMPLE_RATES_HZ, Engine
from rt_automix.errors import UserError
from rt_automix.io.pipes.pcm import Format, PcmReader, PcmWriter
from rt_automix.render.pairs import Pairs
from rt_automix.render.stages import mend

BLOCK_SAMPLES = 4096
"""So much is waited for at a time, unless the delay is to be low; what comes out does not depend on it."""


@dataclass(frozen=True)
class Piped:
    """What went through.

    Parameters
    ----------
    samples : int
        Length of the input, for each channel.
    latency_samples : int
        By how many samples the output is later than the input, and longer.
    faults : int
        Samples that were not sane audio.
    lost_bytes : int
        Of a last frame that broke off.
    """

    samples: int
    latency_samples: int
    faults: int
    lost_bytes: int


def prepare(engine: Engine | Pairs, format: Format) -> None:
    """Make an engine ready for a stream; a mono one is heard as it sounds from two loudspeakers, 5.1 as one programme.

    Pairs are as many as there have to be.

    Raises
    ------
    UserError
        The engine does not do that rate, or so many channels.

    Thread: main. Allocates: yes.
    """
    low_hz, high_hz = SAMPLE_RATES_HZ
    if not low_hz <= format.sample_rate_hz <= high_hz:
        raise UserError(
            f"{format.sample_rate_hz} Hz: a pipe is mastered at {low_hz} to {high_hz} Hz. "
            "Resample before it: ffmpeg -i - -ar 48000 -f wav -."
        )
    if isinstance(engine, Pairs):
        engine.prepare(format.sample_rate_hz, BLOCK_SAMPLES)
        return
    engine.prepare(format.sample_rate_hz, BLOCK_SAMPLES, max(format.channels, 2))


def play(
    reader: PcmReader,
    writer: PcmWriter,
    engine: Engine | Pairs,
    *,
    is_patient: bool = True,
    is_compensated: bool = True,
    tend: Callable[[int], object] = lambda done: None,
) -> Piped:
    """Master everything that comes; the same bits as `render(..., lookahead="live")` of it as a file.

    Parameters
    ----------
    reader, writer : PcmReader, PcmWriter
    engine : Engine or Pairs
        As `prepare` left it, with its analysis "inline".
    is_patient : bool
        Wait for BLOCK_SAMPLES at a time, or take what is there.
    is_compensated : bool
        Cut the chain's latency off the start; else the output is later by it. Its end comes out either way.
    tend : function of an int, optional
        Called before each block with how many samples are done: to set controls, and to show meters.

    Raises
    ------
    BrokenPipeError
        Nobody reads the output any more.

    Thread: main. Allocates: yes; no more for a longer stream.
    """
    channels, latency_samples = reader.format.channels, engine.latency_samples
    late_samples = latency_samples if is_compensated else 0
    done = faults = 0
    for block in reader.blocks(BLOCK_SAMPLES, is_patient):
        tend(done)
        done += block.shape[1]
        faults += mend(block)
        heard = np.repeat(block, 2, axis=0) if channels == 1 else block
        writer.write(engine.process(heard)[:channels, late_samples:])
        late_samples = max(late_samples - block.shape[1], 0)
    if done:
        tail = engine.process(np.zeros((engine.channels, latency_samples), np.float32))
        writer.write(tail[:channels, late_samples:])
    return Piped(done, 0 if is_compensated else latency_samples, faults, reader.lost_bytes)
