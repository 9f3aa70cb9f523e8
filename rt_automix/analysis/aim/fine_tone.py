"""The fine layer's solve: 31 gains that do what five bands leave between what is heard and what is aimed at.

The five go first and this takes the rest, so the two never fight. A reference, which a profile with a fine
spectrum is, is a place: what is missing is wanted in full, in a third of an octave. Other profiles are
directions: the difference of their tone bands, held back as for the five, is only drawn finer.

Nothing is wanted where nothing is known: a programme that differs from its aim by no more than a stretch of a song
differs from the whole of it may be that very song, and is left alone.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim.matching import (
    EMPTY_DB,
    EMPTY_SLOPE_DB,
    TONE_REACH_DB,
    centre,
    ratio_db,
    tone_weights,
    wider,
)
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing import means
from rt_automix.analysis.hearing.fine_spectrum import POINTS_HZ
from rt_automix.analysis.numbers import db_of_power, power_of_db
from rt_automix.analysis.tone import TONE_BANDS, WIDTH_HIGH_HZ, WIDTH_LOW_HZ, tone_edges_hz
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import equalizer
from rt_automix.dsp.tone.thirds import shapes

FULL_FROM_HZ, LEAST_FROM_HZ = 60.0, 20.0
FULL_TO_HZ, LEAST_TO_HZ = 16000.0, 26000.0
LEAST_SHARE = 0.3
"""Below the first and above the third of these it goes less far, down to this share at the others:
down there rooms, up there codecs say more than the music."""

HOPELESS_DB, HOPELESS_SLOPE_DB = 25.0, 4.0
"""Where more than this is missing there is next to nothing to boost, as above a codec's cliff."""

DOUBT_DB, DOUBT_S = 4.0, 15.0
"""By so much in RMS over the tone bands may this long a stretch of a song differ from the whole of it: a fair
margin of 56 songs'. It falls with the root of what has been heard."""
MOST_DOUBT_DB, LEAST_DOUBT_DB = 5.0, 1.5
SURE_TIMES = 1.5
"""A difference this many times larger is taken in full."""

GAIN_LIMIT_DB = 12.0

_POINTS, _BANDS, _EQ = at.FINE_POINTS, TONE_BANDS, equalizer.BAND_COUNT

_work = at.Region()
_HEARD = _work.take(_POINTS)
_CURVE = _work.take(_POINTS)
_REST = _work.take(_POINTS)
_WEIGHTS = _work.take(_POINTS)
_SAY = _work.take(_POINTS)
_GAIN = _work.take(_POINTS)
_HEARD_BANDS = _work.take(_BANDS)
_BAND_WEIGHTS = _work.take(_BANDS)
_DIFFERENCE = _work.take(_BANDS)
WORK_SIZE = _work.size

_SHAPE_DB = 4.0
_SHAPES = np.array(
    [equalizer.analog_magnitude_db(one, POINTS_HZ) / _SHAPE_DB for one in _SHAPE_DB * np.eye(equalizer.BAND_COUNT)]
)
_FINE_SHAPES = shapes()
_COUNTS_FOR_WIDTH = (POINTS_HZ >= WIDTH_LOW_HZ) & (POINTS_HZ <= WIDTH_HIGH_HZ)
_LOUDNESS_WEIGHTS = features.k_weighting_power(POINTS_HZ)
_P_LOW_SHELF, _P_WIDTH = params.INDEX["low_shelf_db"], params.INDEX["stereo_width"]


def _shares() -> np.ndarray:
    """How much of the wanted curve there is at each point: float64, shape (FINE_POINTS,)."""
    low = (np.log(POINTS_HZ) - math.log(LEAST_FROM_HZ)) / math.log(FULL_FROM_HZ / LEAST_FROM_HZ)
    high = (math.log(LEAST_TO_HZ) - np.log(POINTS_HZ)) / math.log(LEAST_TO_HZ / FULL_TO_HZ)
    return np.clip(np.minimum(low, high), LEAST_SHARE, 1.0)


def _of_bands() -> np.ndarray:
    """Levels of tone bands drawn finer, straight over log frequency: float64, shape (FINE_POINTS, TONE_BANDS)."""
    edges = tone_edges_hz()
    centres = 0.5 * np.log(edges[:-1] * edges[1:])
    return np.array([np.interp(np.log(POINTS_HZ), centres, band) for band in np.eye(_BANDS)]).T.copy()


_SHARES, _OF_BANDS = _shares(), _of_bands()
_BAND_BELOW = np.array([min(np.flatnonzero(row)[0], _BANDS - 2) for row in _OF_BANDS])


