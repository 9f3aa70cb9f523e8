"""The fine spectrum: power in a third of an octave around each of 62 points, a sixth of an octave apart.

The resolution that the fine equaliser is solved with; the mel bands are too wide below 500 Hz.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import mel_edges_hz

POINTS_HZ = 1000.0 * 2.0 ** (np.arange(-35, at.FINE_POINTS - 35) / 6.0)
WIDTH_OCTAVES = 1.0 / 3.0
"""A point counts what is around it with a raised cosine of log frequency that is half as wide at its foot
as twice this, and has the area of a band of this width."""


def band_width_hz() -> NDArray[np.float64]:
    """Width of a third of an octave at each point: float64, shape (FINE_POINTS,), Hz."""
    return POINTS_HZ * (2.0 ** (0.5 * WIDTH_OCTAVES) - 2.0 ** (-0.5 * WIDTH_OCTAVES))


def fine_of_mel() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """How mel band powers say what the fine spectrum may be, where nothing else is known.

    Power per hertz is taken to run straight over log frequency between the centres of the mel
    bands, and on as it is beyond the first and the last.

    Returns
    -------
    low : int64, shape (FINE_POINTS,)
        The mel band below each point; the one above is the next.
    from_below, from_above : float64, shape (FINE_POINTS,)
        Factors of the powers of those two bands.
    """
    edges = mel_edges_hz()
    centres, areas_hz = np.log2(edges[1:-1]), 0.5 * (edges[2:] - edges[:-2])
    points = np.clip(np.log2(POINTS_HZ), centres[0], centres[-1])
    low = np.clip(np.searchsorted(centres, points, side="right") - 1, 0, centres.size - 2)
    part = (points - centres[low]) / (centres[low + 1] - centres[low])
    width_hz = band_width_hz()
    return low, (1.0 - part) * width_hz / areas_hz[low], part * width_hz / areas_hz[low + 1]
