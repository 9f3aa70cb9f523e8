"""From the gain that each sample needs to a smooth one, on the limiter's one state array.

D. Luff's order: the sliding minimum of what is needed, hold and release, box filters. All of the
limiter's state lies in one array with literal offsets, which is what lets these loops become
vectors without checks for overlap.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import truepeak

WIDTH = truepeak.WIDTH
LATENCY_SAMPLES = 64
"""Audio delay. The detector needs 8 samples and the box filters 53, or 32 and 29 with the long
detector; what is left widens the minimum's reach beyond a peak, because the interpolation that
shows a true peak reaches there too."""

WINDOW = 64
BOX_REACH = 31 + 15 + 7
PEAK_WAIT = LATENCY_SAMPLES - truepeak.DELAY
LONG_PEAK_WAIT = LATENCY_SAMPLES - truepeak.LONG_DELAY


def _lines(size: int) -> int:
    """Whole cache lines, so that what lies behind begins with one."""
    return -(-size // 16) * 16


LEFT = 0
RIGHT = LEFT + LATENCY_SAMPLES + WIDTH
REQUIRED = RIGHT + LATENCY_SAMPLES + WIDTH
RELEASED = REQUIRED + _lines(WINDOW - 1 + WIDTH)
PEAKS = RELEASED + _lines(BOX_REACH + WIDTH)
SCRATCH = PEAKS + WIDTH
GAIN = SCRATCH + WINDOW + WIDTH
DETECTED = GAIN + WIDTH
FAST = DETECTED + _lines(PEAK_WAIT + WIDTH)
SLOW, HOLD, LOWEST_GAIN, TRUE_PEAK = FAST + 1, FAST + 2, FAST + 3, FAST + 4
STATE_SIZE = FAST + 5

ZERO, ONE = np.float32(0.0), np.float32(1.0)
ALIKE = np.float32(1.0 / 1.0002)
ARRIVE = np.float32(2e-7)
"""A few float32 steps: an exponential release alone would stop just short of a gain of 1."""

SETTINGS_SIZE = 7
HOLD_SAMPLES, RELEASE_STEP, SLOW_ATTACK_STEP, SLOW_RELEASE_STEP, MARGIN, LOOK_AHEAD, LONG = range(SETTINGS_SIZE)


@kernel("float32(float32, float32, float32, float32)")
def _least(a, b, c, d):
    return min(min(a, b), min(c, d))


@kernel("void(float32[::1])")
def sliding_minimum(state):
    """Minimum of the required gain over 64 neighbours, four by four, written over the peaks.

    Thread: audio. Allocates: no.
    """
    for i in range(WIDTH + 60):
        j = REQUIRED + i
        state[SCRATCH + i] = _least(state[j], state[j + 1], state[j + 2], state[j + 3])
    for i in range(WIDTH + 48):
        j = SCRATCH + i
        state[SCRATCH + i] = _least(state[j], state[j + 4], state[j + 8], state[j + 12])
    for i in range(WIDTH):
        j = SCRATCH + i
        state[PEAKS + i] = _least(state[j], state[j + 16], state[j + 32], state[j + 48])


@kernel("void(float32[::1])")
def smooth(state):
    """Box filters of 32, 16 and 8 over the released gain, into the gain.

    The three together are (1+z)^3 (1+z^2)^3 (1+z^4)^3 (1+z^8)^2 (1+z^16) / 4096, one factor a pass.
    Thread: audio. Allocates: no.
    """
    two, three = np.float32(2.0), np.float32(3.0)
    for i in range(WIDTH + 50):
        j = RELEASED + i
        state[SCRATCH + i] = (state[j] + state[j + 3]) + three * (state[j + 1] + state[j + 2])
    for i in range(WIDTH + 44):
        j = SCRATCH + i
        state[SCRATCH + i] = (state[j] + state[j + 6]) + three * (state[j + 2] + state[j + 4])
    for i in range(WIDTH + 32):
        j = SCRATCH + i
        state[SCRATCH + i] = (state[j] + state[j + 12]) + three * (state[j + 4] + state[j + 8])
    for i in range(WIDTH + 16):
        j = SCRATCH + i
        state[SCRATCH + i] = (state[j] + state[j + 16]) + two * state[j + 8]
    for i in range(WIDTH):
        j = SCRATCH + i
        state[GAIN + i] = (state[j] + state[j + 16]) * np.float32(1.0 / 4096.0)


@kernel("void(float32[::1])")
def smooth_short(state):
    """Box filters of 16, 8 and 8: what the long detector leaves time for.

    (1+z)^3 (1+z^2)^3 (1+z^4)^3 (1+z^8) / 1024, one factor a pass.
    Thread: audio. Allocates: no.
    """
    three = np.float32(3.0)
    for i in range(WIDTH + 26):
        j = RELEASED + 24 + i
        state[SCRATCH + i] = (state[j] + state[j + 3]) + three * (state[j + 1] + state[j + 2])
    for i in range(WIDTH + 20):
        j = SCRATCH + i
        state[SCRATCH + i] = (state[j] + state[j + 6]) + three * (state[j + 2] + state[j + 4])
    for i in range(WIDTH + 8):
        j = SCRATCH + i
        state[SCRATCH + i] = (state[j] + state[j + 12]) + three * (state[j + 4] + state[j + 8])
    for i in range(WIDTH):
        j = SCRATCH + i
        state[GAIN + i] = (state[j] + state[j + 8]) * np.float32(1.0 / 1024.0)


@kernel("void(float32[::1], float64[::1], int64, int64)")
def release(state, settings, count, at):
    """Hold, fast release and slow envelope over `count` gains read from the peaks' place.

    The result goes to `state[at:]`.
    Thread: audio. Allocates: no.
    """
    hold_samples = np.float32(settings[HOLD_SAMPLES])
    step = np.float32(settings[RELEASE_STEP])
    slow_attack = np.float32(settings[SLOW_ATTACK_STEP])
    slow_release = np.float32(settings[SLOW_RELEASE_STEP])
    keep, keep_attack, keep_release = ONE - step, ONE - slow_attack, ONE - slow_release
    fast, slow, hold = state[FAST], state[SLOW], state[HOLD]
    for i in range(count):
        needed = state[PEAKS + i]
        released = min(needed, keep * fast + (step * needed + ARRIVE))
        # A peak within 0.002 dB of the held gain holds it on: two crests of one tone are never
        # sampled quite alike, and a gain that let go between them would distort it.
        again = (needed < ONE) & (needed * ALIKE <= fast)
        held = min(fast, needed)
        fast = held if again | (hold > ZERO) else released
        hold = hold_samples if again else max(hold - ONE, ZERO)
        risen = min(keep_release * slow + (slow_release * fast + ARRIVE), ONE)
        slow = keep_attack * slow + slow_attack * fast if fast < slow else risen
        state[at + i] = min(fast, slow)
    state[FAST], state[SLOW], state[HOLD] = fast, slow, hold
