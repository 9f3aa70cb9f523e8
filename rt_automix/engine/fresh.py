"""The engine's arrays as they are before a stream begins."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.config import Config
from rt_automix.dsp import atomics
from rt_automix.dsp.dynamics import compressor, limiter, rider
from rt_automix.dsp.loudness import loudness
from rt_automix.dsp.tone import equalizer, fine, subsonic
from rt_automix.engine import layout as at
from rt_automix.units import lin_from_db

_Number = TypeVar("_Number", np.float64, np.float32, np.int64)

_SMOOTHING_MS = {
    at.S_AMOUNT: 30.0,
    at.S_CEILING: 60.0,
    at.S_RIDE: 200.0,
    at.S_DRY: 8.0,
    at.S_MATCHED: 8.0,
    at.S_MATCH_DB: 150.0,
    at.S_TRIM: 30.0,
    at.S_LOUDER_LU: 1000.0 * fine.SMOOTHING_S,
}
_PEAK_FALL_DB_PER_S = 15.0


def arrays(
    config: Config, sample_rate_hz: int, channels: int, is_heard: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]:
    """The arrays of `layout`: nothing heard, nothing set, every table and constant of the rate in its place.

    `is_heard`: an analysis listens to their ring.
    Thread: main. Allocates: yes.
    """
    f64 = _zeros(at.F64_SIZE, np.float64)
    f32 = _zeros(at.F32_SIZE, np.float32)
    i64 = _zeros(at.I64_SIZE, np.int64)
    for start in (at.CONTROL_INDEX, at.SUGGESTION_INDEX, at.METER_INDEX):
        atomics.triple_reset(i64[start : start + 3])
    i64[at.RING_MASK] = (at.RING_SAMPLES if is_heard else at.SHORT_RING_SAMPLES) - 1
    i64[at.LOOK_AHEAD] = int(config.limiter.lookahead)
    ride = config.rider
    for start, values in (
        (at.EQ_TABLE, equalizer.cascade_table(sample_rate_hz)),
        (at.FINE_TABLE, fine.design_table(sample_rate_hz)),
        (at.COMPRESSOR_STATE, compressor.new_state()),
        (at.COMPRESSOR_SETTINGS, compressor.new_settings(sample_rate_hz)),
        (at.LIMITER_SETTINGS, limiter.new_settings(sample_rate_hz, config.limiter.lookahead)),
        (at.LOUDNESS_STATE, loudness.new_state(sample_rate_hz, channels)),
        (at.RIDER_STATE, rider.new_state()),
        (at.RIDER_SETTINGS, np.array([ride.response_s, ride.max_db_per_s, ride.gate_lufs, ride.night])),
        (at.STEPS, _smoothing_steps(sample_rate_hz)),
    ):
        f64[start : start + len(values)] = values
    for start in (at.LIMITER_STATE, at.COMPARE_STATE):
        f32[start : start + limiter.STATE_SIZE] = limiter.new_state()
    for meter in (at.M_MOMENTARY_LUFS, at.M_SHORT_TERM_LUFS):
        f64[at.METERS + meter] = loudness.FLOOR_DB
    if config.master.subsonic_hz > 0.0:
        f64[at.SUBSONIC_HZ] = max(config.master.subsonic_hz, subsonic.LEAST_EDGE_HZ)
    f64[at.SAMPLE_RATE_HZ] = sample_rate_hz
    f64[at.FINE_STEP] = fine.smoothing_step(sample_rate_hz)
    f64[at.PEAK_KEEP] = lin_from_db(-_PEAK_FALL_DB_PER_S * 0.01)
    return f64, f32, i64


def _zeros(count: int, dtype: type[_Number]) -> NDArray[_Number]:
    """As numpy's, but beginning with a cache line: numpy promises 16 bytes."""
    size = count * np.dtype(dtype).itemsize
    memory = np.zeros(size + at.CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % at.CACHE_LINE_BYTES
    return memory[start : start + size].view(dtype)


def _smoothing_steps(sample_rate_hz: int) -> NDArray[np.float64]:
    """Share of the way that each of the two one-poles of each smoothed value goes in one tick."""
    times_ms = [param.smoothing_ms for param in params.PARAMS]
    times_ms += [_SMOOTHING_MS[k] for k in range(params.COUNT, at.SMOOTHED)]
    tick_ms = 1000.0 * at.TICK_SAMPLES / sample_rate_hz
    # Two poles of half the time each: the whole step is 80 % done after `time_ms` x 1.5.
    return np.array([1.0 - math.exp(-tick_ms / (0.5 * time_ms)) for time_ms in times_ms])
