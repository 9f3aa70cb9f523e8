"""True peak: the largest magnitude of the waveform between its samples, by 16x oversampling.

One detector serves the limiter and the meter. It looks at 15 points between two neighbouring
samples and at the first of the two, through a 16-tap Kaiser-windowed sinc. Phases p and 16 - p of
a symmetric interpolator are E + O and E - O of the same even and odd parts, so the larger magnitude
of the two is |E| + |O|: half the multiplications and no second comparison.

16 taps see content up to 0.44 of the sample rate truly: 21 kHz at 48 kHz. At 44.1 kHz the limiter
asks a 64-tap detector for a second opinion wherever the short one comes near the ceiling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.mix import peak

PHASES = 16
TAPS = 16
KAISER_BETA = 3.0
LONG_TAPS = 64
LONG_KAISER_BETA = 4.5
WIDTH = 64
"""The detector always computes this many points; a shorter run ignores the rest."""

HISTORY = TAPS - 1
DELAY = TAPS // 2
"""The peak between samples s and s + 1 is known when sample s + DELAY has come."""

BUFFER_SIZE = HISTORY + WIDTH
LONG_HISTORY = LONG_TAPS - 1
LONG_DELAY = LONG_TAPS // 2
LONG_BUFFER_SIZE = LONG_HISTORY + WIDTH
_LEFT, _RIGHT = 0, BUFFER_SIZE
_PEAKS = 2 * BUFFER_SIZE
_TRUE_PEAK, _SAMPLE_PEAK = _PEAKS + WIDTH, _PEAKS + WIDTH + 1
STATE_SIZE = _PEAKS + WIDTH + 2


def interpolator(phases: int = PHASES, taps: int = TAPS, beta: float = KAISER_BETA) -> NDArray[np.float64]:
    """Kaiser-windowed sinc interpolator, each phase summing to 1.

    Returns
    -------
    float64, shape (phases, taps): row p holds the weights of `taps` consecutive samples whose
    middle two are s and s + 1, for the point p / phases of the way from s to s + 1.

    Thread: main. Allocates: yes.
    """
    fraction = np.arange(phases)[:, None] / phases
    distance = np.arange(taps)[None, :] - (taps // 2 - 1) - fraction
    window = np.i0(beta * np.sqrt(np.clip(1.0 - (distance / (taps / 2)) ** 2, 0.0, 1.0))) / np.i0(beta)
    weights = np.sinc(distance) * window
    return weights / weights.sum(axis=1, keepdims=True)


def _even_odd(taps: int, beta: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows = interpolator(PHASES, taps, beta)[1 : PHASES // 2 + 1]
    mirrored = rows[:, ::-1]
    even, odd = (rows + mirrored) / 2, (rows - mirrored) / 2
    return even[:, : taps // 2].astype(np.float32), odd[:, : taps // 2].astype(np.float32)


_EVEN, _ODD = _even_odd(TAPS, KAISER_BETA)
_LONG_EVEN, _LONG_ODD = (table.ravel() for table in _even_odd(LONG_TAPS, LONG_KAISER_BETA))
_MOST = np.float32(1.001 * np.abs(interpolator()).sum(axis=1).max())


@kernel("void(float32[::1], float32[::1])")
def detect(signal, peaks):
    """Raise `peaks` to the magnitude of one channel around each of WIDTH samples.

    Parameters
    ----------
    signal : float32, shape (BUFFER_SIZE,)
        HISTORY old samples, then WIDTH new ones.
    peaks : float32, shape (WIDTH,), updated
        Entry i becomes at least the largest magnitude from sample s (included) to s + 1
        (excluded), where s is DELAY samples before new sample i.

    Thread: audio. Allocates: no.
    """
    for i in range(WIDTH):
        s0, d0 = signal[i] + signal[i + 15], signal[i] - signal[i + 15]
        s1, d1 = signal[i + 1] + signal[i + 14], signal[i + 1] - signal[i + 14]
        s2, d2 = signal[i + 2] + signal[i + 13], signal[i + 2] - signal[i + 13]
        s3, d3 = signal[i + 3] + signal[i + 12], signal[i + 3] - signal[i + 12]
        s4, d4 = signal[i + 4] + signal[i + 11], signal[i + 4] - signal[i + 11]
        s5, d5 = signal[i + 5] + signal[i + 10], signal[i + 5] - signal[i + 10]
        s6, d6 = signal[i + 6] + signal[i + 9], signal[i + 6] - signal[i + 9]
        s7, d7 = signal[i + 7] + signal[i + 8], signal[i + 7] - signal[i + 8]
        largest = max(peaks[i], abs(signal[i + 7]))
        for p in range(8):
            even = _EVEN[p, 0] * s0 + _EVEN[p, 1] * s1 + _EVEN[p, 2] * s2 + _EVEN[p, 3] * s3
            even += _EVEN[p, 4] * s4 + _EVEN[p, 5] * s5 + _EVEN[p, 6] * s6 + _EVEN[p, 7] * s7
            odd = _ODD[p, 0] * d0 + _ODD[p, 1] * d1 + _ODD[p, 2] * d2 + _ODD[p, 3] * d3
            odd += _ODD[p, 4] * d4 + _ODD[p, 5] * d5 + _ODD[p, 6] * d6 + _ODD[p, 7] * d7
            largest = max(largest, abs(even) + abs(odd))
        peaks[i] = largest


@kernel("void(float32[::1], float32[::1])")
def detect_long(signal, peaks):
    """As `detect`, with 64 taps: true to 0.476 of the sample rate, and six times the work.

    Parameters
    ----------
    signal : float32, shape (LONG_BUFFER_SIZE,)
        LONG_HISTORY old samples, then WIDTH new ones; s is LONG_DELAY before new sample i.
    peaks : float32, shape (WIDTH,), updated

    Thread: audio. Allocates: no.
    """
    for p in range(8):
        even_row = _LONG_EVEN[32 * p : 32 * p + 32]
        odd_row = _LONG_ODD[32 * p : 32 * p + 32]
        for i in range(WIDTH):
            even, odd = np.float32(0.0), np.float32(0.0)
            # Four loops of eight: each unrolls whole, so that the loop over i becomes vectors.
            for k in range(0, 8):
                even += even_row[k] * (signal[i + k] + signal[i + 63 - k])
                odd += odd_row[k] * (signal[i + k] - signal[i + 63 - k])
            for k in range(8, 16):
                even += even_row[k] * (signal[i + k] + signal[i + 63 - k])
                odd += odd_row[k] * (signal[i + k] - signal[i + 63 - k])
            for k in range(16, 24):
                even += even_row[k] * (signal[i + k] + signal[i + 63 - k])
                odd += odd_row[k] * (signal[i + k] - signal[i + 63 - k])
            for k in range(24, 32):
                even += even_row[k] * (signal[i + k] + signal[i + 63 - k])
                odd += odd_row[k] * (signal[i + k] - signal[i + 63 - k])
            peaks[i] = max(peaks[i], abs(even) + abs(odd))


def new_state() -> NDArray[np.float32]:
    """Meter state, zeroed: float32, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE, np.float32)


