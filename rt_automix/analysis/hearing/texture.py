"""How music moves in each tone band: what neither an equaliser, nor a gain, nor a width touches.

Of the levels of tone bands in dB all that is kept is how they spread and move around their own means, and
together: an equaliser shifts those means and nothing else. So from texture alone one can guess what a master's
tone should be. Means that first grow with what has been heard and then forget, as those of `means`.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS
from rt_automix.analysis.tone import TONE_BANDS, TONE_MATRIX
from rt_automix.dsp.jit import kernel

LAGS = at.TEXTURE_LAGS
"""Levels are compared with those so many frames before."""
FLOOR_LU = -70.0
"""Levels this far under the frame's loudness are held: there is nothing there."""
WIDEST_DB = 40.0
"""Side over mid is held within this."""

_CHANNELS, _LAG_COUNT, _RING = at.TEXTURE_CHANNELS, len(LAGS), at.TEXTURE_RING
_TONE = np.ascontiguousarray(TONE_MATRIX)
_FIRST = np.array([np.flatnonzero(row)[0] for row in TONE_MATRIX])
_STOP = np.array([np.flatnonzero(row)[-1] + 1 for row in TONE_MATRIX])
_LAGS = np.array(LAGS)
_LEAST = 1e-12


@kernel("float64(float64)")
def _db(power):
    return 10.0 * math.log10(max(power, _LEAST))


@kernel("void(float64[::1], float32[::1], float64[::1], float64[::1])")
def _levels(power, row, levels, widths):
    """Level of each tone band, then of all; side over mid in each."""
    loudness = float(row[LOUDNESS_ROW])
    for b in range(TONE_BANDS):
        mid, side = 0.0, 0.0
        for m in range(_FIRST[b], _STOP[b]):
            mid += _TONE[b, m] * power[m]
            side += _TONE[b, m] * power[MEL_BANDS + m]
        levels[b] = max(_db(mid + side), loudness + FLOOR_LU)
        widths[b] = min(max(_db(side) - _db(mid), -WIDEST_DB), WIDEST_DB)
    levels[TONE_BANDS] = loudness


@kernel("void(float64[::1], float64[::1])")
def _move(texture, levels):
    """How far each level is from those before, squared; how far it has risen since the last; how far at all."""
    count = texture[at.T_FRAMES]
    newest = int(texture[at.T_NEXT])
    for j in range(_LAG_COUNT):
        lag = _LAGS[j]
        if count <= lag:
            break
        before = at.T_PAST + ((newest - lag) % _RING) * _CHANNELS
        weight = 1.0 / (count - lag)
        for c in range(_CHANNELS):
            change = levels[c] - texture[before + c]
            texture[at.T_CHANGES + j * _CHANNELS + c] += weight * (
                change * change - texture[at.T_CHANGES + j * _CHANNELS + c]
            )
            if j == 0:
                rise = max(change, 0.0)
                texture[at.T_RISES + c] += weight * (rise * rise - texture[at.T_RISES + c])
                texture[at.T_STEPS + c] += weight * (abs(change) - texture[at.T_STEPS + c])
    for c in range(_CHANNELS):
        texture[at.T_PAST + newest * _CHANNELS + c] = levels[c]
    texture[at.T_NEXT] = (newest + 1) % _RING


@kernel("void(float64[::1], float64[::1], float64[::1], float64)")
def _spread(texture, away, widths, weight):
    """How levels spread, lean and go together around their means; the same of widths."""
    kept = 1.0 - weight
    for c in range(_CHANNELS):
        mean = texture[at.T_MEANS + c]
        away[c] -= mean
        texture[at.T_MEANS + c] = mean + weight * away[c]
    place = at.T_TOGETHER
    for c in range(_CHANNELS):
        part = weight * away[c]
        for d in range(c + 1):
            texture[place] = kept * (texture[place] + part * away[d])
            place += 1
        texture[at.T_LEANS + c] = kept * (texture[at.T_LEANS + c] + part * away[c] * away[c])
    for b in range(TONE_BANDS):
        apart = widths[b] - texture[at.T_WIDTHS + b]
        texture[at.T_WIDTHS + b] += weight * apart
        texture[at.T_WIDTH_SPREADS + b] = kept * (texture[at.T_WIDTH_SPREADS + b] + weight * apart * apart)
        texture[at.T_WIDTH_LEVELS + b] = kept * (texture[at.T_WIDTH_LEVELS + b] + weight * apart * away[b])


