"""A- and C-weighting of two channels, and the energies behind them.

IEC 61672-1:2013, annex E: poles at 20.6 Hz (twice) and 12194 Hz (twice) make C, two more at 107.7 and 737.9 Hz with
zeros at 0 Hz make A of it. The upper pair would be bent by the bilinear transform where the sample rate is near: it
is matched instead, in magnitude at 0 Hz, at its own frequency and at half the sample rate (M. Vicanek, "Matched
Second Order Digital Filters", 2016).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel

_LOW_HZ, _SECOND_HZ, _THIRD_HZ, _HIGH_HZ = 20.598997, 107.65265, 737.86223, 12194.217
_REFERENCE_HZ = 1000.0

# What the state holds: three biquads (b0 b1 b2 a1 a2), the gain that makes A of what is behind the last, memories
# of the three for left and right, and what was added up.
_GAIN = 15
_MEMORY = 16
A_ENERGY, C_ENERGY = _MEMORY + 12, _MEMORY + 13
STATE_SIZE = _MEMORY + 14


def _high_pass_pair(first_hz: float, second_hz: float, sample_rate_hz: float) -> NDArray[np.float64]:
    """Two first-order high-passes in series, by the bilinear transform."""
    k, m = (math.tan(math.pi * hz / sample_rate_hz) for hz in (first_hz, second_hz))
    a1, a2 = (k - 1.0) / (k + 1.0), (m - 1.0) / (m + 1.0)
    gain = 1.0 / ((1.0 + k) * (1.0 + m))
    return np.array([gain, -2.0 * gain, gain, a1 + a2, a1 * a2])


def _low_pass_pair(sample_rate_hz: float) -> NDArray[np.float64]:
    """The upper pair, matched."""
    pole = math.exp(-2.0 * math.pi * _HIGH_HZ / sample_rate_hz)
    a1, a2 = -2.0 * pole, pole * pole
    match_hz = min(_HIGH_HZ, 0.3 * sample_rate_hz)

    def wanted(hz: float) -> float:
        return (1.0 + (hz / _HIGH_HZ) ** 2) ** -2

    share = math.sin(math.pi * match_hz / sample_rate_hz) ** 2
    shares = 1.0 - share, share, 4.0 * share * (1.0 - share)
    denominator = (1.0 + a1 + a2) ** 2, (1.0 - a1 + a2) ** 2, -4.0 * a2
    still, fast = denominator[0], denominator[1] * wanted(0.5 * sample_rate_hz)
    at_match = wanted(match_hz) * sum(a * phi for a, phi in zip(denominator, shares, strict=True))
    middle = (at_match - still * shares[0] - fast * shares[1]) / shares[2]
    half = 0.5 * (math.sqrt(still) + math.sqrt(fast))
    b0 = 0.5 * (half + math.sqrt(half * half + middle))
    return np.array([b0, 0.5 * (math.sqrt(still) - math.sqrt(fast)), -middle / (4.0 * b0), a1, a2])


def response_db(state: NDArray[np.float64], frequencies_hz: NDArray[np.float64], sample_rate_hz: float) -> Any:
    """Gains of both weightings, A then C: float64, shape (2, n).

    Thread: main. Allocates: yes.
    """
    back = np.exp(-2j * np.pi * frequencies_hz / sample_rate_hz)
    each = [
        np.abs((b0 + b1 * back + b2 * back**2) / (1.0 + a1 * back + a2 * back**2))
        for b0, b1, b2, a1, a2 in state[:_GAIN].reshape(3, 5)
    ]
    c = each[0] * each[1]
    return 20.0 * np.log10(np.stack([state[_GAIN] * c * each[2], c]))


def new_state(sample_rate_hz: float) -> NDArray[np.float64]:
    """Filters at rest, both 0 dB at 1 kHz: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    state = np.zeros(STATE_SIZE)
    state[:5], state[5:10] = _low_pass_pair(sample_rate_hz), _high_pass_pair(_LOW_HZ, _LOW_HZ, sample_rate_hz)
    state[10:15], state[_GAIN] = _high_pass_pair(_SECOND_HZ, _THIRD_HZ, sample_rate_hz), 1.0
    a_db, c_db = response_db(state, np.array([_REFERENCE_HZ]), sample_rate_hz)[:, 0]
    state[:3] *= 10.0 ** (-c_db / 20.0)
    state[_GAIN] = 10.0 ** ((c_db - a_db) / 20.0)
    return state


@kernel("float64(float64[::1], int64, int64, float64)")
def _biquad(state, coefficients, memory, x):
    y = state[coefficients] * x + state[memory]
    state[memory] = state[coefficients + 1] * x - state[coefficients + 3] * y + state[memory + 1]
    state[memory + 1] = state[coefficients + 2] * x - state[coefficients + 4] * y
    return y


@kernel("void(float64[::1], float32[::1], float32[::1])", door=True)
def accumulate(state, left, right):
    """Filter two channels and add the mean of their squares to A_ENERGY and C_ENERGY.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    left, right : float32, shape (n,), finite

    Thread: worker. Allocates: no.
    """
    for i in range(left.shape[0]):
        for side in range(2):
            memory = _MEMORY + 6 * side
            x = np.float64(left[i]) if side == 0 else np.float64(right[i])
            c = _biquad(state, 5, memory + 2, _biquad(state, 0, memory, x))
            a = state[_GAIN] * _biquad(state, 10, memory + 4, c)
            state[A_ENERGY] += 0.5 * a * a
            state[C_ENERGY] += 0.5 * c * c
    for k in range(_MEMORY, A_ENERGY):
        if abs(state[k]) < 1e-30:
            state[k] = 0.0
