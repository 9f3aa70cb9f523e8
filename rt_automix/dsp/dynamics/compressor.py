"""Feed-forward compressor in the log domain with a soft knee, driven by one macro.

D. Giannoulis, M. Massberg, J. Reiss, "Digital Dynamic Range Compressor Design", JAES 60(6), 2012:
gain computer with quadratic knee (section 2.2), smoothing of the gain reduction in the log domain
(section 2.3).

The macro `compression` (0..0.6) sets ratio and threshold together; the threshold is relative to the
programme's own level, a slow gated mean of the power, so the same setting does the same to a quiet
and to a loud song. Make-up is the energy-weighted mean of the gain reduction: the programme keeps
its loudness. The gain is exp2(slope x (mean - reduction)), hence exactly 1 at compression 0.

In a hush, which the rider knows of, the reduction stays at that mean: what hums between words and songs comes
up no more than they did, and nothing of it is remembered.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors.logexp import exp2, log2

WIDTH = 64
ATTACK_MS = 10.0
RELEASE_MS = 150.0
KNEE_DB = 10.0
PROGRAMME_S = 10.0
RECENT_S = 0.1
GATE_DBFS = -60.0

_DB_PER_OCTAVE = 20.0 * math.log10(2.0)
_KNEE = KNEE_DB / _DB_PER_OCTAVE
RATIO_PER_COMPRESSION = 5.0
THRESHOLD_DB = 2.0
THRESHOLD_PER_COMPRESSION_DB = -10.0
_GATE_POWER = 10.0 ** (GATE_DBFS / 10.0)
_FAR_BELOW, _FAR_ABOVE, _JUMP, _BANG = 0.01, 16.0, 10.0, 500.0
_UNHEARD_POWER = 1024.0
_QUIET = np.float32(1e-20)

_SMOOTHED, _ENERGY, _WEIGHTED, _COUNT = 0, 1, 2, 3
_PROGRAMME, _MEAN, _HEARD, _THRESHOLD, _SLOPE, _REDUCTION, _RECENT, _AVERAGED, _FLOOR = 4, 5, 6, 7, 8, 9, 10, 11, 12
STATE_SIZE = 13
SCRATCH_SIZE = 2 * WIDTH
SETTINGS_SIZE = 4
_ATTACK_KEEP, _RELEASE_KEEP, _MEMORY_SAMPLES, _RECENT_SAMPLES = range(SETTINGS_SIZE)


def new_state() -> NDArray[np.float64]:
    """Nothing heard yet: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE)


def new_settings(sample_rate_hz: float) -> NDArray[np.float64]:
    """Smoothing factors and memory: float64, shape (SETTINGS_SIZE,).

    Thread: main. Allocates: yes.
    """

    def keep(time_ms: float) -> float:
        return math.exp(-1000.0 / (time_ms * sample_rate_hz))

    return np.array([keep(ATTACK_MS), keep(RELEASE_MS), PROGRAMME_S * sample_rate_hz, RECENT_S * sample_rate_hz])


@kernel("float64(float64)")
def slope_of(compression):
    """1 - 1/ratio of a macro setting; the ratio runs from 1 to 4.

    Thread: audio. Allocates: no.
    """
    return 1.0 - 1.0 / (1.0 + RATIO_PER_COMPRESSION * compression)


@kernel("float64(float64, float64)")
def static_gain_db(level_rel_db, compression):
    """Gain in dB of a steady level, without make-up.

    Parameters
    ----------
    level_rel_db : float64
        RMS level relative to the programme's.
    compression : float64, 0..0.6

    Thread: audio | worker. Allocates: no.
    """
    over = level_rel_db - (THRESHOLD_DB + THRESHOLD_PER_COMPRESSION_DB * compression)
    knee = min(max(over + 0.5 * KNEE_DB, 0.0), KNEE_DB)
    return -slope_of(compression) * (knee * knee / (2.0 * KNEE_DB) + max(over - 0.5 * KNEE_DB, 0.0))


@kernel("void(float64[::1], float64[::1], float64)")
def _remember(state, settings, power):
    """Move the programme's level and the mean gain reduction by one tick of sound."""
    count, programme = state[_COUNT], state[_PROGRAMME]
    # One bang is held down here, so that only what stays loud is a jump.
    felt = min(power, _BANG * programme) if programme > 0.0 else power
    state[_RECENT] += min(count / settings[_RECENT_SAMPLES], 1.0) * (felt - state[_RECENT])
    if state[_RECENT] > _JUMP * programme:
        # Music after room noise: go by the music at once, or it is pressed down to the noise.
        programme = state[_RECENT]
        state[_HEARD] = min(state[_HEARD], settings[_RECENT_SAMPLES])
    if state[_HEARD] > 0.0:
        power = min(max(power, _FAR_BELOW * programme), _FAR_ABOVE * programme)
    state[_HEARD] = min(state[_HEARD] + count, settings[_MEMORY_SAMPLES])
    state[_PROGRAMME] = programme + count / state[_HEARD] * (power - programme)
    # The mean reduction remembers through a jump: what is pressed down meanwhile counts for little.
    state[_AVERAGED] = min(state[_AVERAGED] + count, settings[_MEMORY_SAMPLES])
    share = count / state[_AVERAGED]
    state[_MEAN] += share * power / state[_PROGRAMME] * (state[_WEIGHTED] / state[_ENERGY] - state[_MEAN])


