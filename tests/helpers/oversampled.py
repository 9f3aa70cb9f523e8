"""A true-peak meter for judging the limiter: 32x, 128 taps, far longer than the detector's filter."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

PHASES, TAPS, BETA = 32, 128, 9.0


def _weights() -> NDArray[np.float64]:
    fraction = np.arange(PHASES)[:, None] / PHASES
    distance = np.arange(TAPS)[None, :] - (TAPS // 2 - 1) - fraction
    window = np.i0(BETA * np.sqrt(np.clip(1 - (distance / (TAPS / 2)) ** 2, 0, 1))) / np.i0(BETA)
    weights = np.sinc(distance) * window
    return weights / weights.sum(axis=1, keepdims=True)


_WEIGHTS = _weights()


@numba.njit(nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _largest(padded, weights, floor):  # type: ignore[no-untyped-def]
    largest = 0.0
    for s in range(padded.shape[0] - weights.shape[1]):
        # A peak between samples stands beside samples that are not far under it.
        at = s + weights.shape[1] // 2 - 1
        near = 0.0
        for k in range(-3, 5):
            near = max(near, abs(padded[at + k]))
        if near < floor:
            continue
        for p in range(weights.shape[0]):
            total = 0.0
            for k in range(weights.shape[1]):
                total += weights[p, k] * padded[s + k]
            largest = max(largest, abs(total))
    return largest


def true_peak_dbtp(audio: ArrayLike, floor_below_peak_db: float = 4.0) -> float:
    """True peak of (channels, samples) audio in dBTP.

    Samples further than `floor_below_peak_db` below the sample peak, with all their neighbours, are
    passed over; on the limiter's output that has changed no reading.
    """
    channels = np.atleast_2d(np.asarray(audio, dtype=np.float64))
    floor = np.abs(channels).max() * 10 ** (-floor_below_peak_db / 20)
    pad = np.zeros(TAPS)
    largest = max(_largest(np.concatenate([pad, channel, pad]), _WEIGHTS, floor) for channel in channels)
    return float(20 * np.log10(max(largest, 1e-20)))


def band_limited(audio: NDArray[np.float64], sample_rate_hz: float, limit_hz: float = 21000.0) -> NDArray[np.float64]:
    """Nothing above `limit_hz`. Start and end in silence: the cut between them is a step of its own."""
    spectrum = np.fft.rfft(audio)
    spectrum[..., np.fft.rfftfreq(audio.shape[-1], 1.0 / sample_rate_hz) > limit_hz] = 0.0
    return np.fft.irfft(spectrum, audio.shape[-1])
