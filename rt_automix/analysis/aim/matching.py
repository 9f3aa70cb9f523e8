"""The closed form's kernels: equaliser, width, compression and gain from what is heard and what is aimed at.

Their view for Python, and why they do what they do, is `matcher`.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import dynamics
from rt_automix.analysis.features import HOP_S, MEL_BANDS
from rt_automix.analysis.hearing import means
from rt_automix.analysis.numbers import db_of_power, power_of_db, solve_in_box
from rt_automix.analysis.tone import TONE_BANDS, TONE_MATRIX, VECTOR_SIZE, WIDTH_WEIGHTS
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import equalizer

MIN_MUSIC_S = 1.0
"""Neutral until this much music has been heard."""

TONE_REACH_DB = 9.0
"""Differences in tone saturate here: five bands cannot follow more, and a style is a direction and no place."""
RIDGE = 0.003
"""Pull of the equaliser's gains towards 0, beside weights that sum to 1."""
EMPTY_DB, EMPTY_SLOPE_DB = -40.0, 4.0
"""Bands so far under the mean of all, here or in the profile, lose their say."""
TONE_PASSES = 2
"""The second stays within 0.03 dB of any more, on pairs of unlike songs."""

MONO_DB, STEREO_DB = -40.0, -25.0
"""Side under mid: below the first the width stays alone, above the second it is matched in full."""

GAINS, WIDTH, CHANGE_LU = 0, equalizer.BAND_COUNT, equalizer.BAND_COUNT + 1
TONE_SIZE = CHANGE_LU + 1
"""What the solve for tone gives: equaliser gains in dB, width, and what both add to the loudness."""

_BANDS, _EQ = TONE_BANDS, equalizer.BAND_COUNT
_COLUMNS = 1 + _EQ

_work = at.Region()
_SPECTRA = _work.take(2 * MEL_BANDS)
_BEFORE = _work.take(_BANDS)
_WEIGHTS = _work.take(_BANDS)
_WANTED = _work.take(_BANDS)
_MISSING = _work.take(_BANDS)
_EFFECTS = _work.take(_BANDS * _EQ)
_NORMAL = _work.take(_EQ * _EQ)
_RIGHT = _work.take(_EQ)
_BOX = _work.take(_EQ * _EQ + _EQ)
_METERS = _work.take(4)
_TONE = _work.take(TONE_SIZE)
WORK_SIZE = _work.size

_SHAPE_DB = 4.0
_CENTRES_HZ = features.mel_edges_hz()[1:-1]
# With Q = sqrt(1/2) a band's response in dB is its gain times one shape, to 0.02 dB.
_SHAPES = np.array(
    [equalizer.analog_magnitude_db(one, _CENTRES_HZ) / _SHAPE_DB for one in _SHAPE_DB * np.eye(equalizer.BAND_COUNT)]
)
_TONE_OF_MEL, _WIDTH_WEIGHTS = TONE_MATRIX.copy(), WIDTH_WEIGHTS.copy()
_LOUDNESS_WEIGHTS = features.k_weighting_power(_CENTRES_HZ)
# Of each tone band, the mel bands that have a part in it.
_FIRST = np.array([np.flatnonzero(row)[0] for row in TONE_MATRIX])
_STOP = np.array([np.flatnonzero(row)[-1] + 1 for row in TONE_MATRIX])

_NEUTRAL, _LOW, _HIGH = params.NEUTRAL.copy(), params.LOW.copy(), params.HIGH.copy()
_P_INPUT_GAIN, _P_LOW_SHELF = params.INDEX["input_gain_db"], params.INDEX["low_shelf_db"]
_P_COMPRESSION, _P_WIDTH = params.INDEX["compression"], params.INDEX["stereo_width"]
_P_DRIVE, _P_LEVEL = params.INDEX["limiter_drive_db"], params.INDEX["output_level"]


# Tone -------------------------------------------------------------------------------------------------