@kernel("void(float64[::1], float64[::1], float64, float64, boolean)")
def tick(state, settings, compression, pre_gain_lin, hushed):
    """Take up what was heard since the last tick and set threshold and slope for the next.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    settings : float64, shape (SETTINGS_SIZE,)
    compression : float64, 0..0.6
    pre_gain_lin : float64
        Gain applied ahead of the compressor: the programme is remembered without it.
    hushed : bool
        Whether what sounds lies far under the programme, and is none of it.

    Thread: audio. Allocates: no.
    """
    count = state[_COUNT]
    gain_power = pre_gain_lin * pre_gain_lin
    if count > 0.0 and gain_power > 0.0:
        power = state[_ENERGY] / (count * gain_power)
        if power > _GATE_POWER and not hushed:
            _remember(state, settings, power)
        state[_ENERGY], state[_WEIGHTED], state[_COUNT] = 0.0, 0.0, 0.0
    # Before anything is heard nothing is above the threshold.
    programme = max(state[_PROGRAMME] * gain_power, 1e-12) if state[_HEARD] > 0.0 else _UNHEARD_POWER
    threshold_db = THRESHOLD_DB + THRESHOLD_PER_COMPRESSION_DB * compression
    state[_THRESHOLD] = 0.5 * math.log2(programme) + threshold_db / _DB_PER_OCTAVE
    state[_SLOPE] = slope_of(compression)
    state[_FLOOR] = state[_MEAN] if hushed else 0.0


@kernel("void(float64[::1], float32[::1], float64[::1], float32[::1], float32[::1])")
def process(state, scratch, settings, left, right):
    """Compress two channels in place, linked.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    scratch : float32, shape (SCRATCH_SIZE,)
    settings : float64, shape (SETTINGS_SIZE,)
    left, right : float32, shape (n,), n <= WIDTH, replaced by the output

    Thread: audio. Allocates: no.
    """
    count = left.shape[0]
    half, zero = np.float32(0.5), np.float32(0.0)
    knee, half_knee, per_knee = np.float32(_KNEE), np.float32(0.5 * _KNEE), np.float32(0.5 / _KNEE)
    threshold, floor = np.float32(state[_THRESHOLD]), np.float32(state[_FLOOR])
    energy = state[_ENERGY]
    for i in range(count):
        power = half * (left[i] * left[i] + right[i] * right[i])
        scratch[WIDTH + i] = power
        over = half * log2(power + _QUIET) - threshold
        bend = min(max(over + half_knee, zero), knee)
        scratch[i] = max(bend * bend * per_knee + max(over - half_knee, zero), floor)
    attack, release = np.float32(settings[_ATTACK_KEEP]), np.float32(settings[_RELEASE_KEEP])
    rise, fall = np.float32(1.0) - attack, np.float32(1.0) - release
    smoothed = np.float32(state[_SMOOTHED])
    weighted = state[_WEIGHTED]
    largest = np.float32(0.0)
    for i in range(count):
        wanted = scratch[i]
        smoothed = max(attack * smoothed + rise * wanted, release * smoothed + fall * wanted)
        scratch[i] = smoothed
        largest = max(largest, smoothed)
        power = np.float64(scratch[WIDTH + i])
        energy += power
        weighted += power * np.float64(smoothed)
    slope, mean = np.float32(state[_SLOPE]), np.float32(state[_MEAN])
    for i in range(count):
        gain = exp2(slope * (mean - scratch[i]))
        left[i] *= gain
        right[i] *= gain
    state[_SMOOTHED], state[_ENERGY], state[_WEIGHTED] = np.float64(smoothed), energy, weighted
    state[_COUNT] += count
    state[_REDUCTION] = max(state[_REDUCTION], state[_SLOPE] * np.float64(largest))


@kernel("void(float64[::1], float32[::1], float32[::1], float32[::1])")
def follow(state, scratch, left, right):
    """Give two more channels the gain of the samples that `process` has just had.

    Parameters
    ----------
    state, scratch
        As `process` left them.
    left, right : float32, shape (n,), n as there, replaced by the output

    Thread: audio. Allocates: no.
    """
    slope, mean = np.float32(state[_SLOPE]), np.float32(state[_MEAN])
    for i in range(left.shape[0]):
        gain = exp2(slope * (mean - scratch[i]))
        left[i] *= gain
        right[i] *= gain


@kernel("float64(float64[::1])")
def take_reduction_db(state):
    """Largest gain reduction in dB (a positive number, make-up aside) since the last call.

    Thread: audio. Allocates: no.
    """
    reduction = state[_REDUCTION]
    state[_REDUCTION] = 0.0
    return reduction * _DB_PER_OCTAVE
