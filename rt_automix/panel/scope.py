"""What a page draws of the sound itself: spectra, correlation, width and clips, from the shared take rings.

The rings are there for the recorder anyway; looking at them costs the sound nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.tone import tone_edges_hz
from rt_automix.dsp.tone import thirds
from rt_automix.io.devices.edge.board import TAKE_SAMPLES, WRITTEN, Board
from rt_automix.units import db_from_lin, db_from_power, lin_from_db

LOW = 30
"""Bands below BASS_HZ."""

BASS_HZ = 200.0
BANDS_HZ: NDArray[np.float64] = np.concatenate(
    (np.geomspace(25.0, BASS_HZ, LOW + 1)[:-1], np.geomspace(BASS_HZ, 20_000.0, 34))
)
"""Centres: a tenth of an octave apart where kick and bass lie side by side, a fifth above."""

BANDS = len(BANDS_HZ)
_BORDERS_HZ = np.sqrt(BANDS_HZ[1:] * BANDS_HZ[:-1])
EDGES_HZ: NDArray[np.float64] = np.concatenate(
    ([BANDS_HZ[0] ** 2 / _BORDERS_HZ[0]], _BORDERS_HZ, [BANDS_HZ[-1] ** 2 / _BORDERS_HZ[-1]])
)
_SHOWN_HZ = np.where(np.arange(BANDS) < LOW, BANDS_HZ * (2.0**0.1 - 2.0**-0.1), np.diff(EDGES_HZ))
"""Levels are those of a fifth of an octave everywhere, so that an even spectrum has no step."""

WINDOW_SAMPLES = 4096
BASS_WINDOW_SAMPLES = 4 * WINDOW_SAMPLES
"""A third of a second: bass strings a semitone apart are two lines."""

SMOOTHING_S = 0.3
CLIP_LIN = 0.999
FLOOR_DB = -120.0
WIDTH_LIMIT_DB = 60.0
_MOST_NEW_SAMPLES = TAKE_SAMPLES // 4
"""A look back no further than this, far from what is being written over."""

SHELVES = (("low_shelf_db", 110.0), ("air_db", 9000.0))
BELLS = (("low_mid_db", 260.0), ("mid_db", 1000.0), ("presence_db", 3500.0))
"""As in the engine's equaliser, which this process is too light to import; a test compares."""

_Q = math.sqrt(0.5)
_BELL_S = 1j * BANDS_HZ / np.array([[centre_hz] for _, centre_hz in BELLS])
_SHELF_S = 1j * BANDS_HZ / np.array([[corner_hz] for _, corner_hz in SHELVES])
_SHELF_S[0] = 1.0 / _SHELF_S[0]  # a low shelf is a high shelf mirrored at its corner


class Scope:
    """Watches what comes in and what goes out.

    Parameters
    ----------
    board : Board
    style_of : function
        Profile of a name, None if there is none.
    """

    def __init__(self, board: Board, style_of: Callable[[str], Profile | None]) -> None:
        self._rings = board.takes.reshape(2, 2, TAKE_SAMPLES)
        self._written = board.stats[WRITTEN : WRITTEN + 1]
        self._style_of = style_of
        self._seen = int(self._written[0])
        self._looked_at = self._seen
        self.clips_in = self.clips_out = 0
        self.in_peak_lin = 0.0
        self._forget()

    def _forget(self) -> None:
        self._powers = np.zeros((2, BANDS))
        self._moments = np.zeros(3)

    def count(self, ceiling_dbtp: float) -> None:
        """Count clips among the samples that are new since the last time. Call it some twenty times a second."""
        written = int(self._written[0])
        start = max(self._seen, written - _MOST_NEW_SAMPLES)
        if start < written:
            peaks = np.abs(_piece(self._rings, start, written))
            self.clips_in += int(np.count_nonzero(peaks[0] >= CLIP_LIN))
            self.clips_out += int(np.count_nonzero(peaks[1] >= np.float32(lin_from_db(ceiling_dbtp))))
            self.in_peak_lin = float(peaks[0].max())
        self._seen = written

    def read(self, status: Mapping[str, Any]) -> dict[str, Any]:
        """What there is to draw, for JSON: levels in dB with one decimal.

        Parameters
        ----------
        status : dict
            The document of the process that plays.
        """
        rate_hz = status["sample_rate_hz"]
        if status["state"] != "playing":
            self._forget()
            self.in_peak_lin = 0.0
        elif rate_hz:
            self._look(rate_hz)
        in_db, out_db = np.maximum(db_from_power(self._powers), FLOOR_DB)
        left, right, both = self._moments
        mid, side = left + right + 2.0 * both, left + right - 2.0 * both
        width_db = float(db_from_power(max(side, 0.0)) - db_from_power(max(mid, 0.0))) if left + right > 0.0 else 0.0
        style = self._style_of(status["profile"])
        fine = fine_db(status["meters"]["fine_gains_db"], rate_hz)
        return {
            "in_db": _tenths(in_db),
            "out_db": _tenths(out_db),
            "profile_db": _tenths(profile_db(style, out_db)) if style else None,
            "eq_db": _tenths(eq_db(status["meters"]["applied"]) + fine),
            "fine_db": _tenths(fine),
            "correlation": round(float(both / math.sqrt(left * right)), 3) if left * right > 0.0 else 1.0,
            "width_db": round(min(max(width_db, -WIDTH_LIMIT_DB), WIDTH_LIMIT_DB), 1),
            "clips_in": self.clips_in,
            "clips_out": self.clips_out,
            "in_peak_dbfs": round(max(db_from_lin(self.in_peak_lin), FLOOR_DB), 1),
        }

    def _look(self, rate_hz: int) -> None:
        """Take the newest window into the means, as far as time has gone on."""
        written = int(self._written[0])
        new_samples, self._looked_at = written - self._looked_at, written
        if new_samples <= 0 or written < WINDOW_SAMPLES:
            return
        share = 1.0 - math.exp(-new_samples / (SMOOTHING_S * rate_hz))
        bass = _piece(self._rings, written - BASS_WINDOW_SAMPLES, written)
        samples = bass[..., -WINDOW_SAMPLES:]
        powers = band_powers(samples, rate_hz)
        powers[:, :LOW] = (band_powers(bass, rate_hz) * _SHOWN_HZ / np.diff(EDGES_HZ))[:, :LOW]
        self._powers += share * (powers - self._powers)
        left, right = samples[1].astype(np.float64)
        self._moments += share * (np.array([left @ left, right @ right, left @ right]) - self._moments)


