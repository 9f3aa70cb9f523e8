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

from rt_automix.dsp import truepeak
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.logexp import bits_of, float_of

WIDTH = truepeak.WIDTH
LATENCY_SAMPLES = 64
"""Audio delay. The detector needs 8 samples and the box filters 53, or 32 and 29 with the long
detector; what is left widens the minimum's reach beyond a peak, because the interpolation that
shows a true peak reaches there too."""

LONG_DETECTOR_BELOW_HZ = 47_000.0
"""Below this sample rate 21 kHz lies too near Nyquist for the short detector."""

_NEAR_CEILING = np.float32(0.7)
"""The short detector under-reads by up to 0.6 dB there: above this share of the ceiling ask the long one."""

MARGIN_DB = 0.02
"""What is limited is limited this much below the ceiling: the detector's own error."""

HOLD_MS = 12.0
RELEASE_MS = 25.0
SLOW_ATTACK_MS = 250.0
SLOW_RELEASE_MS = 250.0

_WINDOW = 64
_BOX_REACH = 31 + 15 + 7
_PEAK_WAIT = LATENCY_SAMPLES - truepeak.DELAY
_LONG_PEAK_WAIT = LATENCY_SAMPLES - truepeak.LONG_DELAY
_DETECT = LATENCY_SAMPLES - truepeak.HISTORY
_DETECT_LONG = LATENCY_SAMPLES - truepeak.LONG_HISTORY
_DETECT_MIDDLE = _DETECT - (truepeak.LONG_DELAY - truepeak.DELAY)

_LEFT = 0
_RIGHT = _LEFT + LATENCY_SAMPLES + WIDTH
_REQUIRED = _RIGHT + LATENCY_SAMPLES + WIDTH
_RELEASED = _REQUIRED + _WINDOW - 1 + WIDTH
_PEAKS = _RELEASED + _BOX_REACH + WIDTH
_SCRATCH = _PEAKS + WIDTH
_GAIN = _SCRATCH + _WINDOW + WIDTH
_FAST = _GAIN + WIDTH
_SLOW, _HOLD, _LOWEST_GAIN, _TRUE_PEAK = _FAST + 1, _FAST + 2, _FAST + 3, _FAST + 4
_DETECTED = _FAST + 5
STATE_SIZE = _DETECTED + _PEAK_WAIT + WIDTH

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_ALIKE = np.float32(1.0 / 1.0002)
_ARRIVE = np.float32(2e-7)
"""A few float32 steps: an exponential release alone would stop just short of a gain of 1."""

SETTINGS_SIZE = 7
_HOLD_SAMPLES, _RELEASE_STEP, _SLOW_ATTACK_STEP, _SLOW_RELEASE_STEP, _MARGIN, _LOOK_AHEAD, _LONG = range(SETTINGS_SIZE)


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


@kernel("void(float32[::1])")
def reset(state):
    """Empty the delay lines, gain at 1.

    Thread: audio | main. Allocates: no.
    """
    for i in range(STATE_SIZE):
        state[i] = _ZERO
    for i in range(_REQUIRED, _PEAKS):
        state[i] = _ONE
    state[_FAST], state[_SLOW], state[_LOWEST_GAIN] = _ONE, _ONE, _ONE


