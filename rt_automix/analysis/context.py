"""What a network is told: the rolling window and, beside it, one vector of all that is known.

Training and runtime call the same two functions. Levels are relative to the measured loudness, so
a song sounds the same to a network however loud it comes in; how far its loudness is from the
profile's is one number of the vector.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.features import MEL_BANDS
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.statistics import MEMORY_S, WINDOW_FRAMES, Statistics
from rt_automix.analysis.tone import LEVELS_LUFS, TONE_BANDS
from rt_automix.units import db_from_power

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


def vector(heard: Statistics, profile: Profile, matched: params.Values) -> NDArray[np.float32]:
    """All that is known of the song and of what it should measure like.

    Parameters
    ----------
    heard : Statistics
        Of at least some music.
    profile : Profile
    matched : float64, shape (params.COUNT,)
        The matcher's answer to both, in the parameters' own units.

    Returns
    -------
    float32, shape (SIZE,), finite; see PARTS.

    Thread: worker. Allocates: yes.
    """
    loudness_lufs, peak_dbfs = heard.loudness_lufs, heard.peak_dbfs
    bands_db, wanted_db = heard.bands_db, np.array(profile.bands_db)
    mel_lu = db_from_power(heard.mel_power).reshape(-1) - loudness_lufs
    parts = {
        "missing_bands_db": np.clip(wanted_db - bands_db, -_DIFFERENCE_LIMIT_DB, _DIFFERENCE_LIMIT_DB),
        "heard_bands_db": np.clip(bands_db, -2.0 * _DIFFERENCE_LIMIT_DB, _DIFFERENCE_LIMIT_DB),
        "mel_lu": np.clip(mel_lu, LOWEST_LU, HIGHEST_LU),
        "histogram": _histogram(heard.level_shares, loudness_lufs),
        "heard": _levels(peak_dbfs - loudness_lufs, heard.side_mid_db, peak_dbfs, heard.dynamics_db),
        "wanted": _levels(profile.plr_db, profile.side_mid_db, profile.peak_dbtp, profile.dynamics_db),
        "loudness_change_lu": np.clip([profile.loudness_lufs - loudness_lufs], -60.0, 60.0),
        "seconds_log2": np.array([math.log2(min(max(heard.seconds_heard, 0.125), MEMORY_S))]),
        "matched_norm": params.normalise(matched),
    }
    return np.concatenate([parts[name] for name in PARTS]).astype(np.float32)


def _levels(plr_db: float, side_mid_db: float, peak_db: float, dynamics_db: float) -> NDArray[np.float64]:
    return np.array(
        [
            min(max(plr_db, 0.0), 40.0),
            min(max(side_mid_db, -_WIDTH_LIMIT_DB), _WIDTH_LIMIT_DB),
            min(max(peak_db, -60.0), 12.0),
            min(dynamics_db, 15.0),
        ]
    )


def _histogram(shares: NDArray[np.float64], loudness_lufs: float) -> NDArray[np.float64]:
    """Shares per 1 LU around the loudness, each level's split between the two nearest bins."""
    position = np.clip(LEVELS_LUFS - loudness_lufs - HISTOGRAM_LOWEST_LU, 0.0, HISTOGRAM_BINS - 1.001)
    low = position.astype(np.intp)
    part = position - low
    histogram = np.zeros(HISTOGRAM_BINS)
    np.add.at(histogram, low, (1.0 - part) * shares)
    np.add.at(histogram, low + 1, part * shares)
    return histogram


def window(rows: NDArray[np.float32], loudness_lufs: float) -> NDArray[np.float32]:
    """The last ten seconds, levels relative to the loudness.

    Parameters
    ----------
    rows : float32, shape (WINDOW_FRAMES, features.ROWS)
        A listener's window.
    loudness_lufs : float

    Returns
    -------
    float32, shape WINDOW_SHAPE, within LOWEST_LU and HIGHEST_LU.

    Thread: worker. Allocates: yes.
    """
    return np.ascontiguousarray(np.clip(rows - np.float32(loudness_lufs), LOWEST_LU, HIGHEST_LU).T)
