"""What is listened to of a surround programme: the master, the input as it came, or at the master's loudness.

As in `chain`, of all channels alike: the input is kept as long as it is late, and compared behind a limiter of its own.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.dsp.dynamics import bed, limiter
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import kweighting, loudness
from rt_automix.dsp.samples import mix
from rt_automix.engine import layout as at

_RING = 1 << (at.DELAY_SAMPLES + at.TICK_SAMPLES - 1).bit_length()

# What each row of a bed has to work in, float32: its newest input, a ring; a tick of the input as it is listened to,
# plain and at the master's loudness; and space that whoever wants may use.
PAST = 0
DRY = PAST + _RING
MATCHED = DRY + at.TICK_SAMPLES
SPARE = MATCHED + max(at.TICK_SAMPLES, at.DELAY_SAMPLES)
WORK_SIZE = SPARE + at.TICK_SAMPLES

COMPARE = limiter.STATE_SIZE
"""Where a pair behind the first has its limiter for comparing, behind its own."""

# What the master is beside its fold, float64: a K-weighting, and both energies, each a mean over some seconds.
FOLD_ENERGY = kweighting.SIZE
ENERGY = FOLD_ENERGY + 1
FOLDED_SIZE = ENERGY + 1
_SHARE_OF_10_MS = 1.0 / 300.0
_SILENT = 1e-9


@kernel("void(float64[::1], float64[::1], boolean, float32[:, ::1], int64, int64, float32[:, ::1], float32[:, ::1])")
def hear_folded(f64, folded, has_ended, channels, start, stop, shares, work):
    """Learn how much louder the master is than its fold: what is compared is known by the loudness of its fold.

    Parameters
    ----------
    f64 : float64, shape (layout.F64_SIZE,), updated
        Whose meter has heard the same samples; `has_ended`: and ended 10 ms with them.
    folded : float64, shape (FOLDED_SIZE,), updated
    channels : float32, shape (rows, n), the master
    start, stop : int64
        Samples of one tick.
    shares : float32, shape (rows, 2)
    work : float32, shape (rows, WORK_SIZE), updated

    Thread: audio. Allocates: no.
    """
    left, right = work[0, SPARE : SPARE + stop - start], work[1, SPARE : SPARE + stop - start]
    bed.fold(channels, start, shares, left, right)
    kweighting.accumulate(folded, left, right)
    if not has_ended:
        return
    state, squares = f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE], kweighting.SQUARES
    energy = (folded[squares] + folded[squares + 1]) / loudness.samples_to_sub_block(state)
    folded[squares], folded[squares + 1] = 0.0, 0.0
    folded[FOLD_ENERGY] += _SHARE_OF_10_MS * (energy - folded[FOLD_ENERGY])
    folded[ENERGY] += _SHARE_OF_10_MS * (loudness.last_sub_block_energy(state) - folded[ENERGY])
    if folded[FOLD_ENERGY] > _SILENT and folded[ENERGY] > _SILENT:
        f64[at.BESIDE_LU] = 10.0 * math.log10(folded[ENERGY] / folded[FOLD_ENERGY])


@kernel("void(float32[:, ::1], int64, int64, int64, float32[:, ::1])")
def remember(channels, start, stop, position, work):
    """Keep up to TICK_SAMPLES of input, the first of which is sample `position` of the stream.

    Thread: audio. Allocates: no.
    """
    for row in range(channels.shape[0]):
        samples, past = channels[row, start:stop], work[row, PAST : PAST + _RING]
        for i in range(stop - start):
            past[(position + i) & (_RING - 1)] = samples[i]


@kernel("void(float32[:, ::1], int64, int64, int64)")
def _recall(work, position, count, to):
    for row in range(work.shape[0]):
        past, recalled = work[row, PAST : PAST + _RING], work[row, to : to + count]
        for i in range(count):
            recalled[i] = past[(position + i) & (_RING - 1)]


@kernel("void(float32[:, ::1], int64, int64, int64, float32, float32)")
def _gain(channels, start, stop, offset, gain_lin, step_lin):
    for row in range(0, channels.shape[0], 2):
        mix.gain(channels[row, start:stop], channels[row + 1, start:stop], offset, gain_lin, step_lin)


@kernel("void(float64[::1], float32[::1], int64[::1], float32[:, ::1], float32[:, ::1], int64)")
def _match(f64, f32, i64, own32, work, count):
    """The input at the master's loudness, behind limiters of its own."""
    state = f32[at.COMPARE_STATE : at.COMPARE_STATE + limiter.STATE_SIZE]
    settings = f64[at.LIMITER_SETTINGS : at.LIMITER_SETTINGS + limiter.SETTINGS_SIZE]
    ceiling, position = np.float32(f64[at.CEILING]), i64[at.SAMPLE_COUNT]
    if i64[at.COMPARING] == 0:  # it slept: give it the past that its delay lines missed
        i64[at.COMPARING] = 1
        limiter.reset(state)
        for k in range(own32.shape[0]):
            limiter.reset(own32[k, COMPARE : COMPARE + limiter.STATE_SIZE])
        _recall(work, position - at.DELAY_SAMPLES, at.DELAY_SAMPLES, MATCHED)
        _gain(work, MATCHED, MATCHED + at.DELAY_SAMPLES, 0, np.float32(f64[at.MATCH]), np.float32(0.0))
        bed.limit(state, own32, COMPARE, settings, ceiling, work, MATCHED, MATCHED + at.DELAY_SAMPLES)
    _recall(work, position, count, MATCHED)
    offset = position & (at.TICK_SAMPLES - 1)
    _gain(work, MATCHED, MATCHED + count, offset, np.float32(f64[at.MATCH]), np.float32(f64[at.MATCH_STEP]))
    bed.limit(state, own32, COMPARE, settings, ceiling, work, MATCHED, MATCHED + count)


