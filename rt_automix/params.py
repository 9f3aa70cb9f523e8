"""The one table of mastering parameters: unit, range, neutral value, smoothing and slew.

Adding a parameter is one row here and its use in `engine/chain.py`.
Arrays of parameters are float64 of shape (COUNT,), in the order of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rt_automix.errors import ConfigError, nearest

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Param:
    """One mastering parameter.

    `smoothing_ms` is the chain's de-zipper time; `slew_per_s` is how far, in the parameter's own
    unit, a suggestion may move in one second once the engine has settled.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    neutral: float
    smoothing_ms: float
    slew_per_s: float


PARAMS: tuple[Param, ...] = (
    Param("input_gain_db", "Input gain", "dB", -12.0, 12.0, 0.0, 30.0, 3.0),
    Param("low_shelf_db", "Low shelf 110 Hz", "dB", -6.0, 6.0, 0.0, 100.0, 1.5),
    Param("low_mid_db", "Low mid 260 Hz", "dB", -6.0, 6.0, 0.0, 100.0, 1.5),
    Param("mid_db", "Mid 1 kHz", "dB", -6.0, 6.0, 0.0, 100.0, 1.5),
    Param("presence_db", "Presence 3.5 kHz", "dB", -6.0, 6.0, 0.0, 100.0, 1.5),
    Param("air_db", "Air 9 kHz", "dB", -6.0, 6.0, 0.0, 100.0, 1.5),
    Param("compression", "Compression", "", 0.0, 0.6, 0.0, 60.0, 0.1),
    Param("stereo_width", "Stereo width", "x", 0.5, 1.5, 1.0, 60.0, 0.1),
    Param("limiter_drive_db", "Limiter drive", "dB", 0.0, 9.0, 0.0, 30.0, 3.0),
    Param("output_level", "Output ceiling", "lin", 0.6, 0.9, 0.89, 60.0, 0.05),
)

COUNT = len(PARAMS)
NAMES = tuple(param.name for param in PARAMS)
INDEX: Mapping[str, int] = MappingProxyType({name: i for i, name in enumerate(NAMES)})


def _column(field: str) -> Values:
    column = np.array([getattr(param, field) for param in PARAMS], dtype=np.float64)
    column.flags.writeable = False
    return column


LOW = _column("low")
HIGH = _column("high")
NEUTRAL = _column("neutral")
SLEW_PER_S = _column("slew_per_s")


def clamp(values: ArrayLike) -> Values:
    """Every value inside its range; NaN becomes neutral, infinities the nearest end.

    Parameters
    ----------
    values : array_like, shape (..., COUNT)
        Parameters in their own units.

    Returns
    -------
    float64 array of the same shape.
    """
    array = np.asarray(values, dtype=np.float64)
    return np.clip(np.where(np.isnan(array), NEUTRAL, array), LOW, HIGH)


def normalise(values: ArrayLike) -> Values:
    """Parameters in their own units to 0..1 over their ranges; shape (..., COUNT)."""
    return (np.asarray(values, dtype=np.float64) - LOW) / (HIGH - LOW)


def denormalise(values_norm: ArrayLike) -> Values:
    """Parameters as 0..1 over their ranges to their own units; shape (..., COUNT)."""
    return LOW + np.asarray(values_norm, dtype=np.float64) * (HIGH - LOW)


def blend(suggestion: ArrayLike, amount: float) -> Values:
    """`neutral + amount x (suggestion - neutral)`: what the knob does; amount 0..1."""
    return NEUTRAL + amount * (np.asarray(suggestion, dtype=np.float64) - NEUTRAL)


def from_dict(named: Mapping[str, float]) -> Values:
    """Neutral parameters with the named ones replaced; values are clamped.

    Raises
    ------
    ConfigError
        A name is not in the table.
    """
    values = NEUTRAL.copy()
    for name, value in named.items():
        if name not in INDEX:
            raise ConfigError(f'parameter "{name}" is unknown.{nearest(name, NAMES)} Known: {", ".join(NAMES)}.')
        values[INDEX[name]] = value
    return clamp(values)


def to_dict(values: ArrayLike) -> dict[str, float]:
    """Parameters by name, as plain floats."""
    return {name: float(value) for name, value in zip(NAMES, np.asarray(values), strict=True)}
