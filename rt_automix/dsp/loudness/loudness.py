"""Streaming loudness: momentary, short-term, integrated and range, at constant cost per sample.

ITU-R BS.1770-5 (K-weighting, gating), EBU Tech 3341 (the meter), EBU Tech 3342 (loudness range).
The stream is cut into sub-blocks of 10 ms; everything slower than a sample happens at their ends,
so the result does not depend on how the caller cuts the stream into blocks. Windows that reach
back before the first sample see silence there; maxima and gating use whole windows only.

All state is one float64 array, which another kernel can carry as a slice of a bigger one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import kweighting
from rt_automix.units import FLOOR_DB, LUFS_OFFSET_DB, energy_from_lufs

GATE_LUFS = -70.0
"""Absolute gate, and the lower edge of both histograms."""

_BINS = 4000
_BINS_PER_LU = 50.0
_GATE_ENERGY = energy_from_lufs(GATE_LUFS)
_TINY = 1e-30

# Sub-regions of the state.
_SUB_BLOCK_SAMPLES = 0
_POSITION = 1  # samples in the sub-block under way
_SAMPLE_RATE_HZ = 2
_RIGHT_WEIGHT = 3
_FILTER = 4  # the K-weighting's
_MEMORY = _FILTER + kweighting.MEMORY
_SQUARES = _FILTER + kweighting.SQUARES
_STEP = 38  # sub-blocks since the start, modulo 300
_SUB_BLOCKS = 39  # sub-blocks since the statistics were reset
_LAST = 40  # energies: K-weighted mean squares summed over channels
_MOMENTARY = 41
_SHORT_TERM = 42
_MAX_MOMENTARY = 43
_MAX_SHORT_TERM = 44
_GATED_COUNT = 45  # 400 ms blocks above the absolute gate, and the sum of their energies
_GATED_ENERGY = 46
_RANGE_COUNT = 47  # the same of short-term values
_RANGE_ENERGY = 48
_TEN = 49  # ring of the last 10 sub-block energies
_HUNDRED_MS = 59  # ring of the last 300 sums of 10 sub-blocks, one every 10 ms
_HISTOGRAM_COUNT = 359  # 400 ms blocks per bin, and the sum of their energies
_HISTOGRAM_ENERGY = 4359
_RANGE_HISTOGRAM = 8359  # short-term values per bin
_BESIDE = 12359  # weighted squares of channels beside these two, in the sub-block under way
STATE_SIZE = 12360


def new_state(sample_rate_hz: int, channels: int) -> NDArray[np.float64]:
    """A meter that has heard nothing: float64, shape (STATE_SIZE,).

    Parameters
    ----------
    sample_rate_hz : int
    channels : int
        With 1 only the left input counts (BS.1770-5 sums the channels there are); with more than 2 the others
        are to be heard beside: see `hear_beside`.

    Thread: main. Allocates: yes.
    """
    state = np.zeros(STATE_SIZE)
    state[_SUB_BLOCK_SAMPLES] = round(sample_rate_hz / 100)
    state[_SAMPLE_RATE_HZ] = sample_rate_hz
    state[_RIGHT_WEIGHT] = min(channels - 1, 1)
    state[_FILTER : _FILTER + kweighting.SIZE] = kweighting.new_state(sample_rate_hz)
    return state


@kernel("float64(float64)")
def _lufs(energy):
    """Loudness of an energy (BS.1770-5 eq. 2), never below `FLOOR_DB`."""
    return max(FLOOR_DB, LUFS_OFFSET_DB + 10.0 * math.log10(max(energy, 1e-30)))


@kernel("int64(float64)")
def _bin(energy):
    """Histogram bin of an energy; the outer bins take what lies beyond them."""
    return min(max(int((_lufs(energy) - GATE_LUFS) * _BINS_PER_LU), 0), _BINS - 1)


@kernel("void(float64[::1], int64)")
def _gate(state, sub_blocks):
    """Every 100 ms: enter whole windows above the absolute gate into the histograms."""
    energy = state[_MOMENTARY]
    if sub_blocks >= 40 and energy > _GATE_ENERGY:
        k = _bin(energy)
        state[_HISTOGRAM_COUNT + k] += 1.0
        state[_HISTOGRAM_ENERGY + k] += energy
        state[_GATED_COUNT] += 1.0
        state[_GATED_ENERGY] += energy
    energy = state[_SHORT_TERM]
    if sub_blocks >= 300 and energy > _GATE_ENERGY:
        state[_RANGE_HISTOGRAM + _bin(energy)] += 1.0
        state[_RANGE_COUNT] += 1.0
        state[_RANGE_ENERGY] += energy


@kernel("void(float64[::1])")
def _end_sub_block(state):
    """Turn a full sub-block into an energy and renew the windows, maxima and histograms.

    Both windows are whole multiples of 100 ms, so they are sums over one ring of 100 ms sums in
    steps of ten: 40 additions instead of 340, made afresh each time, so that nothing drifts.
    """
    for k in range(_MEMORY, _SQUARES):
        if abs(state[k]) < _TINY:  # a filter ringing out in silence would end in slow denormals
            state[k] = 0.0
    squares = state[_SQUARES] + state[_RIGHT_WEIGHT] * state[_SQUARES + 1] + state[_BESIDE]
    energy = squares / state[_SUB_BLOCK_SAMPLES]
    state[_SQUARES], state[_SQUARES + 1], state[_POSITION], state[_BESIDE] = 0.0, 0.0, 0.0, 0.0
    state[_LAST] = energy

    step = int(state[_STEP])
    state[_STEP] = (step + 1) % 300
    state[_TEN + step % 10] = energy
    total = 0.0
    for k in range(10):
        total += state[_TEN + k]
    state[_HUNDRED_MS + step] = total
    total = 0.0
    at = step
    for k in range(30):
        total += state[_HUNDRED_MS + at]
        at = at - 10 if at >= 10 else at + 290
        if k == 3:
            state[_MOMENTARY] = total / 40.0
    state[_SHORT_TERM] = total / 300.0

    sub_blocks = int(state[_SUB_BLOCKS]) + 1
    state[_SUB_BLOCKS] = sub_blocks
    if sub_blocks >= 40:
        state[_MAX_MOMENTARY] = max(state[_MAX_MOMENTARY], state[_MOMENTARY])
    if sub_blocks >= 300:
        state[_MAX_SHORT_TERM] = max(state[_MAX_SHORT_TERM], state[_SHORT_TERM])
    if sub_blocks % 10 == 0:
        _gate(state, sub_blocks)


@kernel("int64(float64[::1], float32[::1], float32[::1])")
def process(state, left, right):
    """Hear one block of any length.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    left, right : float32, shape (n,), finite
        A mono meter ignores `right`, which may then be `left` again.

    Returns
    -------
    int
        How many 10 ms sub-blocks ended in this block: how often the momentary and short-term
        loudness were renewed.

    Thread: audio. Allocates: no.
    """
    ended = 0
    start = 0
    while start < left.size:
        position = int(state[_POSITION])
        run = min(int(state[_SUB_BLOCK_SAMPLES]) - position, left.size - start)
        weighting = state[_FILTER : _FILTER + kweighting.SIZE]
        kweighting.accumulate(weighting, left[start : start + run], right[start : start + run])
        start += run
        state[_POSITION] = position + run
        if state[_POSITION] == state[_SUB_BLOCK_SAMPLES]:
            _end_sub_block(state)
            ended += 1
    return ended


@kernel("void(float64[::1], float64[::1], float64, float64)")
def hear_beside(state, weighting, left_weight, right_weight):
    """Add what two more channels have in the sub-block that is about to end, before `process` ends it.

    `weighting`, of `kweighting`, has accumulated the two since the last one's end, and begins anew; the weights are
    factors on their energies (BS.1770-5: 1.41 for a surround).
    Thread: audio. Allocates: no.
    """
    squares = kweighting.SQUARES
    state[_BESIDE] += left_weight * weighting[squares] + right_weight * weighting[squares + 1]
    weighting[squares], weighting[squares + 1] = 0.0, 0.0
    for k in range(kweighting.MEMORY, squares):
        if abs(weighting[k]) < _TINY:
            weighting[k] = 0.0


@kernel("int64(float64[::1])")
def samples_to_sub_block(state):
    """How many samples are missing until the sub-block under way is full; at least 1.

    Thread: audio. Allocates: no.
    """
    return int(state[_SUB_BLOCK_SAMPLES]) - int(state[_POSITION])


@kernel("int64(float64[::1])")
def samples_to_next_step(state):
    """How many samples are missing until the next 100 ms since the reset are full; at least 1.

    Thread: audio. Allocates: no.
    """
    missing_sub_blocks = 10 - int(state[_SUB_BLOCKS]) % 10
    return int(state[_SUB_BLOCK_SAMPLES]) * missing_sub_blocks - int(state[_POSITION])


@kernel("void(float64[::1])")
def reset_statistics(state):
    """Start the maxima, integrated loudness and range again; the running windows go on.

    Thread: audio. Allocates: no.
    """
    state[_SUB_BLOCKS] = 0.0
    for k in range(_MAX_MOMENTARY, _TEN):
        state[k] = 0.0
    for k in range(_HISTOGRAM_COUNT, _BESIDE):
        state[k] = 0.0


@kernel("float64(float64[::1])")
def last_sub_block_energy(state):
    """K-weighted mean square, summed over channels, of the most recent 10 ms.

    Thread: audio. Allocates: no.
    """
    return state[_LAST]


@kernel("float64(float64[::1])")
def momentary_lufs(state):
    """Loudness of the last 400 ms.

    Thread: audio. Allocates: no.
    """
    return _lufs(state[_MOMENTARY])


@kernel("float64(float64[::1])")
def short_term_lufs(state):
    """Loudness of the last 3 s.

    Thread: audio. Allocates: no.
    """
    return _lufs(state[_SHORT_TERM])


@kernel("float64(float64[::1])", door=True)
def max_momentary_lufs(state):
    """Highest momentary loudness of a whole window since the reset.

    Thread: audio. Allocates: no.
    """
    return _lufs(state[_MAX_MOMENTARY])


@kernel("float64(float64[::1])", door=True)
def max_short_term_lufs(state):
    """Highest short-term loudness of a whole window since the reset.

    Thread: audio. Allocates: no.
    """
    return _lufs(state[_MAX_SHORT_TERM])


@kernel("float64(float64[::1])", door=True)
def seconds(state):
    """Time heard since the statistics were reset, to one sub-block.

    Thread: audio. Allocates: no.
    """
    return (state[_SUB_BLOCKS] * state[_SUB_BLOCK_SAMPLES] + state[_POSITION]) / state[_SAMPLE_RATE_HZ]


@kernel("float64(float64[::1])", door=True)
def integrated_lufs(state):
    """Gated loudness since the reset (BS.1770-5 eqs. 3-7); `FLOOR_DB` before the first gated block.

    Energies are summed per bin, so the mean is exact; only within the bin that holds the relative
    gate are blocks (0.02 LU apart at most) kept or dropped together.

    Thread: audio. Allocates: no.
    """
    if state[_GATED_COUNT] == 0.0:
        return FLOOR_DB
    gate = 0.1 * state[_GATED_ENERGY] / state[_GATED_COUNT]
    count = 0.0
    energy = 0.0
    for k in range(_bin(gate), _BINS):
        if state[_HISTOGRAM_ENERGY + k] > gate * state[_HISTOGRAM_COUNT + k]:
            count += state[_HISTOGRAM_COUNT + k]
            energy += state[_HISTOGRAM_ENERGY + k]
    return _lufs(energy / count)


@kernel("float64(float64[::1])", door=True)
def loudness_range_lu(state):
    """Loudness range since the reset (EBU Tech 3342); 0 before the first 3 s.

    From the 10th to the 95th percentile of the short-term values above -70 LUFS and above 20 LU
    below their mean energy, to one bin (0.02 LU).

    Thread: audio. Allocates: no.
    """
    if state[_RANGE_COUNT] == 0.0:
        return 0.0
    first = _bin(0.01 * state[_RANGE_ENERGY] / state[_RANGE_COUNT])
    last_rank = -1.0
    for k in range(first, _BINS):
        last_rank += state[_RANGE_HISTOGRAM + k]
    low_rank = math.floor(0.10 * last_rank + 0.5)
    high_rank = math.floor(0.95 * last_rank + 0.5)
    low = first
    high = first
    seen = 0.0
    for k in range(first, _BINS):
        if seen <= low_rank:
            low = k
        if seen <= high_rank:
            high = k
        seen += state[_RANGE_HISTOGRAM + k]
    return (high - low) / _BINS_PER_LU


GATED_SIZE = 2 * _BINS


def gated(state: NDArray[np.float64]) -> NDArray[np.float64]:
    """What gating needs of the blocks heard: how many in each bin, then their energies: float64, shape (GATED_SIZE,).

    Those of several programmes add up to those of all of them together.

    Thread: any but audio. Allocates: yes.
    """
    return state[_HISTOGRAM_COUNT:_RANGE_HISTOGRAM].copy()


def together_lufs(several: NDArray[np.float64]) -> float:
    """Integrated loudness of programmes gated together, from the sum of their `gated`; `FLOOR_DB` of none.

    Parameters
    ----------
    several : float64, shape (GATED_SIZE,)

    Thread: any but audio. Allocates: yes.
    """
    state = np.zeros(STATE_SIZE)
    state[_HISTOGRAM_COUNT:_RANGE_HISTOGRAM] = several
    state[_GATED_COUNT], state[_GATED_ENERGY] = several[:_BINS].sum(), several[_BINS:].sum()
    return float(integrated_lufs(state))
