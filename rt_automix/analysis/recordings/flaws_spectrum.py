"""What a recording's long spectrum gives away: rumble, mains hum, a brick wall that a lossy codec has left, and bass
that is opposed on the two sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 1.4
"""At least; lines 1 Hz apart are told apart then."""

RUMBLE_HZ = (4.0, 20.0)
RUMBLE_DB = -20.0
"""Power below 20 Hz against all of it: songs of three games have -39 to -25."""
LEAST_RUMBLE_DBFS = -60.0

MAINS_HZ = (50.0, 60.0)
HARMONICS = 8
FEWEST_HARMONICS = 3
OFF = 0.005
"""The mains keep to half a percent; notes of the tempered scale are two percent away from both."""
QUIET_SHARE = 0.2
"""Hum does not stop in the pauses: what counts is the quietest fifth, of each frequency by itself."""
LINE_DB = 15.0
"""A line stands out there by so much from what is around it, up to FAR_HZ away."""
FAR_HZ = 9.0

WALL_HZ = (12_000.0, 19_600.0)
WALL_DB = 25.0
"""How far it falls within WALL_WIDTH_HZ, and stays down."""
WALL_WIDTH_HZ = 600.0
BAND_HZ = 100.0

BASS_HZ = (25.0, 160.0)
"""What nearly all music has alike on both sides."""
BASS_SHARE = 0.06
"""A window with less of its power there says nothing about it."""

_TINY = 1e-20


class SpectrumFlaws:
    """Listens to a recording in blocks, window by window.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._size = 1 << int(np.ceil(np.log2(WINDOW_S * sample_rate_hz)))
        self._bin_hz = sample_rate_hz / self._size
        self._window = np.hanning(self._size + 1)[:-1].astype(np.float32)
        # So that a sine's power is the sum of its bins.
        self._scale = 2.0 / (channels * self._size * (self._window.astype(np.float64) ** 2).sum())
        self._heard = np.zeros((channels, 0), np.float32)
        self._power = np.zeros(self._size // 2 + 1)
        self._lows: list[NDArray[np.float32]] = []  # of each window, up to where hum reaches: 8 MB in an hour
        self._bass: list[float] = []
        self._count = 0

    def push(self, block: NDArray[np.float32]) -> None:
        """Hear a block: float32, shape (channels, n), sane. Thread: main. Allocates: yes."""
        self._heard = np.concatenate([self._heard, block], axis=1)
        while self._heard.shape[1] >= self._size:
            self._take(self._heard[:, : self._size])
            self._heard = self._heard[:, self._size :]

    def _take(self, samples: NDArray[np.float32]) -> None:
        """A window; of pure silence there is nothing to learn."""
        levelled = samples - samples.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        if not levelled.any():
            self._bass.append(0.0)
            return
        spectra = [np.fft.rfft(row * self._window) for row in levelled]
        powers = [self._scale * (spectrum.real**2 + spectrum.imag**2) for spectrum in spectra]
        power = np.sum(powers, axis=0)
        self._bass.append(self._bass_correlation(spectra, powers))
        self._power += power
        self._lows.append(self._between(power, 0.0, MAINS_HZ[-1] * HARMONICS + FAR_HZ).astype(np.float32))
        self._count += 1

    def _bass_correlation(self, spectra: list[NDArray[Any]], powers: list[NDArray[np.float64]]) -> float:
        """Of the two sides; 0 where there is too little of it."""
        left, right = (self._between(power, *BASS_HZ).sum() for power in (powers[0], powers[-1]))
        if left + right < BASS_SHARE * (powers[0].sum() + powers[-1].sum()):
            return 0.0
        crossed = self._scale * self._between((spectra[0] * spectra[-1].conj()).real, *BASS_HZ).sum()
        return float(crossed / np.sqrt(left * right + _TINY))

    def bass_correlation(self, seconds: int) -> NDArray[np.float64]:
        """How alike the bass of the sides is in each second, -1 to 1; 0 where there is next to none.

        Thread: main. Allocates: yes.
        """
        if not self._bass:
            return np.zeros(seconds)
        window = (np.arange(seconds) + 0.5) * self._bin_hz
        return np.asarray(self._bass)[np.minimum(window.astype(np.intp), len(self._bass) - 1)]

    def found(self) -> list[str]:
        """One sentence for each flaw; empty if there is none, or less than a window. Thread: main. Allocates: yes."""
        if self._count == 0:
            return []
        return [*self._rumble(), *self._hum(), *self._wall()]

    def _between(self, spectrum: NDArray[np.float64], low_hz: float, high_hz: float) -> NDArray[np.float64]:
        return spectrum[round(low_hz / self._bin_hz) : round(high_hz / self._bin_hz) + 1]

    def _rumble(self) -> Iterator[str]:
        power = self._power / self._count
        low_dbfs = 10.0 * np.log10(self._between(power, *RUMBLE_HZ).sum() + _TINY)
        all_dbfs = 10.0 * np.log10(power.sum() + _TINY)
        if low_dbfs >= LEAST_RUMBLE_DBFS and low_dbfs - all_dbfs >= RUMBLE_DB:
            yield f"rumble: {low_dbfs:.0f} dBFS below {RUMBLE_HZ[1]:.0f} Hz"

    def _hum(self) -> Iterator[str]:
        steady = np.quantile(np.stack(self._lows), QUIET_SHARE, axis=0).astype(np.float64)
        found = []
        for mains_hz in MAINS_HZ:
            lines = [self._line_power(steady, mains_hz * k) for k in range(1, HARMONICS + 1)]
            standing = [power for power in lines if power > 0.0]
            if len(standing) >= FEWEST_HARMONICS:
                found.append((len(standing), mains_hz, 10.0 * np.log10(sum(standing))))
        if found:
            _, mains_hz, level_dbfs = max(found)
            yield f"hum: {level_dbfs:.0f} dBFS at {mains_hz:.0f} Hz and its multiples"

    def _line_power(self, steady: NDArray[np.float64], line_hz: float) -> float:
        """Power of a line, or 0 where none stands out."""
        reach_hz = max(OFF * line_hz, 1.0 * self._bin_hz)
        line = self._between(steady, line_hz - reach_hz, line_hz + reach_hz)
        away_hz, far_hz = max(4.0 * self._bin_hz, 2.0 * reach_hz), FAR_HZ
        around = np.concatenate([
            self._between(steady, line_hz - far_hz, line_hz - away_hz),
            self._between(steady, line_hz + away_hz, line_hz + far_hz),
        ])  # fmt: skip
        if line.max() < np.median(around) * 10.0 ** (LINE_DB / 10.0) or line.max() < around.max():
            return 0.0
        return float(self._between(steady, line_hz - away_hz, line_hz + away_hz).sum())

    def _wall(self) -> Iterator[str]:
        power = self._power / self._count
        per_band = round(BAND_HZ / self._bin_hz)
        bands_db = 10.0 * np.log10(
            power[: power.size // per_band * per_band].reshape(-1, per_band).mean(axis=1) + _TINY
        )
        band_hz = per_band * self._bin_hz
        width, last = round(WALL_WIDTH_HZ / band_hz), int(0.97 * bands_db.size)
        best_db, best_hz = WALL_DB, 0.0
        for band in range(round(WALL_HZ[0] / band_hz), min(round(WALL_HZ[1] / band_hz), last - 2 * width)):
            below_db = np.median(bands_db[band - width : band])
            drop_db = below_db - np.median(bands_db[band + width : band + 2 * width])
            if drop_db > best_db and bands_db[band + width : last].max() <= below_db - WALL_DB:
                best_db, best_hz = float(drop_db), band * band_hz + 0.5 * WALL_WIDTH_HZ
        if best_hz:
            yield f"nothing above {best_hz / 1000.0:.1f} kHz: a brick wall, as MP3 and AAC leave it"
