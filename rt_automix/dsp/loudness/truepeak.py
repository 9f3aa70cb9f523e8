"""True peak: the largest magnitude of the waveform between its samples, by 16x oversampling.

One detector serves the limiter and the meter, in two stages. A 16-tap Kaiser-windowed sinc finds the
point halfway between two samples; at twice the rate the music fills less than half of the band, and
six taps find the seven points on either side of it. Points p and 8 - p of a symmetric interpolator
are E + O and E - O of the same even and odd parts, so the larger magnitude of the two is |E| + |O|.

16 taps do not under-read content up to 0.43 of the sample rate by more than 0.1 dB: enough for the
limiter at 48 kHz and above. A first stage of 62 taps is true to 0.05 dB up to 0.45 of the sample
rate: for the limiter at 44.1 kHz, and for the meter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.samples.mix import peak
from rt_automix.dsp.vectors import eight
from rt_automix.dsp.vectors.eight import largest, load, magnitude, minus, mul, mul_add, plus, store, zeros

TAPS = 16
KAISER_BETA = 3.0
LONG_TAPS = 62
LONG_KAISER_BETA = 4.5
FINE_TAPS = 6
FINE_EDGE = 0.21875
"""The second stage is fitted up to this share of its sample rate: 0.4375 of the signal's."""

WIDTH = 64
"""The detector always computes this many points; a shorter run ignores the rest."""

HISTORY = TAPS + 1
DELAY = TAPS // 2 + 1
"""The peak between samples s and s + 1 is known when sample s + DELAY has come."""

BUFFER_SIZE = HISTORY + WIDTH
LONG_HISTORY = LONG_TAPS + 1
LONG_DELAY = LONG_TAPS // 2 + 1
LONG_BUFFER_SIZE = LONG_HISTORY + WIDTH
HALF_SIZE = WIDTH + 2
"""Points halfway between samples, one more on either side."""

_LEFT, _RIGHT = 0, LONG_BUFFER_SIZE
_PEAKS = 2 * LONG_BUFFER_SIZE
_HALF = _PEAKS + WIDTH
_TRUE_PEAK, _SAMPLE_PEAK = _HALF + HALF_SIZE, _HALF + HALF_SIZE + 1
STATE_SIZE = _HALF + HALF_SIZE + 2


def interpolator(phases: int, taps: int, beta: float) -> NDArray[np.float64]:
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