@kernel("float64(float64[::1], float64[::1], float64[::1])")
def sureness(statistics, aim, work):
    """How sure it is that what is heard is not already what is aimed at: 0 to 1.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    aim : float64, shape (layout.AIM_SIZE,)
        Without a fine spectrum it is a direction, and always gone in: 1.
    work : float64, shape (WORK_SIZE,), scratch

    Thread: worker. Allocates: no.
    """
    heard_s = statistics[at.HEARD_FRAMES] * HOP_S
    if aim[at.AIM_HAS_FINE] == 0.0 or heard_s == 0.0:
        return 1.0
    heard, weights = work[_HEARD_BANDS : _HEARD_BANDS + _BANDS], work[_BAND_WEIGHTS : _BAND_WEIGHTS + _BANDS]
    difference = work[_DIFFERENCE : _DIFFERENCE + _BANDS]
    _differ(statistics, aim, heard, weights, difference)
    total = 0.0
    for k in range(_BANDS):
        total += weights[k] * difference[k] * difference[k]
    doubt_db = min(max(DOUBT_DB * math.sqrt(DOUBT_S / heard_s), LEAST_DOUBT_DB), MOST_DOUBT_DB)
    part = min(max((math.sqrt(total) / doubt_db - 1.0) / (SURE_TIMES - 1.0), 0.0), 1.0)
    return part * part * (3.0 - 2.0 * part)


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])")
def _differ(statistics, aim, heard, weights, difference):
    """Tone bands of what is heard, their say, and what is missing from the aim, level aside."""
    means.bands_db(statistics, heard)
    tone_weights(heard, aim[at.AIM_BANDS : at.AIM_BANDS + _BANDS], weights)
    for k in range(_BANDS):
        difference[k] = aim[at.AIM_BANDS + k] - heard[k]
    centre(difference, weights)


@kernel("float64(float64, float64)")
def _say(heard_db, wanted_db):
    """Near 1 where there is sound, here and in what is wanted; near 0 where there is next to nothing."""
    return 1.0 / (1.0 + math.exp((EMPTY_DB - min(heard_db, wanted_db)) / EMPTY_SLOPE_DB))


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _want_reference(statistics, aim, work):
    """What is missing at each point, and its say, where the fine spectrum of the aim is known."""
    power = statistics[at.FINE_POWER : at.FINE_POWER + 2 * _POINTS]
    mean_db = 0.0
    for j in range(_POINTS):
        work[_HEARD + j] = max(db_of_power(power[j] + power[_POINTS + j]), features.ROW_FLOOR_DB)
        mean_db += work[_HEARD + j] / _POINTS
    for j in range(_POINTS):
        heard_db, wanted_db = work[_HEARD + j] - mean_db, aim[at.AIM_FINE + j]
        work[_SAY + j] = _say(heard_db, wanted_db)
        work[_REST + j] = wanted_db - heard_db


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _want_direction(statistics, aim, work):
    """The same where only tone bands are known: their difference, held back as for the five, drawn finer."""
    heard, weights = work[_HEARD_BANDS : _HEARD_BANDS + _BANDS], work[_BAND_WEIGHTS : _BAND_WEIGHTS + _BANDS]
    difference = work[_DIFFERENCE : _DIFFERENCE + _BANDS]
    _differ(statistics, aim, heard, weights, difference)
    for k in range(_BANDS):
        difference[k] = TONE_REACH_DB * math.tanh(difference[k] / TONE_REACH_DB)
        weights[k] = _say(heard[k], aim[at.AIM_BANDS + k])
    for j in range(_POINTS):
        low = _BAND_BELOW[j]
        below, above = _OF_BANDS[j, low], _OF_BANDS[j, low + 1]
        work[_REST + j] = below * difference[low] + above * difference[low + 1]
        work[_SAY + j] = below * weights[low] + above * weights[low + 1]


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _leave(statistics, values, work):
    """Take off what the five and the width do; weigh, centre, and hold back where little is known."""
    power = statistics[at.FINE_POWER : at.FINE_POWER + 2 * _POINTS]
    rest, say = work[_REST : _REST + _POINTS], work[_SAY : _SAY + _POINTS]
    weights, width = work[_WEIGHTS : _WEIGHTS + _POINTS], values[_P_WIDTH]
    total = 0.0
    for j in range(_POINTS):
        mid, side = power[j], power[_POINTS + j]
        for b in range(_EQ):
            rest[j] -= values[_P_LOW_SHELF + b] * _SHAPES[b, j]
        rest[j] -= ratio_db(mid + width * width * side, mid + side)
        total += say[j]
    for j in range(_POINTS):
        weights[j] = say[j] / max(total, 1e-12)
    centre(rest, weights)
    for j in range(_POINTS):
        hope = say[j] / (1.0 + math.exp((rest[j] - HOPELESS_DB) / HOPELESS_SLOPE_DB)) if rest[j] > 0.0 else 1.0
        rest[j] *= _SHARES[j] * hope


