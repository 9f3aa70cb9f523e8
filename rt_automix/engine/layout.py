"""Where everything lies in the engine's three plain arrays, so that a C callback can carry them.

Offsets are plain integers fixed at import: compiled code sees them as literals.
"""

from __future__ import annotations

from rt_automix import params
from rt_automix.dsp.dynamics import compressor, limiter, rider
from rt_automix.dsp.loudness import loudness
from rt_automix.dsp.tone import cascade, equalizer, fine, subsonic

DELAY_SAMPLES = limiter.LATENCY_SAMPLES
TICK_SAMPLES = limiter.WIDTH
"""Parameters move on a grid of this many samples, counted from the first sample of the stream."""

RING_SAMPLES = 1 << 17
"""Input kept for the analysis, per channel: 1.4 s at 96 kHz."""

SHORT_RING_SAMPLES = 256
"""As much is kept where another listens: what is late by DELAY_SAMPLES, and stays in the cache."""

# What a message from the analysis holds.
(EFFECTIVE_AT, INPUT_LUFS, APPLAUSE, TONE_LU, FINE_LU, BEYOND_DB, SUGGESTED) = range(7)
FINE_SUGGESTED = SUGGESTED + params.COUNT
"""Gains in dB of the fine bands, before the control `fine_tone` and the amount."""

SUGGESTION_SIZE = FINE_SUGGESTED + fine.BAND_COUNT

# What a message from the controls holds.
(AMOUNT, LISTEN, FREEZE, CEILING_LIN, TARGET_LUFS, RIDE, NIGHT, MAX_TRIM_DB, OUTPUT_TRIM_LIN, FINE_TONE, TRIMS) = range(
    11
)
OWN_FINE = TRIMS + params.COUNT
"""Gains in dB of the fine bands that follow the performer's own curve."""

CONTROL_SIZE = OWN_FINE + fine.BAND_COUNT
LISTEN_MASTER, LISTEN_BYPASS, LISTEN_COMPARE = range(3)

# Values that the chain smooths: the parameters, then these.
(S_AMOUNT, S_CEILING, S_RIDE, S_DRY, S_MATCHED, S_MATCH_DB, S_TRIM, S_LOUDER_LU) = range(params.COUNT, params.COUNT + 8)
SMOOTHED = params.COUNT + 8

# What the chain tells about itself.
(
    M_SAMPLES,
    M_IN_PEAK,
    M_OUT_PEAK,
    M_OUT_TRUE_PEAK,
    M_MOMENTARY_LUFS,
    M_SHORT_TERM_LUFS,
    M_COMPRESSION_DB,
    M_LIMITING_DB,
    M_GAIN_DB,
    M_TRIM_DB,
    M_RIDE_DB,
    M_FAULTS,
    M_APPLIED,
) = range(13)
M_FINE = M_APPLIED + params.COUNT
METER_SIZE = M_FINE + fine.BAND_COUNT


CACHE_LINE_BYTES = 64


