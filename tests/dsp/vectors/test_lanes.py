"""Two lanes against two plain numbers, and the equaliser's lanes against a scalar twin."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rt_automix.dsp.jit import JIT_ENABLED, kernel
from rt_automix.dsp.tone import cascade, equalizer
from rt_automix.dsp.vectors.lanes import first, minus, minus_mul, mul, mul_add, pair, second

COUNT = 4800 if JIT_ENABLED else 300


@kernel("void(float64[::1], float64[::1])")
def calculate(numbers, results):
    """One of each operation; results[0::2] is left, results[1::2] right."""
    p, q, factor = pair(numbers[0], numbers[1]), pair(numbers[2], numbers[3]), numbers[4]
    results[0], results[1] = first(p), second(p)
    results[2], results[3] = first(minus(p, q)), second(minus(p, q))
    results[4], results[5] = first(mul(factor, p)), second(mul(factor, p))
    results[6], results[7] = first(mul(p, q)), second(mul(p, q))
    results[8], results[9] = first(mul_add(factor, p, q)), second(mul_add(factor, p, q))
    results[10], results[11] = first(mul_add(p, p, q)), second(mul_add(p, p, q))
    results[12], results[13] = first(minus_mul(factor, p, q)), second(minus_mul(factor, p, q))


def test_each_lane_calculates_like_a_number():
    numbers = np.random.default_rng(1).standard_normal(5)
    results = np.zeros(14)
    calculate(numbers, results)
    p, q, factor = numbers[0:2], numbers[2:4], numbers[4]
    expected = [p, p - q, factor * p, p * q, factor * p + q, p * p + q, q - factor * p]
    np.testing.assert_allclose(results.reshape(7, 2), expected, rtol=0, atol=1e-15)


def test_lanes_are_the_same_in_every_process():
    """A second process, which loads the object that is there, hears the same."""
    script = (
        "import numpy as np; from rt_automix.dsp.tone import equalizer; x = np.ones(100, np.float32); y = 2 * x\n"
        "equalizer.process(np.arange(25) / 25, equalizer.new_state(), x, y)\n"
        "print(x.tobytes().hex(), y.tobytes().hex())\n"
    )
    if not JIT_ENABLED:
        pytest.skip("plain Python has no object")
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(2)
    ]
    assert len({run.stdout for run in runs}) == 1


def biquads(coefficients: np.ndarray, signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One channel through the five bands, one number after the other: output and last state."""
    state = np.zeros((5, 2))
    output = signal.astype(np.float64)
    for band, (b0, b1, b2, a1, a2) in enumerate(coefficients.reshape(5, 5)):
        s1, s2 = 0.0, 0.0
        for i, x in enumerate(output):
            y = b0 * x + s1
            s1, s2 = b1 * x - a1 * y + s2, b2 * x - a2 * y
            output[i] = y
        state[band] = s1, s2
    return output, state.ravel()


@pytest.mark.parametrize("gains_db", [(6, 6, 6, 6, 6), (-6, -6, -6, -6, -6), (3.0, -2.0, 1.0, 4.0, -5.0)])
def test_equalizer_agrees_with_the_scalar_twin(gains_db):
    """The state, which is float64, to 1e-12 of its size; the output to the last bit of float32."""
    coefficients = np.zeros(equalizer.COEFFICIENTS)
    equalizer.design(equalizer.design_table(48000), np.array(gains_db, np.float64), coefficients)
    audio = (0.2 * np.random.default_rng(2).standard_normal((2, COUNT))).astype(np.float32)
    left, right = audio.copy()
    state = equalizer.new_state()
    equalizer.process(coefficients, state, left, right)
    for channel, output, memory in ((0, left, state[:10]), (1, right, state[10:])):
        expected, expected_memory = biquads(coefficients, audio[channel])
        np.testing.assert_allclose(memory, expected_memory, rtol=0, atol=1e-12 * np.abs(expected_memory).max())
        np.testing.assert_allclose(output, expected, rtol=2**-23, atol=1e-12)


@pytest.mark.parametrize("block_samples", [1, 7, 64, 65])
def test_equalizer_block_size_changes_no_bit(block_samples):
    coefficients = np.zeros(equalizer.COEFFICIENTS)
    equalizer.design(equalizer.design_table(44100), np.array([3.3, -2.0, 1.0, 4.0, -5.0]), coefficients)
    whole = (0.2 * np.random.default_rng(3).standard_normal((2, COUNT))).astype(np.float32)
    cut = whole.copy()
    state, cut_state = equalizer.new_state(), equalizer.new_state()
    equalizer.process(coefficients, state, whole[0], whole[1])
    for start in range(0, COUNT, block_samples):
        stop = start + block_samples
        equalizer.process(coefficients, cut_state, cut[0, start:stop], cut[1, start:stop])
    assert np.array_equal(cut, whole)
    assert np.array_equal(cut_state, state)


def test_samples_laid_out_and_gathered_are_the_samples():
    """Times the gains' lines, at every length around whole registers: the same as one by one, to the bit."""
    rng = np.random.default_rng(4)
    for count in (0, 1, 3, 4, 5, 63, 64):
        left, right = (0.3 * rng.standard_normal((2, count))).astype(np.float32)
        work, again = np.zeros(4 * count + 4), np.zeros(4 * count + 4)
        cascade.take_in(work, 0.7, 1e-3, 5, left, right)
        for i in range(count):
            cascade.take_in(again[4 * i : 4 * i + 4], 0.7, 1e-3, 5 + i, left[i : i + 1], right[i : i + 1])
        assert np.array_equal(work, again)
        factor = 0.7 + 1e-3 * np.arange(6, 6 + count)
        np.testing.assert_allclose(work[: 4 * count].reshape(-1, 4)[:, ::2].T, factor * [left, right], rtol=1e-15)
        out, pieces = np.zeros((2, count), np.float32), np.zeros((2, count), np.float32)
        cascade.give_out(work, 1.0, -1e-3, 3, 2.0, 1e-4, 9, *out)
        for i in range(count):
            one = slice(i, i + 1)
            cascade.give_out(again[4 * i : 4 * i + 4], 1.0, -1e-3, 3 + i, 2.0, 1e-4, 9 + i, *pieces[:, one])
        assert np.array_equal(out, pieces)
        factor *= (1.0 - 1e-3 * np.arange(4, 4 + count)) * (2.0 + 1e-4 * np.arange(10, 10 + count))
        np.testing.assert_allclose(out, factor * [left, right], rtol=1e-6, atol=1e-9)
