"""Look-ahead true-peak limiter.

The order is D. Luff's: required gain, its sliding minimum over the look-ahead, hold and release,
then box filters whose total length fits the look-ahead, while the audio waits. The box filters only
average gains that are all small enough, so the smooth gain can never be too large.

- The 12 ms hold bridges the peaks of tones down to 42 Hz: their gain stands still, no distortion.
- The release follows the programme: a lone peak lets go in 25 ms, while a second, slow envelope
  learns how much is being limited all the time and holds that, so dense material does not pump.
- With `look_ahead` off the gain acts at once on the sample itself: no latency, the sample peak
  keeps the ceiling, true peaks between samples may pass it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.dynamics import limiter_gain as at
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import truepeak
from rt_automix.dsp.vectors import eight
from rt_automix.dsp.vectors.eight import load, store
from rt_automix.dsp.vectors.logexp import bits_of, float_of

WIDTH, LATENCY_SAMPLES = at.WIDTH, at.LATENCY_SAMPLES
STATE_SIZE, SETTINGS_SIZE = at.STATE_SIZE, at.SETTINGS_SIZE

LONG_DETECTOR_BELOW_HZ = 47_000.0
"""Below this sample rate 21 kHz lies too near Nyquist for the short detector."""

MARGIN_DB = 0.03
"""What is limited is limited this much below the ceiling: the detector's own error."""

HOLD_MS = 12.0
RELEASE_MS = 25.0
SLOW_ATTACK_MS = 250.0
SLOW_RELEASE_MS = 250.0


def new_settings(sample_rate_hz: float, look_ahead: bool = True) -> NDArray[np.float64]:
    """Times as per-sample steps: float64, shape (SETTINGS_SIZE,).

    Thread: main. Allocates: yes.
    """

    def step(time_ms: float) -> float:
        return 1.0 - math.exp(-1000.0 / (time_ms * sample_rate_hz))

    return np.array(
        [
            round(HOLD_MS * sample_rate_hz / 1000.0),
            step(RELEASE_MS),
            step(SLOW_ATTACK_MS),
            step(SLOW_RELEASE_MS),
            10.0 ** (-MARGIN_DB / 20.0),
            float(look_ahead),
            float(sample_rate_hz < LONG_DETECTOR_BELOW_HZ),
        ]
    )


@kernel("void(float32[::1])", door=True)
def reset(state):
    """Empty the delay lines, gain at 1.

    Thread: audio | main. Allocates: no.
    """
    for i in range(STATE_SIZE):
        state[i] = at.ZERO
    for i in range(at.REQUIRED, at.PEAKS):
        state[i] = at.ONE
    state[at.FAST], state[at.SLOW], state[at.LOWEST_GAIN] = at.ONE, at.ONE, at.ONE


def new_state() -> NDArray[np.float32]:
    """Delay lines empty, gain at 1: float32, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    state = np.empty(STATE_SIZE, np.float32)
    reset(state)
    return state


@kernel("void(float32[::1], boolean)")
def _detect(state, long):
    """True peaks of the delay lines' newest samples that the detector can judge."""
    for i in range(WIDTH):
        state[at.PEAKS + i] = at.ZERO
    peaks = state[at.PEAKS : at.PEAKS + WIDTH]
    half = state[at.SCRATCH : at.SCRATCH + truepeak.HALF_SIZE]
    left = state[at.LEFT : at.LEFT + LATENCY_SAMPLES + WIDTH]
    right = state[at.RIGHT : at.RIGHT + LATENCY_SAMPLES + WIDTH]
    if long:
        truepeak.detect_long(left[LATENCY_SAMPLES - truepeak.LONG_HISTORY :], half, peaks)
        truepeak.detect_long(right[LATENCY_SAMPLES - truepeak.LONG_HISTORY :], half, peaks)
    else:
        truepeak.detect(left[LATENCY_SAMPLES - truepeak.HISTORY :], half, peaks)
        truepeak.detect(right[LATENCY_SAMPLES - truepeak.HISTORY :], half, peaks)


@kernel("void(float32[::1], int64)")
def _advance(state, count):
    """Move every history on by `count` samples."""
    if count == WIDTH:  # whole registers: what lies behind a history is written anew before it is read
        for k in range(0, WIDTH, eight.COUNT):
            store(state, at.LEFT + k, load(state, at.LEFT + WIDTH + k))
            store(state, at.RIGHT + k, load(state, at.RIGHT + WIDTH + k))
            store(state, at.REQUIRED + k, load(state, at.REQUIRED + WIDTH + k))
            store(state, at.RELEASED + k, load(state, at.RELEASED + WIDTH + k))
            store(state, at.DETECTED + k, load(state, at.DETECTED + WIDTH + k))
        return
    for i in range(LATENCY_SAMPLES):
        state[at.LEFT + i] = state[at.LEFT + count + i]
        state[at.RIGHT + i] = state[at.RIGHT + count + i]
    for i in range(at.WINDOW - 1):
        state[at.REQUIRED + i] = state[at.REQUIRED + count + i]
    for i in range(at.BOX_REACH):
        state[at.RELEASED + i] = state[at.RELEASED + count + i]
    for i in range(at.PEAK_WAIT):
        state[at.DETECTED + i] = state[at.DETECTED + count + i]


@kernel("void(float32[::1], float64[::1], float32[::1], float32[::1])")
def take_in(state, settings, left, right):
    """Look-ahead, first of three: up to WIDTH samples into the delay lines, and their peaks.

    Thread: audio. Allocates: no.
    """
    for i in range(left.shape[0]):
        state[at.LEFT + LATENCY_SAMPLES + i] = left[i]
        state[at.RIGHT + LATENCY_SAMPLES + i] = right[i]
    _detect(state, settings[at.LONG] != 0.0)


