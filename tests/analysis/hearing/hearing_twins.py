"""The slow, obvious twins of the kernels that hear: numpy, frame by frame, as they once ran live."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statistics_twin import Statistics

from rt_automix.analysis.features import (
    HOP_S,
    LOUDNESS_ROW,
    MEL_BANDS,
    MID_ROW,
    PEAK_ROW,
    ROW_FLOOR_DB,
    ROWS,
    SAMPLE_LIMIT,
    SIDE_ROW,
    hop_samples,
    k_weighting_power,
    loudness_power,
    mel_edges_hz,
)
from rt_automix.analysis.hearing import applause, clipping
from rt_automix.analysis.hearing.statistics import MEMORY_S
from rt_automix.analysis.layout import APPLAUSE_FRAMES, CLIPPING_FRAMES, UNDO_FRAMES
from rt_automix.units import LUFS_OFFSET_DB

_ROW_FLOOR_POWER = np.float32(10.0 ** (ROW_FLOOR_DB / 10.0))
_LUFS_OFFSET_POWER = np.float32(10.0 ** (LUFS_OFFSET_DB / 10.0))


def _fft_length(minimum: int) -> int:
    """Smallest even number of the form 2^a 3^b 5^c that is not below `minimum`: fast transforms."""
    length = minimum + minimum % 2
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 2


class FeatureStream:
    """Frames of a stream, as they complete.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int, 1 or 2
        A mono stream has its one channel as mid and nothing as side, and counts once in loudness.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self.sample_rate_hz, self.channels = sample_rate_hz, channels
        self.hop = hop_samples(sample_rate_hz)
        window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * self.hop) / self.hop)
        length = _fft_length(2 * self.hop)
        bins = length // 2 + 1
        # Mean squares from one-sided spectra: twice every bin but the first (the last is empty in practice).
        scale = 2.0 / (length * np.sum(window**2))
        frequencies = np.arange(bins, dtype=np.float64) * (sample_rate_hz / length)

        self._window = window.astype(np.float32)
        self._rms_scale = 1.0 / float(np.sum(window**2))
        self._loudness_weights = (scale * channels * loudness_power(frequencies)).astype(np.float32)
        self._design_mel(frequencies, scale)

        # Work space: fresh arrays of this size cost more in page faults than the arithmetic on them.
        self._frame = np.zeros((2, length), np.float32)
        self._spectrum: NDArray[Any] = np.zeros(bins, np.complex64)
        self._power = np.zeros((2, bins), np.float32)
        self._square = np.zeros(bins, np.float32)
        self._rising_power = np.zeros((2, self._rising.size), np.float32)

        self._buffer = np.zeros((channels, 2 * self.hop), np.float32)
        self._filled = 0

    @property
    def spectrum(self) -> NDArray[np.float32]:
        """Power of the last frame, mid and side together, per bin of `bin_hz`: float32, shape (bins,)."""
        return self._power.sum(axis=0)

    @property
    def bin_hz(self) -> float:
        """Distance between the bins of the spectrum."""
        return self.sample_rate_hz / self._frame.shape[1]

    def _design_mel(self, frequencies: NDArray[np.float64], scale: float) -> None:
        """Mel bands as segments between corners: rising over one segment, falling over the next.

        Each triangle is scaled to its exact area, so that the spacing of the bins does not show.
        """
        edges = mel_edges_hz()
        corners = np.searchsorted(frequencies, edges)
        self._first, last = int(corners[0]), int(corners[-1])
        self._starts = corners[:-1] - self._first
        inside = frequencies[self._first : last]
        segment = np.searchsorted(edges, inside, side="right") - 1
        rising = (inside - edges[segment]) / (edges[segment + 1] - edges[segment])
        self._rising = rising.astype(np.float32)
        up = np.add.reduceat(rising, self._starts)
        down = np.add.reduceat(1.0 - rising, self._starts)
        area = 0.5 * (edges[2:] - edges[:-2]) / (frequencies[1] - frequencies[0])
        self._mel_scale = (scale * area / (up[:-1] + down[1:])).astype(np.float32)

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples in; the rows of the frames they complete.

        Parameters
        ----------
        block : float32, shape (channels, n), any n

        Returns
        -------
        float32, shape (k, ROWS), dB, finite and not below ROW_FLOOR_DB.

        Thread: worker. Allocates: yes.
        """
        rows = []
        at, size = 0, 2 * self.hop
        while at < block.shape[1]:
            taken = min(size - self._filled, block.shape[1] - at)
            part = self._buffer[:, self._filled : self._filled + taken]
            np.clip(block[:, at : at + taken], -SAMPLE_LIMIT, SAMPLE_LIMIT, out=part)
            self._filled += taken
            at += taken
            if self._filled == size:
                rows.append(self._row())
                self._buffer[:, : self.hop] = self._buffer[:, self.hop :]
                self._filled = self.hop
        return np.array(rows, dtype=np.float32).reshape(-1, ROWS)

    def _row(self) -> NDArray[np.float32]:
        """Features of the frame in the buffer: float32, shape (ROWS,)."""
        samples, frame = self._buffer, self._frame[:, : 2 * self.hop]
        peak = max(samples.max(), -samples.min())
        if np.isnan(peak):
            samples[np.isnan(samples)] = 0.0
            peak = max(samples.max(), -samples.min())
        if self.channels == 2:
            np.add(samples[0], samples[1], out=frame[0])
            np.subtract(samples[0], samples[1], out=frame[1])
            frame *= np.float32(0.5)
            frame *= self._window
        else:
            np.multiply(samples[0], self._window, out=frame[0])
        for signal in range(self.channels):
            self._transform(signal)

        powers = np.empty(ROWS, np.float32)
        powers[: 2 * MEL_BANDS] = self._mel().reshape(-1)
        # |left|^2 + |right|^2 = 2 (|mid|^2 + |side|^2): the 2 is in the weights.
        powers[LOUDNESS_ROW] = np.dot(self._power[0], self._loudness_weights) + np.dot(
            self._power[1], self._loudness_weights
        )
        powers[MID_ROW] = np.dot(frame[0], frame[0]) * self._rms_scale
        powers[SIDE_ROW] = np.dot(frame[1], frame[1]) * self._rms_scale
        powers[PEAK_ROW] = peak * peak
        powers[LOUDNESS_ROW] *= _LUFS_OFFSET_POWER
        return np.maximum(10.0 * np.log10(np.maximum(powers, _ROW_FLOOR_POWER)), ROW_FLOOR_DB)

    def _transform(self, signal: int) -> None:
        """Power spectrum of the windowed mid (0) or side (1)."""
        np.fft.rfft(self._frame[signal], out=self._spectrum)
        np.multiply(self._spectrum.real, self._spectrum.real, out=self._power[signal])
        np.multiply(self._spectrum.imag, self._spectrum.imag, out=self._square)
        self._power[signal] += self._square

    def _mel(self) -> NDArray[np.float32]:
        """Band powers of the two spectra: float32, shape (2, MEL_BANDS)."""
        power = self._power[:, self._first : self._first + self._rising.size]
        np.multiply(power, self._rising, out=self._rising_power)
        up = np.add.reduceat(self._rising_power, self._starts, axis=1)
        whole = np.add.reduceat(power, self._starts, axis=1)
        return (up[:, :-1] + whole[:, 1:] - up[:, 1:]) * self._mel_scale


class Applause:
    """Judges frame after frame.

    Parameters
    ----------
    bin_hz : float
        Distance between the bins of the spectra.
    """

    def __init__(self, bin_hz: float) -> None:
        edges = applause.edges(bin_hz)
        self._bins = slice(edges[0], edges[-1])
        self._starts = edges[:-1] - edges[0]
        self._counts = np.diff(edges)
        centres_hz = 0.5 * (edges[1:] + edges[:-1]) * bin_hz
        self._weights = k_weighting_power(centres_hz) * self._counts
        self._bass = centres_hz < applause.BASS_HZ
        self._spectra = np.zeros((APPLAUSE_FRAMES, edges[-1] - edges[0]), np.float32)
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
        if loudness_lufs < applause.SILENCE_LUFS:
            return
        inside = spectrum[self._bins]
        bands = np.add.reduceat(inside, self._starts) / self._counts
        self._spectra[self._frames % APPLAUSE_FRAMES] = inside / max(float(bands @ self._weights), 1e-20)
        self._frames += 1
        if self._frames >= APPLAUSE_FRAMES:
            self._count(self.is_noise())

    def is_noise(self) -> bool:
        """Whether the last frames are noise."""
        power = np.maximum(self._spectra.mean(axis=0), 1e-12)
        bands = np.add.reduceat(power, self._starts) / self._counts
        tonal_db = 10.0 * (np.log10(bands) - np.add.reduceat(np.log10(power), self._starts) / self._counts)
        say = np.sqrt(bands * self._weights)
        mean_db = float(say @ np.minimum(tonal_db, applause._MOST_TONAL_DB) / say.sum())
        energies = bands * self._counts
        bass_db = 10.0 * np.log10(energies[self._bass].sum() / energies.sum())
        return bool(mean_db < np.interp(bass_db, applause.BASS_DB, applause.NOISE_DB))

    def _count(self, noise: bool) -> None:
        """Begin, go on or end: by what comes before, how long it lasts, how long it has been over."""
        self._music_frames = 0 if noise else self._music_frames + 1
        if self.heard:
            self._held_s += HOP_S
            if self._held_s >= applause.LONGEST_S:
                self._credit_s = 0.0
            self.heard = self._music_frames < applause.ENOUGH_FRAMES and self._credit_s > 0.0
            return
        if noise and self._credit_s >= applause.MUSIC_S:
            self.heard, self._held_s = True, 0.0
            return
        change_s = -HOP_S if noise else HOP_S
        self._credit_s = min(max(self._credit_s + change_s, 0.0), applause.CREDIT_S)


class Clipping:
    """Judges hop after hop."""

    def __init__(self) -> None:
        self._shares = np.zeros(CLIPPING_FRAMES)
        self._frames = 0
        self._credit_s = 0.0
        self.heard = False

    def add(self, block: NDArray[np.float32]) -> None:
        """Take a hop of samples in; `heard` says what has become of it.

        Parameters
        ----------
        block : float32, shape (channels, n)

        Thread: worker. Allocates: yes.
        """
        same = (block[:, 1:] == block[:, :-1]) & (np.abs(block[:, 1:]) >= clipping.FULL_SCALE_LIN)
        flat = same[:, 1:] & same[:, :-1]  # with the two samples before
        self._shares[self._frames % CLIPPING_FRAMES] = np.count_nonzero(flat) / block.size
        self._frames += 1
        is_clipped = float(self._shares.mean()) > clipping.CLIPPED_SHARE
        self._credit_s = min(max(self._credit_s + (-HOP_S if is_clipped else HOP_S), 0.0), clipping.LONGEST_S)
        self.heard = is_clipped and self._credit_s > 0.0


class Ears:
    """All of them together, hop by hop: what the analyst once did.

    Applause teaches nothing, what it has taught before it was known included.
    """

    def __init__(self, sample_rate_hz: int, channels: int, time_constant_s: float = MEMORY_S) -> None:
        self.stream, self.statistics = FeatureStream(sample_rate_hz, channels), Statistics(time_constant_s)
        self.applause, self.clipping = Applause(self.stream.bin_hz), Clipping()
        self._before: deque[dict[str, Any]] = deque(maxlen=UNDO_FRAMES)

    def hear(self, hop: NDArray[np.float32]) -> None:
        """Take in a hop: float32, shape (channels, hop_samples)."""
        known = self.applause.heard
        if not known:
            self._before.append(self.statistics.state())
        self.clipping.add(hop)
        rows = self.stream.push(hop)
        if len(rows):
            if known or self.clipping.heard:
                self.statistics.pause(len(rows))
            else:
                self.statistics.add(rows)
            self.applause.add(self.stream.spectrum, float(rows[-1, LOUDNESS_ROW]))
        if self.applause.heard and not known:
            self.statistics.restore(self._before[0])
