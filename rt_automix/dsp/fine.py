"""Fine equaliser: 31 third-octave bands of +-12 dB in series, at no delay, that follow a smooth curve.

Each band is a peaking biquad with the gain at Nyquist that its analog prototype has there (S. J.
Orfanidis, "Digital Parametric Equalizer Design with Prescribed Nyquist-Frequency Gain", JAES 45(6),
1997). Its width is such that SHARE of its gain in dB is left at its neighbours' centres, whatever the
gain: a symmetric graphic equaliser (J. Liski, J. Rämö, V. Välimäki, "Graphic Equalizer Design with
Symmetric Biquad Filters", WASPAA 2019), whose response in dB is nearly linear in its gains. One
constant matrix then turns a wanted curve into gains.

Designs are tabulated at start; the bands run as a `cascade`, coefficients moving in straight lines
over frames of FRAME_SAMPLES.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rt_automix.dsp import cascade
from rt_automix.dsp.jit import kernel

BAND_COUNT = 31
CENTRES_HZ = 1000.0 * 2.0 ** (np.arange(-17, 14) / 3.0)
GAIN_LIMIT_DB = 12.0

POINT_COUNT = 62
POINTS_HZ = 1000.0 * 2.0 ** (np.arange(-35, 27) / 6.0)
"""Where a wanted curve is given: every sixth of an octave, a step further than the bands at the lower end."""

SHARE = 0.48
"""Wider bands than the .4 of the literature: they ripple less between their centres."""

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


def design_table(sample_rate_hz: float) -> NDArray[np.float64]:
    """All designs from -12 to +12 dB, as `cascade.design` takes them: float64, shape (TABLE_SIZE,).

    Thread: main. Allocates: yes.
    """
    gains_db = (np.arange(TABLE_ROWS) - TABLE_ROWS // 2) * TABLE_STEP_DB
    return np.stack([cascade.entries(design_bands(gain_db, sample_rate_hz)) for gain_db in gains_db]).ravel()


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
