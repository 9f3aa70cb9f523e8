"""What steers the chain: once per tick, messages in, every parameter a step further, ramps out."""

from __future__ import annotations

import math

from rt_automix import params
from rt_automix.dsp import atomics
from rt_automix.dsp.dynamics import compressor, rider
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import cascade, equalizer, fine, subsonic
from rt_automix.engine import layout as at

_NEUTRAL, _LOW, _HIGH = params.NEUTRAL.copy(), params.LOW.copy(), params.HIGH.copy()
_INPUT_GAIN, _LOW_SHELF = params.INDEX["input_gain_db"], params.INDEX["low_shelf_db"]
_COMPRESSION, _STEREO_WIDTH = params.INDEX["compression"], params.INDEX["stereo_width"]
_DRIVE, _LEVEL = params.INDEX["limiter_drive_db"], params.INDEX["output_level"]
_NEPERS_PER_DB = math.log(10.0) / 20.0
_ARRIVED = 1e-6
_FINE_ARRIVED_DB = 1e-4
_FINE_RINGS_FRAMES = 200
"""After more than a second the slowest fine band has rung out."""
_MATCH_LIMIT_DB = 12.0
_SUBSONIC_PER_AMOUNT, _SUBSONIC_SHARE_PER_PART, _SUBSONIC_LOW_HZ = 4.0, 5.0, 15.0
"""From a quarter of the amount on the subsonic filter is whole: nobody wants half of it. Below, its edge comes down;
only the last fifth is a share of it, then below what is heard: shares of a filter cancel around its edge."""

_STALE_S = 2.0
"""A verdict of applause counts for so long: should the analysis die, the rider goes on."""
_PER_TICK = 1.0 / at.TICK_SAMPLES


@kernel("float64(float64)")
def _lin(level_db):
    return math.exp(_NEPERS_PER_DB * level_db)


@kernel("int64(float64[::1], int64[::1])")
def _read_controls(f64, i64):
    """Take the newest controls; returns where they lie."""
    index = i64[at.CONTROL_INDEX : at.CONTROL_INDEX + 3]
    slot = at.CONTROL_SLOTS + at.CONTROL_SIZE * atomics.triple_fetch(index)
    f64[at.TARGETS + at.S_AMOUNT] = f64[slot + at.AMOUNT]
    f64[at.TARGETS + at.S_CEILING] = f64[slot + at.CEILING_LIN]
    f64[at.TARGETS + at.S_RIDE] = f64[slot + at.RIDE]
    f64[at.TARGETS + at.S_TRIM] = f64[slot + at.OUTPUT_TRIM_LIN]
    f64[at.RIDER_SETTINGS + rider.NIGHT] = f64[slot + at.NIGHT]
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
    age_samples = i64[at.SAMPLE_COUNT] - f64[slot + at.EFFECTIVE_AT]
    if not age_samples >= 0.0:
        return
    is_fresh = age_samples < _STALE_S * f64[at.SAMPLE_RATE_HZ]
    f64[at.APPLAUSE_NOW] = f64[slot + at.APPLAUSE] if is_fresh else 0.0
    if i64[at.TAKEN] == slot:  # and never another message in it: what is fetched next lies elsewhere
        return
    i64[at.TAKEN] = slot
    for k in range(params.COUNT):
        value = f64[slot + at.SUGGESTED + k]
        value = value if value == value else _NEUTRAL[k]
        f64[at.BASE + k] = min(max(value, _LOW[k]), _HIGH[k])
    for k in range(fine.BAND_COUNT):
        gain_db = f64[slot + at.FINE_SUGGESTED + k]
        gain_db = gain_db if gain_db == gain_db else 0.0
        f64[at.FINE_BASE + k] = min(max(gain_db, -fine.GAIN_LIMIT_DB), fine.GAIN_LIMIT_DB)
    for k in range(2):
        louder_lu = f64[slot + at.TONE_LU + k]
        if abs(louder_lu) < 200.0:
            f64[at.LOUDER_LU + k] = louder_lu
    beyond_db = f64[slot + at.BEYOND_DB]
    f64[at.BEYOND_NOW] = beyond_db if abs(beyond_db) < 200.0 else 0.0
    heard = f64[slot + at.INPUT_LUFS]
    f64[at.INPUT_LUFS_NOW] = heard if abs(heard) < 200.0 else -200.0


