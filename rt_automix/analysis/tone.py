"""The bands that tone is judged in, made of mel bands, and the levels that loudness is counted at.

Tables only: whoever loads a profile or draws a curve need not wait for a compiler.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.features import mel_edges_hz
from rt_automix.units import energy_from_lufs, power_from_db

TONE_BANDS = 24
TONE_LOW_HZ, TONE_HIGH_HZ = 30.0, 18000.0
WIDTH_LOW_HZ, WIDTH_HIGH_HZ = 150.0, 12000.0

VECTOR_SIZE = TONE_BANDS + 5
"""Tone bands, loudness, PLR, side/mid ratio, peak, dynamics: what a profile holds."""

SILENCE_LUFS = -60.0
"""Frames below do not count for anything."""

LEVEL_STEP_LU = 0.5
LEVELS_LUFS = np.arange(SILENCE_LUFS, 20.0 + LEVEL_STEP_LU, LEVEL_STEP_LU)
"""Centres of the histograms of loudness."""
LEVEL_ENERGIES = power_from_db(LEVELS_LUFS) * energy_from_lufs(0.0)
"""K-weighted mean squares of those centres."""


def _overlap_hz(low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Share of each mel triangle's area between two frequencies: float64, shape (MEL_BANDS,)."""
    edges = mel_edges_hz()
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]

    def area_below(frequency_hz: float) -> NDArray[np.float64]:
        rise = np.clip(frequency_hz, left, centre) - left
        fall = right - np.clip(frequency_hz, centre, right)
        return 0.5 * (rise**2 / (centre - left) + (right - centre) - fall**2 / (right - centre))

    return (area_below(high_hz) - area_below(low_hz)) / (0.5 * (right - left))


def tone_edges_hz() -> NDArray[np.float64]:
    """Borders of the tone bands, even on the ERB-rate scale (Glasberg and Moore 1990): shape (TONE_BANDS + 1,)."""
    low, high = 21.4 * np.log10(1.0 + 0.00437 * np.array([TONE_LOW_HZ, TONE_HIGH_HZ]))
    return (10.0 ** (np.linspace(low, high, TONE_BANDS + 1) / 21.4) - 1.0) / 0.00437


TONE_MATRIX = np.array([_overlap_hz(low, high) for low, high in pairwise(tone_edges_hz())])
"""Mel band powers to tone band powers: float64, shape (TONE_BANDS, MEL_BANDS)."""
WIDTH_WEIGHTS = _overlap_hz(WIDTH_LOW_HZ, WIDTH_HIGH_HZ)
"""Mel band powers to the power that counts for stereo width: float64, shape (MEL_BANDS,)."""
