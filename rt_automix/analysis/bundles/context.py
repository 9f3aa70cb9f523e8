"""What a network is told: the rolling window and, beside it, one vector of all that is known.

Training and runtime call the same two kernels. Levels are relative to the measured loudness, so
a song sounds the same to a network however loud it comes in; how far its loudness is from the
profile's is one number of the vector.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.features import HOP_S, MEL_BANDS
from rt_automix.analysis.hearing import means
from rt_automix.analysis.hearing.statistics import MEMORY_S, Statistics
from rt_automix.analysis.layout import WINDOW_FRAMES
from rt_automix.analysis.numbers import db_of_power
from rt_automix.analysis.tone import LEVELS_LUFS, TONE_BANDS, VECTOR_SIZE
from rt_automix.dsp.jit import kernel

VERSION = 2
"""Counts up with every change to what these functions return; a bundle says which one it was made for."""

WINDOW_SHAPE = (features.ROWS, WINDOW_FRAMES)
LOWEST_LU, HIGHEST_LU = -60.0, 40.0
"""Levels relative to the loudness are held in here."""

HISTOGRAM_LOWEST_LU, HISTOGRAM_BINS = -32, 48
"""Share of frames at each loudness relative to the song's, in bins of 1 LU."""

_DIFFERENCE_LIMIT_DB = 40.0
_WIDTH_LIMIT_DB = 60.0

_PARTS = {
    "missing_bands_db": TONE_BANDS,
    "heard_bands_db": TONE_BANDS,
    "mel_lu": 2 * MEL_BANDS,
    "histogram": HISTOGRAM_BINS,
    "heard": 4,
    "wanted": 4,
    "loudness_change_lu": 1,
    "seconds_log2": 1,
    "matched_norm": params.COUNT,
}
_ENDS = np.cumsum(list(_PARTS.values())).tolist()
PARTS: dict[str, slice] = {
    name: slice(end - size, end) for (name, size), end in zip(_PARTS.items(), _ENDS, strict=True)
}
"""Where each part of the vector lies.

missing_bands_db, heard_bands_db : profile less heard, and heard, per tone band
mel_lu : mean power of mid, then of side, per mel band, relative to the loudness
histogram : shares that sum to 1
heard, wanted : PLR, side/mid ratio, peak and dynamics in dB, measured and of the profile
loudness_change_lu : profile less heard
seconds_log2 : music heard, as far as it is remembered, log2 of seconds
matched_norm : the matcher's answer, each parameter 0..1 over its range
"""
SIZE = _ENDS[-1]

LIMIT = 100.0
"""No number of a sane vector is beyond; what is, or is none, is held here or 0."""

SCRATCH_SIZE = VECTOR_SIZE + HISTOGRAM_BINS

_MISSING, _HEARD_BANDS = PARTS["missing_bands_db"].start, PARTS["heard_bands_db"].start
_MEL, _HISTOGRAM = PARTS["mel_lu"].start, PARTS["histogram"].start
_HEARD, _WANTED = PARTS["heard"].start, PARTS["wanted"].start
_CHANGE, _SECONDS, _MATCHED = (PARTS[name].start for name in ("loudness_change_lu", "seconds_log2", "matched_norm"))
_LEVELS, _LOW, _HIGH = LEVELS_LUFS.copy(), params.LOW.copy(), params.HIGH.copy()
_FRAMES, _ROWS = WINDOW_FRAMES, features.ROWS


@kernel("float64(float64, float64, float64)")
def _within(value, low, high):
    return min(max(value, low), high)


@kernel("void(float64[::1], float64, float64[::1])")
def _count(statistics, loudness_lufs, histogram):
    """Shares per 1 LU around the loudness, each level's split between the two nearest bins."""
    for k in range(HISTOGRAM_BINS):
        histogram[k] = 0.0
    for k in range(at.LEVELS):
        position = _within(_LEVELS[k] - loudness_lufs - HISTOGRAM_LOWEST_LU, 0.0, HISTOGRAM_BINS - 1.001)
        low = int(position)
        part, share = position - low, statistics[at.LEVEL_SHARES + k]
        histogram[low] += (1.0 - part) * share
        histogram[low + 1] += part * share


