"""Compiled loops around the chain: what a native callback would pay, without Python's call.

Blocks come as one array of shape (count, 2, n), so that each is C-contiguous and needs no copy.
"""

from __future__ import annotations

import numpy as np

from rt_automix import params
from rt_automix.dsp.clocks.monotonic import now_ns
from rt_automix.dsp.dynamics import compressor, limiter
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import loudness
from rt_automix.dsp.samples import mix
from rt_automix.dsp.tone import cascade, equalizer, fine, subsonic
from rt_automix.engine import chain
from rt_automix.engine import layout as at
from rt_automix.io.devices.edge import board, edge, piece

STAGES = (
    "guard",
    "peak meters (in, out)",
    "subsonic filter",
    "equaliser",
    "compressor",
    "width and drive",
    "true-peak limiter",
    "loudness meter",
    "tick: parameters, designs",
)
(GUARD, PEAK, SUBSONIC, EQUALISER, COMPRESSOR, WIDTH, LIMITER, LOUDNESS, TICK) = range(len(STAGES))
FINE_STAGE, FINE = "fine equaliser, 31 bands", len(STAGES)
"""Not one of STAGES: it runs only while its bands are not flat."""

_FIRST_BAND = params.INDEX["low_shelf_db"]
_COMPRESSION = params.INDEX["compression"]


@kernel("void(float32[:, :, ::1], float64[::1], float32[::1], int64[::1])")
def whole_chain(blocks, f64, f32, i64):
    """Every block through `chain.process_block`."""
    for k in range(blocks.shape[0]):
        chain.process_block(blocks[k], f64, f32, i64)


@kernel("void(float32[:, :, ::1], int64[::1], int64[::1], float64[::1], float32[::1], int64[::1])")
def timed_chain(blocks, spent_ns, clock, f64, f32, i64):
    """Every block through `chain.process_block`, the time of each into `spent_ns`; `clock` is int64, shape (2,)."""
    before = now_ns(clock)
    for k in range(blocks.shape[0]):
        chain.process_block(blocks[k], f64, f32, i64)
        after = now_ns(clock)
        spent_ns[k] = after - before
        before = after


@kernel("void(float32[:, :, :, ::1], int64[::1], int64[::1], float64[:, ::1], float32[:, ::1], int64[:, ::1])")
def timed_engines(callbacks, spent_ns, clock, f64, f32, i64):
    """Several engines one after another in each callback; `callbacks` has shape (count, engines, 2, n)."""
    before = now_ns(clock)
    for k in range(callbacks.shape[0]):
        for e in range(callbacks.shape[1]):
            chain.process_block(callbacks[k, e], f64[e], f32[e], i64[e])
        after = now_ns(clock)
        spent_ns[k] = after - before
        before = after


@kernel("void(int64[::1], int64[::1])")
def timed_nothing(spent_ns, clock):
    """What the clock itself takes."""
    before = now_ns(clock)
    for k in range(spent_ns.shape[0]):
        after = now_ns(clock)
        spent_ns[k] = after - before
        before = after


REFERENCE_STAGES = 5
"""Second-order filters in a row that are the yardstick of timings."""


@kernel("void(float32[:, ::1], float64[:, :, ::1])")
def reference(io, state):
    """The yardstick: notches one after another on each channel, in place; never changed, so that runs compare.

    `state` is float64, shape (channels, REFERENCE_STAGES, 2). Transposed direct form II, as in any textbook.
    """
    for channel in range(io.shape[0]):
        for i in range(io.shape[1]):
            value = np.float64(io[channel, i])
            for k in range(REFERENCE_STAGES):
                out = 0.95 * value + state[channel, k, 0]
                state[channel, k, 0] = -1.80 * value + 1.80 * out + state[channel, k, 1]
                state[channel, k, 1] = 0.95 * value - 0.90 * out
                value = out
            io[channel, i] = np.float32(value)


@kernel("void(float64[::1], float32[::1], float32[::1])")
def _equalise(f64, left, right):
    cascade.process(
        f64[at.EQ_RAMP : at.EQ_RAMP + equalizer.RAMP_SIZE],
        f64[at.EQ_STATE : at.EQ_STATE + equalizer.CASCADE_STATE_SIZE],
        f64[at.CASCADE_WORK : at.CASCADE_WORK + cascade.WORK_SIZE],
        0,
        left,
        right,
    )


@kernel("void(float64[::1], float32[::1], float32[::1], float32[::1])")
def _compress(f64, f32, left, right):
    compressor.process(
        f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE],
        f32[at.COMPRESSOR_SCRATCH : at.COMPRESSOR_SCRATCH + compressor.SCRATCH_SIZE],
        f64[at.COMPRESSOR_SETTINGS : at.COMPRESSOR_SETTINGS + compressor.SETTINGS_SIZE],
        left,
        right,
    )


@kernel("void(float32[:, ::1], float64[::1], float32[::1])")
def gain_eq_compressor(io, f64, f32):
    """Design, gain, equaliser and compressor of one block of any length, in place, as the chain does them."""
    left, right = io[0], io[1]
    gain_lin = np.float32(f64[at.PRE])
    start = 0
    while start < left.shape[0]:
        stop = min(start + at.TICK_SAMPLES, left.shape[0])
        goal = f64[at.EQ_GOAL : at.EQ_GOAL + equalizer.GOAL_SIZE]
        equalizer.aim(
            f64[at.EQ_TABLE : at.EQ_TABLE + equalizer.TABLE_SIZE],
            f64[at.APPLIED + _FIRST_BAND : at.APPLIED + _FIRST_BAND + equalizer.BAND_COUNT],
            goal,
        )
        cascade.rest(f64[at.EQ_RAMP : at.EQ_RAMP + equalizer.RAMP_SIZE], goal)
        compressor.tick(
            f64[at.COMPRESSOR_STATE : at.COMPRESSOR_STATE + compressor.STATE_SIZE],
            f64[at.COMPRESSOR_SETTINGS : at.COMPRESSOR_SETTINGS + compressor.SETTINGS_SIZE],
            f64[at.APPLIED + _COMPRESSION],
            f64[at.PRE],
            False,
        )
        part_left, part_right = left[start:stop], right[start:stop]
        mix.gain(part_left, part_right, 0, gain_lin, np.float32(0.0))
        _equalise(f64, part_left, part_right)
        _compress(f64, f32, part_left, part_right)
        start = stop