@kernel("void(float64[::1], int64)")
def _aim(f64, controls):
    """What parameters go to: what was suggested, and the performer's own offset to it."""
    for k in range(params.COUNT):
        f64[at.TARGETS + k] = min(max(f64[at.BASE + k] + f64[controls + at.TRIMS + k], _LOW[k]), _HIGH[k])
    f64[at.TARGETS + at.S_LOUDER_LU] = f64[at.LOUDER_LU] + f64[controls + at.FINE_TONE] * f64[at.LOUDER_LU + 1]


@kernel("void(float64[::1])")
def _smooth(f64):
    """Two one-poles in a row per value."""
    for k in range(at.SMOOTHED):  # no way around what stands still: it stays as it is, and the loop becomes vectors
        target, before, halfway = f64[at.TARGETS + k], f64[at.NOW + k], f64[at.HALFWAY + k]
        halfway += f64[at.STEPS + k] * (target - halfway)
        now = before + f64[at.STEPS + k] * (halfway - before)
        has_arrived = (abs(target - now) < _ARRIVED) & (abs(target - halfway) < _ARRIVED)
        f64[at.HALFWAY + k] = target if has_arrived else halfway
        f64[at.NOW + k] = target if has_arrived else now


@kernel("void(float64[::1], float64, int64)")
def _ramp(f64, goal, start):
    """Let the ramp at `start` run from where it ended to `goal` within the next tick."""
    end = f64[start] + at.TICK_SAMPLES * f64[start + 1]
    # Where the goal stands still the ramp ends on it exactly, not a rounding away.
    f64[start] = goal if abs(end - goal) < 1e-9 else end
    f64[start + 1] = (goal - f64[start]) * _PER_TICK


@kernel("void(float64[::1], int64[::1])")
def _match(f64, i64):
    """The gain that brings the input to the master's loudness, while anybody listens to it."""
    if f64[at.NOW + at.S_DRY] == 0.0:
        return
    goal = _lin(f64[at.NOW + at.S_MATCH_DB])
    if i64[at.COMPARING]:
        _ramp(f64, goal, at.MATCH)
    else:
        f64[at.MATCH], f64[at.MATCH_STEP] = goal, 0.0


@kernel("void(float64[::1], int64)")
def _ride(f64, controls):
    """Move the rider and set the gain before the equaliser and the drive behind the width.

    The rider's gain is that of equalisers and gain together: what the ones add the other takes off at once,
    so that the loudness stays where it is while the tone moves.
    """
    amount, louder_lu = f64[at.NOW + at.S_AMOUNT], f64[at.NOW + at.S_LOUDER_LU]
    wanted = f64[at.NOW + _INPUT_GAIN] + f64[at.NOW + _DRIVE]
    trim_db = f64[controls + at.MAX_TRIM_DB]
    state = f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE]
    if f64[controls + at.FREEZE] == 0.0:
        settings = f64[at.RIDER_SETTINGS : at.RIDER_SETTINGS + rider.SETTINGS_SIZE]
        elapsed_s = at.TICK_SAMPLES / f64[at.SAMPLE_RATE_HZ]
        middle_db = wanted + f64[at.BEYOND_NOW] + louder_lu
        rider.move(state, settings, middle_db - trim_db, middle_db + trim_db, elapsed_s)
    ride_db = rider.gain_db(state) - louder_lu
    gain_db = wanted + f64[at.NOW + at.S_RIDE] * (ride_db - wanted)
    drive_db = f64[at.APPLIED + _DRIVE]
    f64[at.GAIN_DB] = amount * (gain_db + louder_lu)
    f64[at.METERS + at.M_GAIN_DB] = amount * gain_db
    f64[at.METERS + at.M_TRIM_DB] = amount * (gain_db - wanted)
    f64[at.METERS + at.M_RIDE_DB] = ride_db
    _ramp(f64, _lin(amount * gain_db - drive_db), at.PRE)
    _ramp(f64, _lin(drive_db), at.DRIVE)