def new_state() -> NDArray[np.float32]:
    """Delay lines empty, gain at 1: float32, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    state = np.empty(STATE_SIZE, np.float32)
    reset(state)
    return state


@kernel("void(float32[::1], int64)")
def _detect(state, offset):
    """True peaks by the short detector; `offset` is where in the delay lines its history begins."""
    for i in range(WIDTH):
        state[_PEAKS + i] = _ZERO
    peaks = state[_PEAKS : _PEAKS + WIDTH]
    truepeak.detect(state[_LEFT + offset : _LEFT + offset + truepeak.BUFFER_SIZE], peaks)
    truepeak.detect(state[_RIGHT + offset : _RIGHT + offset + truepeak.BUFFER_SIZE], peaks)


@kernel("void(float32[::1], float32)")
def _detect_long(state, ceiling):
    """True peaks by the short detector and, where they come near the ceiling, by the long one."""
    _detect(state, _DETECT_MIDDLE)
    near, highest = ceiling * _NEAR_CEILING, _ZERO
    for i in range(WIDTH):
        state[_SCRATCH + i] = state[_PEAKS + i]
        highest = max(highest, state[_PEAKS + i])
    if highest > near:
        peaks = state[_PEAKS : _PEAKS + WIDTH]
        truepeak.detect_long(state[_LEFT + _DETECT_LONG : _LEFT + _DETECT_LONG + truepeak.LONG_BUFFER_SIZE], peaks)
        truepeak.detect_long(state[_RIGHT + _DETECT_LONG : _RIGHT + _DETECT_LONG + truepeak.LONG_BUFFER_SIZE], peaks)
        # Sample by sample: what its neighbours read must not depend on how the stream is cut.
        for i in range(WIDTH):
            state[_PEAKS + i] = state[_PEAKS + i] if state[_SCRATCH + i] > near else state[_SCRATCH + i]


@kernel("void(float32[::1])")
def _sliding_minimum(state):
    """Minimum of the required gain over 64 neighbours, by doubling, written over the peaks."""
    for i in range(WIDTH + 63):
        state[_SCRATCH + i] = state[_REQUIRED + i]
    for i in range(WIDTH + 62):
        state[_SCRATCH + i] = min(state[_SCRATCH + i], state[_SCRATCH + i + 1])
    for i in range(WIDTH + 60):
        state[_SCRATCH + i] = min(state[_SCRATCH + i], state[_SCRATCH + i + 2])
    for i in range(WIDTH + 56):
        state[_SCRATCH + i] = min(state[_SCRATCH + i], state[_SCRATCH + i + 4])
    for i in range(WIDTH + 48):
        state[_SCRATCH + i] = min(state[_SCRATCH + i], state[_SCRATCH + i + 8])
    for i in range(WIDTH + 32):
        state[_SCRATCH + i] = min(state[_SCRATCH + i], state[_SCRATCH + i + 16])
    for i in range(WIDTH):
        state[_PEAKS + i] = min(state[_SCRATCH + i], state[_SCRATCH + i + 32])


@kernel("void(float32[::1])")
def _smooth(state):
    """Box filters of 32, 16 and 8 over the released gain, by doubling, into the gain."""
    for i in range(WIDTH + 52):
        state[_SCRATCH + i] = state[_RELEASED + i] + state[_RELEASED + i + 1]
    for i in range(WIDTH + 50):
        state[_SCRATCH + i] += state[_SCRATCH + i + 2]
    for i in range(WIDTH + 46):
        state[_SCRATCH + i] += state[_SCRATCH + i + 4]
    for i in range(WIDTH + 38):
        state[_SCRATCH + i] += state[_SCRATCH + i + 8]
    for i in range(WIDTH + 22):
        state[_SCRATCH + i] += state[_SCRATCH + i + 16]
    for i in range(WIDTH + 21):
        state[_SCRATCH + i] += state[_SCRATCH + i + 1]
    for i in range(WIDTH + 19):
        state[_SCRATCH + i] += state[_SCRATCH + i + 2]
    for i in range(WIDTH + 15):
        state[_SCRATCH + i] += state[_SCRATCH + i + 4]
    for i in range(WIDTH + 7):
        state[_SCRATCH + i] += state[_SCRATCH + i + 8]
    for i in range(WIDTH + 6):
        state[_SCRATCH + i] += state[_SCRATCH + i + 1]
    for i in range(WIDTH + 4):
        state[_SCRATCH + i] += state[_SCRATCH + i + 2]
    for i in range(WIDTH):
        state[_GAIN + i] = (state[_SCRATCH + i] + state[_SCRATCH + i + 4]) * np.float32(1.0 / 4096.0)


@kernel("void(float32[::1])")
def _smooth_short(state):
    """Box filters of 16, 8 and 8: what the long detector leaves time for."""
    for i in range(WIDTH + 28):
        state[_SCRATCH + i] = state[_RELEASED + 24 + i] + state[_RELEASED + 25 + i]
    for i in range(WIDTH + 26):
        state[_SCRATCH + i] += state[_SCRATCH + i + 2]
    for i in range(WIDTH + 22):
        state[_SCRATCH + i] += state[_SCRATCH + i + 4]
    for i in range(WIDTH + 14):
        state[_SCRATCH + i] += state[_SCRATCH + i + 8]
    for i in range(WIDTH + 13):
        state[_SCRATCH + i] += state[_SCRATCH + i + 1]
    for i in range(WIDTH + 11):
        state[_SCRATCH + i] += state[_SCRATCH + i + 2]
    for i in range(WIDTH + 7):
        state[_SCRATCH + i] += state[_SCRATCH + i + 4]
    for i in range(WIDTH + 6):
        state[_SCRATCH + i] += state[_SCRATCH + i + 1]
    for i in range(WIDTH + 4):
        state[_SCRATCH + i] += state[_SCRATCH + i + 2]
    for i in range(WIDTH):
        state[_GAIN + i] = (state[_SCRATCH + i] + state[_SCRATCH + i + 4]) * np.float32(1.0 / 1024.0)


@kernel("void(float32[::1], float64[::1], int64, int64)")
def _release(state, settings, count, at):
    """Hold, fast release and slow envelope over `count` gains read from the peaks' place.

    The result goes to `state[at:]`.
    """
    hold_samples = np.float32(settings[_HOLD_SAMPLES])
    step = np.float32(settings[_RELEASE_STEP])
    slow_attack = np.float32(settings[_SLOW_ATTACK_STEP])
    slow_release = np.float32(settings[_SLOW_RELEASE_STEP])
    keep, keep_attack, keep_release = _ONE - step, _ONE - slow_attack, _ONE - slow_release
    fast, slow, hold = state[_FAST], state[_SLOW], state[_HOLD]
    for i in range(count):
        needed = state[_PEAKS + i]
        released = min(needed, keep * fast + (step * needed + _ARRIVE))
        # A peak within 0.002 dB of the held gain holds it on: two crests of one tone are never
        # sampled quite alike, and a gain that let go between them would distort it.
        again = (needed < _ONE) and (needed * _ALIKE <= fast)
        held = min(fast, needed)
        fast = held if again or hold > _ZERO else released
        hold = hold_samples if again else max(hold - _ONE, _ZERO)
        risen = min(keep_release * slow + (slow_release * fast + _ARRIVE), _ONE)
        slow = keep_attack * slow + slow_attack * fast if fast < slow else risen
        state[at + i] = min(fast, slow)
    state[_FAST], state[_SLOW], state[_HOLD] = fast, slow, hold


@kernel("void(float32[::1], int64)")
def _advance(state, count):
    """Move every history on by `count` samples."""
    if count == WIDTH:
        for i in range(LATENCY_SAMPLES):
            state[_LEFT + i] = state[_LEFT + WIDTH + i]
            state[_RIGHT + i] = state[_RIGHT + WIDTH + i]
        for i in range(_WINDOW - 1):
            state[_REQUIRED + i] = state[_REQUIRED + WIDTH + i]
        for i in range(_BOX_REACH):
            state[_RELEASED + i] = state[_RELEASED + WIDTH + i]
        for i in range(_PEAK_WAIT):
            state[_DETECTED + i] = state[_DETECTED + WIDTH + i]
        return
    for i in range(LATENCY_SAMPLES):
        state[_LEFT + i] = state[_LEFT + count + i]
        state[_RIGHT + i] = state[_RIGHT + count + i]
    for i in range(_WINDOW - 1):
        state[_REQUIRED + i] = state[_REQUIRED + count + i]
    for i in range(_BOX_REACH):
        state[_RELEASED + i] = state[_RELEASED + count + i]
    for i in range(_PEAK_WAIT):
        state[_DETECTED + i] = state[_DETECTED + count + i]


@kernel("void(float32[::1], float64[::1], float32, float32[::1], float32[::1])")
def _look_ahead(state, settings, ceiling, left, right):
    """Limit up to WIDTH samples with look-ahead."""
    count = left.shape[0]
    for i in range(count):
        state[_LEFT + LATENCY_SAMPLES + i] = left[i]
        state[_RIGHT + LATENCY_SAMPLES + i] = right[i]
    if settings[_LONG] != 0.0:
        _detect_long(state, ceiling)
    else:
        _detect(state, _DETECT)
    target = ceiling * np.float32(settings[_MARGIN])
    for i in range(WIDTH):
        peak = state[_PEAKS + i]
        state[_DETECTED + _PEAK_WAIT + i] = peak
        state[_REQUIRED + _WINDOW - 1 + i] = np.float32(1.0) if peak <= ceiling else target / peak
    _sliding_minimum(state)
    _release(state, settings, count, _RELEASED + _BOX_REACH)
    if settings[_LONG] != 0.0:
        _smooth_short(state)
    else:
        _smooth(state)
    wait = _PEAK_WAIT - _LONG_PEAK_WAIT if settings[_LONG] != 0.0 else 0
    detected = state[_DETECTED + wait :]
    lowest, highest = bits_of(state[_LOWEST_GAIN]), bits_of(state[_TRUE_PEAK])
    for i in range(count):
        lowest = min(lowest, bits_of(state[_GAIN + i]))
        highest = max(highest, bits_of(detected[i] * state[_GAIN + i]))
    state[_LOWEST_GAIN], state[_TRUE_PEAK] = float_of(lowest), float_of(highest)
    for i in range(count):
        left[i] = min(max(state[_LEFT + i] * state[_GAIN + i], -ceiling), ceiling)
        right[i] = min(max(state[_RIGHT + i] * state[_GAIN + i], -ceiling), ceiling)
    _advance(state, count)


@kernel("void(float32[::1], float64[::1], float32, float32[::1], float32[::1])")
def _direct(state, settings, ceiling, left, right):
    """Limit up to WIDTH samples at once, on the sample peak."""
    count = left.shape[0]
    for i in range(count):
        peak = max(abs(left[i]), abs(right[i]))
        state[_PEAKS + i] = np.float32(1.0) if peak <= ceiling else ceiling / peak
    _release(state, settings, count, _GAIN)
    lowest, highest = state[_LOWEST_GAIN], state[_TRUE_PEAK]
    for i in range(count):
        gain = state[_GAIN + i]
        lowest = min(lowest, gain)
        left[i] = min(max(left[i] * gain, -ceiling), ceiling)
        right[i] = min(max(right[i] * gain, -ceiling), ceiling)
        highest = max(highest, abs(left[i]), abs(right[i]))
    state[_LOWEST_GAIN], state[_TRUE_PEAK] = lowest, highest


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
        if settings[_LOOK_AHEAD] != 0.0:
            _look_ahead(state, settings, ceiling_lin, left[start:stop], right[start:stop])
        else:
            _direct(state, settings, ceiling_lin, left[start:stop], right[start:stop])
        start = stop


@kernel("float64(float32[::1])")
def take_lowest_gain(state):
    """Smallest gain since the last call, as an amplitude ratio.

    Thread: audio. Allocates: no.
    """
    lowest = state[_LOWEST_GAIN]
    state[_LOWEST_GAIN] = np.float32(1.0)
    return np.float64(lowest)


@kernel("float64(float32[::1])")
def take_true_peak(state):
    """Largest true peak that went out since the last call: the detector's reading times the gain.

    Thread: audio. Allocates: no.
    """
    highest = state[_TRUE_PEAK]
    state[_TRUE_PEAK] = _ZERO
    return np.float64(highest)
