"""Kernels of every kind of argument and answer, for `test_objects`."""

from __future__ import annotations

import math

import numpy as np

from rt_automix.dsp.jit import kernel


@kernel("float64(float64, float32, int64, int32, uint8, boolean)")
def weighted(a, b, c, d, e, f):
    return a + 10.0 * b + 100.0 * c + 1e3 * d + 1e4 * e + (1e5 if f else 0.0)


@kernel("float32(float32)")
def half(x):
    return np.float32(0.5) * x


@kernel("int32(int32)")
def negative(x):
    return -x


@kernel("boolean(float64)")
def is_finite(x):
    return math.isfinite(x)


@kernel("int64()")
def seven():
    return 7


@kernel("void(float64[:, :, ::1], int64[::1])")
def shape_and_last(cube, out):
    for axis in range(3):
        out[axis] = cube.shape[axis]
    out[3] = int(cube[cube.shape[0] - 1, cube.shape[1] - 1, cube.shape[2] - 1])


@kernel("void(complex64[::1], float32[::1])")
def squared(numbers, out):
    for i in range(numbers.shape[0]):
        out[i] = numbers[i].real * numbers[i].real + numbers[i].imag * numbers[i].imag


@kernel("float64(float64[:, ::1], int64)")
def row_sum(matrix, row):
    """Through a kernel that takes a row of a matrix."""
    return vector_sum(matrix[row])


@kernel("float64(float64[::1])")
def vector_sum(vector):
    total = 0.0
    for i in range(vector.shape[0]):
        total += vector[i]
    return total
