"""The audio path: one compiled function that a callback can carry, and the tick that steers it.

    guard -> ring -> gain -> equaliser -> compressor -> width, drive -> limiter -> listen -> meters

Everything slower than a sample happens on a grid of TICK_SAMPLES counted from the start of the
stream (parameters) or of 10 ms (loudness), never at the edge of a block: the output does not depend
on how the stream is cut.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix import params
from rt_automix.dsp import atomics, compressor, equalizer, limiter, loudness, mix, rider
from rt_automix.dsp.jit import kernel
from rt_automix.engine import layout as at

_NEUTRAL, _LOW, _HIGH = params.NEUTRAL.copy(), params.LOW.copy(), params.HIGH.copy()
_INPUT_GAIN, _LOW_SHELF = params.INDEX["input_gain_db"], params.INDEX["low_shelf_db"]
_COMPRESSION, _STEREO_WIDTH = params.INDEX["compression"], params.INDEX["stereo_width"]
_DRIVE, _LEVEL = params.INDEX["limiter_drive_db"], params.INDEX["output_level"]
_ARRIVED = 1e-6
_MATCH_LIMIT_DB = 12.0
_SUB_BLOCKS_PER_STEP = 10
_PER_TICK = 1.0 / at.TICK_SAMPLES
_EQ_STEP_SAMPLES = at.TICK_SAMPLES // 4


@kernel("float64(float64)")
def _lin(level_db):
    return 10.0 ** (0.05 * level_db)


@kernel("float64(float64)")
def _db(level_lin):
    return 20.0 * math.log10(max(level_lin, 1e-10))


@kernel("int64(float64[::1], int64[::1])")
def _read_controls(f64, i64):
    """Take the newest controls; returns where they lie."""
    index = i64[at.CONTROL_INDEX : at.CONTROL_INDEX + 3]
    slot = at.CONTROL_SLOTS + at.CONTROL_SIZE * atomics.triple_fetch(index)
    f64[at.TARGETS + at.S_AMOUNT] = f64[slot + at.AMOUNT]
    f64[at.TARGETS + at.S_CEILING] = f64[slot + at.CEILING_LIN]
    f64[at.TARGETS + at.S_RIDE] = f64[slot + at.RIDE]
    listen = f64[slot + at.LISTEN]
    f64[at.TARGETS + at.S_DRY] = 0.0 if listen == at.LISTEN_MASTER else 1.0
    if listen != at.LISTEN_MASTER:
        f64[at.TARGETS + at.S_MATCHED] = 1.0 if listen == at.LISTEN_COMPARE else 0.0
    return slot


@kernel("void(float64[::1], int64[::1])")
def _read_suggestion(f64, i64):
    """Take the newest suggestion once its time has come, clamped; NaN means neutral."""
    index = i64[at.SUGGESTION_INDEX : at.SUGGESTION_INDEX + 3]
    slot = at.SUGGESTION_SLOTS + at.SUGGESTION_SIZE * atomics.triple_fetch(index)
    if not f64[slot + at.EFFECTIVE_AT] <= i64[at.SAMPLE_COUNT]:
        return
    for k in range(params.COUNT):
        value = f64[slot + at.SUGGESTED + k]
        value = value if value == value else _NEUTRAL[k]
        f64[at.TARGETS + k] = min(max(value, _LOW[k]), _HIGH[k])
    heard = f64[slot + at.INPUT_LUFS]
    f64[at.INPUT_LUFS_NOW] = heard if abs(heard) < 200.0 else -200.0


@kernel("int64(float64[::1])")
def _smooth(f64):
    """Two one-poles in a row per value; returns 1 if an equaliser band moved."""
    moved = 0
    for k in range(at.SMOOTHED):
        target, now = f64[at.TARGETS + k], f64[at.NOW + k]
        if now == target and f64[at.HALFWAY + k] == target:
            continue
        f64[at.HALFWAY + k] += f64[at.STEPS + k] * (target - f64[at.HALFWAY + k])
        f64[at.NOW + k] += f64[at.STEPS + k] * (f64[at.HALFWAY + k] - now)
        if abs(target - f64[at.NOW + k]) < _ARRIVED and abs(target - f64[at.HALFWAY + k]) < _ARRIVED:
            f64[at.HALFWAY + k] = target
            f64[at.NOW + k] = target
        moved = 1
    return moved


@kernel("void(float64[::1], float64, int64)")
def _ramp(f64, goal, start):
    """Let the ramp at `start` run from where it ended to `goal` within the next tick."""
    end = f64[start] + at.TICK_SAMPLES * f64[start + 1]
    # Where the goal stands still the ramp ends on it exactly, not a rounding away.
    f64[start] = goal if abs(end - goal) < 1e-9 else end
    f64[start + 1] = (goal - f64[start]) * _PER_TICK


@kernel("void(float64[::1], int64)")
def _ride(f64, controls):
    """Move the rider and set the gain before the equaliser and the drive behind the width."""
    amount = f64[at.NOW + at.S_AMOUNT]
    wanted = f64[at.NOW + _INPUT_GAIN] + f64[at.NOW + _DRIVE]
    trim_db = f64[controls + at.MAX_TRIM_DB]
    state = f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE]
    if f64[controls + at.FREEZE] == 0.0:
        settings = f64[at.RIDER_SETTINGS : at.RIDER_SETTINGS + rider.SETTINGS_SIZE]
        elapsed_s = at.TICK_SAMPLES / f64[at.SAMPLE_RATE_HZ]
        rider.move(state, settings, wanted - trim_db, wanted + trim_db, elapsed_s)
    gain_db = wanted + f64[at.NOW + at.S_RIDE] * (rider.gain_db(state) - wanted)
    drive_db = f64[at.APPLIED + _DRIVE]
    f64[at.GAIN_DB] = amount * gain_db
    f64[at.METERS + at.M_GAIN_DB] = amount * gain_db
    f64[at.METERS + at.M_TRIM_DB] = amount * (gain_db - wanted)
    _ramp(f64, _lin(amount * gain_db - drive_db), at.PRE)
    _ramp(f64, _lin(drive_db), at.DRIVE)


@kernel("void(float64[::1], int64[::1], boolean)")
def _equalise(f64, i64, moved):
    """Arrive at the last goal; if a band moved, design the next and go there in steps."""
    coefficients = f64[at.EQ_COEFFICIENTS : at.EQ_COEFFICIENTS + equalizer.COEFFICIENTS]
    goal = f64[at.EQ_GOAL : at.EQ_GOAL + equalizer.COEFFICIENTS]
    if i64[at.EQ_MOVING]:
        for k in range(equalizer.COEFFICIENTS):
            coefficients[k] = goal[k]
    i64[at.EQ_MOVING] = 1 if moved else 0
    if moved:
        table = f64[at.EQ_TABLE : at.EQ_TABLE + equalizer.TABLE_SIZE]
        equalizer.design(table, f64[at.APPLIED + _LOW_SHELF : at.APPLIED + _LOW_SHELF + equalizer.BAND_COUNT], goal)


@kernel("void(float64[::1], int64[::1])")
def tick(f64, i64):
    """Once per TICK_SAMPLES: read messages, move every parameter a step, design what changed.

    Thread: audio. Allocates: no.
    """
    controls = _read_controls(f64, i64)
    if f64[controls + at.FREEZE] == 0.0:
        _read_suggestion(f64, i64)
    matched_db = loudness.short_term_lufs(f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE])
    matched_db = matched_db - f64[at.INPUT_LUFS_NOW] if f64[at.INPUT_LUFS_NOW] > -70.0 else 0.0
    f64[at.TARGETS + at.S_MATCH_DB] = min(max(matched_db, -_MATCH_LIMIT_DB), _MATCH_LIMIT_DB)

    amount_before = f64[at.NOW + at.S_AMOUNT]
    moved = _smooth(f64)
    amount = f64[at.NOW + at.S_AMOUNT]
    for k in range(params.COUNT):
        f64[at.APPLIED + k] = _NEUTRAL[k] + amount * (f64[at.NOW + k] - _NEUTRAL[k])
    _equalise(f64, i64, moved or amount != amount_before or i64[at.SAMPLE_COUNT] == 0)
    _ride(f64, controls)
    f64[at.CEILING] = min(f64[at.APPLIED + _LEVEL], f64[at.NOW + at.S_CEILING])
    _ramp(f64, f64[at.APPLIED + _STEREO_WIDTH], at.WIDTH)
    _ramp(f64, f64[at.NOW + at.S_DRY], at.DRY)
    _ramp(f64, f64[at.NOW + at.S_MATCHED], at.MATCHED)
    _ramp(f64, _lin(f64[at.NOW + at.S_MATCH_DB]), at.MATCH)
    compressor.tick(
        f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE],
        f64[at.COMPRESSOR_SETTINGS : at.COMPRESSOR_SETTINGS + compressor.SETTINGS_SIZE],
        f64[at.APPLIED + _COMPRESSION],
        f64[at.PRE],
    )


@kernel("void(float64[::1], int64[::1], int64, float32[::1], float32[::1])")
def _filter(f64, i64, offset, left, right):
    """Equalise; while bands move, in steps of a quarter tick, each a share of the way to the goal."""
    coefficients = f64[at.EQ_COEFFICIENTS : at.EQ_COEFFICIENTS + equalizer.COEFFICIENTS]
    state = f64[at.EQ_STATE : at.EQ_STATE + equalizer.STATE_SIZE]
    if not i64[at.EQ_MOVING]:
        equalizer.process(coefficients, state, left, right)
        return
    start = 0
    while start < left.shape[0]:
        into = (offset + start) & (_EQ_STEP_SAMPLES - 1)
        if into == 0:
            share = _EQ_STEP_SAMPLES / (at.TICK_SAMPLES - offset - start)
            for k in range(equalizer.COEFFICIENTS):
                coefficients[k] += share * (f64[at.EQ_GOAL + k] - coefficients[k])
        stop = min(start + _EQ_STEP_SAMPLES - into, left.shape[0])
        equalizer.process(coefficients, state, left[start:stop], right[start:stop])
        start = stop


@kernel("void(float64[::1], float32[::1], int64[::1], int64, float32[::1], float32[::1])")
def _master(f64, f32, i64, offset, left, right):
    """The mastering path over up to TICK_SAMPLES, `offset` samples into the tick."""
    mix.gain(left, right, offset, np.float32(f64[at.PRE]), np.float32(f64[at.PRE_STEP]))
    _filter(f64, i64, offset, left, right)
    compressor.process(
        f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE],
        f32[at.COMPRESSOR_SCRATCH : at.COMPRESSOR_SCRATCH + compressor.SCRATCH_SIZE],
        f64[at.COMPRESSOR_SETTINGS : at.COMPRESSOR_SETTINGS + compressor.SETTINGS_SIZE],
        left,
        right,
    )
    mix.width_and_gain(
        left,
        right,
        offset,
        np.float32(f64[at.WIDTH]),
        np.float32(f64[at.WIDTH_STEP]),
        np.float32(f64[at.DRIVE]),
        np.float32(f64[at.DRIVE_STEP]),
    )
    limiter.process(
        f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE],
        f64[at.LIMITER_SETTINGS : at.LIMITER_SETTINGS + limiter.SETTINGS_SIZE],
        np.float32(f64[at.CEILING]),
        left,
        right,
    )


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1])")
def _measure(f64, f32, i64, left, right):
    """Loudness of the master; every 10 ms the other meters, every 100 ms the rider's step."""
    state = f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE]
    if loudness.process(state, left, right) == 0:
        return
    meters = f64[at.METERS : at.METERS + at.METER_SIZE]
    keep = f64[at.PEAK_KEEP]
    lowest = limiter.take_lowest_gain(f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE])
    reduction = compressor.take_reduction_db(f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE])
    true_peak = limiter.take_true_peak(f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE])
    meters[at.M_IN_PEAK] *= keep
    meters[at.M_OUT_PEAK] *= keep
    meters[at.M_OUT_TRUE_PEAK] = max(true_peak, keep * meters[at.M_OUT_TRUE_PEAK])
    meters[at.M_COMPRESSION_DB] = max(reduction, keep * meters[at.M_COMPRESSION_DB])
    meters[at.M_LIMITING_DB] = max(-_db(lowest), keep * meters[at.M_LIMITING_DB])
    meters[at.M_SAMPLES] = i64[at.SAMPLE_COUNT]
    meters[at.M_FAULTS] = i64[at.FAULTS]
    meters[at.M_MOMENTARY_LUFS] = loudness.momentary_lufs(state)
    meters[at.M_SHORT_TERM_LUFS] = loudness.short_term_lufs(state)
    for k in range(params.COUNT):
        meters[at.M_APPLIED + k] = f64[at.APPLIED + k]
    slots = f64[at.METER_SLOTS : at.METER_SLOTS + 3 * at.METER_SIZE]
    atomics.triple_publish(i64[at.METER_INDEX : at.METER_INDEX + 3], slots, meters)

    f64[at.STEP_ENERGY] += loudness.last_sub_block_energy(state)
    f64[at.STEP_GAIN_DB] += f64[at.GAIN_DB]
    i64[at.STEP_SUB_BLOCKS] += 1
    if i64[at.STEP_SUB_BLOCKS] == _SUB_BLOCKS_PER_STEP:
        controls = at.CONTROL_SLOTS + at.CONTROL_SIZE * i64[at.CONTROL_INDEX + 2]
        if f64[controls + at.FREEZE] == 0.0:
            rider.hear(
                f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE],
                f64[at.RIDER_SETTINGS : at.RIDER_SETTINGS + rider.SETTINGS_SIZE],
                f64[at.STEP_ENERGY] / _SUB_BLOCKS_PER_STEP,
                f64[at.STEP_GAIN_DB] / _SUB_BLOCKS_PER_STEP,
                f64[controls + at.TARGET_LUFS],
            )
        f64[at.STEP_ENERGY], f64[at.STEP_GAIN_DB], i64[at.STEP_SUB_BLOCKS] = 0.0, 0.0, 0