@kernel("void(float64[::1], int64[::1])")
def _turn_subsonic(f64, i64):
    """Let the amount say how much of the subsonic filter there is; at none it rings out, and sleeps."""
    part = min(_SUBSONIC_PER_AMOUNT * f64[at.NOW + at.S_AMOUNT], 1.0) if f64[at.SUBSONIC_HZ] > 0.0 else 0.0
    if part != f64[at.SUBSONIC_PART]:
        f64[at.SUBSONIC_PART] = part
        i64[at.SUBSONIC_AWAKE] = 1
        whole_hz, low_hz = f64[at.SUBSONIC_HZ], min(f64[at.SUBSONIC_HZ], _SUBSONIC_LOW_HZ)
        edge_hz = low_hz + part * (whole_hz - low_hz) if part > 0.0 else whole_hz  # which rings out soonest
        subsonic.design(
            edge_hz / f64[at.SAMPLE_RATE_HZ],
            min(_SUBSONIC_SHARE_PER_PART * part, 1.0),
            f64[at.SUBSONIC_DESIGN : at.SUBSONIC_DESIGN + subsonic.DESIGN_SIZE],
        )
    elif part == 0.0 and i64[at.SUBSONIC_AWAKE]:
        state = f64[at.SUBSONIC_STATE : at.SUBSONIC_STATE + subsonic.STATE_SIZE]
        i64[at.SUBSONIC_AWAKE] = 0 if subsonic.has_rung_out(state) else 1


@kernel("void(float64[::1], int64[::1])")
def _design(f64, i64):
    """Design the five bands as they are to be, and go there in a line."""
    goal = f64[at.EQ_GOAL : at.EQ_GOAL + equalizer.GOAL_SIZE]
    start = f64[at.EQ_START : at.EQ_START + equalizer.GOAL_SIZE]
    gains_db = f64[at.EQ_GAINS : at.EQ_GAINS + equalizer.BAND_COUNT]
    for k in range(equalizer.GOAL_SIZE):
        start[k] = goal[k]
    for k in range(equalizer.BAND_COUNT):
        gains_db[k] = f64[at.APPLIED + _LOW_SHELF + k]
    equalizer.aim(f64[at.EQ_TABLE : at.EQ_TABLE + equalizer.TABLE_SIZE], gains_db, goal)
    cascade.move(f64[at.EQ_RAMP : at.EQ_RAMP + equalizer.RAMP_SIZE], start, goal, equalizer.FRAME_SAMPLES)
    i64[at.EQ_MOVING] = 1


@kernel("void(float64[::1], int64[::1])")
def _stay(f64, i64):
    """Let the five bands stay where their last line led."""
    goal = f64[at.EQ_GOAL : at.EQ_GOAL + equalizer.GOAL_SIZE]
    cascade.rest(f64[at.EQ_RAMP : at.EQ_RAMP + equalizer.RAMP_SIZE], goal)
    i64[at.EQ_MOVING] = 0


@kernel("void(float64[::1], int64[::1])")
def _equalise(f64, i64):
    """Once per equalizer.FRAME_SAMPLES: if a band moved, its filter follows."""
    moved = i64[at.SAMPLE_COUNT] == 0
    for k in range(equalizer.BAND_COUNT):
        moved |= f64[at.EQ_GAINS + k] != f64[at.APPLIED + _LOW_SHELF + k]
    if moved:
        _design(f64, i64)
    elif i64[at.EQ_MOVING]:
        _stay(f64, i64)


@kernel("void(float64[::1], int64[::1])")
def _lend(f64, i64):
    """The last of the fine bands runs behind the five, in their wavefront of six."""
    if i64[at.FINE_AWAKE]:
        cascade.lend(
            f64[at.FINE_RAMP : at.FINE_RAMP + fine.RAMP_SIZE],
            fine.BAND_COUNT - 1,
            f64[at.EQ_RAMP : at.EQ_RAMP + equalizer.RAMP_SIZE],
            equalizer.BAND_COUNT,
            (i64[at.SAMPLE_COUNT] & (fine.FRAME_SAMPLES - 1)) // cascade.STEP_SAMPLES,
        )