@kernel("void(float32[::1], float32[::1], float32[::1])")
def process(state, left, right):
    """Follow the true peak and the sample peak of two channels.

    Parameters
    ----------
    state : float32, shape (STATE_SIZE,), updated
    left, right : float32, shape (n,), any n

    Thread: audio | worker. Allocates: no.
    """
    left_buffer = state[_LEFT : _LEFT + BUFFER_SIZE]
    right_buffer = state[_RIGHT : _RIGHT + BUFFER_SIZE]
    peaks = state[_PEAKS : _PEAKS + WIDTH]
    start = 0
    while start < left.shape[0]:
        count = min(WIDTH, left.shape[0] - start)
        loudest = peak(left[start : start + count], right[start : start + count])
        state[_SAMPLE_PEAK] = max(state[_SAMPLE_PEAK], loudest)
        for i in range(count):
            left_buffer[HISTORY + i] = left[start + i]
            right_buffer[HISTORY + i] = right[start + i]
        # No waveform between samples is larger than this many times the largest of them: where even
        # that is no news, there is nothing to look for.
        if peak(left_buffer, right_buffer) * _MOST > state[_TRUE_PEAK]:
            for i in range(WIDTH):
                peaks[i] = np.float32(0.0)
            detect(left_buffer, peaks)
            detect(right_buffer, peaks)
            for i in range(count):
                state[_TRUE_PEAK] = max(state[_TRUE_PEAK], peaks[i])
        for i in range(HISTORY):
            left_buffer[i] = left_buffer[i + count]
            right_buffer[i] = right_buffer[i + count]
        start += count


@kernel("float64(float32[::1])")
def true_peak_lin(state):
    """Largest true peak so far, as an amplitude.

    Thread: audio | worker. Allocates: no.
    """
    return np.float64(max(state[_TRUE_PEAK], state[_SAMPLE_PEAK]))


@kernel("float64(float32[::1])")
def sample_peak_lin(state):
    """Largest sample magnitude so far.

    Thread: audio | worker. Allocates: no.
    """
    return np.float64(state[_SAMPLE_PEAK])