@kernel("void(float32[::1], int64, float32[::1], float32[::1])")
def _recall(f32, position, left, right):
    """Copy the input from sample `position` on out of the ring (zeros before the stream began)."""
    for i in range(left.shape[0]):
        read = (position + i) & (at.RING_SAMPLES - 1)
        left[i] = f32[at.RING_LEFT + read]
        right[i] = f32[at.RING_RIGHT + read]


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1])")
def _match(f64, f32, i64, left, right):
    """The input at the master's loudness, through a limiter of its own, into `left` and `right`."""
    state = f32[at.COMPARE_STATE : at.COMPARE_STATE + limiter.STATE_SIZE]
    settings = f64[at.LIMITER_SETTINGS : at.LIMITER_SETTINGS + limiter.SETTINGS_SIZE]
    ceiling = np.float32(f64[at.CEILING])
    position = i64[at.SAMPLE_COUNT]
    if i64[at.COMPARING] == 0:
        # This limiter slept: give it the past that its delay line missed.
        i64[at.COMPARING] = 1
        limiter.reset(state)
        past_left = f32[at.PAST_LEFT : at.PAST_LEFT + at.DELAY_SAMPLES]
        past_right = f32[at.PAST_RIGHT : at.PAST_RIGHT + at.DELAY_SAMPLES]
        _recall(f32, position - at.DELAY_SAMPLES, past_left, past_right)
        mix.gain(past_left, past_right, 0, np.float32(f64[at.MATCH]), np.float32(0.0))
        limiter.process(state, settings, ceiling, past_left, past_right)
    _recall(f32, position, left, right)
    offset = position & (at.TICK_SAMPLES - 1)
    mix.gain(left, right, offset, np.float32(f64[at.MATCH]), np.float32(f64[at.MATCH_STEP]))
    limiter.process(state, settings, ceiling, left, right)


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1])")
def _listen(f64, f32, i64, left, right):
    """Fade between the master and the delayed input, plain (bypass) or loudness-matched (compare)."""
    if f64[at.DRY] == 0.0 and f64[at.DRY_STEP] == 0.0:
        i64[at.COMPARING] = 0
        return
    count = left.shape[0]
    position = i64[at.SAMPLE_COUNT]
    offset = position & (at.TICK_SAMPLES - 1)
    dry_left, dry_right = f32[at.DRY_LEFT : at.DRY_LEFT + count], f32[at.DRY_RIGHT : at.DRY_RIGHT + count]
    _recall(f32, position - (at.DELAY_SAMPLES if i64[at.LOOK_AHEAD] else 0), dry_left, dry_right)
    if f64[at.MATCHED] != 0.0 or f64[at.MATCHED_STEP] != 0.0:
        matched_left = f32[at.MATCHED_LEFT : at.MATCHED_LEFT + count]
        matched_right = f32[at.MATCHED_RIGHT : at.MATCHED_RIGHT + count]
        _match(f64, f32, i64, matched_left, matched_right)
        share, step = np.float32(f64[at.MATCHED]), np.float32(f64[at.MATCHED_STEP])
        mix.crossfade(dry_left, dry_right, matched_left, matched_right, offset, share, step)
    share, step = np.float32(f64[at.DRY]), np.float32(f64[at.DRY_STEP])
    mix.crossfade(left, right, dry_left, dry_right, offset, share, step)


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1])")
def _segment(f64, f32, i64, left, right):
    """Up to the next tick, at most TICK_SAMPLES."""
    count = left.shape[0]
    position = i64[at.SAMPLE_COUNT]
    offset = position & (at.TICK_SAMPLES - 1)
    if offset == 0:
        tick(f64, i64)
    i64[at.FAULTS] += mix.guard(left, right)
    # RING_SAMPLES is a multiple of TICK_SAMPLES: a segment never wraps.
    write = position & (at.RING_SAMPLES - 1)
    ring_left, ring_right = f32[at.RING_LEFT + write :], f32[at.RING_RIGHT + write :]
    for i in range(count):
        ring_left[i], ring_right[i] = left[i], right[i]
    f64[at.METERS + at.M_IN_PEAK] = max(f64[at.METERS + at.M_IN_PEAK], np.float64(mix.peak(left, right)))
    _master(f64, f32, i64, offset, left, right)
    _measure(f64, f32, i64, left, right)
    _listen(f64, f32, i64, left, right)
    f64[at.METERS + at.M_OUT_PEAK] = max(f64[at.METERS + at.M_OUT_PEAK], np.float64(mix.peak(left, right)))
    atomics.store_release(i64, at.SAMPLE_COUNT, position + count)


