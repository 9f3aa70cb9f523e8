"""What a recording measures: loudness, range and peaks as one row, and its loudness over time.

The same streaming kernels as in the chain, so a file of any length needs the memory of its curve only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix import surround
from rt_automix.analysis.recordings.bed import lay
from rt_automix.dsp.dynamics import bed
from rt_automix.dsp.loudness import kweighting, loudness, meter, truepeak
from rt_automix.units import FLOOR_DB, db_from_lin

OTHER_MONO = {
    "dual": ("as one channel", -10.0 * math.log10(2.0)),
    "single": ("from two loudspeakers", 10.0 * math.log10(2.0)),
}
"""How else a mono programme can be measured than in this way, and how much more LU it has then.

BS.1770 sums over channels: the same signal twice is 3.01 LU more than once.
"""


@dataclass(frozen=True)
class Measurement:
    """Figures of a stream. Levels that there are not read `units.FLOOR_DB`; without a loudness PLR is 0."""

    integrated_lufs: float
    max_momentary_lufs: float
    max_short_term_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float
    sample_peak_dbfs: float
    plr_db: float
    duration_s: float


@dataclass(frozen=True)
class LoudnessCurve:
    """Loudness every 100 ms: three float64 arrays of one length; the time is where the windows end."""

    time_s: NDArray[np.float64]
    momentary_lufs: NDArray[np.float64]
    short_term_lufs: NDArray[np.float64]


class Meter:
    """Measures a stream of blocks, with constant work per sample.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int
        1, 2, or as many as a layout of `surround` has, in its order.
    layout : Layout, optional
        If it is not that of speakers of their number.
    """

    def __init__(self, sample_rate_hz: int, channels: int, layout: surround.Layout | None = None) -> None:
        self.channels = channels
        self._layout = layout or surround.layout_for(channels)
        self._weights = np.array(self._layout.weights if self._layout else (1.0, 1.0))
        pairs = len(self._weights) // 2
        self._loudness = loudness.new_state(sample_rate_hz, channels)
        self._peaks = np.tile(truepeak.new_state(), (pairs, 1))
        self._others = np.tile(kweighting.new_state(sample_rate_hz), (pairs - 1, 1))
        # A point of the curve every ten sub-blocks of the meter.
        self._step_samples = 10 * round(sample_rate_hz / 100)
        self._step_s = self._step_samples / sample_rate_hz
        self._curve: list[NDArray[np.float64]] = []

    def push(self, block: NDArray[np.float32]) -> None:
        """Hear one block.

        Parameters
        ----------
        block : float32, shape (channels, n), rows C-contiguous, finite

        Raises
        ------
        ValueError
            The block has another number of channels than the meter.

        Thread: worker. Allocates: yes.
        """
        if block.ndim != 2 or len(block) != self.channels:
            raise ValueError(f"Meter.push: the block's shape is {block.shape}; give ({self.channels}, samples).")
        curve = np.empty((block.shape[1] // self._step_samples + 1, 2))
        if self._layout is None:
            points = meter.process(self._loudness, self._peaks[0], block[0], block[-1], curve)
        else:
            laid = np.ascontiguousarray(lay(block, self._layout))
            points = bed.measure(self._loudness, self._peaks, self._others, self._weights, laid, curve)
        self._curve.append(curve[:points])

    def forget_curve(self) -> None:
        """Let go of the loudness over time so far: who measures for days has no room for it."""
        self._curve.clear()

    def result(self) -> Measurement:
        """The figures of everything heard so far. Thread: worker. Allocates: yes."""
        integrated_lufs = loudness.integrated_lufs(self._loudness)
        true_peak_dbtp = db_from_lin(max(map(truepeak.true_peak_lin, self._peaks)))
        return Measurement(
            integrated_lufs=integrated_lufs,
            max_momentary_lufs=loudness.max_momentary_lufs(self._loudness),
            max_short_term_lufs=loudness.max_short_term_lufs(self._loudness),
            loudness_range_lu=loudness.loudness_range_lu(self._loudness),
            true_peak_dbtp=true_peak_dbtp,
            sample_peak_dbfs=db_from_lin(max(map(truepeak.sample_peak_lin, self._peaks))),
            plr_db=true_peak_dbtp - integrated_lufs if integrated_lufs > FLOOR_DB else 0.0,
            duration_s=loudness.seconds(self._loudness),
        )

    @property
    def gated(self) -> NDArray[np.float64]:
        """The blocks heard so far, to be gated with those of others: see `loudness.gated`."""
        return loudness.gated(self._loudness)

    @property
    def curve(self) -> LoudnessCurve:
        """Loudness over time so far; before 3 s the short-term window reaches back into silence."""
        momentary_lufs, short_term_lufs = np.concatenate([np.empty((0, 2)), *self._curve]).T
        time_s = self._step_s * np.arange(1.0, len(momentary_lufs) + 1.0)
        return LoudnessCurve(time_s, momentary_lufs, short_term_lufs)
