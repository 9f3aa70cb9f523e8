"""A programme before the limiter, reduced to two numbers every tick: what any gain into it needs to know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.recordings.bed import lay
from rt_automix.dsp import atomics
from rt_automix.dsp.dynamics import limiter
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import kweighting, truepeak
from rt_automix.engine import bed
from rt_automix.engine import layout as at
from rt_automix.engine.chain import shape
from rt_automix.engine.engine import Engine
from rt_automix.engine.steering import tick

ENERGY, PEAK = range(2)

_HALF = 2 * truepeak.LONG_BUFFER_SIZE
_PEAKS = _HALF + truepeak.HALF_SIZE
_WORK_SIZE = _PEAKS + truepeak.WIDTH


@kernel("float32(float32[::1], boolean, float32[::1], float32[::1])")
def _true_peak(work, is_long, left, right):
    """Largest true peak of a tick, as the limiter sees it (some samples late)."""
    history = truepeak.LONG_HISTORY if is_long else truepeak.HISTORY
    size = history + truepeak.WIDTH
    past_left, past_right = work[:size], work[truepeak.LONG_BUFFER_SIZE : truepeak.LONG_BUFFER_SIZE + size]
    half, peaks = work[_HALF : _HALF + truepeak.HALF_SIZE], work[_PEAKS : _PEAKS + truepeak.WIDTH]
    for i in range(truepeak.WIDTH):
        past_left[history + i], past_right[history + i] = left[i], right[i]
        peaks[i] = np.float32(0.0)
    if is_long:
        truepeak.detect_long(past_left, half, peaks)
        truepeak.detect_long(past_right, half, peaks)
    else:
        truepeak.detect(past_left, half, peaks)
        truepeak.detect(past_right, half, peaks)
    largest = np.float32(0.0)
    for i in range(truepeak.WIDTH):
        largest = max(largest, peaks[i])
    for i in range(history):
        past_left[i] = past_left[truepeak.WIDTH + i]
        past_right[i] = past_right[truepeak.WIDTH + i]
    return largest


@kernel(
    "void(float32[::1], float32[::1], float64[::1], float32[::1], int64[::1],"
    " float64[::1], float32[::1], boolean, float32[:, ::1])",
    door=True,
)
def reduce(left, right, f64, f32, i64, weighting, work, is_long, ticks):
    """Shape whole ticks in place and write the energy and the peak of each into a row of `ticks`.

    Thread: worker. Allocates: no.
    """
    word = atomics.flush_denormals()
    squares = weighting[kweighting.SQUARES : kweighting.SIZE]
    for number in range(left.shape[0] // at.TICK_SAMPLES):
        start = number * at.TICK_SAMPLES
        part_left, part_right = left[start : start + at.TICK_SAMPLES], right[start : start + at.TICK_SAMPLES]
        tick(f64, i64)
        shape(f64, f32, i64, 0, part_left, part_right)
        i64[at.SAMPLE_COUNT] += at.TICK_SAMPLES
        squares[0], squares[1] = 0.0, 0.0
        kweighting.accumulate(weighting, part_left, part_right)
        ticks[number, ENERGY] = np.float32((squares[0] + squares[1]) / at.TICK_SAMPLES)
        ticks[number, PEAK] = _true_peak(work, is_long, part_left, part_right)
    atomics.restore_denormals(word)


@kernel(
    "void(float32[:, ::1], float64[::1], float32[::1], int64[::1], float64[:, ::1], float32[:, ::1], float64[::1],"
    " float32[:, ::1], float64[::1], float32[:, ::1], boolean, float32[:, ::1])",
    door=True,
)
def reduce_bed(channels, f64, f32, i64, own64, work, weights, shares, weighting, past, is_long, ticks):
    """As `reduce`, of a bed; `past` has a row of work space for each pair, `own64` the weighting of those behind.

    Thread: worker. Allocates: no.
    """
    word = atomics.flush_denormals()
    for number in range(channels.shape[1] // at.TICK_SAMPLES):
        start, stop = number * at.TICK_SAMPLES, (number + 1) * at.TICK_SAMPLES
        bed.tick_all(f64, i64, own64)
        bed.shape(channels, start, stop, f64, f32, i64, own64, weights, shares, work)
        i64[at.SAMPLE_COUNT] += at.TICK_SAMPLES
        energy, largest = 0.0, np.float32(0.0)
        for row in range(0, channels.shape[0], 2):
            left, right = channels[row, start:stop], channels[row + 1, start:stop]
            state = own64[row // 2 - 1, : kweighting.SIZE] if row else weighting
            squares = state[kweighting.SQUARES : kweighting.SIZE]
            squares[0], squares[1] = 0.0, 0.0
            kweighting.accumulate(state, left, right)
            energy += weights[row] * squares[0] + weights[row + 1] * squares[1]
            largest = max(largest, _true_peak(past[row // 2], is_long, left, right))
        ticks[number, ENERGY] = np.float32(energy / at.TICK_SAMPLES)
        ticks[number, PEAK] = largest
    atomics.restore_denormals(word)


class Reducer:
    """Runs a programme through everything of an engine but its limiter.

    Parameters
    ----------
    engine : Engine
        Settled, and nobody else's from now on.
    """

    def __init__(self, engine: Engine) -> None:
        rate = engine.sample_rate_hz
        self._arrays, self._channels = engine.arrays, engine.channels
        self._layout = engine.layout
        self._bed, pairs = engine.bed, len(engine.bed.weights) // 2 if engine.bed else 1
        self._weighting, self._work = kweighting.new_state(rate), np.zeros((pairs, _WORK_SIZE), np.float32)
        self._is_long = rate < limiter.LONG_DETECTOR_BELOW_HZ

    def reduce(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reduce a block; it is overwritten.

        Parameters
        ----------
        block : float32, shape (channels, n), C-contiguous
            Whole ticks; what is left over at the end does not count.

        Returns
        -------
        float32, shape (n // layout.TICK_SAMPLES, 2)
            K-weighted mean square, summed over channels by their weights, and true peak as an amplitude, of each tick.

        Thread: worker. Allocates: yes.
        """
        ticks = np.empty((block.shape[1] // at.TICK_SAMPLES, 2), np.float32)
        if self._bed is not None and self._layout is not None:
            laid = lay(block, self._layout)
            own = self._bed.own64, self._bed.work, self._bed.weights, self._bed.shares
            reduce_bed(laid, *self._arrays, *own, self._weighting, self._work, self._is_long, ticks)
            return ticks
        left, right = block[0], block[1] if self._channels == 2 else block[0].copy()
        reduce(left, right, *self._arrays, self._weighting, self._work[0], self._is_long, ticks)
        if self._channels == 1:
            ticks[:, ENERGY] *= np.float32(0.5)  # both sides are the one channel
        return ticks