@kernel("void(float64[::1], float64[::1], float64[::1])")
def tone_weights(heard_db, wanted_db, weights):
    """How much each tone band has to say: less where there is next to nothing, here or in what is wanted.

    Parameters
    ----------
    heard_db, wanted_db, weights : float64, shape (n,); the last is filled, and sums to 1

    Thread: worker. Allocates: no.
    """
    total = 0.0
    for k in range(weights.shape[0]):
        weights[k] = 1.0 / (1.0 + math.exp((EMPTY_DB - min(heard_db[k], wanted_db[k])) / EMPTY_SLOPE_DB))
        total += weights[k]
    for k in range(weights.shape[0]):
        weights[k] /= total


@kernel("void(float64[::1], float64[::1])")
def centre(values, weights):
    """Take the weighted mean off: levels are the gain's business. Thread: worker. Allocates: no."""
    mean = 0.0
    for k in range(values.shape[0]):
        mean += weights[k] * values[k]
    for k in range(values.shape[0]):
        values[k] -= mean


@kernel("float64(float64, float64)")
def ratio_db(power, to_power):
    """Ratio of two powers in dB, finite for nothing. Thread: worker. Allocates: no."""
    return 10.0 * math.log10(max(power, 1e-20) / max(to_power, 1e-20))


@kernel("void(float64[::1], float64[::1])")
def _meter(spectra, meters):
    """Power that counts for width, of mid and of side, then K-weighted energy of both."""
    for k in range(4):
        meters[k] = 0.0
    for m in range(MEL_BANDS):
        mid, side = spectra[m], spectra[MEL_BANDS + m]
        meters[0] += _WIDTH_WEIGHTS[m] * mid
        meters[1] += _WIDTH_WEIGHTS[m] * side
        meters[2] += _LOUDNESS_WEIGHTS[m] * mid
        meters[3] += _LOUDNESS_WEIGHTS[m] * side


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _aim_tone(heard_bands_db, aim, work):
    """What is to change in each tone band, and how much each has to say."""
    wanted, weights = work[_WANTED : _WANTED + _BANDS], work[_WEIGHTS : _WEIGHTS + _BANDS]
    tone_weights(heard_bands_db, aim[at.AIM_BANDS : at.AIM_BANDS + _BANDS], weights)
    for k in range(_BANDS):
        wanted[k] = aim[at.AIM_BANDS + k] - heard_bands_db[k]
    centre(wanted, weights)
    for k in range(_BANDS):
        wanted[k] = TONE_REACH_DB * math.tanh(wanted[k] / TONE_REACH_DB)


@kernel("void(float64[::1], float64, float64[::1])")
def _linearise(gains, width, work):
    """What a dB of each of the five does to each tone band around the result so far, and what is missing then."""
    spectra, effects = work[_SPECTRA : _SPECTRA + 2 * MEL_BANDS], work[_EFFECTS : _EFFECTS + _BANDS * _EQ]
    missing, before = work[_MISSING : _MISSING + _BANDS], work[_BEFORE : _BEFORE + _BANDS]
    wanted = work[_WANTED : _WANTED + _BANDS]
    for k in range(_BANDS):
        power = 0.0
        for b in range(_EQ):
            effects[k * _EQ + b] = 0.0
        for m in range(_FIRST[k], _STOP[k]):
            share = _TONE_OF_MEL[k, m] * (spectra[m] + width * width * spectra[MEL_BANDS + m])
            power += share
            for b in range(_EQ):
                effects[k * _EQ + b] += share * _SHAPES[b, m]
        missing[k] = wanted[k] - (db_of_power(power) - before[k])
        for b in range(_EQ):
            effects[k * _EQ + b] /= max(power, 1e-20)
            missing[k] += effects[k * _EQ + b] * gains[b]


