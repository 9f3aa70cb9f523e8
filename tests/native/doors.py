"""Doors of every kind of argument and answer, for `test_doors`."""

from __future__ import annotations

from rt_automix.dsp.jit import kernel


@kernel("float64(float64, float32, int64, int32, uint8, boolean)", door=True)
def weighted(a, b, c, d, e, f):
    return a + 10.0 * b + 100.0 * c + 1e3 * d + 1e4 * e + (1e5 if f else 0.0)


@kernel("boolean(int16, uint16, int8)", door=True)
def is_small(a, b, c):
    return a < 10 and b < 10 and c < 10


@kernel("void(float64[:, :, ::1], complex64[::1], int64[::1])", door=True)
def corners(cube, numbers, out):
    for axis in range(3):
        out[axis] = cube.shape[axis]
    out[3] = int(cube[cube.shape[0] - 1, cube.shape[1] - 1, cube.shape[2] - 1])
    out[4] = int(numbers[numbers.shape[0] - 1].imag)


@kernel("float64(float64[::1])", door=True)
def total(vector):
    found = 0.0
    for i in range(vector.shape[0]):
        found += vector[i]
    return found


@kernel("float64(float64[::1])")
def twice(vector):
    """No door, in a module with doors, that calls one."""
    return 2.0 * total(vector)
