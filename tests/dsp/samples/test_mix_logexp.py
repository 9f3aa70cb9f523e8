"""Mixing steps against one-line twins; the fast logarithm and exponential against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.samples import mix
from rt_automix.dsp.vectors import logexp

COUNT = 1000 if JIT_ENABLED else 100
POINTS = 20_000 if JIT_ENABLED else 2_000
TINY = np.finfo(np.float32).smallest_subnormal


def pair(seed: int = 1, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2, count)).astype(np.float32)


def same_bits(one, other) -> bool:
    """Equal to the bit, NaN and the sign of zero included."""
    one, other = (np.ascontiguousarray(x, dtype=np.float32).view(np.int32) for x in (one, other))
    return np.array_equal(one, other)


def test_guard_lets_sane_audio_pass_to_the_bit():
    """Denormals, negative zero and the very limit included."""
    edges = np.float32([0.0, -0.0, TINY, -TINY, 1e-40, 32.0, -32.0, 1.0])
    for audio in (np.stack([edges, edges[::-1]]), pair()):
        left, right = audio.copy()
        assert mix.guard(left, right) == 0
        assert same_bits([left, right], audio)


def test_guard_silences_each_insane_sample_and_counts_it():
    insane = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, np.nextafter(np.float32(32.0), np.float32(33.0))])
    left, right = pair(count=len(insane) + 1)
    expected = right.copy()
    left[1:] = insane
    first = left[0]
    assert mix.guard(left, right) == len(insane)
    assert same_bits(left, [first, *np.zeros(len(insane))])
    assert same_bits(right, expected)
    assert mix.guard(right, left) == 0
    right[:] = np.nan
    assert mix.guard(left, right) == len(right)
    assert not np.any(right)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), max_size=40),
)
def test_guard_agrees_with_its_twin(samples):
    audio = np.array(samples, dtype=np.float32).reshape(-1, 2).T.copy()
    is_sane = np.abs(audio) <= 32.0
    left, right = audio.copy()
    assert mix.guard(left, right) == np.count_nonzero(~is_sane)
    assert same_bits([left, right], np.where(is_sane, audio, np.float32(0.0)))


def test_peak():
    audio = pair()
    assert mix.peak(audio[0], audio[1]) == np.abs(audio).max()
    quiet = np.zeros_like(audio)
    assert mix.peak(quiet[0], quiet[1]) == 0.0
    for channel in (0, 1):
        for at in (0, COUNT - 1):
            one = np.zeros_like(audio)
            one[channel, at] = -0.5
            assert mix.peak(one[0], one[1]) == 0.5


def test_gain_ramps_from_the_sample_before():
    """In two pieces as in one."""
    left, right = audio = pair()
    step = np.float32(0.5 / COUNT)
    factor = 0.25 + float(step) * np.arange(1, COUNT + 1)
    expected = audio.astype(np.float64) * factor
    mix.gain(left[: COUNT // 3], right[: COUNT // 3], 0, np.float32(0.25), step)
    mix.gain(left[COUNT // 3 :], right[COUNT // 3 :], COUNT // 3, np.float32(0.25), step)
    np.testing.assert_allclose([left, right], expected, rtol=1e-6)


def test_gain_of_one_changes_no_bit():
    audio = pair()
    left, right = audio.copy()
    mix.gain(left, right, 0, np.float32(1.0), np.float32(0.0))
    assert same_bits([left, right], audio)


@pytest.mark.parametrize(("width_start", "width_end"), [(0.0, 0.0), (0.5, 1.5), (1.5, 1.0)])
def test_width_and_gain(width_start, width_end):
    """Mid stays, side is scaled, then the gain."""
    left, right = audio = pair()
    ramp = np.arange(1, COUNT + 1) / COUNT
    width, factor = width_start + (width_end - width_start) * ramp, 0.5 + ramp
    mid, side = (audio[0] + audio[1].astype(np.float64)) / 2, (audio[0] - audio[1].astype(np.float64)) / 2
    expected = np.stack([mid + width * side, mid - width * side]) * factor
    width_step, gain_step = np.float32((width_end - width_start) / COUNT), np.float32(1.0 / COUNT)
    mix.width_and_gain(left, right, 0, np.float32(width_start), width_step, np.float32(0.5), gain_step)
    np.testing.assert_allclose([left, right], expected, rtol=0, atol=4e-6)


def test_width_of_one_changes_no_bit():
    audio = pair()
    left, right = audio.copy()
    mix.width_and_gain(left, right, 0, np.float32(1.0), np.float32(0.0), np.float32(1.0), np.float32(0.0))
    assert np.array_equal([left, right], audio)


def test_crossfade():
    (left, right), other = audio, _ = pair(1), pair(2)
    share = 0.1 + 0.8 * np.arange(1, COUNT + 1) / COUNT
    expected = (1.0 - share) * audio.astype(np.float64) + share * other
    mix.crossfade(left, right, other[0], other[1], 0, np.float32(0.1), np.float32(0.8 / COUNT))
    np.testing.assert_allclose([left, right], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_crossfade_ends_are_either_pair_to_the_bit(share):
    audio, other = pair(1), pair(2)
    left, right = audio.copy()
    mix.crossfade(left, right, other[0], other[1], 0, np.float32(share), np.float32(0.0))
    assert same_bits([left, right], other if share else audio)


def test_log2_is_close_from_end_to_end():
    """4e-6 from the smallest normal number to the guard's limit squared; float32 steps come on top."""
    points = np.exp2(np.linspace(-125.9, 20.0, POINTS)).astype(np.float32)
    near_one = (1.0 + np.linspace(-0.01, 0.01, POINTS // 10)).astype(np.float32)
    for values in (points, near_one):
        expected = np.log2(values.astype(np.float64))
        error = np.abs([logexp.log2(value) for value in values] - expected)
        print(f"log2 on {values[0]:.2g}..{values[-1]:.2g}: error {error.max():.2e}")
        assert np.all(error < 4e-6 + np.spacing(np.abs(expected).astype(np.float32)))


def test_exp2_is_close_from_end_to_end():
    values = np.linspace(-100.0, 100.0, POINTS).astype(np.float32)
    expected = np.exp2(values.astype(np.float64))
    error = np.abs(np.array([logexp.exp2(value) for value in values], dtype=np.float64) / expected - 1.0)
    print(f"exp2 on -100..100: relative error {error.max():.2e}")
    assert error.max() < 6e-7


@pytest.mark.parametrize("exponent", [-100, -20, -1, 0, 1, 5, 100])
def test_powers_of_two_are_exact(exponent):
    """Hence gain 0 dB is a gain of exactly one."""
    power = np.float32(2.0**exponent)
    assert logexp.log2(power) == exponent
    assert logexp.exp2(np.float32(exponent)) == power


def test_both_rise():
    """The seams between the polynomials' pieces step back by no more than their error."""
    values = np.linspace(0.9, 4.2, POINTS).astype(np.float32)
    logarithms = np.array([logexp.log2(value) for value in values])
    assert np.diff(logarithms).min() > -8e-6
    powers = np.array([logexp.exp2(value) for value in values], dtype=np.float64)
    assert (np.diff(powers) / powers[1:]).min() > -1.2e-6