@kernel("float64(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64, float64[::1])")
def solve(statistics, aim, values, matrix, work, share, gains_db):
    """The 31 gains behind the ten parameters, and what they change in loudness.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    aim : float64, shape (layout.AIM_SIZE,)
    values : float64, shape (params.COUNT,)
        Decided before: equaliser and width count as done.
    matrix : float64, shape (FINE_BANDS * FINE_POINTS,)
        `dsp.tone.fine.solve_matrix` by rows: band gains for a curve.
    work : float64, shape (WORK_SIZE,), scratch
    share : float, 0..1
        How far it is to go.
    gains_db : float64, shape (FINE_BANDS,), filled

    Returns
    -------
    float64, LU: what they add to the loudness.

    Thread: worker. Allocates: no.
    """
    curve, rest = work[_CURVE : _CURVE + _POINTS], work[_REST : _REST + _POINTS]
    if aim[at.AIM_HAS_FINE] != 0.0:
        _want_reference(statistics, aim, work)
    else:
        _want_direction(statistics, aim, work)
    _leave(statistics, values, work)
    for j in range(_POINTS):
        below, above = rest[max(j - 1, 0)], rest[min(j + 1, _POINTS - 1)]
        curve[j] = share * (0.25 * below + 0.5 * rest[j] + 0.25 * above)
    for b in range(at.FINE_BANDS):
        gain_db = 0.0
        for j in range(_POINTS):
            gain_db += matrix[b * _POINTS + j] * curve[j]
        gains_db[b] = min(max(gain_db, -GAIN_LIMIT_DB), GAIN_LIMIT_DB)
    return _louder(statistics, values, curve, work)


@kernel("float64(float64[::1], float64[::1], float64[::1], float64[::1])")
def _louder(statistics, values, curve, work):
    """What a curve behind the five and the width adds to the K-weighted energy, in LU."""
    _five_gains(values, work)
    before, after = 0.0, 0.0
    for j in range(_POINTS):
        energy = _energy(statistics, values, j) * work[_GAIN + j]
        before += energy
        after += energy * power_of_db(min(max(curve[j], -GAIN_LIMIT_DB), GAIN_LIMIT_DB))
    return ratio_db(after, before)


@kernel("float64(float64[::1], float64[::1], float64[::1])")
def keep_width(statistics, values, work):
    """The stereo width with which the curve that was solved last leaves the side/mid ratio as it was before it.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    values : float64, shape (params.COUNT,)
    work : float64, shape (WORK_SIZE,), as `solve` left it

    Thread: worker. Allocates: no.
    """
    power, curve = statistics[at.FINE_POWER : at.FINE_POWER + 2 * _POINTS], work[_CURVE : _CURVE + _POINTS]
    mid, side, mid_after, side_after = 0.0, 0.0, 0.0, 0.0
    for j in range(_POINTS):
        if _COUNTS_FOR_WIDTH[j]:
            gain, more = work[_GAIN + j], power_of_db(min(max(curve[j], -GAIN_LIMIT_DB), GAIN_LIMIT_DB))
            mid += gain * power[j]
            side += gain * power[_POINTS + j]
            mid_after += gain * more * power[j]
            side_after += gain * more * power[_POINTS + j]
    before_db = ratio_db(side, mid)
    return wider(values[_P_WIDTH], before_db, before_db - ratio_db(side_after, mid_after))


@kernel("void(float64[::1], float64[::1])")
def _five_gains(values, work):
    """Power gain of the five bands at each point, into the work's _GAIN."""
    for j in range(_POINTS):
        equalised_db = 0.0
        for b in range(_EQ):
            equalised_db += values[_P_LOW_SHELF + b] * _SHAPES[b, j]
        work[_GAIN + j] = power_of_db(equalised_db)


@kernel("float64(float64[::1], float64[::1], int64)")
def _energy(statistics, values, point):
    """K-weighted energy at a point behind the width."""
    width = values[_P_WIDTH]
    power = statistics[at.FINE_POWER + point] + width * width * statistics[at.FINE_POWER + _POINTS + point]
    return _LOUDNESS_WEIGHTS[point] * power


@kernel("float64(float64[::1], float64[::1], float64[::1], float64[::1])")
def loudness_db(statistics, values, gains_db, work):
    """K-weighted level of what has been heard, behind five bands, width and fine bands; its zero is arbitrary.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    values : float64, shape (params.COUNT,)
    gains_db : float64, shape (FINE_BANDS,)
    work : float64, shape (WORK_SIZE,), scratch

    Thread: worker. Allocates: no.
    """
    curve = work[_CURVE : _CURVE + _POINTS]
    for j in range(_POINTS):
        curve[j] = 0.0
    for b in range(at.FINE_BANDS):
        if gains_db[b] != 0.0:
            for j in range(_POINTS):
                curve[j] += gains_db[b] * _FINE_SHAPES[b, j]
    _five_gains(values, work)
    energy = 0.0
    for j in range(_POINTS):
        gain = power_of_db(curve[j]) if curve[j] != 0.0 else 1.0
        energy += _energy(statistics, values, j) * work[_GAIN + j] * gain
    return db_of_power(energy)
