"""A surround programme through the chain: every pair of a bed by what the front pair and the analysis decide.

    guard -> fold to stereo -> ring; each pair: gain, filters -> one compressor -> width (front), drive
    -> one limiter -> meters -> listen

Pairs side by side are such a programme, too: all of them front, and no LFE.

Equalisers are the same for all but the LFE, which gets gain, compression and the limiter alone. There is one gain,
from the loudness of all, and one limiter, which holds the ceiling in every channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rt_automix import surround
from rt_automix.analysis.recordings.bed import lay
from rt_automix.dsp import atomics
from rt_automix.dsp.dynamics import bed, compressor, limiter
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import kweighting, loudness
from rt_automix.dsp.samples import mix
from rt_automix.dsp.tone import cascade, equalizer, fine, subsonic
from rt_automix.engine import bed_listening as listening
from rt_automix.engine import layout as at
from rt_automix.engine.chain import filter_pair, measure
from rt_automix.engine.steering import tick

# What a pair behind the first has of its own, in float64 and in float32.
EQ = kweighting.SIZE
FINE = EQ + equalizer.CASCADE_STATE_SIZE
SUBSONIC = FINE + fine.STATE_SIZE
FOLDED = SUBSONIC + subsonic.STATE_SIZE
"""Of the second pair alone: what the master is beside its fold."""

OWN64_SIZE = FOLDED + listening.FOLDED_SIZE
OWN32_SIZE = 2 * limiter.STATE_SIZE

_LFE = surround.LFE_ROW


class Bed(NamedTuple):
    """What a surround programme needs beside the arrays of `layout`.

    Parameters
    ----------
    own64 : float64, shape (pairs - 1, OWN64_SIZE)
    own32 : float32, shape (pairs - 1, OWN32_SIZE)
        Two limiters: of the master, and for comparing.
    work : float32, shape (rows, bed_listening.WORK_SIZE)
    weights : float64, shape (rows,)
        What each row counts for in the loudness.
    shares : float32, shape (rows, 2)
        Of each row in the stereo that the analysis hears.
    """

    own64: NDArray[np.float64]
    own32: NDArray[np.float32]
    work: NDArray[np.float32]
    weights: NDArray[np.float64]
    shares: NDArray[np.float32]

    def refill(self, saved: Sequence[NDArray[Any]]) -> None:
        """Go on from copies of these arrays. Thread: main. Allocates: no."""
        mine: Sequence[Any] = self
        for array, kept in zip(mine, saved, strict=True):
            array[:] = kept


def new(layout: surround.Layout, sample_rate_hz: int) -> Bed:
    """Nothing heard yet. Thread: main. Allocates: yes."""
    weights = np.array(layout.weights)
    followers = len(weights) // 2 - 1
    own64 = np.zeros((followers, OWN64_SIZE))
    own64[:, : kweighting.SIZE] = own64[:, FOLDED : FOLDED + kweighting.SIZE] = kweighting.new_state(sample_rate_hz)
    own32 = np.tile(limiter.new_state(), (followers, 2))
    work = np.zeros((len(weights), listening.WORK_SIZE), np.float32)
    return Bed(own64, own32, work, weights, np.array(layout.folded, np.float32))


@kernel("void(float64[::1], int64, float64[::1], int64, int64)")
def _swap(f64, start, own, own_start, size):
    for k in range(size):
        f64[start + k], own[own_start + k] = own[own_start + k], f64[start + k]


@kernel("void(float64[::1], float64[::1])")
def _take_turns(f64, own):
    """Let a pair have the filters, or give them back."""
    _swap(f64, at.EQ_STATE, own, EQ, equalizer.CASCADE_STATE_SIZE)
    _swap(f64, at.FINE_STATE, own, FINE, fine.STATE_SIZE)
    _swap(f64, at.SUBSONIC_STATE, own, SUBSONIC, subsonic.STATE_SIZE)


@kernel("void(float64[::1], int64[::1], float64[:, ::1])")
def tick_all(f64, i64, own64):
    """A tick of the chain; filters fall asleep only when those of every pair have rung out.

    Thread: audio. Allocates: no.
    """
    was_fine, was_subsonic = i64[at.FINE_AWAKE], i64[at.SUBSONIC_AWAKE]
    tick(f64, i64)
    for k in range(own64.shape[0]):
        own = own64[k]
        if was_subsonic and not i64[at.SUBSONIC_AWAKE]:
            has_rung_out = subsonic.has_rung_out(own[SUBSONIC : SUBSONIC + subsonic.STATE_SIZE])
            i64[at.SUBSONIC_AWAKE] = 0 if has_rung_out else 1
        if was_fine and not i64[at.FINE_AWAKE]:
            for n in range(fine.STATE_SIZE):
                own[FINE + n] = 0.0
            cascade.forget(own[EQ : EQ + equalizer.CASCADE_STATE_SIZE], equalizer.BAND_COUNT)


@kernel(
    "void(float32[:, ::1], int64, int64, float64[::1], float32[::1], int64[::1],"
    " float64[:, ::1], float64[::1], float32[:, ::1], float32[:, ::1])"
)
def shape(channels, start, stop, f64, f32, i64, own64, weights, shares, work):
    """Everything up to the limiter, over up to TICK_SAMPLES within a tick that has been ticked.

    Thread: audio. Allocates: no.
    """
    offset, count = i64[at.SAMPLE_COUNT] & (at.TICK_SAMPLES - 1), stop - start
    lfe, spare = work[0, listening.SPARE :], work[1, listening.SPARE :]
    for i in range(count):
        lfe[i] = channels[_LFE, start + i]
    for row in range(0, channels.shape[0], 2):
        if row:
            _take_turns(f64, own64[row // 2 - 1])
        filter_pair(f64, i64, offset, channels[row, start:stop], channels[row + 1, start:stop])
        if row:
            _take_turns(f64, own64[row // 2 - 1])
    mix.gain(lfe[:count], spare[:count], offset, np.float32(f64[at.PRE]), np.float32(f64[at.PRE_STEP]))
    if weights[_LFE] == 0.0:  # of pairs that row is like any other
        for i in range(count):
            channels[_LFE, start + i] = lfe[i]
    bed.compress(
        f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE],
        f32[at.COMPRESSOR_SCRATCH : at.COMPRESSOR_SCRATCH + compressor.SCRATCH_SIZE],
        f64[at.COMPRESSOR_SETTINGS : at.COMPRESSOR_SETTINGS + compressor.SETTINGS_SIZE],
        weights, channels, start, stop, lfe, spare,
    )  # fmt: skip
    drive, step = np.float32(f64[at.DRIVE]), np.float32(f64[at.DRIVE_STEP])
    width, width_step = np.float32(f64[at.WIDTH]), np.float32(f64[at.WIDTH_STEP])
    for row in range(0, channels.shape[0], 2):
        left, right = channels[row, start:stop], channels[row + 1, start:stop]
        if shares[row, 0] == 1.0 and shares[row + 1, 1] == 1.0:  # left and right
            mix.width_and_gain(left, right, offset, width, width_step, drive, step)
        else:
            mix.gain(left, right, offset, drive, step)


@kernel(
    "void(float32[:, ::1], int64, int64, float64[::1], float32[::1], int64[::1],"
    " float64[:, ::1], float32[:, ::1], float32[:, ::1], float64[::1], float32[:, ::1])",
)
def segment(channels, start, stop, f64, f32, i64, own64, own32, work, weights, shares):
    """As `process`, up to the next tick or the next end of 10 ms; too large to come into it."""
    position, loudest = i64[at.SAMPLE_COUNT], np.float32(0.0)
    for row in range(0, channels.shape[0], 2):
        left, right = channels[row, start:stop], channels[row + 1, start:stop]
        if not mix.peak(left, right) <= mix.SANE_PEAK:
            i64[at.FAULTS] += mix.guard(left, right)
        loudest = max(loudest, mix.peak(left, right))
    f64[at.METERS + at.M_IN_PEAK] = max(f64[at.METERS + at.M_IN_PEAK], np.float64(loudest))
    listening.remember(channels, start, stop, position, work)
    write = position & (at.RING_SAMPLES - 1)  # a segment never wraps: it ends with the tick
    ring_left = f32[at.RING_LEFT + write : at.RING_LEFT + write + stop - start]
    ring_right = f32[at.RING_RIGHT + write : at.RING_RIGHT + write + stop - start]
    bed.fold(channels, start, shares, ring_left, ring_right)
    shape(channels, start, stop, f64, f32, i64, own64, weights, shares, work)
    state = f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE]
    settings = f64[at.LIMITER_SETTINGS : at.LIMITER_SETTINGS + limiter.SETTINGS_SIZE]
    bed.limit(state, own32, 0, settings, np.float32(f64[at.CEILING]), channels, start, stop)
    loudness_state = f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE]
    bed.weigh(loudness_state, own64, weights, channels, start, stop)
    has_ended = stop - start == loudness.samples_to_sub_block(loudness_state)
    measure(f64, f32, i64, channels[0, start:stop], channels[1, start:stop])
    folded = own64[0, FOLDED : FOLDED + listening.FOLDED_SIZE]
    listening.hear_folded(f64, folded, has_ended, channels, start, stop, shares, work)
    listening.listen(channels, start, stop, f64, f32, i64, own32, work)
    loudest = np.float32(0.0)
    for row in range(0, channels.shape[0], 2):
        loudest = max(loudest, mix.peak(channels[row, start:stop], channels[row + 1, start:stop]))
    f64[at.METERS + at.M_OUT_PEAK] = max(f64[at.METERS + at.M_OUT_PEAK], np.float64(loudest))
    atomics.store_release(i64, at.SAMPLE_COUNT, position + stop - start)


@kernel(
    "void(float32[:, ::1], int64, int64, float64[::1], float32[::1], int64[::1],"
    " float64[:, ::1], float32[:, ::1], float32[:, ::1], float64[::1], float32[:, ::1])",
    door=True,
)
def process(channels, start, stop, f64, f32, i64, own64, own32, work, weights, shares):
    """Master samples `start` to `stop` of a bed in place.

    Parameters
    ----------
    channels : float32, shape (rows, n), updated
    start, stop : int64
    f64, f32, i64 : the arrays of `layout`, updated
    own64, own32, work, weights, shares : those of a `Bed`, updated

    Thread: audio. Allocates: no.
    """
    word = atomics.flush_denormals()
    while start < stop:
        offset = i64[at.SAMPLE_COUNT] & (at.TICK_SAMPLES - 1)
        if offset == 0:
            tick_all(f64, i64, own64)
        state = f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE]
        count = min(at.TICK_SAMPLES - offset, loudness.samples_to_sub_block(state), stop - start)
        segment(channels, start, start + count, f64, f32, i64, own64, own32, work, weights, shares)
        start += count
    atomics.restore_denormals(word)


def lent(held: Bed, arrays: tuple[Any, ...], layout: surround.Layout) -> Callable[[NDArray[np.float32]], None]:
    """A function that masters a block in the order of a file in place, as `process` does with these arrays.

    Thread: main. Allocates: yes.
    """

    all_held: tuple[Any, ...] = (*arrays, *held)

    def master(channels: NDArray[np.float32]) -> None:
        laid = lay(channels, layout)
        process(laid, 0, laid.shape[1], *all_held)
        if laid is not channels:
            channels[:] = laid[list(layout.rows)]

    return master