@kernel("void(float64[::1], float64[::1])")
def _solve_gains(gains, work):
    """Weighted ridge least squares in the box of the gains' range; the mean of all bands is free."""
    effects, missing = work[_EFFECTS : _EFFECTS + _BANDS * _EQ], work[_MISSING : _MISSING + _BANDS]
    weights = work[_WEIGHTS : _WEIGHTS + _BANDS]
    normal, right = work[_NORMAL : _NORMAL + _EQ * _EQ], work[_RIGHT : _RIGHT + _EQ]
    centre(missing, weights)
    for b in range(_EQ):
        mean = 0.0
        for k in range(_BANDS):
            mean += weights[k] * effects[k * _EQ + b]
        for k in range(_BANDS):
            effects[k * _EQ + b] -= mean
    for b in range(_EQ):
        right[b] = 0.0
        for c in range(_EQ):
            normal[b * _EQ + c] = RIDGE if b == c else 0.0
        for k in range(_BANDS):
            weighted = weights[k] * effects[k * _EQ + b]
            right[b] += weighted * missing[k]
            for c in range(_EQ):
                normal[b * _EQ + c] += weighted * effects[k * _EQ + c]
    solve_in_box(normal, right, equalizer.GAIN_LIMIT_DB, gains, work[_BOX : _BOX + _EQ * _EQ + _EQ])


@kernel("float64(float64, float64, float64)")
def wider(width, heard_db, missing_db):
    """A side gain changed by what is missing of the side/mid ratio; not for what is mono, with a soft passage.

    Parameters
    ----------
    width : float
    heard_db : float
        Side/mid ratio of what is heard.
    missing_db : float

    Thread: worker. Allocates: no.
    """
    trust = min(max((heard_db - MONO_DB) / (STEREO_DB - MONO_DB), 0.0), 1.0)
    return min(max(width * 10.0 ** (0.05 * trust * missing_db), _LOW[_P_WIDTH]), _HIGH[_P_WIDTH])


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", door=True)
def match_tone(statistics, heard, aim, work, tone):
    """Equaliser gains in dB, stereo width, and what both add to the loudness in LU.

    The equaliser by weighted ridge least squares in the box of its range, linearised anew around
    each pass's result; the width in closed form behind it.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    heard : float64, shape (VECTOR_SIZE,)
        The same in the order of a profile's vector.
    aim : float64, shape (layout.AIM_SIZE,)
    work : float64, shape (WORK_SIZE,), scratch
    tone : float64, shape (TONE_SIZE,), filled: see GAINS, WIDTH, CHANGE_LU

    Thread: worker. Allocates: no.
    """
    power = statistics[at.MEL_POWER : at.MEL_POWER + 2 * MEL_BANDS]
    spectra, meters = work[_SPECTRA : _SPECTRA + 2 * MEL_BANDS], work[_METERS : _METERS + 4]
    gains = tone[GAINS : GAINS + _EQ]
    _aim_tone(heard[:_BANDS], aim, work)
    for k in range(_BANDS):
        total = 0.0
        for m in range(_FIRST[k], _STOP[k]):
            total += _TONE_OF_MEL[k, m] * (power[m] + power[MEL_BANDS + m])
        work[_BEFORE + k] = db_of_power(total)
    for m in range(2 * MEL_BANDS):
        spectra[m] = power[m]
    for b in range(_EQ):
        gains[b] = 0.0
    width = 1.0
    _meter(spectra, meters)
    energy_before, heard_side_mid_db = meters[2] + meters[3], ratio_db(meters[1], meters[0])
    for _ in range(TONE_PASSES):
        _linearise(gains, width, work)
        _solve_gains(gains, work)
        for m in range(MEL_BANDS):
            curve_db = 0.0
            for b in range(_EQ):
                curve_db += gains[b] * _SHAPES[b, m]
            gain = power_of_db(curve_db)
            spectra[m] = gain * power[m]
            spectra[MEL_BANDS + m] = gain * power[MEL_BANDS + m]
        _meter(spectra, meters)
        width = wider(1.0, heard_side_mid_db, aim[at.AIM_SIDE_MID] - ratio_db(meters[1], meters[0]))
    tone[WIDTH] = width
    tone[CHANGE_LU] = ratio_db(meters[2] + width * width * meters[3], energy_before)


# All ten ----------------------------------------------------------------------------------------------


@kernel("void(float64[::1])")
def clamp(values):
    """As `params.clamp`, in place: inside the ranges, NaN becomes neutral. Thread: worker. Allocates: no."""
    for k in range(params.COUNT):
        value = values[k] if values[k] == values[k] else _NEUTRAL[k]
        values[k] = min(max(value, _LOW[k]), _HIGH[k])


