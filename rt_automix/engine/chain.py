"""The audio path: one compiled function that a callback can carry.

    guard -> ring -> gain -> subsonic -> equalisers -> compressor -> width, drive -> limiter -> listen -> meters

Everything slower than a sample happens on a grid of TICK_SAMPLES counted from the start of the
stream (parameters, in `steering`) or of 10 ms (loudness), never at the edge of a block: the output
does not depend on how the stream is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.dsp import atomics, direct
from rt_automix.dsp.dynamics import compressor, limiter, rider
from rt_automix.dsp.foreign import float32_at, float64_at, int64_at
from rt_automix.dsp.jit import JIT_ENABLED, bound, kernel
from rt_automix.dsp.loudness import loudness
from rt_automix.dsp.samples import mix
from rt_automix.dsp.tone import cascade, equalizer, fine, subsonic
from rt_automix.engine import layout as at
from rt_automix.engine.steering import tick

_SUB_BLOCKS_PER_STEP = 10
_FINE_GROUPS = (fine.BAND_COUNT - 1) // cascade.BANDS
_EQ_GAIN = equalizer.RAMP_SIZE - cascade.GAINS_SIZE
_FINE_GAIN = fine.RAMP_SIZE - cascade.GAINS_SIZE


@kernel("float64(float64)")
def _db(level_lin):
    return 20.0 * math.log10(max(level_lin, 1e-10))


@kernel("void(float64[::1], int64[::1], int64, float32[::1], float32[::1])")
def filter_pair(f64, i64, offset, left, right):
    """Gain and filters up to a tick, `offset` samples into it: subsonic, five bands, the fine ones; some may sleep.

    The last fine band runs in the five's sixth place (`steering.lend`).
    """
    broad = f64[at.EQ_RAMP : at.EQ_RAMP + equalizer.RAMP_SIZE]
    memory = f64[at.EQ_STATE : at.EQ_STATE + equalizer.CASCADE_STATE_SIZE]
    work = f64[at.CASCADE_WORK : at.CASCADE_WORK + cascade.WORK_SIZE]
    gain, step = broad[_EQ_GAIN], broad[_EQ_GAIN + 1]
    cascade.take_in(work, f64[at.PRE], f64[at.PRE_STEP], offset, left, right)
    if i64[at.SUBSONIC_AWAKE]:
        design = f64[at.SUBSONIC_DESIGN : at.SUBSONIC_DESIGN + subsonic.DESIGN_SIZE]
        subsonic_memory = f64[at.SUBSONIC_STATE : at.SUBSONIC_STATE + subsonic.STATE_SIZE]
        subsonic.process(design, subsonic_memory, work, left.shape[0])
    fine_moves = i64[at.FINE_MOVING] != 0
    broad_offset = i64[at.SAMPLE_COUNT] & (equalizer.FRAME_SAMPLES - 1)
    cascade.run(broad, memory, work, 1, fine_moves or i64[at.EQ_MOVING] != 0, broad_offset, left.shape[0])
    fine_gain, fine_step, fine_offset = 1.0, 0.0, i64[at.SAMPLE_COUNT] & (fine.FRAME_SAMPLES - 1)
    if i64[at.FINE_AWAKE]:
        fine_ramp = f64[at.FINE_RAMP : at.FINE_RAMP + fine.RAMP_SIZE]
        fine_memory = f64[at.FINE_STATE : at.FINE_STATE + fine.STATE_SIZE]
        cascade.run(fine_ramp, fine_memory, work, _FINE_GROUPS, fine_moves, fine_offset, left.shape[0])
        fine_gain, fine_step = fine_ramp[_FINE_GAIN], fine_ramp[_FINE_GAIN + 1]
    cascade.give_out(work, gain, step, broad_offset, fine_gain, fine_step, fine_offset, left, right)


@kernel("void(float64[::1], float32[::1], int64[::1], int64, float32[::1], float32[::1])", door=True)
def shape(f64, f32, i64, offset, left, right):
    """The mastering path up to the limiter, over up to TICK_SAMPLES, `offset` samples into the tick."""
    filter_pair(f64, i64, offset, left, right)
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


@kernel("void(float64[::1], float32[::1], float32[::1], float32[::1])")
def _limit(f64, f32, left, right):
    limiter.process(
        f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE],
        f64[at.LIMITER_SETTINGS : at.LIMITER_SETTINGS + limiter.SETTINGS_SIZE],
        np.float32(f64[at.CEILING]),
        left,
        right,
    )


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1])", door=True)
def measure(f64, f32, i64, left, right):
    """Loudness of the master; every 10 ms the other meters, every 100 ms the rider's step.

    A door, as it is too large to come into those that call it.
    """
    state = f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE]
    if loudness.process(state, left, right) == 0:
        return
    meters = f64[at.METERS : at.METERS + at.METER_SIZE]
    keep = f64[at.PEAK_KEEP]
    lowest = limiter.take_lowest_gain(f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE])
    reduction = compressor.take_reduction_db(f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE])
    true_peak = limiter.take_true_peak(f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE])
    true_peak *= f64[at.NOW + at.S_TRIM]
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
    for k in range(fine.BAND_COUNT):
        meters[at.M_FINE + k] = f64[at.FINE_APPLIED + k]
    slots = f64[at.METER_SLOTS : at.METER_SLOTS + 3 * at.METER_SIZE]
    atomics.triple_publish(i64[at.METER_INDEX : at.METER_INDEX + 3], slots, meters)

    energy = loudness.last_sub_block_energy(state)
    rider.glance(f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE], energy, f64[at.GAIN_DB])
    f64[at.STEP_ENERGY] += energy
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
                f64[at.APPLAUSE_NOW] != 0.0,
            )
        f64[at.STEP_ENERGY], f64[at.STEP_GAIN_DB], i64[at.STEP_SUB_BLOCKS] = 0.0, 0.0, 0


@kernel("void(float32[::1], int64, int64, float32[::1], float32[::1])")
def _recall(f32, mask, position, left, right):
    """Copy the input from sample `position` on out of the ring (zeros before the stream began)."""
    for i in range(left.shape[0]):
        read = (position + i) & mask
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
        _recall(f32, i64[at.RING_MASK], position - at.DELAY_SAMPLES, past_left, past_right)
        mix.gain(past_left, past_right, 0, np.float32(f64[at.MATCH]), np.float32(0.0))
        limiter.process(state, settings, ceiling, past_left, past_right)
    _recall(f32, i64[at.RING_MASK], position, left, right)
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
    late = at.DELAY_SAMPLES if i64[at.LOOK_AHEAD] else 0
    _recall(f32, i64[at.RING_MASK], position - late, dry_left, dry_right)
    if f64[at.MATCHED] != 0.0 or f64[at.MATCHED_STEP] != 0.0:
        matched_left = f32[at.MATCHED_LEFT : at.MATCHED_LEFT + count]
        matched_right = f32[at.MATCHED_RIGHT : at.MATCHED_RIGHT + count]
        _match(f64, f32, i64, matched_left, matched_right)
        share, step = np.float32(f64[at.MATCHED]), np.float32(f64[at.MATCHED_STEP])
        mix.crossfade(dry_left, dry_right, matched_left, matched_right, offset, share, step)
    share, step = np.float32(f64[at.DRY]), np.float32(f64[at.DRY_STEP])
    mix.crossfade(left, right, dry_left, dry_right, offset, share, step)


@kernel("void(float64[::1], int64, float32[::1], float32[::1])")
def _trim(f64, offset, left, right):
    """Turn the output down, whatever is listened to; at 0 dB no bit changes."""
    if f64[at.TRIM] != 1.0 or f64[at.TRIM_STEP] != 0.0:
        mix.gain(left, right, offset, np.float32(f64[at.TRIM]), np.float32(f64[at.TRIM_STEP]))


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1])")
def _segment(f64, f32, i64, left, right):
    """Up to the next tick, at most TICK_SAMPLES."""
    count = left.shape[0]
    position = i64[at.SAMPLE_COUNT]
    offset = position & (at.TICK_SAMPLES - 1)
    if offset == 0:
        tick(f64, i64)
    loudest = mix.peak(left, right)
    if not loudest <= mix.SANE_PEAK:
        i64[at.FAULTS] += mix.guard(left, right)
        loudest = mix.peak(left, right)
    write = position & i64[at.RING_MASK]  # a segment never wraps: the ring is a multiple of TICK_SAMPLES
    ring_left, ring_right = f32[at.RING_LEFT + write :], f32[at.RING_RIGHT + write :]
    for i in range(count):
        ring_left[i], ring_right[i] = left[i], right[i]
    f64[at.METERS + at.M_IN_PEAK] = max(f64[at.METERS + at.M_IN_PEAK], np.float64(loudest))
    shape(f64, f32, i64, offset, left, right)
    _limit(f64, f32, left, right)
    measure(f64, f32, i64, left, right)
    _listen(f64, f32, i64, left, right)
    _trim(f64, offset, left, right)
    f64[at.METERS + at.M_OUT_PEAK] = max(f64[at.METERS + at.M_OUT_PEAK], np.float64(mix.peak(left, right)))
    atomics.store_release(i64, at.SAMPLE_COUNT, position + count)


@kernel("void(float32[::1], float32[::1], float64[::1], float32[::1], int64[::1])", door=True)
def process_pair(left, right, f64, f32, i64):
    """Master a block in place.

    Parameters
    ----------
    left, right : float32, shape (n,), any n, replaced by the output
    f64, f32, i64 : the arrays of `layout`, updated

    Thread: audio. Allocates: no.
    """
    word = atomics.flush_denormals()
    start = 0
    while start < left.shape[0]:
        offset = i64[at.SAMPLE_COUNT] & (at.TICK_SAMPLES - 1)
        stop = min(start + at.TICK_SAMPLES - offset, left.shape[0])
        _segment(f64, f32, i64, left[start:stop], right[start:stop])
        start = stop
    atomics.restore_denormals(word)


@kernel("void(float32[:, ::1], float64[::1], float32[::1], int64[::1])", door=True)
def process_block(io, f64, f32, i64):
    """Master a block of shape (2, n) in place, as `process_pair` does.

    Thread: audio. Allocates: no.
    """
    process_pair(io[0], io[1], f64, f32, i64)


@kernel("int64(int64, int64)", door=True)
def process_object(held, io):
    """Master a block as `process_block` does, called as a method of C: see `direct`.

    Parameters
    ----------
    held : address of an array: int64, shape (3 + direct.PYTHON_SIZE,)
        Where f64, f32 and i64 lie, which somebody else keeps alive; then what `direct.python` says.
    io : address of an object

    Returns
    -------
    None, or `held` where `io` is no float32 of shape (2, n): then it is as it was.

    Thread: audio (from Python). Allocates: no.
    """
    all_held = int64_at(direct.data_of(held), 3 + direct.PYTHON_SIZE)
    addresses, python = all_held[:3], all_held[3:]
    if not direct.is_stereo(io, python):
        return direct.itself(python, held)
    data, count = direct.data_of(io), direct.samples_of(io)
    thread = direct.let_go(python)
    f64 = float64_at(addresses[0], at.F64_SIZE)
    f32 = float32_at(addresses[1], at.F32_SIZE)
    left, right = float32_at(data, count), float32_at(data + 4 * count, count)
    process_pair(left, right, f64, f32, int64_at(addresses[2], at.I64_SIZE))
    direct.take_back(python, thread)
    return direct.none(python)


def lent(arrays: tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]) -> Callable[[Any], None]:
    """A function that masters a block in place, as `process_block` does with these arrays: the quickest from Python.

    Parameters
    ----------
    arrays : those of `layout`
        Kept as long as the function is.

    Thread: main. Allocates: yes.
    """
    by_array = bound(process_block, *arrays)
    if not (JIT_ENABLED and direct.is_possible()):
        return by_array
    addresses = [array.ctypes.data for array in arrays]
    by_object = direct.method(process_object, np.array([*addresses, *direct.python()]))

    def process(io: Any) -> None:
        if by_object(io) is not None:
            by_array(io)  # which says what is wrong

    return process
