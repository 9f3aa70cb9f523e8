"""The bands of the fine equaliser on paper: their designs, what they do together, and gains for a curve.

Plain numpy, so that who draws need not load a compiler; `fine` makes sound of it.

Each band is a peaking biquad with the gain at Nyquist that its analog prototype has there (S. J.
Orfanidis, "Digital Parametric Equalizer Design with Prescribed Nyquist-Frequency Gain", JAES 45(6),
1997). Its width is such that SHARE of its gain in dB is left at its neighbours' centres, whatever the
gain: a symmetric graphic equaliser (J. Liski, J. Rämö, V. Välimäki, "Graphic Equalizer Design with
Symmetric Biquad Filters", WASPAA 2019), whose response in dB is nearly linear in its gains. One
constant matrix then turns a wanted curve into gains.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

BAND_COUNT = 31
CENTRES_HZ = 1000.0 * 2.0 ** (np.arange(-17, 14) / 3.0)
GAIN_LIMIT_DB = 12.0

POINT_COUNT = 62
POINTS_HZ = 1000.0 * 2.0 ** (np.arange(-35, 27) / 6.0)
"""Where a wanted curve is given: every sixth of an octave, a step further than the bands at the lower end."""

SHARE = 0.48
"""Wider bands than the .4 of the literature: they ripple less between their centres."""

_SHAPES_RATE_HZ = 48_000.0
_FLAT_DB = 1e-6
_NEIGHBOUR = 2.0 ** (1.0 / 3.0)
_SOLVED_AT_DB = 6.0
_RIDGE = 1e-4
_LOW_END_HZ, _LOW_END_WEIGHT = 23.0, 0.01
_HIGH_END_HZ, _HIGH_END_WEIGHT = 19_000.0, 0.1


def design_bands(gains_db: ArrayLike, sample_rate_hz: float) -> NDArray[np.float64]:
    """Every band at its gain: float64, shape (31, 5), rows of b0, b1, b2, a1, a2.

    Orfanidis 1997, sections 2 and 3, with a gain of 1 at 0 Hz.

    Parameters
    ----------
    gains_db : array_like, shape (31,) or ()
        One for all, or one each.
    sample_rate_hz : float

    Thread: main | worker. Allocates: yes.
    """
    gains = np.broadcast_to(np.asarray(gains_db, dtype=np.float64), (BAND_COUNT,))
    is_flat = np.abs(gains) < _FLAT_DB
    gain = 10.0 ** (np.where(is_flat, _FLAT_DB, gains) / 20.0)
    edge = gain**SHARE
    centre = 2.0 * math.pi * CENTRES_HZ / sample_rate_hz
    width = centre * (_NEIGHBOUR - 1.0 / _NEIGHBOUR)
    # The paper's F, G00, F00 and so on: differences of squared gains.
    f, g00, f00 = np.abs(gain**2 - edge**2), np.abs(gain**2 - 1.0), np.abs(edge**2 - 1.0)
    detuned, spread = (centre**2 - math.pi**2) ** 2, f00 * math.pi**2 * width**2 / f
    nyquist = np.sqrt((detuned + gain**2 * spread) / (detuned + spread))
    g01, g11 = np.abs(gain**2 - nyquist), np.abs(gain**2 - nyquist**2)
    f01, f11 = np.abs(edge**2 - nyquist), np.abs(edge**2 - nyquist**2)
    warped = np.sqrt(g11 / g00) * np.tan(centre / 2.0) ** 2
    bandwidth = (1.0 + np.sqrt(f00 / f11) * warped) * np.tan(width / 2.0)
    c = f11 * bandwidth**2 - 2.0 * warped * (f01 - np.sqrt(f00 * f11))
    d = 2.0 * warped * (g01 - np.sqrt(g00 * g11))
    a, b = np.sqrt((c + d) / f), np.sqrt((gain**2 * c + edge**2 * d) / f)
    a0 = 1.0 + warped + a
    poles = np.stack([a0, -2.0 * (1.0 - warped), 1.0 + warped - a]) / a0
    zeros = np.stack([nyquist + warped + b, -2.0 * (nyquist - warped), nyquist - b + warped]) / a0
    return np.ascontiguousarray(np.concatenate([np.where(is_flat, poles, zeros), poles[1:]]).T)


def magnitude_db(gains_db: ArrayLike, frequencies_hz: ArrayLike, sample_rate_hz: float) -> NDArray[np.float64]:
    """Magnitude in dB of all bands in series.

    Parameters
    ----------
    gains_db : array_like, shape (31,)
    frequencies_hz : array_like, shape (n,)
        Below half the sample rate.
    sample_rate_hz : float

    Returns
    -------
    float64 array, shape (n,)

    Thread: main | worker. Allocates: yes.
    """
    return _magnitudes_db(design_bands(gains_db, sample_rate_hz), frequencies_hz, sample_rate_hz).sum(axis=0)


def _magnitudes_db(bands: NDArray[np.float64], frequencies_hz: ArrayLike, rate_hz: float) -> NDArray[np.float64]:
    """Of each band at each frequency."""
    z = np.exp(-2j * math.pi * np.asarray(frequencies_hz, dtype=np.float64) / rate_hz)
    b0, b1, b2, a1, a2 = bands.T[:, :, None]
    magnitudes: NDArray[np.float64] = 20.0 * np.log10(np.abs((b0 + (b1 + b2 * z) * z) / (1.0 + (a1 + a2 * z) * z)))
    return magnitudes


def shapes() -> NDArray[np.float64]:
    """What a dB of each band does at POINTS_HZ, near enough at any sample rate: float64, shape (31, 62).

    Thread: main. Allocates: yes.
    """
    return _magnitudes_db(design_bands(_SOLVED_AT_DB, _SHAPES_RATE_HZ), POINTS_HZ, _SHAPES_RATE_HZ) / _SOLVED_AT_DB


def solve_matrix(sample_rate_hz: float) -> NDArray[np.float64]:
    """What turns a curve in dB at POINTS_HZ into gains in dB: float64, shape (31, 62).

    Least squares over the bands' responses at 6 dB, with a little weight on small gains. What lies
    beyond 23 Hz and 19 kHz has next to none: the outer bands would bend for it.

    Thread: main. Allocates: yes.
    """
    bands = design_bands(_SOLVED_AT_DB, sample_rate_hz)
    shapes = _magnitudes_db(bands, POINTS_HZ, sample_rate_hz).T / _SOLVED_AT_DB
    weights = np.where(POINTS_HZ < _LOW_END_HZ, _LOW_END_WEIGHT, 1.0)
    weights[POINTS_HZ > _HIGH_END_HZ] = _HIGH_END_WEIGHT
    weighted = shapes.T * weights
    solved = np.linalg.solve(weighted @ shapes + _RIDGE * np.eye(BAND_COUNT), weighted)
    return np.asarray(solved, dtype=np.float64)
