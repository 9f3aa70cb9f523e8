"""What the listener sees of the sound: log-mel of mid and side and four level rows, every 93 ms.

Everything is defined in hertz and seconds; the four sample rates agree. `spectrum` computes it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.tone import subsonic

HOP_S = 0.093
"""Step between frames. A frame is two hops long, under a Hann window."""

MEL_BANDS = 64
MEL_LOW_HZ, MEL_HIGH_HZ = 30.0, 20000.0
LOUDNESS_ROW, MID_ROW, SIDE_ROW, PEAK_ROW = range(2 * MEL_BANDS, 2 * MEL_BANDS + 4)
ROWS = 2 * MEL_BANDS + 4
"""64 mel bands of mid, 64 of side, loudness in LUFS, RMS of mid and side, sample peak, in dBFS."""

ROW_FLOOR_DB = -100.0
ROW_FLOOR_POWER = 10.0 ** (ROW_FLOOR_DB / 10.0)

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


def loudness_power(frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """What counts for a frame's loudness: K-weighting, less what the subsonic filter takes away: DC and rumble."""
    return k_weighting_power(frequencies_hz) * np.minimum(subsonic.power_response(frequencies_hz), 1.0)