@kernel("float64(float64[::1], int64, int64)")
def _fine_target_db(f64, controls, band):
    """Where a fine band's gain goes: what was suggested as far as it is wanted, and the own curve, by the amount."""
    gain_db = f64[controls + at.FINE_TONE] * f64[at.FINE_BASE + band] + f64[controls + at.OWN_FINE + band]
    return f64[controls + at.AMOUNT] * min(max(gain_db, -fine.GAIN_LIMIT_DB), fine.GAIN_LIMIT_DB)


@kernel("boolean(float64[::1], int64)")
def _smooth_finely(f64, controls):
    """Two one-poles in a row per fine band; whether any moved."""
    step, moved = f64[at.FINE_STEP], False
    for k in range(fine.BAND_COUNT):
        target, before = _fine_target_db(f64, controls, k), f64[at.FINE_APPLIED + k]
        halfway = f64[at.FINE_HALFWAY + k] + step * (target - f64[at.FINE_HALFWAY + k])
        now = before + step * (halfway - before)
        if abs(target - now) < _FINE_ARRIVED_DB and abs(target - halfway) < _FINE_ARRIVED_DB:
            halfway, now = target, target
        f64[at.FINE_HALFWAY + k], f64[at.FINE_APPLIED + k] = halfway, now
        moved = moved or now != before
    return moved


@kernel("boolean(float64[::1])")
def _is_flat(f64):
    """Whether no fine band is to do anything."""
    largest_db = 0.0
    for k in range(fine.BAND_COUNT):
        largest_db = max(largest_db, abs(f64[at.FINE_APPLIED + k]))
    return largest_db == 0.0


@kernel("void(float64[::1], int64[::1])")
def _let_ring(f64, i64):
    """A frame in which no fine band moves: once all are flat and have rung out, they sleep."""
    if i64[at.FINE_MOVING]:
        i64[at.FINE_MOVING], i64[at.FINE_FLAT_FRAMES] = 0, 0
        goal = f64[at.FINE_GOAL : at.FINE_GOAL + fine.GOAL_SIZE]
        cascade.rest(f64[at.FINE_RAMP : at.FINE_RAMP + fine.RAMP_SIZE], goal)
    elif i64[at.FINE_AWAKE] and _is_flat(f64):
        i64[at.FINE_FLAT_FRAMES] += 1
        if i64[at.FINE_FLAT_FRAMES] > _FINE_RINGS_FRAMES:
            i64[at.FINE_AWAKE] = 0
            for k in range(fine.STATE_SIZE):
                f64[at.FINE_STATE + k] = 0.0
            cascade.forget(f64[at.EQ_STATE : at.EQ_STATE + equalizer.CASCADE_STATE_SIZE], equalizer.BAND_COUNT)


@kernel("void(float64[::1], int64[::1], int64)")
def _frame(f64, i64, controls):
    """Once per fine.FRAME_SAMPLES: move the fine bands' gains a step, and their filters there in a line."""
    if not _smooth_finely(f64, controls):
        _let_ring(f64, i64)
        return
    start = f64[at.FINE_START : at.FINE_START + fine.GOAL_SIZE]
    goal = f64[at.FINE_GOAL : at.FINE_GOAL + fine.GOAL_SIZE]
    for k in range(fine.GOAL_SIZE):
        start[k] = goal[k]
    table = f64[at.FINE_TABLE : at.FINE_TABLE + fine.TABLE_SIZE]
    fine.design(table, f64[at.FINE_APPLIED : at.FINE_APPLIED + fine.BAND_COUNT], goal)
    cascade.move(f64[at.FINE_RAMP : at.FINE_RAMP + fine.RAMP_SIZE], start, goal, fine.FRAME_SAMPLES)
    i64[at.FINE_AWAKE], i64[at.FINE_MOVING] = 1, 1


