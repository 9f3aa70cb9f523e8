"""Fine equaliser: 31 third-octave bands of +-12 dB in series, at no delay, that follow a smooth curve.

What the bands are and which gains follow a curve is in `thirds`, whose names are here, too. Designs
are tabulated at start; the bands run as a `cascade`, coefficients moving in straight lines over
frames of FRAME_SAMPLES.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import cascade
from rt_automix.dsp.tone.thirds import (
    BAND_COUNT,
    CENTRES_HZ,
    GAIN_LIMIT_DB,
    POINT_COUNT,
    POINTS_HZ,
    SHARE,
    design_bands,
    magnitude_db,
    solve_matrix,
)

__all__ = [
    "BAND_COUNT", "CENTRES_HZ", "FRAME_SAMPLES", "GAIN_LIMIT_DB", "GOAL_SIZE", "POINTS_HZ", "POINT_COUNT", "RAMP_SIZE",
    "SHARE", "SMOOTHING_S", "STATE_SIZE", "TABLE_ROWS", "TABLE_SIZE", "TABLE_STEP_DB", "design", "design_bands",
    "design_table", "magnitude_db", "new_state", "smoothing_step", "solve_matrix",
]  # fmt: skip

FRAME_SAMPLES = 512
"""Gains move on a grid of so many samples."""

SMOOTHING_S = 0.3
"""Longer than the five bands take: what steps of the coefficients leave above 5 kHz stays below -70 dBFS."""

TABLE_STEP_DB = 0.25
TABLE_ROWS = 97
TABLE_SIZE = TABLE_ROWS * BAND_COUNT * cascade.ENTRIES
GOAL_SIZE = cascade.goal_size(BAND_COUNT)
RAMP_SIZE = cascade.ramp_size(BAND_COUNT)
STATE_SIZE = cascade.state_size(BAND_COUNT)

_STEPS_PER_DB = 1.0 / TABLE_STEP_DB


def design_table(sample_rate_hz: float) -> NDArray[np.float64]:
    """All designs from -12 to +12 dB, as `cascade.design` takes them: float64, shape (TABLE_SIZE,).

    What cuts is the inverse of what boosts as much, to the bit: who has one half of the table has all of it.

    Thread: main. Allocates: yes.
    """
    boosts_db = np.arange(TABLE_ROWS // 2 + 1) * TABLE_STEP_DB
    boosts = np.stack([cascade.entries(design_bands(gain_db, sample_rate_hz)) for gain_db in boosts_db])
    return np.concatenate((cascade.inverse(boosts[:0:-1]), boosts)).ravel()


def new_state() -> NDArray[np.float64]:
    """Filter memories, zeroed: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE)


@kernel("void(float64[::1], float64[::1], float64[::1])")
def design(table, gains_db, goal):
    """Write the design of 31 gains by linear interpolation of the table (error < 3e-4 dB a band).

    Parameters
    ----------
    table : float64, shape (TABLE_SIZE,)
    gains_db : float64, shape (31,), -12..12
    goal : float64, shape (GOAL_SIZE,), written

    Thread: audio. Allocates: no.
    """
    cascade.design(table, GAIN_LIMIT_DB, _STEPS_PER_DB, gains_db, goal)


def smoothing_step(sample_rate_hz: float) -> float:
    """Share of the way that each of two one-poles in a row goes in one frame: a jump takes SMOOTHING_S.

    Thread: main. Allocates: yes.
    """
    return 1.0 - math.exp(-FRAME_SAMPLES / (0.5 * SMOOTHING_S * sample_rate_hz))
