"""The delay-locked loop: true clocks, late callbacks, jumps and insane times."""

from __future__ import annotations

import numpy as np
import pytest

from rt_automix.dsp.clocks import delaylock
from rt_automix.dsp.jit import JIT_ENABLED

RATE_HZ = 48000.0
START_S = 1000.0
SECONDS = 60.0 if JIT_ENABLED else 20.0


def callbacks(ppm: float, blocks: np.ndarray) -> np.ndarray:
    """The true time of each callback of a device that runs `ppm` fast, in s."""
    return START_S + np.cumsum(blocks) / (RATE_HZ * (1.0 + ppm * 1e-6))


def heard(times_s: np.ndarray, blocks: np.ndarray, state: np.ndarray | None = None) -> np.ndarray:
    """The state after these callbacks."""
    state = delaylock.new_state(RATE_HZ) if state is None else state
    for time_s, samples in zip(times_s, blocks, strict=True):
        delaylock.tick(state, int(samples), round(time_s * 1e9))
    return state


def rate_error_ppm(state: np.ndarray, ppm: float) -> float:
    return float((1.0 / state[delaylock.PERIOD_S] / (RATE_HZ * (1.0 + ppm * 1e-6)) - 1.0) * 1e6)


@pytest.mark.parametrize("ppm", [-1000.0, -300.0, 0.0, 300.0, 1000.0])
@pytest.mark.parametrize("block", [64, 441, 4096])
def test_finds_the_rate_of_a_punctual_clock(ppm, block):
    blocks = np.full(int(SECONDS * RATE_HZ / block), block)
    times_s = callbacks(ppm, blocks)
    state = heard(times_s, blocks)
    assert abs(rate_error_ppm(state, ppm)) < max(0.01 * abs(ppm), 1e-3)
    assert abs(state[delaylock.TIME_S] - times_s[-1]) < 1e-4
    assert state[delaylock.AGE_S] == pytest.approx(times_s[-1] - times_s[0], rel=1e-2)


def test_any_sequence_of_block_lengths():
    blocks = np.random.default_rng(1).integers(0, 4097, int(SECONDS * RATE_HZ / 2048))
    times_s = callbacks(300.0, blocks)
    state = heard(times_s, blocks)
    assert abs(rate_error_ppm(state, 300.0)) < 3.0
    assert abs(state[delaylock.TIME_S] - times_s[-1]) < 1e-4


def test_lateness_is_filtered_to_its_mean():
    """1 ms of scatter and a few 10 ms late: the time is steady to some microseconds, the rate to some ppm."""
    blocks = np.full(int(SECONDS * RATE_HZ / 64), 64)
    rng = np.random.default_rng(2)
    late_s = np.minimum(rng.exponential(1e-3, len(blocks)), 5e-3)
    late_s[rng.random(len(blocks)) < 1e-3] = 10e-3
    times_s = callbacks(-300.0, blocks)
    state = delaylock.new_state(RATE_HZ)
    half = len(blocks) // 2
    heard(times_s[:half] + late_s[:half], blocks[:half], state)
    errors_s = []
    for time_s, extra_s in zip(times_s[half:], late_s[half:], strict=True):
        delaylock.tick(state, 64, round((time_s + extra_s) * 1e9))
        errors_s.append(state[delaylock.TIME_S] - time_s)
    print(f"mean {1e6 * np.mean(errors_s):.0f} us late, scatter {1e6 * np.std(errors_s):.1f} us")
    assert np.std(errors_s) < (30e-6 if JIT_ENABLED else 90e-6)
    assert np.mean(errors_s) == pytest.approx(np.mean(late_s), abs=150e-6)
    assert abs(rate_error_ppm(state, -300.0)) < (5.0 if JIT_ENABLED else 30.0)


@pytest.mark.parametrize("jump_s", [0.02, -0.02, 0.2, 1.0, -1.0, 1e6])
def test_a_jump_is_followed_by_a_new_lock(jump_s):
    """Lost samples, a stall, a time that steps: within `RELOCK_S` of audio the time is right again."""
    blocks = np.full(1500, 64)
    times_s = callbacks(0.0, blocks)
    state = heard(times_s, blocks)
    period_s, age_s = state[delaylock.PERIOD_S], state[delaylock.AGE_S]
    later = np.full(int(1.1 * delaylock.RELOCK_S * RATE_HZ / 64), 64)
    later_s = times_s[-1] + jump_s + np.cumsum(later) / RATE_HZ
    heard(later_s, later, state)
    assert abs(state[delaylock.TIME_S] - later_s[-1]) < 1e-3
    assert state[delaylock.AGE_S] < age_s
    assert state[delaylock.PERIOD_S] == pytest.approx(period_s, rel=2e-3)


def test_one_late_callback_is_no_jump():
    blocks = np.full(1500, 64)
    times_s = callbacks(0.0, blocks)
    state = heard(times_s, blocks)
    before_s, age_s = state[delaylock.TIME_S], state[delaylock.AGE_S]
    delaylock.tick(state, 64, round((before_s + 64 / RATE_HZ + 0.2) * 1e9))
    assert state[delaylock.AGE_S] > age_s
    assert abs(state[delaylock.TIME_S] - before_s - 64 / RATE_HZ) < 2e-5


def test_insane_times_leave_a_sane_clock():
    rng = np.random.default_rng(3)
    state = delaylock.new_state(RATE_HZ)
    for samples in rng.integers(-10, 5000, 2000):
        delaylock.tick(state, int(samples), int(rng.integers(-(2**63), 2**63 - 1)))
        assert np.all(np.isfinite(state))
    blocks = np.full(1500, 64)
    times_s = callbacks(0.0, blocks)
    heard(times_s, blocks, state)
    assert abs(state[delaylock.TIME_S] - times_s[-1]) < 1e-3


def test_no_samples_say_nothing():
    state = heard(callbacks(0.0, np.full(100, 64)), np.full(100, 64))
    before = state.copy()
    delaylock.tick(state, 0, 5)
    assert np.array_equal(state, before)
