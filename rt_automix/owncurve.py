"""The performer's own tone curve: a few points, and a smooth line through them.

Between neighbouring points the line neither overshoots nor wiggles (F. N. Fritsch, J. Butland, "A
method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5(2),
1984, over the logarithm of frequency). An octave beyond the outer points it has come back to 0 dB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.errors import ConfigError

LOWEST_HZ, HIGHEST_HZ = 20.0, 20_000.0
LIMIT_DB = 6.0
MOST_POINTS = 8
APART_OCTAVES = 1.0 / 12.0
"""Points lie no closer to each other: the bands that follow the curve could not, either."""

_APART = APART_OCTAVES - 1e-3  # frequencies come rounded
_MOST_SHOWN = 60
"""Of what is wrong, so many characters are said again."""

Points = Sequence[Sequence[float]]
"""Pairs of frequency in Hz and gain in dB, in any order; none is a flat curve."""


def check(points: Any) -> None:
    """Raise ConfigError unless `points` are a curve that can be set. Thread: any. Allocates: yes."""
    if not isinstance(points, (list, tuple)) or len(points) > MOST_POINTS:
        raise ConfigError(f"control curve is not a list of up to {MOST_POINTS} points. Use pairs of Hz and dB.")
    octaves: list[float] = []
    for place, point in enumerate(points, 1):
        where = f"control curve: point {place} = {_shown(point)}"
        if not isinstance(point, (list, tuple)) or len(point) != 2 or not all(map(_is_number, point)):
            raise ConfigError(f"{where} is not a pair of numbers. Use [Hz, dB].")
        frequency_hz, gain_db = point
        if not LOWEST_HZ <= frequency_hz <= HIGHEST_HZ:
            raise ConfigError(f"{where} lies outside [{LOWEST_HZ:g}, {HIGHEST_HZ:g}] Hz. Move it there.")
        if not -LIMIT_DB <= gain_db <= LIMIT_DB:
            raise ConfigError(f"{where} lies outside [{-LIMIT_DB:g}, {LIMIT_DB:g}] dB. Use less.")
        octave = math.log2(frequency_hz)
        if any(abs(octave - other) < _APART for other in octaves):
            raise ConfigError(f"{where}: another one is closer than a twelfth of an octave. Remove one of the two.")
        octaves.append(octave)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _shown(value: Any) -> str:
    """A value as it was written, as far as it fits."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."


def gains_db(points: Points, frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve at some frequencies.

    Parameters
    ----------
    points : Points
        Checked.
    frequencies_hz : float64, shape (n,)

    Returns
    -------
    float64, shape (n,)

    Thread: any. Allocates: yes.
    """
    if not points:
        return np.zeros(len(frequencies_hz))
    inner = np.array(sorted((math.log2(hz), gain_db) for hz, gain_db in points))
    octaves = np.concatenate([[inner[0, 0] - 1.0], inner[:, 0], [inner[-1, 0] + 1.0]])
    levels_db = np.concatenate([[0.0], inner[:, 1], [0.0]])
    widths = np.diff(octaves)
    rises = np.diff(levels_db) / widths
    slopes = np.zeros(len(levels_db))
    # Flat where the line turns, else the weighted harmonic mean of the rises on both sides.
    same = rises[:-1] * rises[1:] > 0.0
    left, right = (2.0 * widths[1:] + widths[:-1])[same], (widths[1:] + 2.0 * widths[:-1])[same]
    slopes[1:-1][same] = (left + right) / (left / rises[:-1][same] + right / rises[1:][same])
    at = np.clip(np.log2(frequencies_hz), octaves[0], octaves[-1])
    k = np.clip(np.searchsorted(octaves, at, side="right") - 1, 0, len(widths) - 1)
    t, h = (at - octaves[k]) / widths[k], widths[k]
    return np.asarray(
        (1.0 + 2.0 * t) * (1.0 - t) ** 2 * levels_db[k]
        + t * (1.0 - t) ** 2 * h * slopes[k]
        + t * t * (3.0 - 2.0 * t) * levels_db[k + 1]
        + t * t * (t - 1.0) * h * slopes[k + 1]
    )
