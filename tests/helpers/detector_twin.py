"""The true-peak detector written slowly: both stages with full rows of weights, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rt_automix.dsp.loudness import truepeak

SHORT = (truepeak.TAPS, truepeak.KAISER_BETA)
LONG = (truepeak.LONG_TAPS, truepeak.LONG_KAISER_BETA)


def points(channel: NDArray[Any], taps: int, beta: float) -> NDArray[Any]:
    """The waveform at sixteen points from sample s to s + 1; shape (samples, 16), real or complex.

    Row i is what is known when sample i has come: s = i - (taps / 2 + 1). Before the channel is silence.
    """
    count = len(channel)
    padded = np.concatenate([np.zeros(taps + 1), channel])
    middle = padded[taps // 2 - 1 :][: count + 3]
    doubled = np.empty(2 * count + 5, dtype=padded.dtype)
    doubled[::2] = middle
    doubled[1::2] = sliding_window_view(padded, taps) @ truepeak.interpolator(2, taps, beta)[1]

    fine = truepeak._fine()  # at 1/8 .. 4/8; read backwards, they serve 7/8 .. 5/8
    itself = np.eye(truepeak.FINE_TAPS)[truepeak.FINE_TAPS // 2 - 1]
    eighths = np.vstack([itself, fine, fine[2::-1, ::-1]])
    return (sliding_window_view(doubled, truepeak.FINE_TAPS) @ eighths.T).reshape(count, 16)


def peaks(audio: NDArray[np.float64], taps: int, beta: float) -> NDArray[np.float64]:
    """What the detector finds in (channels, samples) after each sample; shape (samples,)."""
    found = [np.abs(points(channel, taps, beta)).max(axis=1) for channel in audio]
    return np.asarray(np.max(found, axis=0))
