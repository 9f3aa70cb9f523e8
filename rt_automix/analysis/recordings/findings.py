"""What was found about a recording, in words: how much too much or too little of what, and how sure that is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.aim.masters import Found
from rt_automix.analysis.tone import tone_edges_hz

AUDIBLE_DB = 0.5
"""Less is not worth a word."""
MOST_TONES = 3
APART_BANDS = 3
"""Two findings closer than this are one."""
ALL_WELL = "Nothing found that is worth correcting."


def centres_hz() -> NDArray[np.float64]:
    """Geometric centres of the tone bands: float64, shape (TONE_BANDS,)."""
    edges_hz = tone_edges_hz()
    return np.sqrt(edges_hz[:-1] * edges_hz[1:])


def pitch(frequency_hz: float) -> str:
    """A frequency as people say it: 250 Hz, 3.2 kHz; two digits are all that a band has."""
    digits = 1 - math.floor(math.log10(frequency_hz))
    rounded = round(frequency_hz, digits)
    return f"{rounded:.0f} Hz" if rounded < 1000.0 else f"{rounded / 1000.0:g} kHz"


def words(found: Found | None) -> list[str]:
    """What was found, the largest first, such as "2.1 dB too much at 250 Hz, sure to 0.8 dB".

    Parameters
    ----------
    found : Found or None
        None where nothing was looked for: with a reference, or too little music.

    Returns
    -------
    Sentences without a full stop; one that says so where nothing is worth a word, none for None.

    Thread: any. Allocates: yes.
    """
    if found is None:
        return []
    told = [
        f"{abs(found.correction_db[band]):.1f} dB too {'much' if found.correction_db[band] < 0.0 else 'little'} "
        f"at {pitch(float(centres_hz()[band]))}, sure to {found.doubt_db[band]:.1f} dB"
        for band in _tones(found.correction_db)
    ]
    if abs(found.side_mid_db) >= AUDIBLE_DB:
        how = "wide" if found.side_mid_db < 0.0 else "narrow"
        told.append(f"{abs(found.side_mid_db):.1f} dB too {how}, sure to {found.side_mid_doubt_db:.1f} dB")
    return told or [ALL_WELL]


def _tones(correction_db: NDArray[np.float64]) -> list[int]:
    """The bands that stand out: extremes over their neighbours, none close to a larger one."""
    chosen: list[int] = []
    for band in np.argsort(-np.abs(correction_db)).tolist():
        if abs(correction_db[band]) < AUDIBLE_DB or len(chosen) == MOST_TONES:
            break
        near = [other for other in chosen if abs(other - band) < APART_BANDS]
        between = [other for other in chosen if _is_one_slope(correction_db, band, other)]
        if not near and not between:
            chosen.append(band)
    return chosen


def _is_one_slope(correction_db: NDArray[np.float64], one: int, other: int) -> bool:
    """Whether two bands are parts of one hill: all between has their sign, and neither is a hill of its own."""
    low, high = min(one, other), max(one, other)
    stretch = correction_db[low : high + 1] * np.sign(correction_db[one])
    return bool(stretch.min() > 0.7 * min(stretch[0], stretch[-1]))


def plain(found: Found | None) -> dict[str, Any] | None:
    """The same as numbers, ready for JSON: correction and doubt in each tone band, of width and of dynamics."""
    if found is None:
        return None
    return {
        "words": words(found),
        "frequencies_hz": [round(hz, 1) for hz in centres_hz().tolist()],
        "correction_db": [round(value, 2) for value in found.correction_db.tolist()],
        "doubt_db": [round(value, 2) for value in found.doubt_db.tolist()],
        "side_mid_db": round(found.side_mid_db, 2),
        "side_mid_doubt_db": round(found.side_mid_doubt_db, 2),
        "dynamics_db": round(found.dynamics_db, 2),
        "dynamics_doubt_db": round(found.dynamics_doubt_db, 2),
    }
