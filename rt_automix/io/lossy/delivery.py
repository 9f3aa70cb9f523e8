"""What becomes of a master in a lossy codec: encoded, decoded again, measured as any other recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.recordings.measure import Meter
from rt_automix.io.lossy import ffmpeg
from rt_automix.io.lossy.codecs import Format

LIMIT_DBTP = 0.0
"""What decodes beyond is clipped by most players."""

Blocks = Iterable[NDArray[np.float32]]


@dataclass(frozen=True)
class Delivered:
    """What a listener gets of it. `clipped_samples`: those beyond full scale, in all channels; `kbps`: what it has."""

    format: str
    file: str
    kbps: float
    sample_rate_hz: int
    integrated_lufs: float
    true_peak_dbtp: float
    clipped_samples: int

    @property
    def is_clean(self) -> bool:
        """Whether it stays within full scale, also between the samples."""
        return self.true_peak_dbtp <= LIMIT_DBTP


def deliver(
    blocks: Blocks,
    sample_rate_hz: int,
    channels: int,
    samples: int,
    wanted: Format,
    path: Path,
    *,
    sides: int | None = None,
    tags_from: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Delivered:
    """Encode into a file, decode that, and measure.

    Parameters
    ----------
    blocks : iterable of float32, shape (channels, n)
    sample_rate_hz, channels, samples : int
        Of the music; what decodes beyond its length is the codec's padding and does not count.
    wanted : Format
    path : Path
        Of the file, which stays.
    sides : int, optional
        Loudspeakers that it is measured for: 2 for a mono file that plays from both; by default its channels.
    tags_from : Path, optional
    progress : function of the share that is done, 0 to 1

    Raises
    ------
    UserError, AudioFileError
        See `ffmpeg.encode`.

    Thread: main. Allocates: yes; the same for music of any length.
    """
    wanted.check(channels)
    ffmpeg.encode(
        _told(blocks, samples, lambda share: progress(0.5 * share)), sample_rate_hz, channels, wanted, path, tags_from
    )
    rate_hz = wanted.rate_hz(sample_rate_hz)
    expected = round(samples * rate_hz / sample_rate_hz)
    sides = sides or channels
    meter, clipped = Meter(rate_hz, sides), 0
    heard = _cut(ffmpeg.decode(path, channels), expected)
    for block in _told(heard, expected, lambda share: progress(0.5 + 0.5 * share)):
        clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        meter.push(block if sides == channels else np.repeat(block, sides, axis=0))
    measured = meter.result()
    kbps = 0.008 * path.stat().st_size * sample_rate_hz / samples
    return Delivered(str(wanted), str(path), kbps, rate_hz, measured.integrated_lufs, measured.true_peak_dbtp, clipped)


def _told(blocks: Blocks, samples: int, progress: Callable[[float], None]) -> Iterator[NDArray[np.float32]]:
    done = 0
    for block in blocks:
        yield block
        done += block.shape[1]
        progress(min(1.0, done / samples))


def _cut(blocks: Blocks, samples: int) -> Iterator[NDArray[np.float32]]:
    """The first so many; the rest is taken all the same, so that ffmpeg ends as it should."""
    for block in blocks:
        if samples > 0:
            yield np.ascontiguousarray(block[:, :samples])
        samples -= block.shape[1]