@kernel(
    "void(float32[:, ::1], int64, int64, float64[::1], float32[::1], int64[::1], float32[:, ::1], float32[:, ::1])",
    door=True,
)
def listen(channels, start, stop, f64, f32, i64, own32, work):
    """Fade between the master and the delayed input, plain (bypass) or loudness-matched (compare); then the trim.

    Parameters
    ----------
    channels : float32, shape (rows, n), the master, updated
    start, stop : int64
        Samples of one tick.
    f64, f32, i64 : the arrays of `layout`, updated
    own32, work : those of a `Bed`, updated

    Thread: audio. Allocates: no.
    """
    offset, count = i64[at.SAMPLE_COUNT] & (at.TICK_SAMPLES - 1), stop - start
    if f64[at.DRY] == 0.0 and f64[at.DRY_STEP] == 0.0:
        i64[at.COMPARING] = 0
    else:
        is_matched = f64[at.MATCHED] != 0.0 or f64[at.MATCHED_STEP] != 0.0
        _recall(work, i64[at.SAMPLE_COUNT] - (at.DELAY_SAMPLES if i64[at.LOOK_AHEAD] else 0), count, DRY)
        if is_matched:
            _match(f64, f32, i64, own32, work, count)
        matched, matched_step = np.float32(f64[at.MATCHED]), np.float32(f64[at.MATCHED_STEP])
        dry, dry_step = np.float32(f64[at.DRY]), np.float32(f64[at.DRY_STEP])
        for row in range(0, channels.shape[0], 2):
            left, right = work[row, DRY : DRY + count], work[row + 1, DRY : DRY + count]
            if is_matched:
                other, another = work[row, MATCHED : MATCHED + count], work[row + 1, MATCHED : MATCHED + count]
                mix.crossfade(left, right, other, another, offset, matched, matched_step)
            mix.crossfade(channels[row, start:stop], channels[row + 1, start:stop], left, right, offset, dry, dry_step)
    if f64[at.TRIM] != 1.0 or f64[at.TRIM_STEP] != 0.0:
        _gain(channels, start, stop, offset, np.float32(f64[at.TRIM]), np.float32(f64[at.TRIM_STEP]))