def _piece(rings: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Samples of all rings from one count to another: float32, shape (2, 2, stop - start)."""
    low, high = start % TAKE_SAMPLES, start % TAKE_SAMPLES + stop - start
    if high <= TAKE_SAMPLES:
        return np.nan_to_num(rings[:, :, low:high])
    return np.nan_to_num(np.concatenate((rings[:, :, low:], rings[:, :, : high - TAKE_SAMPLES]), axis=2))


def band_powers(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64]:
    """Power in each of the bands, mean of the channels; a full-scale sine has 0.5.

    A bin that lies over the border of two bands counts for each by its share, so that narrow low
    bands work, too.

    Parameters
    ----------
    samples : float32, shape (sides, channels, n)

    Returns
    -------
    float64, shape (sides, BANDS)
    """
    count = samples.shape[-1]
    window, scale = _window(count)
    magnitudes = np.abs(np.fft.rfft(samples * window, axis=-1))
    powers = scale * np.square(magnitudes).mean(axis=1)
    bin_hz = rate_hz / count
    borders_hz = (np.arange(powers.shape[-1]) + 0.5) * bin_hz
    below = np.array([np.interp(EDGES_HZ, borders_hz, side) for side in powers.cumsum(axis=-1)])
    return np.diff(below, axis=-1)


@functools.cache
def _window(count: int) -> tuple[NDArray[np.float32], float]:
    """What is windowed with, and by what squared magnitudes are multiplied to be the mean square of all."""
    window = np.hanning(count + 1)[:-1].astype(np.float32)
    return window, 2.0 / (count * float(np.square(window, dtype=np.float64).sum()))


def eq_db(applied: Mapping[str, float]) -> NDArray[np.float64]:
    """Magnitude of the equaliser at BANDS_HZ: its analog prototypes (R. Bristow-Johnson, "Audio EQ Cookbook").

    Parameters
    ----------
    applied : mapping
        Gains in dB by the names of parameters.
    """
    a = np.array([[10.0 ** (applied[name] / 40.0)] for name, _ in BELLS])
    s = _BELL_S
    bells = (s * s + s * (a / _Q) + 1.0) / (s * s + s / (a * _Q) + 1.0)
    a = np.array([[10.0 ** (applied[name] / 40.0)] for name, _ in SHELVES])
    s, slope = _SHELF_S, np.sqrt(a) / _Q
    shelves = a * (a * s * s + s * slope + 1.0) / (s * s + s * slope + a)
    response: NDArray[np.complex128] = bells.prod(axis=0) * shelves.prod(axis=0)
    return 20.0 * np.log10(np.abs(response))


def fine_db(gains_db: Sequence[float], rate_hz: float) -> NDArray[np.float64]:
    """Magnitude of the fine equaliser at BANDS_HZ.

    Parameters
    ----------
    gains_db : sequence of float, shape (31,)
    rate_hz : float
        0 before there is a stream.
    """
    if not rate_hz or not any(gains_db):
        return np.zeros(BANDS)
    return thirds.magnitude_db(gains_db, BANDS_HZ, rate_hz)


def profile_db(style: Profile, out_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """A profile's spectrum in our bands, at the level of what goes out."""
    shape_db, first, last = _shape_db(style)
    return np.maximum(shape_db + (out_db - shape_db)[first:last].mean(), FLOOR_DB)


@functools.lru_cache(maxsize=16)
def _shape_db(style: Profile) -> tuple[NDArray[np.float64], int, int]:
    """A profile's spectrum in our bands, and the first and one past the last band that it really covers.

    Its own bands are wider than ours, so densities are compared.
    """
    edges_hz = tone_edges_hz()
    centres_hz = np.sqrt(edges_hz[1:] * edges_hz[:-1])
    density_db = np.array(style.bands_db) - db_from_power(np.diff(edges_hz))
    shape_db = np.interp(np.log(BANDS_HZ), np.log(centres_hz), density_db) + db_from_power(_SHOWN_HZ)
    first, last = np.searchsorted(BANDS_HZ, edges_hz[[0, -1]])
    return shape_db, int(first), int(last)


def _tenths(levels_db: NDArray[np.float64]) -> list[float]:
    return np.round(levels_db, 1).tolist()
