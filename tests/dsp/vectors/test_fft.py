"""The transform against numpy's, and eight lanes against one."""

from __future__ import annotations

import numpy as np
import pytest

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.vectors import fft

LENGTHS = (8, 16, 24, 40, 72, 360, 1000) + ((8640, 9000, 17280, 18000, 36000) if JIT_ENABLED else ())


def transformed(plan: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Spectrum of a complex signal, by the kernel; what lies between the columns is noise."""
    rows, columns, stride, size = plan[fft.ROWS], plan[fft.COLUMNS], plan[fft.STRIDE], plan[fft.SIZE]
    work = np.random.default_rng(9).standard_normal(fft.work_size(plan)).astype(np.float32)
    for start, part in ((0, signal.real), (size, signal.imag)):
        work[start : start + rows * stride].reshape(rows, stride)[:, :columns] = part.reshape(rows, columns)
    start, length = fft.transform(plan, fft.new_table(plan), work), plan[fft.LENGTH]
    assert work[start + length] == work[start] and work[start + size + length] == work[start + size]
    return work[start : start + length] + 1j * work[start + size : start + size + length]


@pytest.mark.parametrize("length", LENGTHS)
def test_agrees_with_numpy(length):
    rng = np.random.default_rng(length)
    plan = fft.new_plan(length)
    for signal in (
        rng.standard_normal(length) + 1j * rng.standard_normal(length),
        (np.arange(length) == 1) + 0j,
        np.exp(2j * np.pi * 3 * np.arange(length) / length),
    ):
        signal = signal.astype(np.complex64)
        expected = np.fft.fft(signal.astype(np.complex128))
        error = np.abs(transformed(plan, signal) - expected).max()
        assert error < 1e-6 * np.sqrt(np.sum(np.abs(expected) ** 2)), "relative to the whole"
        assert error < 2e-6 * np.sqrt(length) * np.sqrt(np.sum(np.abs(signal) ** 2))


def test_every_plan_multiplies_to_its_length():
    for minimum in range(8, 20_000, 97):
        length = fft.length_of(minimum)
        assert length >= minimum and length % 8 == 0
        plan = fft.new_plan(length)
        rows, columns = plan[fft.ROWS], plan[fft.COLUMNS]
        assert rows * columns == length and rows % 8 == 0 and plan[fft.STRIDE] % 8 == 0
        for start, count in ((fft.ROW_RADICES, rows), (fft.COLUMN_RADICES, columns)):
            radices = plan[start : start + 12]
            assert radices[-1] == 0 and np.prod(radices[radices > 0]) == count


def test_lengths_of_the_frames_are_the_smallest_there_are():
    for minimum, length in ((8202, 8640), (8928, 9000), (16406, 17280), (17856, 18000)):
        assert fft.length_of(minimum) == length
