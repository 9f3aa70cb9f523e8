"""Kernels that call the doors of another module, for `test_doors`."""

from __future__ import annotations

import doors

from rt_automix.dsp.jit import kernel


@kernel("float64(float64, float32, int64, int32, uint8, boolean)")
def weighted(a, b, c, d, e, f):
    return doors.weighted(a, b, c, d, e, f)


@kernel("boolean(int16, uint16, int8)")
def is_small(a, b, c):
    return doors.is_small(a, b, c)


@kernel("void(float64[:, :, ::1], complex64[::1], int64[::1])")
def corners(cube, numbers, out):
    doors.corners(cube, numbers, out)


@kernel("float64(float64[:, ::1], int64, int64, int64)")
def part(matrix, row, start, stop):
    """Of a part of a row, of the same counted from the end, and through what is no door."""
    return doors.total(matrix[row][start:stop]) + 10.0 * doors.twice(matrix[row][start - 4 : stop - 4])
