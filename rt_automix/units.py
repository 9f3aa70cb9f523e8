"""Conversions between the units that names in this project carry."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

FLOOR_DB = -200.0
"""What a level of zero reads in decibels: low enough to be silence, still finite."""

LUFS_OFFSET_DB = -0.691
"""BS.1770-5 eq. 2: K-weighted mean square 1.0 reads this many LUFS (997 Hz at 0 dBFS reads -3.01)."""


def lin_from_db(level_db: float) -> float:
    """Amplitude ratio of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def db_from_lin(level_lin: float) -> float:
    """Level in dB of an amplitude ratio; `FLOOR_DB` at zero and below."""
    return 20.0 * math.log10(level_lin) if level_lin > 1e-10 else FLOOR_DB


def db_from_power(power: ArrayLike) -> NDArray[np.float64]:
    """Level in dB of a power ratio, element by element; `FLOOR_DB` at zero and below."""
    return 10.0 * np.log10(np.maximum(np.asarray(power, dtype=np.float64), 1e-20))


def power_from_db(level_db: ArrayLike) -> NDArray[np.float64]:
    """Power ratio of a level in dB, element by element."""
    return 10.0 ** (np.asarray(level_db, dtype=np.float64) / 10.0)


def lufs_from_energy(k_weighted_mean_square: float) -> float:
    """Loudness in LUFS of a K-weighted mean square summed over channels (BS.1770-5 eq. 2)."""
    return LUFS_OFFSET_DB + float(db_from_power(k_weighted_mean_square))


def energy_from_lufs(loudness_lufs: float) -> float:
    """Inverse of `lufs_from_energy`."""
    return float(power_from_db(loudness_lufs - LUFS_OFFSET_DB))