@kernel("void(int64, float32[:, :, ::1], float64[::1], float32[::1], int64[::1])")
def one_stage(stage, blocks, f64, f32, i64):
    """One stage alone over every block of TICK_SAMPLES, with the settings and state of an engine."""
    one, step = np.float32(1.0), np.float32(1e-6)
    loudness_state = f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE]
    limiter_state = f32[at.LIMITER_STATE : at.LIMITER_STATE + limiter.STATE_SIZE]
    limiter_settings = f64[at.LIMITER_SETTINGS : at.LIMITER_SETTINGS + limiter.SETTINGS_SIZE]
    for k in range(blocks.shape[0]):
        left, right = blocks[k, 0], blocks[k, 1]
        if stage == GUARD:
            i64[at.FAULTS] += mix.guard(left, right)
        elif stage == PEAK:
            f64[at.METERS + at.M_IN_PEAK] = max(f64[at.METERS + at.M_IN_PEAK], np.float64(mix.peak(left, right)))
            f64[at.METERS + at.M_OUT_PEAK] = max(f64[at.METERS + at.M_OUT_PEAK], np.float64(mix.peak(right, left)))
        elif stage == SUBSONIC:
            subsonic.process(
                f64[at.SUBSONIC_DESIGN : at.SUBSONIC_DESIGN + subsonic.DESIGN_SIZE],
                f64[at.SUBSONIC_STATE : at.SUBSONIC_STATE + subsonic.STATE_SIZE],
                f64[at.CASCADE_WORK : at.CASCADE_WORK + cascade.WORK_SIZE],
                left.shape[0],
            )
        elif stage == EQUALISER:
            _equalise(f64, left, right)
        elif stage == FINE:
            cascade.process(
                f64[at.FINE_RAMP : at.FINE_RAMP + fine.RAMP_SIZE],
                f64[at.FINE_STATE : at.FINE_STATE + fine.STATE_SIZE],
                f64[at.CASCADE_WORK : at.CASCADE_WORK + cascade.WORK_SIZE],
                k * at.TICK_SAMPLES & (fine.FRAME_SAMPLES - 1),
                left,
                right,
            )
        elif stage == COMPRESSOR:
            _compress(f64, f32, left, right)
        elif stage == WIDTH:
            mix.width_and_gain(left, right, 0, one, step, one, step)
        elif stage == LIMITER:
            limiter.process(limiter_state, limiter_settings, np.float32(f64[at.CEILING]), left, right)
        elif stage == LOUDNESS:
            loudness.process(loudness_state, left, right)
        elif stage == TICK:
            chain.tick(f64, i64)


_WIRED = (
    "float64[:, ::1], float32[:, ::1], int64[:, ::1], int64[::1], float64[::1], float32[::1], float32[::1],"
    " int64[::1], int64[::1]"
)


@kernel(
    "void(float32[:, ::1], float32[:, ::1], int64[::1], float64[::1], float32[::1], int64[::1], int64[::1],"
    " float64[::1], float32[::1], float32[::1], int64[::1])"
)
def timed_callbacks(came_in, goes_out, spent_ns, f64, f32, i64, stats, fade, scratch, takes, wiring):
    """A device's callback of two channels for each row of frames; `spent_ns` gets what each says that it took."""
    for k in range(came_in.shape[0]):
        samples = came_in.shape[1] // 2
        edge.duplex(came_in[k], goes_out[k], samples, False, f64, f32, i64, stats, fade, scratch, takes, wiring)
        spent_ns[k] = stats[board.BLOCK_NS]


@kernel(f"void(float32[:, ::1], float32[:, ::1], {_WIRED})")
def counted_callbacks(came_in, goes_out, f64, f32, i64, stats, fade, scratch, takes, wiring, others):
    """The same where a copy of all lies somewhere else: a row of the engines' arrays for each output, the main one
    first. Those beside it share scratch and take ring."""
    wiring[edge.W_OTHERS] = np.int64(others.ctypes.data)
    for number in range(f64.shape[0] - 1):
        row = others[1 + number * piece.OTHER_SIZE : 1 + (number + 1) * piece.OTHER_SIZE]
        row[piece.O_F64] = np.int64(f64.ctypes.data) + 8 * (number + 1) * f64.shape[1]
        row[piece.O_F32] = np.int64(f32.ctypes.data) + 4 * (number + 1) * f32.shape[1]
        row[piece.O_I64] = np.int64(i64.ctypes.data) + 8 * (number + 1) * i64.shape[1]
        row[piece.O_SCRATCH] = np.int64(scratch.ctypes.data) + 4 * piece.SCRATCH_SIZE
        row[piece.O_TAKE] = np.int64(takes.ctypes.data)
    main = scratch[: piece.SCRATCH_SIZE]
    for k in range(came_in.shape[0]):
        samples = came_in.shape[1] // 2
        edge.duplex(came_in[k], goes_out[k], samples, False, f64[0], f32[0], i64[0], stats, fade, main, takes, wiring)
