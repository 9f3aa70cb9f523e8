"""What the listener sees of the sound: log-mel of mid and side and four level rows, every 93 ms.

Batch and stream share one frame function: a batch is one long push into a fresh stream, so both
give the same bits. Everything is defined in hertz and seconds; the four sample rates agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.units import LUFS_OFFSET_DB

HOP_S = 0.093
"""Step between frames. A frame is two hops long, under a Hann window."""

MEL_BANDS = 64
MEL_LOW_HZ, MEL_HIGH_HZ = 30.0, 20000.0
LOUDNESS_ROW, MID_ROW, SIDE_ROW, PEAK_ROW = range(2 * MEL_BANDS, 2 * MEL_BANDS + 4)
ROWS = 2 * MEL_BANDS + 4
"""64 mel bands of mid, 64 of side, K-weighted loudness in LUFS, RMS of mid and side, sample peak, in dBFS."""

ROW_FLOOR_DB = -100.0
_ROW_FLOOR_POWER = np.float32(10.0 ** (ROW_FLOOR_DB / 10.0))
_LUFS_OFFSET_POWER = np.float32(10.0 ** (LUFS_OFFSET_DB / 10.0))

SAMPLE_LIMIT = 16.0
"""Samples are held to +24 dBFS: what lies above is a fault and not sound, and its square must stay finite."""


def hop_samples(sample_rate_hz: float) -> int:
    """Samples from one frame to the next."""
    return round(HOP_S * sample_rate_hz)


def mel_edges_hz() -> NDArray[np.float64]:
    """Corners of the triangular mel bands (O'Shaughnessy's scale): band m rises from m to m + 1 and falls to m + 2.

    Returns
    -------
    float64, shape (MEL_BANDS + 2,), Hz.
    """
    low, high = 2595.0 * np.log10(1.0 + np.array([MEL_LOW_HZ, MEL_HIGH_HZ]) / 700.0)
    return 700.0 * (10.0 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595.0) - 1.0)


def k_weighting_power(frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared magnitude of BS.1770's K-weighting.

    The analog form behind the standard's 48 kHz table (B. De Man, AES 145, 2018), including the
    0.04 dB by which the table's high-pass numerator, 1 -2 1, is above its analog original.
    """
    high, q = 10.0 ** (3.999843853973347 / 20.0), 0.7071752369554196
    band = high**0.4996667741545416
    s = 1j * frequencies_hz / 1681.974450955533
    shelf = (high * s * s + band / q * s + 1.0) / (s * s + s / q + 1.0)
    q = 0.5003270373238773
    s = 1j * frequencies_hz / 38.13547087602444
    warped = np.tan(np.pi * 38.13547087602444 / 48000.0)
    high_pass = s * s / (s * s + s / q + 1.0) * (1.0 + warped / q + warped * warped)
    return np.abs(shelf * high_pass) ** 2


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
        self._loudness_weights = (scale * channels * k_weighting_power(frequencies)).astype(np.float32)
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

    def reset(self) -> None:
        """Forget the samples of the frame under way."""
        self._buffer[:] = 0.0
        self._filled = 0

    def state(self) -> dict[str, NDArray[np.float64]]:
        """A copy of what `restore` needs to go on from here."""
        return {"buffer": self._buffer.astype(np.float64), "filled": np.array(float(self._filled))}

    def restore(self, state: dict[str, NDArray[np.float64]]) -> None:
        """Go on from where `state` was taken; same sample rate and channels."""
        self._buffer[:] = state["buffer"]
        self._filled = int(state["filled"])

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