@kernel("void(float32[:, ::1], float64[::1], float32[::1], int64[::1])")
def process_block(io, f64, f32, i64):
    """Master a block in place.

    Parameters
    ----------
    io : float32, shape (2, n), any n, replaced by the output
    f64, f32, i64 : the arrays of `layout`, updated

    Thread: audio. Allocates: no.
    """
    word = atomics.flush_denormals()
    left, right = io[0], io[1]
    start = 0
    while start < left.shape[0]:
        offset = i64[at.SAMPLE_COUNT] & (at.TICK_SAMPLES - 1)
        stop = min(start + at.TICK_SAMPLES - offset, left.shape[0])
        _segment(f64, f32, i64, left[start:stop], right[start:stop])
        start = stop
    atomics.restore_denormals(word)


@kernel("void(float64[::1], int64[::1])")
def settle(f64, i64):
    """Put every smoothed value at its target, as if it had always been there.

    Thread: main, while no audio runs. Allocates: no.
    """
    _read_controls(f64, i64)
    _read_suggestion(f64, i64)
    for k in range(at.SMOOTHED):
        f64[at.HALFWAY + k] = f64[at.TARGETS + k]
        f64[at.NOW + k] = f64[at.TARGETS + k]
    tick(f64, i64)
    _equalise(f64, i64, False)
    for ramp in range(at.PRE, at.PRE + 2 * at.RAMPS, 2):
        f64[ramp] += at.TICK_SAMPLES * f64[ramp + 1]
        f64[ramp + 1] = 0.0
