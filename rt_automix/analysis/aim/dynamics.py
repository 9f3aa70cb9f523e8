"""How much compression brings the dynamics number to what is wanted, by the compressor's static curve."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import layout as at
from rt_automix.analysis.numbers import db_of_power
from rt_automix.analysis.tone import LEVEL_ENERGIES, LEVEL_STEP_LU, SILENCE_LUFS
from rt_automix.dsp.dynamics import compressor
from rt_automix.dsp.jit import kernel
from rt_automix.units import LUFS_OFFSET_DB, power_from_db

COMPRESSOR_YIELD = 0.62
"""What attack and release leave of the static curve's effect on dynamics: .59 to .66 for any setting, 16 songs."""
COMPRESSION_TOLERANCE_DB = 0.15
COMPRESSION_COST = 5.0
"""Pull towards none: settings that win little are not worth their sound."""
COMPRESSION_TEMPERATURE = 0.3
"""Wide enough for the soft minimum to glide between the steps of the grid."""

COMPRESSIONS = np.linspace(0.0, params.PARAMS[params.INDEX["compression"]].high, at.COMPRESSION_STEPS)
"""The grid of settings to choose from."""

_LEVELS, _ENERGIES = at.LEVELS, LEVEL_ENERGIES.copy()


def _compressor_powers() -> NDArray[np.float64]:
    """Power gain of each of COMPRESSIONS at levels around the programme's: as `compressor.static_gain_db` has it."""
    over_db = LEVEL_STEP_LU * np.arange(1 - _LEVELS, _LEVELS + 1) - compressor.THRESHOLD_DB
    over_db = over_db - compressor.THRESHOLD_PER_COMPRESSION_DB * COMPRESSIONS[:, None]
    knee_db = np.clip(over_db + 0.5 * compressor.KNEE_DB, 0.0, compressor.KNEE_DB)
    pressed_db = knee_db**2 / (2.0 * compressor.KNEE_DB) + np.maximum(over_db - 0.5 * compressor.KNEE_DB, 0.0)
    slopes = 1.0 - 1.0 / (1.0 + compressor.RATIO_PER_COMPRESSION * COMPRESSIONS[:, None])
    return power_from_db(-slopes * pressed_db)


_COMPRESSOR_POWERS = _compressor_powers()
_SETTINGS = COMPRESSIONS.copy()


@kernel("float64(float64[::1], float64)")
def _soft_minimum(reduced_db, wanted_db):
    least = 1e300
    for k in range(at.COMPRESSION_STEPS):
        away = (reduced_db[k] - wanted_db) / COMPRESSION_TOLERANCE_DB
        least = min(least, away * away + COMPRESSION_COST * _SETTINGS[k])
    total, weighted = 0.0, 0.0
    for k in range(at.COMPRESSION_STEPS):
        away = (reduced_db[k] - wanted_db) / COMPRESSION_TOLERANCE_DB
        share = math.exp((least - away * away - COMPRESSION_COST * _SETTINGS[k]) / COMPRESSION_TEMPERATURE)
        total += share
        weighted += share * _SETTINGS[k]
    return weighted / total


@kernel("float64(float64[::1], float64)", door=True)
def choose_compression(reduced_db, wanted_db):
    """The setting that reduces the dynamics number by what is wanted.

    A soft minimum over a grid, since a hard one jumps between settings that do about as well;
    less the value it gives for a programme that needs nothing, so that neutral means neutral.

    Parameters
    ----------
    reduced_db : float64, shape (at.COMPRESSION_STEPS,)
        What each of COMPRESSIONS takes off the dynamics number.
    wanted_db : float

    Thread: worker. Allocates: no.
    """
    at_rest, highest = _soft_minimum(reduced_db, 0.0), _SETTINGS[at.COMPRESSION_STEPS - 1]
    return max((_soft_minimum(reduced_db, wanted_db) - at_rest) * highest / (highest - at_rest), 0.0)


@kernel("void(float64[::1], float64[::1])")
def reduce(statistics, reduced_db):
    """What each of COMPRESSIONS takes off the dynamics number, by the static curve.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    reduced_db : float64, shape (layout.COMPRESSION_STEPS,), filled

    Thread: worker. Allocates: no.
    """
    shares = statistics[at.LEVEL_SHARES : at.LEVEL_SHARES + _LEVELS]
    energy, share = 0.0, 0.0
    for k in range(_LEVELS):
        energy += shares[k] * _ENERGIES[k]
        share += shares[k]
    programme_lufs = LUFS_OFFSET_DB + db_of_power(energy / max(share, 1e-12))
    # The curve is relative to the programme's level: slide its table under the histogram.
    position = _LEVELS - 1 - (programme_lufs - SILENCE_LUFS) / LEVEL_STEP_LU
    low = min(max(int(position), 0), _LEVELS - 1)
    part = position - low
    for c in range(at.COMPRESSION_STEPS):
        mean, mean_square = 0.0, 0.0
        for k in range(_LEVELS):
            below, above = _COMPRESSOR_POWERS[c, low + k], _COMPRESSOR_POWERS[c, low + k + 1]
            compressed = ((1.0 - part) * below + part * above) * _ENERGIES[k]
            mean += shares[k] * compressed
            mean_square += shares[k] * compressed * compressed
        reduced_db[c] = 5.0 * math.log10(max(mean_square, 1e-300) / max(mean * mean, 1e-300))
    at_rest_db = reduced_db[0]
    for c in range(at.COMPRESSION_STEPS):
        reduced_db[c] = COMPRESSOR_YIELD * (at_rest_db - reduced_db[c])
