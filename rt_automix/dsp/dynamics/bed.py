"""A surround programme, channels two by two in the rows of one array: folded, weighed, compressed and limited as one.

The front pair leads: its states are those of the stereo chain. The others have a limiter's delay lines and a
K-weighting of their own, and follow.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.dsp.dynamics import compressor, limiter
from rt_automix.dsp.dynamics import limiter_gain as at
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import kweighting, loudness, truepeak


@kernel("void(float32[:, ::1], int64, float32[:, ::1], float32[::1], float32[::1])", door=True)
def fold(bed, start, shares, left, right):
    """Mix a bed down to two channels.

    Parameters
    ----------
    bed : float32, shape (rows, n)
    start : int64
        First sample that counts.
    shares : float32, shape (rows, 2)
        Of each row in left and right.
    left, right : float32, shape (m,), m <= n - start, written

    Thread: audio | worker. Allocates: no.
    """
    for i in range(left.shape[0]):
        left[i], right[i] = np.float32(0.0), np.float32(0.0)
    for row in range(bed.shape[0]):
        share_left, share_right = shares[row, 0], shares[row, 1]
        samples = bed[row, start : start + left.shape[0]]
        for i in range(left.shape[0]):
            left[i] += share_left * samples[i]
            right[i] += share_right * samples[i]


@kernel("void(float64[::1], float64[:, ::1], float64[::1], float32[:, ::1], int64, int64)")
def weigh(loudness_state, weightings, weights, bed, start, stop):
    """Let the pairs behind the first be heard by its meter, which hears the first one afterwards.

    Parameters
    ----------
    loudness_state : float64, shape (loudness.STATE_SIZE,), updated
    weightings : float64, shape (pairs - 1, kweighting.SIZE), updated
    weights : float64, shape (rows,)
        What the energy of each row counts for.
    bed : float32, shape (rows, n), finite
    start, stop : int64
        Samples within one of the meter's sub-blocks.

    Thread: audio | worker. Allocates: no.
    """
    ends = stop - start == loudness.samples_to_sub_block(loudness_state)
    for k in range(weightings.shape[0]):
        state, row = weightings[k], 2 * k + 2
        kweighting.accumulate(state, bed[row, start:stop], bed[row + 1, start:stop])
        if ends:
            loudness.hear_beside(loudness_state, state, weights[row], weights[row + 1])


@kernel(
    "void(float64[::1], float32[::1], float64[::1], float64[::1], float32[:, ::1], int64, int64,"
    " float32[::1], float32[::1])"
)
def compress(state, scratch, settings, weights, bed, start, stop, level, same):
    """Compress all channels by one gain, from their power by their weights; up to compressor.WIDTH samples.

    Parameters
    ----------
    state, scratch, settings
        As for `compressor.process`.
    weights : float64, shape (rows,)
    bed : float32, shape (rows, n), updated
    start, stop : int64
    level, same : float32, shape (compressor.WIDTH,), work space

    Thread: audio. Allocates: no.
    """
    count = stop - start
    for i in range(count):
        level[i] = np.float32(0.0)
    for row in range(bed.shape[0]):
        weight, samples = np.float32(0.5 * weights[row]), bed[row, start:stop]
        for i in range(count):
            level[i] += weight * samples[i] * samples[i]
    for i in range(count):
        level[i] = math.sqrt(level[i])
        same[i] = level[i]
    compressor.process(state, scratch, settings, level[:count], same[:count])
    for row in range(0, bed.shape[0], 2):
        compressor.follow(state, scratch, bed[row, start:stop], bed[row + 1, start:stop])


@kernel("void(float32[::1], float32[::1])")
def _hand_on(leader, follower):
    for i in range(limiter.WIDTH):
        follower[at.GAIN + i] = leader[at.GAIN + i]


@kernel("void(float32[::1], float32[:, ::1], int64, float64[::1], float32, float32[:, ::1], int64, int64)")
def _limit_ahead(leader, followers, at_state, settings, ceiling, bed, start, stop):
    limiter.take_in(leader, settings, bed[0, start:stop], bed[1, start:stop])
    for k in range(followers.shape[0]):
        follower = followers[k, at_state : at_state + limiter.STATE_SIZE]
        limiter.take_in(follower, settings, bed[2 * k + 2, start:stop], bed[2 * k + 3, start:stop])
        for i in range(limiter.WIDTH):
            leader[at.PEAKS + i] = max(leader[at.PEAKS + i], follower[at.PEAKS + i])
    limiter.plan(leader, settings, ceiling, stop - start)
    for k in range(followers.shape[0]):
        follower = followers[k, at_state : at_state + limiter.STATE_SIZE]
        _hand_on(leader, follower)
        limiter.give_out(follower, ceiling, bed[2 * k + 2, start:stop], bed[2 * k + 3, start:stop])
    limiter.give_out(leader, ceiling, bed[0, start:stop], bed[1, start:stop])


@kernel("void(float32[::1], float32[:, ::1], int64, float64[::1], float32, float32[:, ::1], int64, int64)")
def _limit_at_once(leader, followers, at_state, settings, ceiling, bed, start, stop):
    limiter.need(leader, ceiling, bed[0, start:stop], bed[1, start:stop])
    for k in range(followers.shape[0]):
        follower = followers[k, at_state : at_state + limiter.STATE_SIZE]
        limiter.need(follower, ceiling, bed[2 * k + 2, start:stop], bed[2 * k + 3, start:stop])
        for i in range(stop - start):
            leader[at.PEAKS + i] = min(leader[at.PEAKS + i], follower[at.PEAKS + i])
    at.release(leader, settings, stop - start, at.GAIN)
    limiter.give(leader, ceiling, bed[0, start:stop], bed[1, start:stop])
    for k in range(followers.shape[0]):
        follower = followers[k, at_state : at_state + limiter.STATE_SIZE]
        _hand_on(leader, follower)
        limiter.give(follower, ceiling, bed[2 * k + 2, start:stop], bed[2 * k + 3, start:stop])
        leader[at.TRUE_PEAK] = max(leader[at.TRUE_PEAK], follower[at.TRUE_PEAK])
        follower[at.TRUE_PEAK] = at.ZERO


@kernel("void(float32[::1], float32[:, ::1], int64, float64[::1], float32, float32[:, ::1], int64, int64)")
def limit(leader, followers, at_state, settings, ceiling_lin, bed, start, stop):
    """Limit all channels in place by one gain, each under the ceiling; up to limiter.WIDTH samples.

    Parameters
    ----------
    leader : float32, shape (limiter.STATE_SIZE,), updated
    followers : float32, shape (pairs - 1, n), updated
    at_state : int64
        Where in a row of those limiter.STATE_SIZE begin.
    settings, ceiling_lin
        As for `limiter.process`.
    bed : float32, shape (rows, n), updated
    start, stop : int64

    Thread: audio. Allocates: no.
    """
    if settings[at.LOOK_AHEAD] != 0.0:
        _limit_ahead(leader, followers, at_state, settings, ceiling_lin, bed, start, stop)
    else:
        _limit_at_once(leader, followers, at_state, settings, ceiling_lin, bed, start, stop)


@kernel(
    "int64(float64[::1], float32[:, ::1], float64[:, ::1], float64[::1], float32[:, ::1], float64[:, ::1])", door=True
)
def measure(loudness_state, peak_states, weightings, weights, bed, curve):
    """All that is measured of a surround programme, as `meter.process` does it of two channels.

    Parameters
    ----------
    loudness_state : float64, shape (loudness.STATE_SIZE,), updated
    peak_states : float32, shape (pairs, truepeak.STATE_SIZE), updated
    weightings : float64, shape (pairs - 1, kweighting.SIZE), updated
    weights : float64, shape (rows,)
    bed : float32, shape (rows, n), finite
    curve : float64, shape (k, 2), k at least one more than the block has steps of 100 ms

    Returns
    -------
    int
        Rows of the curve that were written.

    Thread: worker. Allocates: no.
    """
    rows, start = 0, 0
    for k in range(peak_states.shape[0]):
        truepeak.process(peak_states[k], bed[2 * k], bed[2 * k + 1])
    while start < bed.shape[1]:
        stop = min(start + loudness.samples_to_sub_block(loudness_state), bed.shape[1])
        is_step = stop - start == loudness.samples_to_next_step(loudness_state)
        weigh(loudness_state, weightings, weights, bed, start, stop)
        loudness.process(loudness_state, bed[0, start:stop], bed[1, start:stop])
        if is_step:
            curve[rows, 0] = loudness.momentary_lufs(loudness_state)
            curve[rows, 1] = loudness.short_term_lufs(loudness_state)
            rows += 1
        start = stop
    return rows
