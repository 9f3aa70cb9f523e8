"""Memory shared between the process that plays and the one that watches it.

It outlives the process that plays: what went out is still there for the recorder, and a callback
that runs is its own heartbeat, whatever the interpreter does. Light to import.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.errors import DeviceError

TAKE_SAMPLES = 1 << 20
"""What a take ring holds per channel: 21.8 s at 48 kHz."""

TAKE_SIZE = 2 * 2 * TAKE_SAMPLES
"""Two rings, of what came in and of what went out, each left then right."""

HISTOGRAM_BINS = 64
BINS_PER_OCTAVE = 4
"""In-callback time, from 1 us up."""

# int64: what the callback counts.
(
    CALLBACKS,
    SAMPLES,
    WRITTEN,
    BLOCK_SAMPLES,
    BLOCK_NS,
    WORST_NS,
    LATE,
    XRUNS,
    AT_NS,
    WORST_GAP_NS,
    CLOCK,
) = range(11)
HISTOGRAM = CLOCK + 2
SKIPS = HISTOGRAM + HISTOGRAM_BINS
"""Counted by the main thread, of missing blocks that no callback is told of."""
STATS_SIZE = SKIPS + 1


_STATS_BYTES = mmap.ALLOCATIONGRANULARITY
_RING_BYTES = 2 * 4 * TAKE_SAMPLES


class Board:
    """The shared memory.

    Parameters
    ----------
    handle : int, optional
        Of another process's board, where the system has anonymous files (Linux): `handle` of that. A board
        of a system without can be pickled for a spawned process.
    others : int
        Outputs beside the main one, for a board of our own.
    channels : int
        Of the programme, for a board of our own.

    Notes
    -----
    `stats` is int64, shape (STATS_SIZE,); `takes` is float32, shape (TAKE_SIZE,): of what came in
    and of what goes out, each left then right, each a ring of TAKE_SAMPLES. `rings` has those and the
    other outputs'. Of more than two channels those are the fold to stereo, and `whole` has all. WRITTEN counts
    samples into the rings, over all the processes that ever played.
    """

    def __init__(self, handle: int | None = None, others: int = 0, channels: int = 2) -> None:
        self.handle = -1
        size_bytes = _STATS_BYTES + (2 + others + (channels if channels > 2 else 0)) * _RING_BYTES
        try:
            is_mapped = hasattr(os, "memfd_create")
            self._memory: Any = self._mapped(handle, size_bytes) if is_mapped else _allocated(size_bytes)
        except OSError as error:
            raise DeviceError(
                f"No shared memory for the audio process ({error.strerror}): it needs {size_bytes / 1e6:.0f} MB. Free "
                "some, in /dev/shm or the folder for temporary files."
            ) from error

    def _mapped(self, handle: int | None, size_bytes: int) -> mmap.mmap:
        """An anonymous file: what nobody has written to takes no memory."""
        self.handle = handle if handle is not None else os.memfd_create("rt_automix")
        if handle is None:
            os.ftruncate(self.handle, size_bytes)
        return mmap.mmap(self.handle, os.fstat(self.handle).st_size)

    @property
    def stats(self) -> NDArray[np.int64]:
        return np.frombuffer(self._memory, np.int64, STATS_SIZE)

    @property
    def takes(self) -> NDArray[np.float32]:
        return np.frombuffer(self._memory, np.float32, TAKE_SIZE, _STATS_BYTES)

    @property
    def rings(self) -> NDArray[np.float32]:
        """Of what came in and of every output, the main one first: shape (2 or more, 2, TAKE_SAMPLES)."""
        return np.frombuffer(self._memory, np.float32, offset=_STATS_BYTES).reshape(-1, 2, TAKE_SAMPLES)

    def whole(self, channels: int) -> NDArray[np.float32]:
        """Of what came in and of what goes out, all channels, more than two: shape (2, channels, TAKE_SAMPLES)."""
        return self.rings.reshape(-1, TAKE_SAMPLES)[-2 * channels :].reshape(2, channels, TAKE_SAMPLES)


def _allocated(size_bytes: int) -> Any:
    import multiprocessing

    return multiprocessing.get_context("spawn").RawArray("B", size_bytes)


@dataclass(frozen=True)
class Timing:
    """What the callbacks of a session took, in microseconds; shares are of the time that a block lasts."""

    callbacks: int
    late: int
    xruns: int
    block_samples: int
    median_us: float
    p99_us: float
    worst_us: float
    share: float
    worst_gap_ms: float


def timing(stats: NDArray[np.int64], sample_rate_hz: int) -> Timing:
    """Read the counters; percentiles are upper edges of the histogram's bins, a fifth of an octave too high at most."""
    counts = stats[HISTOGRAM:SKIPS].cumsum()
    edges_us = 2.0 ** (np.arange(1, HISTOGRAM_BINS + 1) / BINS_PER_OCTAVE)

    def percentile_us(share: float) -> float:
        return float(edges_us[np.searchsorted(counts, share * counts[-1])]) if counts[-1] else 0.0

    block_us = stats[BLOCK_SAMPLES] * 1e6 / sample_rate_hz
    median_us = percentile_us(0.5)
    return Timing(
        callbacks=int(stats[CALLBACKS]),
        late=int(stats[LATE]),
        xruns=int(stats[XRUNS] + stats[SKIPS]),
        block_samples=int(stats[BLOCK_SAMPLES]),
        median_us=median_us,
        p99_us=percentile_us(0.99),
        worst_us=stats[WORST_NS] * 1e-3,
        share=median_us / block_us if block_us else 0.0,
        worst_gap_ms=stats[WORST_GAP_NS] * 1e-6,
    )


def clear(stats: NDArray[np.int64]) -> None:
    """Start counting anew, for a new session; WRITTEN goes on."""
    written = stats[WRITTEN]
    stats[:] = 0
    stats[WRITTEN] = written