def _fine() -> NDArray[np.float64]:
    """Second stage at 1/8 .. 4/8 of the way from tap 2 to tap 3, by least squares up to FINE_EDGE."""
    frequency = np.linspace(0.0, FINE_EDGE, 300)[:, None]
    waves = np.exp(2j * np.pi * frequency * (np.arange(FINE_TAPS) - (FINE_TAPS // 2 - 1)))
    wanted = np.exp(2j * np.pi * frequency * np.arange(1, 5) / 8.0)
    solved = np.linalg.lstsq(np.vstack([waves.real, waves.imag]), np.vstack([wanted.real, wanted.imag]), rcond=None)
    rows: NDArray[np.float64] = solved[0].T
    return rows


_HALFWAY = interpolator(2, TAPS, KAISER_BETA)[1, : TAPS // 2].astype(np.float32)
_LONG_HALFWAY = interpolator(2, LONG_TAPS, LONG_KAISER_BETA)[1, : LONG_TAPS // 2].astype(np.float32)
_EVEN = (0.5 * (_fine() + _fine()[:, ::-1]))[:, : FINE_TAPS // 2].astype(np.float32)
_ODD = (0.5 * (_fine() - _fine()[:, ::-1]))[:, : FINE_TAPS // 2].astype(np.float32)
_MOST = np.float32(1.001 * np.abs(_fine()).sum(axis=1).max() * max(2.0 * np.abs(_LONG_HALFWAY).sum(), 1.0))


@kernel("void(float32[::1], float32[::1], float32[::1])")
def _raise(signal, half, peaks):
    """Second stage: signal[i + 1] is sample s, half[i + 1] lies half a sample later; on the way to it, and on from it.

    Both ways at once: they share weights and most of their points.
    """
    for i in range(0, WIDTH, eight.COUNT):
        a, b, c = load(signal, i), load(half, i), load(signal, i + 1)
        d, e, f, g = load(half, i + 1), load(signal, i + 2), load(half, i + 2), load(signal, i + 3)
        s0, s1, s2, d0, d1, d2 = plus(a, f), plus(b, e), plus(c, d), minus(a, f), minus(b, e), minus(c, d)
        t0, t1, t2, e0, e1, e2 = plus(b, g), plus(c, f), plus(d, e), minus(b, g), minus(c, f), minus(d, e)
        most = largest(magnitude(d), largest(magnitude(c), load(peaks, i)))
        for p in range(3):
            even = mul_add(_EVEN[p, 2], s2, mul_add(_EVEN[p, 1], s1, mul(_EVEN[p, 0], s0)))
            odd = mul_add(_ODD[p, 2], d2, mul_add(_ODD[p, 1], d1, mul(_ODD[p, 0], d0)))
            most = largest(plus(magnitude(even), magnitude(odd)), most)
            even = mul_add(_EVEN[p, 2], t2, mul_add(_EVEN[p, 1], t1, mul(_EVEN[p, 0], t0)))
            odd = mul_add(_ODD[p, 2], e2, mul_add(_ODD[p, 1], e1, mul(_ODD[p, 0], e0)))
            most = largest(plus(magnitude(even), magnitude(odd)), most)
        middle = mul_add(_EVEN[3, 2], s2, mul_add(_EVEN[3, 1], s1, mul(_EVEN[3, 0], s0)))
        most = largest(magnitude(middle), most)
        middle = mul_add(_EVEN[3, 2], t2, mul_add(_EVEN[3, 1], t1, mul(_EVEN[3, 0], t0)))
        store(peaks, i, largest(magnitude(middle), most))


@kernel("void(float32[::1], float32[::1], float32[::1])")
def detect(signal, half, peaks):
    """Raise `peaks` to the magnitude of one channel around each of WIDTH samples.

    Parameters
    ----------
    signal : float32, shape (BUFFER_SIZE,)
        HISTORY old samples, then WIDTH new ones.
    half : float32, shape (HALF_SIZE,), work space
    peaks : float32, shape (WIDTH,), updated
        Entry i becomes at least the largest magnitude from sample s (included) to s + 1
        (excluded), where s is DELAY samples before new sample i.

    Thread: audio. Allocates: no.
    """
    for k in range(0, HALF_SIZE, eight.COUNT):
        i = min(k, HALF_SIZE - eight.COUNT)
        low, high = zeros(), zeros()
        for tap in range(TAPS // 4):
            both = plus(load(signal, i + tap), load(signal, i + TAPS - 1 - tap))
            low = mul_add(_HALFWAY[tap], both, low)
        for tap in range(TAPS // 4, TAPS // 2):
            both = plus(load(signal, i + tap), load(signal, i + TAPS - 1 - tap))
            high = mul_add(_HALFWAY[tap], both, high)
        store(half, i, plus(low, high))
    _raise(signal[TAPS // 2 - 1 :], half, peaks)


@kernel("void(float32[::1], float32[::1], float32[::1])")
def detect_long(signal, half, peaks):
    """As `detect`, with a first stage of 62 taps: true to 0.476 of the sample rate.

    Parameters
    ----------
    signal : float32, shape (LONG_BUFFER_SIZE,)
        LONG_HISTORY old samples, then WIDTH new ones; s is LONG_DELAY before new sample i.
    half : float32, shape (HALF_SIZE,), work space
    peaks : float32, shape (WIDTH,), updated

    Thread: audio. Allocates: no.
    """
    for k in range(0, HALF_SIZE, eight.COUNT):
        i = min(k, HALF_SIZE - eight.COUNT)
        low, high = zeros(), zeros()
        for tap in range(0, LONG_TAPS // 2 - 1, 2):
            low = mul_add(_LONG_HALFWAY[tap], plus(load(signal, i + tap), load(signal, i + LONG_TAPS - 1 - tap)), low)
            both = plus(load(signal, i + tap + 1), load(signal, i + LONG_TAPS - 2 - tap))
            high = mul_add(_LONG_HALFWAY[tap + 1], both, high)
        last = LONG_TAPS // 2 - 1
        low = mul_add(_LONG_HALFWAY[last], plus(load(signal, i + last), load(signal, i + last + 1)), low)
        store(half, i, plus(low, high))
    _raise(signal[LONG_TAPS // 2 - 1 :], half, peaks)


def new_state() -> NDArray[np.float32]:
    """Meter state, zeroed: float32, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE, np.float32)


@kernel("void(float32[::1], float32[::1], float32[::1])", door=True)
def process(state, left, right):
    """Follow the true peak and the sample peak of two channels, with the long detector.

    Parameters
    ----------
    state : float32, shape (STATE_SIZE,), updated
    left, right : float32, shape (n,), any n

    Thread: audio | worker. Allocates: no.
    """
    left_buffer = state[_LEFT : _LEFT + LONG_BUFFER_SIZE]
    right_buffer = state[_RIGHT : _RIGHT + LONG_BUFFER_SIZE]
    peaks = state[_PEAKS : _PEAKS + WIDTH]
    half = state[_HALF : _HALF + HALF_SIZE]
    start = 0
    while start < left.shape[0]:
        count = min(WIDTH, left.shape[0] - start)
        loudest = peak(left[start : start + count], right[start : start + count])
        state[_SAMPLE_PEAK] = max(state[_SAMPLE_PEAK], loudest)
        for i in range(count):
            left_buffer[LONG_HISTORY + i] = left[start + i]
            right_buffer[LONG_HISTORY + i] = right[start + i]
        # No waveform between samples is larger than this many times the largest of them: where even
        # that is no news, there is nothing to look for.
        if peak(left_buffer, right_buffer) * _MOST > state[_TRUE_PEAK]:
            for i in range(WIDTH):
                peaks[i] = np.float32(0.0)
            detect_long(left_buffer, half, peaks)
            detect_long(right_buffer, half, peaks)
            for i in range(count):
                state[_TRUE_PEAK] = max(state[_TRUE_PEAK], peaks[i])
        for i in range(LONG_HISTORY):
            left_buffer[i] = left_buffer[i + count]
            right_buffer[i] = right_buffer[i + count]
        start += count


@kernel("float64(float32[::1])", door=True)
def true_peak_lin(state):
    """Largest true peak so far, as an amplitude.

    Thread: audio | worker. Allocates: no.
    """
    return np.float64(max(state[_TRUE_PEAK], state[_SAMPLE_PEAK]))


@kernel("float64(float32[::1])", door=True)
def sample_peak_lin(state):
    """Largest sample magnitude so far.

    Thread: audio | worker. Allocates: no.
    """
    return np.float64(state[_SAMPLE_PEAK])
