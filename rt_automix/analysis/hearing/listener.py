"""Ears: what hears a stream, seen from Python.

Everything is in three plain arrays, laid out in `layout` and worked on by the kernels of `hearing`.
Batch and stream go the same way: a batch is one long block for fresh ears, so both give the same bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import ROWS
from rt_automix.analysis.hearing import ears, hearing
from rt_automix.analysis.hearing.statistics import MEMORY_S, Statistics
from rt_automix.analysis.layout import WINDOW_FRAMES
from rt_automix.dsp.vectors import fft


class Listener:
    """Ears: the features of a stream, the last ten seconds of them and the statistics, fed together.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int, 1 or 2
        A mono stream has its one channel as mid and nothing as side, and counts once in loudness.
    time_constant_s : float
        Memory of the statistics.
    judges : bool
        Whether applause and a clipped input are told from music, and teach nothing.
    """

    def __init__(
        self, sample_rate_hz: int, channels: int, time_constant_s: float = MEMORY_S, judges: bool = False
    ) -> None:
        self.sample_rate_hz, self.channels = sample_rate_hz, channels
        self.arrays = ears.new_arrays(sample_rate_hz, channels, time_constant_s, judges)
        self._f64, self._f32, self._i64 = self.arrays
        self._statistics = Statistics(values=self._f64[at.STATISTICS : at.STATISTICS + at.STATISTICS_SIZE])

    @property
    def statistics(self) -> Statistics:
        """What has been heard measures like: a view that goes on with it."""
        return self._statistics

    @statistics.setter
    def statistics(self, statistics: Statistics) -> None:
        self._statistics.restore(statistics.values)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return int(self._i64[at.HOP])

    @property
    def is_applause(self) -> bool:
        """Whether there is applause, or another noise that breaks into the music."""
        return bool(self._i64[at.IS_APPLAUSE])

    @property
    def is_clipped(self) -> bool:
        """Whether the input is clipped."""
        return bool(self._i64[at.IS_CLIPPED])

    @property
    def is_speech(self) -> bool:
        """Whether there is talk: it is learned from apart."""
        return bool(self._f64[at.STATISTICS + at.SPEECH])

    def conclude(self) -> None:
        """All has been heard as a whole: what is talk for the most part is talk. Thread: worker. Allocates: no."""
        is_talk = 2 * self._i64[at.LOOKS_AT_TALK] > self._i64[at.LOOKS]
        self._f64[at.STATISTICS + at.SPEECH] = float(is_talk)

    @property
    def window(self) -> NDArray[np.float32]:
        """A copy of the rows of the last ten seconds: float32, shape (WINDOW_FRAMES, ROWS)."""
        start = at.WINDOW + int(self._i64[at.FRAMES]) % WINDOW_FRAMES * ROWS
        return self._f32[start : start + WINDOW_FRAMES * ROWS].reshape(WINDOW_FRAMES, ROWS).copy()

    def recent_lufs(self, frames: int) -> float:
        """Loudness of the last frames, up to WINDOW_FRAMES of them."""
        return hearing.recent_lufs(self._f32, self._i64, frames)

    def push(self, block: NDArray[np.float32]) -> int:
        """Hear samples; the number of frames they complete.

        Parameters
        ----------
        block : float32, shape (channels, n), any n

        Thread: worker. Allocates: no.
        """
        left = np.ascontiguousarray(block[0], np.float32)
        right = left if len(block) == 1 else np.ascontiguousarray(block[1], np.float32)
        return hearing.hear_block(left, right, *self.arrays)

    def hear_hop(self, ring: tuple[NDArray[np.float32], ...], position: int) -> int:
        """Hear a hop from a ring of one or two channels; as `hearing.hear_hop`.

        Thread: worker. Allocates: no.
        """
        return hearing.hear_hop(ring[0], ring[-1], position, *self.arrays)

    def reset(self) -> None:
        """Nothing heard."""
        ears.clear(*self.arrays)

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs to go on from here."""
        f64, f32, i64 = self._f64[: at.F64_MEMORY], self._f32[: at.F32_MEMORY], self._i64[: at.I64_MEMORY]
        return {"f64": f64.copy(), "f32": f32.copy(), "i64": i64.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken; same sample rate and channels."""
        self._f64[: at.F64_MEMORY] = state["f64"]
        self._f32[: at.F32_MEMORY] = state["f32"]
        self._i64[: at.I64_MEMORY] = state["i64"]


class FeatureStream:
    """Frames of a stream, as they complete.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int, 1 or 2
        As of a `Listener`.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self.sample_rate_hz, self.channels = sample_rate_hz, channels
        self._ears = Listener(sample_rate_hz, channels, math.inf)
        self.hop = self._ears.hop

    @property
    def spectrum(self) -> NDArray[np.float32]:
        """Power of the last frame, mid and side together, per bin of `bin_hz`: float32, shape (bins,)."""
        _, f32, i64 = self._ears.arrays
        mid, side = (f32[start : start + int(i64[at.BINS])] for start in (at.POWER_MID, at.POWER_SIDE))
        return mid + side

    @property
    def fine_power(self) -> NDArray[np.float32]:
        """The last frame's power around the points of the fine spectrum, of mid and of side: shape (2, FINE_POINTS)."""
        fine = self._ears.arrays[1][at.FINE : at.FINE + 2 * at.FINE_POINTS]
        return fine.reshape(2, at.FINE_POINTS).copy()

    @property
    def bin_hz(self) -> float:
        """Distance between the bins of the spectrum."""
        return self.sample_rate_hz / int(self._ears.arrays[2][at.FFT_PLAN + fft.LENGTH])

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples in; the rows of the frames they complete.

        Parameters
        ----------
        block : float32, shape (channels, n), any n

        Returns
        -------
        float32, shape (k, ROWS), dB, finite and not below ROW_FLOOR_DB.

        Thread: worker. Allocates: yes.
        """
        _, f32, i64 = self._ears.arrays
        rows, start = [], 0
        while start < block.shape[1]:
            stop = start + self.hop - int(i64[at.FILLED])
            if self._ears.push(block[:, start:stop]):
                rows.append(f32[at.ROW : at.ROW + ROWS].copy())
            start = stop
        return np.array(rows, np.float32).reshape(-1, ROWS)

    def reset(self) -> None:
        """Forget the samples of the frame under way."""
        self._ears.reset()

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs to go on from here."""
        return self._ears.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken; same sample rate and channels."""
        self._ears.restore(state)
