"""Constant tables of the rehearsal: all of it that is linear, as matrices."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim.dynamics import COMPRESSION_TEMPERATURE, COMPRESSION_TOLERANCE_DB, COMPRESSIONS
from rt_automix.analysis.bundles import context
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS, MID_ROW, PEAK_ROW, SIDE_ROW
from rt_automix.analysis.hearing.statistics import MEMORY_S
from rt_automix.dsp.tone import equalizer
from training.labels.teacher import TRIALS

Table = NDArray[np.float64]

LOG_PER_DB = float(np.log(10.0) / 10.0)
"""Natural logarithm of a power, for each dB."""

CURVES = 3
"""What is followed frame by frame: K-weighted energy, power that the compressor hears, peak."""

NUMBERS = {"shape": equalizer.BAND_COUNT + 1, "width": 1, "matched": 1, "at_ends": 2}
NUMBERS |= {"change": 1, "calm": 1, "room": 1, "peak": 1}
"""What the rehearsal takes of the context, and how many numbers each is; see `numbers`."""

COST_SCALE = float(1.0 / (COMPRESSION_TOLERANCE_DB * np.sqrt(COMPRESSION_TEMPERATURE)))
"""The squares of differences in dB so scaled are exponents of the soft minimum."""

_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]
_NEARLY_DB = 0.01
LEAST_TOTAL_DB = float(params.LOW[_GAIN]) + _NEARLY_DB
MOST_TOTAL_DB = float(params.HIGH[_GAIN] + params.HIGH[_DRIVE]) - _NEARLY_DB
"""Gain in all that is nearly as far as it goes."""

LEAST_LOG2_S, MOST_LOG2_S = -3.0, math.log2(MEMORY_S)
"""Of the seconds heard that are remembered."""

_PLR, _PEAK, _DYNAMICS = 0, 2, 3
_MOST_DYNAMICS_DB, _MOST_PLR_DB, _MOST_CHANGE_LU, _MOST_DB = 15.0, 40.0, 60.0, 100.0
_SHAPE_DB = 4.0
_LOG_NOTHING = -80.0


def limits() -> tuple[Table, Table]:
    """What each number of the context is held in: (context.SIZE,) each."""
    lower, upper = np.full(context.SIZE, -_MOST_DB), np.full(context.SIZE, _MOST_DB)
    wanted, heard = context.PARTS["wanted"].start, context.PARTS["heard"].start
    for at, low, high in (
        (heard + _DYNAMICS, 0.0, _MOST_DYNAMICS_DB),
        (wanted + _DYNAMICS, 0.0, _MOST_DYNAMICS_DB),
        (wanted + _PLR, -_MOST_PLR_DB, _MOST_PLR_DB),
        (wanted + _PEAK, -_MOST_PLR_DB, _MOST_PLR_DB),
        (context.PARTS["loudness_change_lu"], -_MOST_CHANGE_LU, _MOST_CHANGE_LU),
        (context.PARTS["seconds_log2"], LEAST_LOG2_S, MOST_LOG2_S),
        (context.PARTS["matched_norm"], 0.0, 1.0),
    ):
        lower[at], upper[at] = low, high
    return lower, upper


def numbers() -> tuple[Table, Table]:
    """NUMBERS as a product with the context and what is added to it: (count, context.SIZE) and (count,).

    shape : gains of the equaliser's bands in dB, and 1
    width : side gain
    matched : the matcher's compression, 0..1
    at_ends : how far its gain in all is above MOST_TOTAL_DB and below LEAST_TOTAL_DB
    change : of loudness that is wanted, dB
    calm : dynamics heard less those wanted, dB
    room, peak : PLR less peak, and peak, that are wanted: natural logarithms of power
    """
    identity = np.eye(context.SIZE)
    wanted, heard = identity[context.PARTS["wanted"]], identity[context.PARTS["heard"]]
    matched = params.LOW, identity[context.PARTS["matched_norm"]] * (params.HIGH - params.LOW)[:, None]
    added, values = matched
    bands = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
    width, compression = params.INDEX["stereo_width"], params.INDEX["compression"]
    total, added_total = values[_GAIN] + values[_DRIVE], added[_GAIN] + added[_DRIVE]
    rows = [
        *zip(values[bands], added[bands], strict=True),
        (0.0 * total, 1.0),
        (values[width], added[width]),
        (identity[context.PARTS["matched_norm"]][compression], 0.0),
        (total, added_total - MOST_TOTAL_DB),
        (-total, LEAST_TOTAL_DB - added_total),
        (identity[context.PARTS["loudness_change_lu"]][0], 0.0),
        (heard[_DYNAMICS] - wanted[_DYNAMICS], 0.0),
        (LOG_PER_DB * (wanted[_PLR] - wanted[_PEAK]), 0.0),
        (LOG_PER_DB * wanted[_PEAK], 0.0),
    ]
    return np.array([row for row, _ in rows]), np.array([float(offset) for _, offset in rows])


def log_weights() -> Table:
    """Natural logarithms of weights on a frame's rows, as products with the numbers of `shape`.

    Four times CURVES of them: what of mid is behind the equaliser, what of side, both as they came,
    and what a frame's own rows say. Shape (4 * CURVES * features.ROWS, NUMBERS["shape"]).
    """
    centres_hz = features.mel_edges_hz()[1:-1]
    gains_db = _SHAPE_DB * np.eye(equalizer.BAND_COUNT)
    shapes = np.array([equalizer.analog_magnitude_db(one, centres_hz) / _SHAPE_DB for one in gains_db])
    k_weights = np.log(features.k_weighting_power(centres_hz))
    mid, side = slice(0, MEL_BANDS), slice(MEL_BANDS, 2 * MEL_BANDS)
    table = np.zeros((4, CURVES, features.ROWS, NUMBERS["shape"]))
    table[..., -1] = _LOG_NOTHING
    for group, curve, rows, is_equalised, weights in (
        (0, 0, (mid,), True, k_weights), (0, 1, (mid, side), True, 0.0), (0, 2, (mid,), True, 0.0),
        (1, 0, (side,), True, k_weights), (1, 2, (side,), True, 0.0),
        (2, 0, (mid, side), False, k_weights), (2, 1, (mid, side), False, 0.0), (2, 2, (mid, side), False, 0.0),
        (3, 0, (LOUDNESS_ROW,), False, 0.0), (3, 1, (MID_ROW, SIDE_ROW), False, 0.0), (3, 2, (PEAK_ROW,), False, 0.0),
    ):  # fmt: skip
        for part in rows:
            table[group, curve, part, -1] = weights
            if is_equalised:
                table[group, curve, part, :-1] = LOG_PER_DB * shapes.T
    return table.reshape(-1, NUMBERS["shape"])


def between() -> Table:
    """From what TRIALS but the first take off to what COMPRESSIONS do, times COST_SCALE."""
    columns = [np.interp(COMPRESSIONS, TRIALS, one) for one in np.eye(len(TRIALS))[1:]]
    return COST_SCALE * np.array(columns).T


def found() -> Table:
    """From dynamics (behind the equaliser, before it, and at TRIALS but the first) to what is found.

    How they move, twice; themselves; what the trials take off; and `between` of that.
    """
    tried = len(TRIALS) - 1
    reduced = np.hstack([np.ones((tried, 1)), np.zeros((tried, 1)), -np.eye(tried)])
    behind, before = np.eye(tried + 2)[:2]
    return np.vstack([behind - before, behind - before, behind, reduced, between() @ reduced])


def crossing(count: int) -> Table:
    """From a column of `count` values to all but the last, and how much less the next ones are."""
    identity = np.eye(count)
    return np.vstack([identity[:-1], identity[:-1] - identity[1:]])