class _Region:
    """Hands out stretches of one array; whatever fills a cache line begins with one: no vector straddles two."""

    def __init__(self, item_bytes: int) -> None:
        self._line = CACHE_LINE_BYTES // item_bytes
        self.size = 0

    def take(self, count: int) -> int:
        start = self.size if count < self._line else -(-self.size // self._line) * self._line
        self.size = start + count
        return start


_f64 = _Region(8)
CONTROL_SLOTS = _f64.take(3 * CONTROL_SIZE)
SUGGESTION_SLOTS = _f64.take(3 * SUGGESTION_SIZE)
METER_SLOTS = _f64.take(3 * METER_SIZE)
METERS = _f64.take(METER_SIZE)
BASE = _f64.take(params.COUNT)
LOUDER_LU = _f64.take(2)
"""What five bands and width, and what the fine bands have added to the loudness, as last suggested."""
TARGETS = _f64.take(SMOOTHED)
HALFWAY = _f64.take(SMOOTHED)
NOW = _f64.take(SMOOTHED)
STEPS = _f64.take(SMOOTHED)
APPLIED = _f64.take(params.COUNT)
EQ_TABLE = _f64.take(equalizer.TABLE_SIZE)
EQ_START = _f64.take(equalizer.GOAL_SIZE)
EQ_GOAL = _f64.take(equalizer.GOAL_SIZE)
EQ_RAMP = _f64.take(equalizer.RAMP_SIZE)
EQ_GAINS = _f64.take(equalizer.BAND_COUNT)
"""What the goal was designed for."""

EQ_STATE = _f64.take(equalizer.CASCADE_STATE_SIZE)
# The fine bands: what was last suggested, halfway through the smoothing, what is applied.
FINE_BASE, FINE_HALFWAY, FINE_APPLIED = (_f64.take(fine.BAND_COUNT) for _ in range(3))
FINE_STEP = _f64.take(1)
FINE_TABLE = _f64.take(fine.TABLE_SIZE)
FINE_START = _f64.take(fine.GOAL_SIZE)
FINE_GOAL = _f64.take(fine.GOAL_SIZE)
FINE_RAMP = _f64.take(fine.RAMP_SIZE)
FINE_STATE = _f64.take(fine.STATE_SIZE)
CASCADE_WORK = _f64.take(cascade.WORK_SIZE)
SUBSONIC_DESIGN = _f64.take(subsonic.DESIGN_SIZE)
SUBSONIC_STATE = _f64.take(subsonic.STATE_SIZE)
SUBSONIC_HZ = _f64.take(1)
"""Edge of the whole subsonic filter; 0 where it is turned off."""

SUBSONIC_PART = _f64.take(1)
"""How far the amount has turned it up, 0 to 1."""

COMPRESSOR_SETTINGS = _f64.take(compressor.SETTINGS_SIZE)
COMPRESSOR_STATE = _f64.take(compressor.STATE_SIZE)
LIMITER_SETTINGS = _f64.take(limiter.SETTINGS_SIZE)
LOUDNESS_STATE = _f64.take(loudness.STATE_SIZE)
RIDER_SETTINGS = _f64.take(rider.SETTINGS_SIZE)
RIDER_STATE = _f64.take(rider.STATE_SIZE)
# Ramps over one tick: value at its start and step per sample.
RAMPS = 7
PRE, WIDTH, DRIVE, DRY, MATCHED, MATCH, TRIM = (_f64.take(2) for _ in range(RAMPS))
PRE_STEP, WIDTH_STEP, DRIVE_STEP, DRY_STEP, MATCHED_STEP, MATCH_STEP, TRIM_STEP = (
    ramp + 1 for ramp in (PRE, WIDTH, DRIVE, DRY, MATCHED, MATCH, TRIM)
)
CEILING = _f64.take(1)
SAMPLE_RATE_HZ = _f64.take(1)
PEAK_KEEP = _f64.take(1)
GAIN_DB = _f64.take(1)
"""The gain before the limiter, and what the equalisers add to it, in the rider's eyes."""
STEP_ENERGY = _f64.take(1)
STEP_GAIN_DB = _f64.take(1)
INPUT_LUFS_NOW = _f64.take(1)
APPLAUSE_NOW = _f64.take(1)
BEYOND_NOW = _f64.take(1)
"""What the loudness that is asked for needs of gain beyond what the parameters reach."""
BESIDE_LU = _f64.take(1)
"""How much louder a master is than what the analysis would hear of it: of a surround programme, which that folds."""
F64_SIZE = _f64.size

_f32 = _Region(4)
RING_LEFT = _f32.take(RING_SAMPLES)
RING_RIGHT = _f32.take(RING_SAMPLES)
DRY_LEFT = _f32.take(TICK_SAMPLES)
DRY_RIGHT = _f32.take(TICK_SAMPLES)
MATCHED_LEFT = _f32.take(TICK_SAMPLES)
MATCHED_RIGHT = _f32.take(TICK_SAMPLES)
PAST_LEFT = _f32.take(DELAY_SAMPLES)
PAST_RIGHT = _f32.take(DELAY_SAMPLES)
COMPRESSOR_SCRATCH = _f32.take(compressor.SCRATCH_SIZE)
LIMITER_STATE = _f32.take(limiter.STATE_SIZE)
COMPARE_STATE = _f32.take(limiter.STATE_SIZE)
F32_SIZE = _f32.size

_i64 = _Region(8)
SAMPLE_COUNT = _i64.take(1)
"""Samples since the start; published with release order after the ring holds them."""

CONTROL_INDEX = _i64.take(3)
SUGGESTION_INDEX = _i64.take(3)
METER_INDEX = _i64.take(3)
FAULTS = _i64.take(1)
STEP_SUB_BLOCKS = _i64.take(1)
COMPARING = _i64.take(1)
EQ_MOVING = _i64.take(1)
FINE_AWAKE = _i64.take(1)
"""Whether the fine bands run: while all are flat and have rung out they cost nothing."""

SUBSONIC_AWAKE = _i64.take(1)
"""Whether the subsonic filter runs: once it is away and has rung out, every bit stays as it is."""

FINE_MOVING = _i64.take(1)
FINE_FLAT_FRAMES = _i64.take(1)
LOOK_AHEAD = _i64.take(1)
RING_MASK = _i64.take(1)
"""One less than how many samples of input are kept, a power of two."""

TAKEN = _i64.take(1)
"""Where in f64 the suggestion lies that was last taken over."""

I64_SIZE = _i64.size
