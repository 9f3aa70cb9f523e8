"""Dither against closed forms, and against a twin in whole numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.samples import dither

RATE_HZ = 48000
COUNT = 200_000 if JIT_ENABLED else 20_000
LEFT_JUSTIFIED = {16: 1 << 16, 24: 1 << 8}


def quantise(samples: np.ndarray, bits: int, state: np.ndarray | None = None) -> np.ndarray:
    """One channel in quantisation steps."""
    state = dither.new_state(RATE_HZ, 1)[0] if state is None else state
    quantised = np.empty(len(samples), dtype=np.int32)
    dither.quantise(samples.astype(np.float32), quantised, state, bits)
    assert not np.any(quantised % LEFT_JUSTIFIED[bits])
    return quantised // LEFT_JUSTIFIED[bits]


def twin(samples: np.ndarray, bits: int) -> list[int]:
    """The same, with Python's whole numbers for the noise."""
    noise, _, blank_samples = (int(value) for value in dither.new_state(RATE_HZ, 1)[0])
    exact = blank_samples
    steps = []
    for level in samples.astype(np.float32).tolist():
        noise ^= noise << 13 & (1 << 64) - 1
        noise ^= noise >> 7
        noise ^= noise << 17 & (1 << 64) - 1
        whole = level * 2 ** (bits - 1)
        exact = exact + 1 if whole.is_integer() and -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1) else 0
        first, second = (noise >> 32) / 2**32, (noise & (1 << 32) - 1) / 2**32
        rounded = math.floor(level * 2 ** (bits - 1) + (first + second - 1.0) + 0.5)
        steps.append(
            int(whole) if exact >= blank_samples else max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, rounded))
        )
    return steps


@pytest.mark.parametrize("bits", [16, 24])
def test_agrees_with_the_twin_bit_for_bit(bits: int) -> None:
    rng = np.random.default_rng(1)
    samples = np.concatenate([np.zeros(50), rng.uniform(-1.1, 1.1, 1500), np.zeros(5000), rng.normal(0, 1e-5, 500)])
    np.testing.assert_array_equal(quantise(samples, bits), twin(samples, bits))


@pytest.mark.parametrize("offset_steps", [0.1, 0.25, 0.5, 0.9])
def test_error_has_mean_zero_and_variance_a_quarter_whatever_the_level(offset_steps: float) -> None:
    # Two uniforms of one step and the rounding: 3 x 1/12 = 1/4.
    level_steps = 100.0 + offset_steps
    error = quantise(np.full(COUNT, level_steps / 32768.0), 16) - level_steps
    assert abs(error.mean()) < 5.0 * 0.5 / math.sqrt(COUNT)
    # The total error lies within 1.5 steps, so its square has a spread below 0.75.
    assert abs(error.var() - 0.25) < 5.0 * 0.75 / math.sqrt(COUNT)
    assert np.abs(error).max() <= 1.5


def test_error_is_white_and_uncorrelated_with_the_signal() -> None:
    signal = 3.3 / 32768.0 * np.sin(2.0 * np.pi * 0.0123 * np.arange(COUNT))
    error = quantise(signal, 16) - signal * 32768.0
    power = np.mean(error**2)
    bound = 5.0 / math.sqrt(COUNT)
    assert abs(np.mean(error * signal)) < bound * math.sqrt(power * np.mean(signal**2))
    for lag in (1, 2, 3, 7, 64):
        assert abs(np.mean(error[lag:] * error[:-lag])) < bound * power


def test_a_tone_below_one_step_survives() -> None:
    tone = np.sin(2.0 * np.pi * 0.02 * np.arange(COUNT))
    signal = 0.4 / 32768.0 * tone
    assert not np.any(np.rint(signal * 32768.0)), "plain rounding loses it"
    recovered_steps = 2.0 * np.mean(quantise(signal, 16) * tone)
    assert recovered_steps == pytest.approx(0.4, abs=5.0 * math.sqrt(2.0 * 0.25 / COUNT))


@pytest.mark.parametrize("block_samples", [1, 7, 64, 65, 512, 4096])
def test_the_block_size_changes_nothing(block_samples: int) -> None:
    samples = np.random.default_rng(2).normal(0, 0.3, 9000)
    samples[1000:7000] = 0.0
    state = dither.new_state(RATE_HZ, 1)[0]
    pieces = [quantise(samples[i : i + block_samples], 24, state) for i in range(0, len(samples), block_samples)]
    np.testing.assert_array_equal(np.concatenate(pieces), quantise(samples, 24))


def test_channels_have_noise_of_their_own() -> None:
    states = dither.new_state(RATE_HZ, 2)
    left, right = (quantise(np.full(COUNT, 0.1), 24, state) - 0.1 * 2**23 for state in states)
    assert abs(np.mean(left * right)) < 5.0 * 0.25 / math.sqrt(COUNT)


def test_clips_at_the_rails_and_turns_nan_into_zero() -> None:
    samples = np.array([2.0, -2.0, 1.0, np.inf, -np.inf, np.nan])
    assert quantise(samples, 16).tolist() == [32767, -32768, 32767, 32767, -32768, 0]


def test_silence_is_blank_from_the_start_and_again_after_100_ms() -> None:
    sound, blank_after = 480, round(0.1 * RATE_HZ)
    samples = np.concatenate([np.zeros(2000), np.full(sound, 0.50001), np.zeros(2 * blank_after)])
    steps = quantise(samples, 16)
    tail = steps[2000 + sound :]
    assert not steps[:2000].any()
    assert np.count_nonzero(tail[: blank_after - 1]) > blank_after // 10
    assert not tail[blank_after - 1 :].any()


@pytest.mark.parametrize("bits", [16, 24])
def test_whole_steps_are_exact_from_the_start_and_again_after_100_ms(bits: int) -> None:
    top, after = 2 ** (bits - 1), round(0.1 * RATE_HZ)
    steps = np.random.default_rng(4).integers(-top, top, 3 * after)
    steps[:4] = (-top, top - 1, -1, 1)
    np.testing.assert_array_equal(quantise(steps / top, bits), steps)
    disturbed = steps / top
    disturbed[after] += 0.25 / top if bits == 16 else 0.0
    disturbed[after] = disturbed[after] if bits == 16 else 1.0  # no whole step below full scale
    written = quantise(disturbed, bits)
    np.testing.assert_array_equal(written[:after], steps[:after])
    assert np.any(written[after + 1 : 2 * after] != steps[after + 1 : 2 * after])
    np.testing.assert_array_equal(written[2 * after :], steps[2 * after :])