@kernel("void(float64[::1], float32[::1])")
def _tell_levels(values, told):
    """PLR, side/mid ratio, peak and dynamics of numbers in a profile's order, within reason."""
    told[0] = _within(values[at.AIM_PLR], 0.0, 40.0)
    told[1] = _within(values[at.AIM_SIDE_MID], -_WIDTH_LIMIT_DB, _WIDTH_LIMIT_DB)
    told[2] = _within(values[at.AIM_PEAK], -60.0, 12.0)
    told[3] = min(values[at.AIM_DYNAMICS], 15.0)


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float32[::1])", door=True)
def tell(statistics, aim, matched, scratch, told):
    """All that is known of the song and of what it should measure like.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
        Of at least some music.
    aim : float64, shape (layout.AIM_SIZE,)
    matched : float64, shape (params.COUNT,)
        The closed form's answer to both, in the parameters' own units.
    scratch : float64, shape (SCRATCH_SIZE,)
    told : float32, shape (SIZE,), filled, finite; see PARTS

    Thread: worker. Allocates: no.
    """
    heard, histogram = scratch[:VECTOR_SIZE], scratch[VECTOR_SIZE:SCRATCH_SIZE]
    means.vector(statistics, heard)
    loudness_lufs = heard[at.AIM_LOUDNESS]
    for k in range(TONE_BANDS):
        missing_db = aim[at.AIM_BANDS + k] - heard[k]
        told[_MISSING + k] = _within(missing_db, -_DIFFERENCE_LIMIT_DB, _DIFFERENCE_LIMIT_DB)
        told[_HEARD_BANDS + k] = _within(heard[k], -2.0 * _DIFFERENCE_LIMIT_DB, _DIFFERENCE_LIMIT_DB)
    for m in range(2 * MEL_BANDS):
        told[_MEL + m] = _within(db_of_power(statistics[at.MEL_POWER + m]) - loudness_lufs, LOWEST_LU, HIGHEST_LU)
    _count(statistics, loudness_lufs, histogram)
    for k in range(HISTOGRAM_BINS):
        told[_HISTOGRAM + k] = histogram[k]
    _tell_levels(heard, told[_HEARD : _HEARD + 4])
    _tell_levels(aim, told[_WANTED : _WANTED + 4])
    told[_CHANGE] = _within(aim[at.AIM_LOUDNESS] - loudness_lufs, -60.0, 60.0)
    told[_SECONDS] = math.log2(_within(statistics[at.HEARD_FRAMES] * HOP_S, 0.125, MEMORY_S))
    for k in range(params.COUNT):
        told[_MATCHED + k] = (matched[k] - _LOW[k]) / (_HIGH[k] - _LOW[k])
    for k in range(SIZE):
        sane = told[k] if told[k] == told[k] else np.float32(0.0)
        told[k] = min(max(sane, np.float32(-LIMIT)), np.float32(LIMIT))


@kernel("void(float32[:, ::1], float64, float32[:, ::1])", door=True)
def show(rows, loudness_lufs, window):
    """The last ten seconds, levels relative to the loudness.

    Parameters
    ----------
    rows : float32, shape (WINDOW_FRAMES, features.ROWS)
        A listener's window.
    loudness_lufs : float
    window : float32, shape WINDOW_SHAPE, filled, within LOWEST_LU and HIGHEST_LU

    Thread: worker. Allocates: no.
    """
    loudness = np.float32(loudness_lufs)
    lowest, highest = np.float32(LOWEST_LU), np.float32(HIGHEST_LU)
    for frame in range(_FRAMES):
        row = rows[frame]
        for k in range(_ROWS):
            level = row[k] - loudness
            level = level if level == level else lowest
            window[k, frame] = min(max(level, lowest), highest)


# Views for Python -------------------------------------------------------------------------------------


def vector(heard: Statistics, profile: Profile, matched: params.Values) -> NDArray[np.float32]:
    """All that is known of the song and of what it should measure like; see `tell`.

    Parameters
    ----------
    heard : Statistics
    profile : Profile
    matched : float64, shape (params.COUNT,)

    Returns
    -------
    float32, shape (SIZE,), finite; see PARTS.

    Thread: worker. Allocates: yes.
    """
    told = np.empty(SIZE, np.float32)
    tell(heard.values, profile.numbers(), np.array(matched, np.float64), np.empty(SCRATCH_SIZE), told)
    return told


def window(rows: NDArray[np.float32], loudness_lufs: float) -> NDArray[np.float32]:
    """The last ten seconds, levels relative to the loudness; see `show`.

    Parameters
    ----------
    rows : float32, shape (WINDOW_FRAMES, features.ROWS)
    loudness_lufs : float

    Returns
    -------
    float32, shape WINDOW_SHAPE.

    Thread: worker. Allocates: yes.
    """
    shown = np.empty(WINDOW_SHAPE, np.float32)
    show(np.ascontiguousarray(rows, np.float32), loudness_lufs, shown)
    return shown