@kernel("void(float64[::1], float64)")
def split_gain(values, total_gain_db):
    """Of a gain in all what is above 0 dB drives the limiter, the rest comes first.

    Thread: worker. Allocates: no.
    """
    drive_db = min(max(total_gain_db, 0.0), _HIGH[_P_DRIVE])
    values[_P_DRIVE] = drive_db
    values[_P_INPUT_GAIN] = total_gain_db - drive_db


@kernel("void(float64[::1], float64, float64, float64, float64[::1])", door=True)
def compose(tone, compression, total_gain_db, peak_dbtp, values):
    """Parameters in their ranges.

    Parameters
    ----------
    tone : float64, shape (TONE_SIZE,)
    compression, total_gain_db, peak_dbtp : float
    values : float64, shape (params.COUNT,), filled

    Thread: worker. Allocates: no.
    """
    for b in range(_EQ):
        values[_P_LOW_SHELF + b] = tone[GAINS + b]
    values[_P_WIDTH] = tone[WIDTH]
    values[_P_COMPRESSION] = compression
    split_gain(values, total_gain_db)
    values[_P_LEVEL] = 10.0 ** (0.05 * peak_dbtp)
    clamp(values)


@kernel("void(float64[::1], float64[::1])")
def look(statistics, passing):
    """What is heard, unless it is there. Thread: worker. Allocates: no."""
    if passing[at.HAS_HEARD] == 0.0:
        means.vector(statistics, passing[at.HEARD : at.HEARD + VECTOR_SIZE])
        passing[at.HAS_HEARD] = 1.0


@kernel("float64(float64[::1], float64, float64[::1])")
def _press(statistics, wanted_db, passing):
    """Compression that takes so much off the dynamics number."""
    reduced_db = passing[at.REDUCED : at.REDUCED + at.COMPRESSION_STEPS]
    if wanted_db <= 0.0:
        return 0.0
    if passing[at.HAS_REDUCED] == 0.0:
        dynamics.reduce(statistics, reduced_db)
        passing[at.HAS_REDUCED] = 1.0
    return dynamics.choose_compression(reduced_db, wanted_db)


@kernel("boolean(float64[::1])")
def _is_matched(passing):
    """Whether the parameters are there, for the same aim; what is no number is never the same."""
    is_same = passing[at.IS_MATCHED] != 0.0
    for k in range(at.AIM_FINE):
        is_same = is_same and passing[at.MATCHED_AIM + k] == passing[at.AIM + k]
    return is_same


@kernel("void(float64[::1], float64[::1], float64[::1])", door=True)
def match(statistics, passing, work):
    """The ten parameters that bring what has been heard towards the aim; neutral before MIN_MUSIC_S of music.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    passing : float64, shape (layout.PASSING_SIZE,)
        AIM is read, MATCHED filled, unless it is there for the same aim; HEARD and REDUCED, too.
    work : float64, shape (WORK_SIZE,), scratch

    Thread: worker. Allocates: no.
    """
    values = passing[at.MATCHED : at.MATCHED + params.COUNT]
    if statistics[at.HEARD_FRAMES] * HOP_S < MIN_MUSIC_S:
        for k in range(params.COUNT):
            values[k] = _NEUTRAL[k]
        return
    if _is_matched(passing):
        return
    look(statistics, passing)
    heard, aim = passing[at.HEARD : at.HEARD + VECTOR_SIZE], passing[at.AIM : at.AIM + at.AIM_SIZE]
    tone = work[_TONE : _TONE + TONE_SIZE]
    match_tone(statistics, heard, aim, work, tone)
    compression = _press(statistics, heard[at.AIM_DYNAMICS] - aim[at.AIM_DYNAMICS], passing)
    total_gain_db = aim[at.AIM_LOUDNESS] - heard[at.AIM_LOUDNESS] - tone[CHANGE_LU]
    compose(tone, compression, total_gain_db, aim[at.AIM_PEAK], values)
    passing[at.IS_MATCHED] = 1.0
    for k in range(at.AIM_FINE):
        passing[at.MATCHED_AIM + k] = aim[k]