@kernel("void(float64[::1], int64[::1], int64)")
def _settle_finely(f64, i64, controls):
    """Put the fine bands where they are to go, as if they had always been there."""
    for k in range(fine.BAND_COUNT):
        target = _fine_target_db(f64, controls, k)
        f64[at.FINE_HALFWAY + k], f64[at.FINE_APPLIED + k] = target, target
    goal = f64[at.FINE_GOAL : at.FINE_GOAL + fine.GOAL_SIZE]
    table = f64[at.FINE_TABLE : at.FINE_TABLE + fine.TABLE_SIZE]
    fine.design(table, f64[at.FINE_APPLIED : at.FINE_APPLIED + fine.BAND_COUNT], goal)
    cascade.rest(f64[at.FINE_RAMP : at.FINE_RAMP + fine.RAMP_SIZE], goal)
    i64[at.FINE_MOVING] = 0
    if not _is_flat(f64):
        i64[at.FINE_AWAKE] = 1


@kernel("void(float64[::1], int64[::1])", door=True)
def tick(f64, i64):
    """Once per TICK_SAMPLES: read messages, move every parameter a step, design what changed.

    Thread: audio. Allocates: no.
    """
    controls = _read_controls(f64, i64)
    if f64[controls + at.FREEZE] == 0.0:
        _read_suggestion(f64, i64)
    _aim(f64, controls)
    matched_db = f64[at.METERS + at.M_SHORT_TERM_LUFS] - f64[at.BESIDE_LU]
    matched_db = matched_db - f64[at.INPUT_LUFS_NOW] if f64[at.INPUT_LUFS_NOW] > -70.0 else 0.0
    f64[at.TARGETS + at.S_MATCH_DB] = min(max(matched_db, -_MATCH_LIMIT_DB), _MATCH_LIMIT_DB)

    _smooth(f64)
    amount = f64[at.NOW + at.S_AMOUNT]
    for k in range(params.COUNT):
        f64[at.APPLIED + k] = _NEUTRAL[k] + amount * (f64[at.NOW + k] - _NEUTRAL[k])
    if i64[at.SAMPLE_COUNT] & (equalizer.FRAME_SAMPLES - 1) == 0:
        _equalise(f64, i64)
        if i64[at.SAMPLE_COUNT] & (fine.FRAME_SAMPLES - 1) == 0:
            _frame(f64, i64, controls)
        _lend(f64, i64)
    _turn_subsonic(f64, i64)
    _ride(f64, controls)
    f64[at.CEILING] = min(f64[at.APPLIED + _LEVEL], f64[at.NOW + at.S_CEILING])
    _ramp(f64, f64[at.APPLIED + _STEREO_WIDTH], at.WIDTH)
    _ramp(f64, f64[at.NOW + at.S_DRY], at.DRY)
    _ramp(f64, f64[at.NOW + at.S_MATCHED], at.MATCHED)
    _ramp(f64, f64[at.NOW + at.S_TRIM], at.TRIM)
    _match(f64, i64)
    compressor.tick(
        f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE],
        f64[at.COMPRESSOR_SETTINGS : at.COMPRESSOR_SETTINGS + compressor.SETTINGS_SIZE],
        f64[at.APPLIED + _COMPRESSION],
        f64[at.PRE],
        rider.is_hushed(f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE]),
    )


@kernel("void(float64[::1], int64[::1])", door=True)
def settle(f64, i64):
    """Put every smoothed value at its target, as if it had always been there.

    Thread: main, while no audio runs. Allocates: no.
    """
    controls = _read_controls(f64, i64)
    _read_suggestion(f64, i64)
    _aim(f64, controls)
    for k in range(at.SMOOTHED):
        f64[at.HALFWAY + k] = f64[at.TARGETS + k]
        f64[at.NOW + k] = f64[at.TARGETS + k]
    _settle_finely(f64, i64, controls)
    tick(f64, i64)
    _design(f64, i64)
    _stay(f64, i64)
    _lend(f64, i64)
    for ramp in range(at.PRE, at.PRE + 2 * at.RAMPS, 2):
        f64[ramp] += at.TICK_SAMPLES * f64[ramp + 1]
        f64[ramp + 1] = 0.0