@kernel("void(float64[::1], float64[::1], float32[::1], float64)")
def add(statistics, power, row, memory_frames):
    """Take a frame of music in.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
        Its texture is updated.
    power : float64, shape (2 MEL_BANDS,)
        Of the frame: mid, then side.
    row : float32, shape (features.ROWS,), dB
    memory_frames : float

    Thread: worker. Allocates: no.
    """
    texture = statistics[at.TEXTURE : at.TEXTURE + at.TEXTURE_SIZE]
    levels = texture[at.T_LEVELS : at.T_LEVELS + _CHANNELS]
    widths = texture[at.T_NOW_WIDTHS : at.T_NOW_WIDTHS + TONE_BANDS]
    _levels(power, row, levels, widths)
    texture[at.T_FRAMES] = min(texture[at.T_FRAMES] + 1.0, memory_frames)
    weight = 1.0 / texture[at.T_FRAMES]
    _move(texture, levels)
    _spread(texture, levels, widths, weight)


@kernel("float64(float64, float64)")
def _log_ratio(one, other):
    return math.log((max(one, 0.0) + 0.01) / (max(other, 0.0) + 0.01))


@kernel("void(float64[::1], float64[::1])", door=True)
def describe(statistics, told):
    """The texture in numbers that do not change with an equaliser, a gain or a width.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    told : float64, shape (layout.TOLD_SIZE,), filled, finite
        Of each level: log spread, lean, its changes over LAGS against its spread, the share of rises,
        the evenness of steps; how far its loudest moments are above its mean; of widths: less their
        mean, log spread, how they go with the level; at last the correlations of levels.

    Thread: worker. Allocates: no.
    """
    texture = statistics[at.TEXTURE : at.TEXTURE + at.TEXTURE_SIZE]
    place, diagonal = 0, 0
    for c in range(_CHANNELS):
        variance = texture[at.T_TOGETHER + diagonal]
        deviation = math.sqrt(max(variance, 0.0)) + 0.1
        told[place] = math.log(deviation)
        told[place + 1] = min(max(texture[at.T_LEANS + c] / (deviation * deviation * deviation), -5.0), 5.0)
        for j in range(_LAG_COUNT):
            told[place + 2 + j] = _log_ratio(texture[at.T_CHANGES + j * _CHANNELS + c], 2.0 * variance)
        change = texture[at.T_CHANGES + c]
        told[place + 2 + _LAG_COUNT] = texture[at.T_RISES + c] / (change + 0.01)
        told[place + 3 + _LAG_COUNT] = texture[at.T_STEPS + c] / (math.sqrt(max(change, 0.0)) + 0.1)
        place += 4 + _LAG_COUNT
        diagonal += c + 2
    mean = 0.0
    for b in range(TONE_BANDS):
        mean += texture[at.T_WIDTHS + b] / TONE_BANDS
    for b in range(TONE_BANDS):
        power = 0.0
        for m in range(_FIRST[b], _STOP[b]):
            power += _TONE[b, m] * (statistics[at.MEL_POWER + m] + statistics[at.MEL_POWER + MEL_BANDS + m])
        told[place + b] = min(max(_db(power) - texture[at.T_MEANS + b], -5.0), 40.0) / 10.0
        told[place + TONE_BANDS + b] = (texture[at.T_WIDTHS + b] - mean) / 10.0
        spread = math.sqrt(max(texture[at.T_WIDTH_SPREADS + b], 0.0)) + 0.1
        told[place + 2 * TONE_BANDS + b] = math.log(spread)
        level = math.sqrt(max(texture[at.T_TOGETHER + b * (b + 3) // 2], 0.0)) + 0.1
        told[place + 3 * TONE_BANDS + b] = texture[at.T_WIDTH_LEVELS + b] / (spread * level)
    place += 4 * TONE_BANDS
    for c in range(_CHANNELS):
        one = math.sqrt(max(texture[at.T_TOGETHER + c * (c + 3) // 2], 0.0)) + 0.1
        for d in range(c):
            other = math.sqrt(max(texture[at.T_TOGETHER + d * (d + 3) // 2], 0.0)) + 0.1
            told[place] = texture[at.T_TOGETHER + c * (c + 1) // 2 + d] / (one * other)
            place += 1
    for k in range(at.TOLD_SIZE):
        sane = told[k] if told[k] == told[k] else 0.0
        told[k] = min(max(sane, -10.0), 10.0)
