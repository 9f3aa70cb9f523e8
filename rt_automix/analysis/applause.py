"""Is this applause or another noise, that breaks into the music and is none of it?

The power spectra of the last frames, each scaled to one loudness, are added up. Noise, whatever its
colour and whether of claps, a crowd, a room or an amplifier, comes out flat within every narrow band
(spectral flatness: the geometric over the arithmetic mean, which is 1 for the expected spectrum of
noise); tones stick out. Where there is no bass at all, as in a hall full of people and hardly ever
in music, whistles and shouts may stick out too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.features import HOP_S, k_weighting_power

FRAMES = 7
"""Frames that are looked at together: the verdict comes 0.7 to 1 s after the applause has begun."""

UNDO_FRAMES = FRAMES + 2
"""So many frames back there was none yet."""

LOW_HZ, BASS_HZ, HIGH_HZ = 60.0, 250.0, 8000.0
_OCTAVE_SHARE, _LEAST_BINS = 1.0 / 6.0, 8
BASS_DB, NOISE_DB = (-18.0, -8.0), (1.3, 0.34)
"""Noise deviates from flat by less, at this share of bass and between: from 0.1 to 0.4 dB in so many frames."""
_MOST_TONAL_DB = 6.0

MUSIC_S = 1.5
"""Only what breaks into music counts: this much has to come before."""
CREDIT_S = 6.0
ENOUGH_FRAMES = 3
"""After so many frames of music in a row it is over."""
LONGEST_S = 20.0
"""What goes on for longer is the programme."""

SILENCE_LUFS = -80.0


class Applause:
    """Judges frame after frame.

    Parameters
    ----------
    bin_hz : float
        Distance between the bins of the spectra.
    """

    def __init__(self, bin_hz: float) -> None:
        edges_hz = [LOW_HZ]
        while edges_hz[-1] < HIGH_HZ:
            edges_hz.append(max(edges_hz[-1] * 2.0**_OCTAVE_SHARE, edges_hz[-1] + _LEAST_BINS * bin_hz))
        edges = np.round(np.array(edges_hz) / bin_hz).astype(int)
        self._bins = slice(edges[0], edges[-1])
        self._starts = edges[:-1] - edges[0]
        self._counts = np.diff(edges)
        centres_hz = 0.5 * (edges[1:] + edges[:-1]) * bin_hz
        self._weights = k_weighting_power(centres_hz) * self._counts
        self._bass = centres_hz < BASS_HZ
        self._spectra = np.zeros((FRAMES, edges[-1] - edges[0]), np.float32)
        self._frames = 0
        self._credit_s = 0.0
        self._music_frames = 0
        self._held_s = 0.0
        self.heard = False

    def add(self, spectrum: NDArray[np.float32], loudness_lufs: float) -> None:
        """Take a frame in; `heard` says what has become of it.

        Parameters
        ----------
        spectrum : float32, shape (bins,)
            Power, all channels together.
        loudness_lufs : float
            The frame's own; silence decides nothing.

        Thread: worker. Allocates: yes.
        """
        if loudness_lufs < SILENCE_LUFS:
            return
        inside = spectrum[self._bins]
        bands = np.add.reduceat(inside, self._starts) / self._counts
        self._spectra[self._frames % FRAMES] = inside / max(float(bands @ self._weights), 1e-20)
        self._frames += 1
        if self._frames >= FRAMES:
            self._count(self.is_noise())

    def is_noise(self) -> bool:
        """Whether the last frames are noise."""
        power = np.maximum(self._spectra.mean(axis=0), 1e-12)
        bands = np.add.reduceat(power, self._starts) / self._counts
        tonal_db = 10.0 * (np.log10(bands) - np.add.reduceat(np.log10(power), self._starts) / self._counts)
        say = np.sqrt(bands * self._weights)
        mean_db = float(say @ np.minimum(tonal_db, _MOST_TONAL_DB) / say.sum())
        energies = bands * self._counts
        bass_db = 10.0 * np.log10(energies[self._bass].sum() / energies.sum())
        return bool(mean_db < np.interp(bass_db, BASS_DB, NOISE_DB))

    def _count(self, noise: bool) -> None:
        """Begin, go on or end: by what comes before, how long it lasts, how long it has been over."""
        self._music_frames = 0 if noise else self._music_frames + 1
        if self.heard:
            self._held_s += HOP_S
            if self._held_s >= LONGEST_S:
                self._credit_s = 0.0
            self.heard = self._music_frames < ENOUGH_FRAMES and self._credit_s > 0.0
            return
        if noise and self._credit_s >= MUSIC_S:
            self.heard, self._held_s = True, 0.0
            return
        change_s = -HOP_S if noise else HOP_S
        self._credit_s = min(max(self._credit_s + change_s, 0.0), CREDIT_S)

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs to go on from here."""
        return {"spectra": self._spectra.copy(), "counts": self._counters(), "heard": self.heard}

    def _counters(self) -> tuple[int, float, int, float]:
        return self._frames, self._credit_s, self._music_frames, self._held_s

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self._spectra[:] = state["spectra"]
        self._frames, self._credit_s, self._music_frames, self._held_s = state["counts"]
        self.heard = state["heard"]