@kernel("void(float32[::1], float64[::1], float32, int64)")
def plan(state, settings, ceiling, count):
    """Look-ahead, second: from the peaks to the gain of `count` samples.

    Thread: audio. Allocates: no.
    """
    target = ceiling * np.float32(settings[at.MARGIN])
    for i in range(WIDTH):
        peak = state[at.PEAKS + i]
        state[at.DETECTED + at.PEAK_WAIT + i] = peak
        state[at.REQUIRED + at.WINDOW - 1 + i] = np.float32(1.0) if peak <= ceiling else target / peak
    at.sliding_minimum(state)
    at.release(state, settings, count, at.RELEASED + at.BOX_REACH)
    if settings[at.LONG] != 0.0:
        at.smooth_short(state)
    else:
        at.smooth(state)
    wait = at.PEAK_WAIT - at.LONG_PEAK_WAIT if settings[at.LONG] != 0.0 else 0
    detected = state[at.DETECTED + wait :]
    lowest, highest = bits_of(state[at.LOWEST_GAIN]), bits_of(state[at.TRUE_PEAK])
    for i in range(count):
        lowest = min(lowest, bits_of(state[at.GAIN + i]))
        highest = max(highest, bits_of(detected[i] * state[at.GAIN + i]))
    state[at.LOWEST_GAIN], state[at.TRUE_PEAK] = float_of(lowest), float_of(highest)


@kernel("void(float32[::1], float32, float32[::1], float32[::1])")
def give_out(state, ceiling, left, right):
    """Look-ahead, last: the delayed samples by the gain, and the histories on.

    Thread: audio. Allocates: no.
    """
    count = left.shape[0]
    for i in range(count):
        left[i] = min(max(state[at.LEFT + i] * state[at.GAIN + i], -ceiling), ceiling)
        right[i] = min(max(state[at.RIGHT + i] * state[at.GAIN + i], -ceiling), ceiling)
    _advance(state, count)


@kernel("void(float32[::1], float64[::1], float32, float32[::1], float32[::1])")
def _look_ahead(state, settings, ceiling, left, right):
    """Limit up to WIDTH samples with look-ahead."""
    take_in(state, settings, left, right)
    plan(state, settings, ceiling, left.shape[0])
    give_out(state, ceiling, left, right)


@kernel("void(float32[::1], float32, float32[::1], float32[::1])")
def need(state, ceiling, left, right):
    """Without look-ahead, first of two: the gain that each of up to WIDTH samples needs by itself.

    Thread: audio. Allocates: no.
    """
    for i in range(left.shape[0]):
        peak = max(abs(left[i]), abs(right[i]))
        state[at.PEAKS + i] = np.float32(1.0) if peak <= ceiling else ceiling / peak


@kernel("void(float32[::1], float32, float32[::1], float32[::1])")
def give(state, ceiling, left, right):
    """Without look-ahead, last: samples by the gain.

    Thread: audio. Allocates: no.
    """
    lowest, highest = state[at.LOWEST_GAIN], state[at.TRUE_PEAK]
    for i in range(left.shape[0]):
        gain = state[at.GAIN + i]
        lowest = min(lowest, gain)
        left[i] = min(max(left[i] * gain, -ceiling), ceiling)
        right[i] = min(max(right[i] * gain, -ceiling), ceiling)
        highest = max(highest, abs(left[i]), abs(right[i]))
    state[at.LOWEST_GAIN], state[at.TRUE_PEAK] = lowest, highest


@kernel("void(float32[::1], float64[::1], float32, float32[::1], float32[::1])")
def _direct(state, settings, ceiling, left, right):
    """Limit up to WIDTH samples at once, on the sample peak."""
    need(state, ceiling, left, right)
    at.release(state, settings, left.shape[0], at.GAIN)
    give(state, ceiling, left, right)


@kernel("void(float32[::1], float64[::1], float32, float32[::1], float32[::1])")
def process(state, settings, ceiling_lin, left, right):
    """Limit two channels in place, linked; delayed by LATENCY_SAMPLES unless look-ahead is off.

    Parameters
    ----------
    state : float32, shape (STATE_SIZE,), updated
    settings : float64, shape (SETTINGS_SIZE,)
    ceiling_lin : float32
        True-peak ceiling as an amplitude. A true peak at or under it passes unchanged.
    left, right : float32, shape (n,), any n, replaced by the output

    Thread: audio. Allocates: no.
    """
    start = 0
    while start < left.shape[0]:
        stop = min(start + WIDTH, left.shape[0])
        if settings[at.LOOK_AHEAD] != 0.0:
            _look_ahead(state, settings, ceiling_lin, left[start:stop], right[start:stop])
        else:
            _direct(state, settings, ceiling_lin, left[start:stop], right[start:stop])
        start = stop


@kernel("float64(float32[::1])")
def take_lowest_gain(state):
    """Smallest gain since the last call, as an amplitude ratio.

    Thread: audio. Allocates: no.
    """
    lowest = state[at.LOWEST_GAIN]
    state[at.LOWEST_GAIN] = np.float32(1.0)
    return np.float64(lowest)


@kernel("float64(float32[::1])")
def take_true_peak(state):
    """Largest true peak that went out since the last call: the detector's reading times the gain.

    Thread: audio. Allocates: no.
    """
    highest = state[at.TRUE_PEAK]
    state[at.TRUE_PEAK] = at.ZERO
    return np.float64(highest)
