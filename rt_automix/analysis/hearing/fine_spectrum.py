"""The fine spectrum: power in a third of an octave around each of 62 points, a sixth of an octave apart.

The resolution that the fine equaliser is solved with; the mel bands are too wide below 500 Hz.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.features import mel_edges_hz
from rt_automix.dsp.tone.thirds import POINTS_HZ

WIDTH_OCTAVES = 1.0 / 3.0
"""A point counts what is so far to either side with a raised cosine: its area is that of a band of this width."""
LEAST_REACH_HZ, HIGHEST_HZ = 8.0, 21_000.0


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


def weights(frequencies: NDArray[np.float64], scale: float) -> list[tuple[int, NDArray[np.float64]]]:
    """First bin and weights of each point over the bins of a power spectrum.

    Each is a raised cosine to either side, a third of an octave far, but never less than
    LEAST_REACH_HZ, so that below 40 Hz there are bins enough, and not beyond HIGHEST_HZ, where sample
    rates differ. It weighs the mean power per hertz, as if the band were a third of an octave wide.

    Parameters
    ----------
    frequencies : float64, shape (bins,), Hz, evenly spaced from 0
    scale : float
        From the power of a bin to the mean square it stands for.
    """
    bin_hz, found = frequencies[1] - frequencies[0], []
    for point_hz, width_hz in zip(POINTS_HZ, band_width_hz(), strict=True):
        low_hz = min(point_hz * 2.0**-WIDTH_OCTAVES, point_hz - LEAST_REACH_HZ)
        high_hz = min(max(point_hz * 2.0**WIDTH_OCTAVES, point_hz + LEAST_REACH_HZ), HIGHEST_HZ)
        first, last = np.searchsorted(frequencies, [low_hz, high_hz])
        away_hz = frequencies[first:last] - point_hz
        away = np.where(away_hz < 0.0, away_hz / (low_hz - point_hz), away_hz / (high_hz - point_hz))
        cosine = 0.5 + 0.5 * np.cos(np.pi * away)
        found.append((int(first), cosine * (scale * width_hz / bin_hz / cosine.sum())))
    return found
