"""A fast Fourier transform for lengths 8 * 2^a 3^b 5^c, complex float32, real and imaginary parts apart.

Two numbers multiply to the length (D. H. Bailey, "FFTs in external or hierarchical memory", 1990): the
signal as a matrix is transformed along its columns, turned, transposed, and transformed along its
columns again. Each of the two is Stockham's autosort with radix 2 to 5 (P. N. Swarztrauber, "FFT
algorithms for vector computers", 1984), over eight columns at a time: every load and store is whole.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors import eight
from rt_automix.dsp.vectors.eight import load, minus, minus_mul, mul, mul_add, plus, store, transposed

_RADICES = 12
(LENGTH, ROWS, COLUMNS, STRIDE, SIZE, ROW_RADICES) = range(6)
COLUMN_RADICES = ROW_RADICES + _RADICES
PLAN_SIZE = COLUMN_RADICES + _RADICES
"""A plan: the length; rows and columns of its matrix; from one row to the next; the size of a part (real
or imaginary) of the matrix; radices of either transform, as many as there are, then 0."""

_TURNING_PASSES = 2
"""Turning and transposing cost like so many passes."""

_COS_60 = np.float32(0.5)
_SIN_60 = np.float32(math.sqrt(0.75))
_COS_72, _SIN_72 = np.float32(math.cos(0.4 * math.pi)), np.float32(math.sin(0.4 * math.pi))
_COS_144, _SIN_144 = np.float32(math.cos(0.8 * math.pi)), np.float32(math.sin(0.8 * math.pi))


def length_of(minimum: int) -> int:
    """The smallest length there is a transform for that is not below `minimum`.

    Thread: main. Allocates: no.
    """
    length = -(-minimum // 8) * 8
    while _radices(length // 8) is None:
        length += 8
    return length


def _radices(length: int) -> list[int] | None:
    """The radices of a transform, or None for a length with other primes than 2, 3 and 5."""
    found = []
    for radix in (4, 5, 3, 2):
        while length % radix == 0:
            found.append(radix)
            length //= radix
    return found if length == 1 else None


def new_plan(length: int) -> NDArray[np.int64]:
    """How to transform a length that `length_of` gives: int64, shape (PLAN_SIZE,).

    Of all matrices with a multiple of eight rows the one with the least to do, nearest to square.

    Thread: main. Allocates: yes.
    """

    def cost(rows: int) -> tuple[int, int]:
        columns = length // rows
        passes = len(_radices(rows) or []) + len(_radices(columns) or [])
        return rows * _padded(columns) * (passes + _TURNING_PASSES), abs(rows - columns)

    rows = min((rows for rows in range(8, length + 1, 8) if length % rows == 0), key=cost)
    columns = length // rows
    plan = np.zeros(PLAN_SIZE, np.int64)
    size = rows * _padded(columns) + eight.COUNT  # room for the first again, behind the last
    plan[[LENGTH, ROWS, COLUMNS, STRIDE, SIZE]] = length, rows, columns, _padded(columns), size
    for start, count in ((ROW_RADICES, rows), (COLUMN_RADICES, columns)):
        radices = _radices(count) or []
        plan[start : start + len(radices)] = radices
    return plan


def _padded(count: int) -> int:
    return -(-count // 8) * 8


def table_size(plan: NDArray[np.int64]) -> int:
    """How many float32 `new_table` takes.

    Thread: main. Allocates: no.
    """
    return int(2 * (plan[SIZE] + plan[ROWS] + plan[COLUMNS]))


def new_table(plan: NDArray[np.int64]) -> NDArray[np.float32]:
    """Roots of unity for a plan: float32, shape (table_size(plan),).

    First those that turn the matrix between its two transforms, then those of the rows' and of the
    columns' count; of each first the real parts, then the imaginary ones.

    Thread: main. Allocates: yes.
    """
    length, rows, columns, stride, size = plan[:ROW_RADICES].tolist()
    turns = np.zeros(size, np.complex128)
    turns[: rows * stride] = np.exp((-2j * np.pi / length) * np.outer(np.arange(rows), np.arange(stride)).reshape(-1))
    parts = [turns, *(np.exp((-2j * np.pi / count) * np.arange(count)) for count in (rows, columns))]
    return np.concatenate([half for part in parts for half in (part.real, part.imag)]).astype(np.float32)


def work_size(plan: NDArray[np.int64]) -> int:
    """How many float32 `transform` works on: two matrices, real and imaginary parts.

    Thread: main. Allocates: no.
    """
    return int(4 * plan[SIZE])


@kernel("void(float32[::1], int64, int64, int64, float32[::1], int64, int64)")
def _pass_2(work, x, y, size, roots, n, s):
    count, m = roots.shape[0] // 2, n // 2
    for p in range(m):
        c, d = roots[p * (count // n)], roots[count + p * (count // n)]
        for q in range(0, s, eight.COUNT):
            i, o = x + q + s * p, y + q + s * 2 * p
            a_re, a_im = load(work, i), load(work, i + size)
            b_re, b_im = load(work, i + s * m), load(work, i + s * m + size)
            u_re, u_im = minus(a_re, b_re), minus(a_im, b_im)
            store(work, o, plus(a_re, b_re))
            store(work, o + size, plus(a_im, b_im))
            store(work, o + s, minus_mul(d, u_im, mul(c, u_re)))
            store(work, o + s + size, mul_add(d, u_re, mul(c, u_im)))


@kernel("void(float32[::1], int64, int64, int64, float32[::1], int64, int64)")
def _pass_3(work, x, y, size, roots, n, s):
    count, m = roots.shape[0] // 2, n // 3
    for p in range(m):
        j = p * (count // n)
        c1, d1, c2, d2 = roots[j], roots[count + j], roots[2 * j], roots[count + 2 * j]
        for q in range(0, s, eight.COUNT):
            i, o = x + q + s * p, y + q + s * 3 * p
            a_re, a_im = load(work, i), load(work, i + size)
            i += s * m
            b_re, b_im = load(work, i), load(work, i + size)
            i += s * m
            c_re, c_im = load(work, i), load(work, i + size)
            t_re, t_im = plus(b_re, c_re), plus(b_im, c_im)
            v_re, v_im = mul(_SIN_60, minus(b_re, c_re)), mul(_SIN_60, minus(b_im, c_im))
            m_re, m_im = minus_mul(_COS_60, t_re, a_re), minus_mul(_COS_60, t_im, a_im)
            store(work, o, plus(a_re, t_re))
            store(work, o + size, plus(a_im, t_im))
            o += s
            u_re, u_im = plus(m_re, v_im), minus(m_im, v_re)
            store(work, o, minus_mul(d1, u_im, mul(c1, u_re)))
            store(work, o + size, mul_add(d1, u_re, mul(c1, u_im)))
            o += s
            u_re, u_im = minus(m_re, v_im), plus(m_im, v_re)
            store(work, o, minus_mul(d2, u_im, mul(c2, u_re)))
            store(work, o + size, mul_add(d2, u_re, mul(c2, u_im)))


@kernel("void(float32[::1], int64, int64, int64, float32[::1], int64, int64)")
def _pass_4(work, x, y, size, roots, n, s):
    count, m = roots.shape[0] // 2, n // 4
    for p in range(m):
        j = p * (count // n)
        c1, d1, c2, d2 = roots[j], roots[count + j], roots[2 * j], roots[count + 2 * j]
        c3, d3 = roots[3 * j], roots[count + 3 * j]
        for q in range(0, s, eight.COUNT):
            i, o = x + q + s * p, y + q + s * 4 * p
            a_re, a_im = load(work, i), load(work, i + size)
            i += s * m
            b_re, b_im = load(work, i), load(work, i + size)
            i += s * m
            c_re, c_im = load(work, i), load(work, i + size)
            i += s * m
            d_re, d_im = load(work, i), load(work, i + size)
            ac_re, ac_im, a_re, a_im = plus(a_re, c_re), plus(a_im, c_im), minus(a_re, c_re), minus(a_im, c_im)
            bd_re, bd_im, b_re, b_im = plus(b_re, d_re), plus(b_im, d_im), minus(b_re, d_re), minus(b_im, d_im)
            store(work, o, plus(ac_re, bd_re))
            store(work, o + size, plus(ac_im, bd_im))
            o += s
            u_re, u_im = plus(a_re, b_im), minus(a_im, b_re)
            store(work, o, minus_mul(d1, u_im, mul(c1, u_re)))
            store(work, o + size, mul_add(d1, u_re, mul(c1, u_im)))
            o += s
            u_re, u_im = minus(ac_re, bd_re), minus(ac_im, bd_im)
            store(work, o, minus_mul(d2, u_im, mul(c2, u_re)))
            store(work, o + size, mul_add(d2, u_re, mul(c2, u_im)))
            o += s
            u_re, u_im = minus(a_re, b_im), plus(a_im, b_re)
            store(work, o, minus_mul(d3, u_im, mul(c3, u_re)))
            store(work, o + size, mul_add(d3, u_re, mul(c3, u_im)))


@kernel("void(float32[::1], int64, int64, int64, float32[::1], int64, int64)")
def _pass_5(work, x, y, size, roots, n, s):
    count, m = roots.shape[0] // 2, n // 5
    for p in range(m):
        j = p * (count // n)
        c1, d1, c2, d2 = roots[j], roots[count + j], roots[2 * j], roots[count + 2 * j]
        c3, d3, c4, d4 = roots[3 * j], roots[count + 3 * j], roots[4 * j], roots[count + 4 * j]
        for q in range(0, s, eight.COUNT):
            i, o = x + q + s * p, y + q + s * 5 * p
            a_re, a_im = load(work, i), load(work, i + size)
            i += s * m
            b_re, b_im = load(work, i), load(work, i + size)
            i += s * m
            c_re, c_im = load(work, i), load(work, i + size)
            i += s * m
            d_re, d_im = load(work, i), load(work, i + size)
            i += s * m
            e_re, e_im = load(work, i), load(work, i + size)
            be_re, be_im, b_re, b_im = plus(b_re, e_re), plus(b_im, e_im), minus(b_re, e_re), minus(b_im, e_im)
            cd_re, cd_im, c_re, c_im = plus(c_re, d_re), plus(c_im, d_im), minus(c_re, d_re), minus(c_im, d_im)
            store(work, o, plus(a_re, plus(be_re, cd_re)))
            store(work, o + size, plus(a_im, plus(be_im, cd_im)))
            near_re = mul_add(_COS_144, cd_re, mul_add(_COS_72, be_re, a_re))
            near_im = mul_add(_COS_144, cd_im, mul_add(_COS_72, be_im, a_im))
            far_re = mul_add(_COS_72, cd_re, mul_add(_COS_144, be_re, a_re))
            far_im = mul_add(_COS_72, cd_im, mul_add(_COS_144, be_im, a_im))
            one_re, one_im = mul_add(_SIN_144, c_re, mul(_SIN_72, b_re)), mul_add(_SIN_144, c_im, mul(_SIN_72, b_im))
            two_re, two_im = (
                minus_mul(_SIN_72, c_re, mul(_SIN_144, b_re)),
                minus_mul(_SIN_72, c_im, mul(_SIN_144, b_im)),
            )
            o += s
            u_re, u_im = plus(near_re, one_im), minus(near_im, one_re)
            store(work, o, minus_mul(d1, u_im, mul(c1, u_re)))
            store(work, o + size, mul_add(d1, u_re, mul(c1, u_im)))
            o += s
            u_re, u_im = plus(far_re, two_im), minus(far_im, two_re)
            store(work, o, minus_mul(d2, u_im, mul(c2, u_re)))
            store(work, o + size, mul_add(d2, u_re, mul(c2, u_im)))
            o += s
            u_re, u_im = minus(far_re, two_im), plus(far_im, two_re)
            store(work, o, minus_mul(d3, u_im, mul(c3, u_re)))
            store(work, o + size, mul_add(d3, u_re, mul(c3, u_im)))
            o += s
            u_re, u_im = minus(near_re, one_im), plus(near_im, one_re)
            store(work, o, minus_mul(d4, u_im, mul(c4, u_re)))
            store(work, o + size, mul_add(d4, u_re, mul(c4, u_im)))


@kernel("int64(float32[::1], int64, int64, int64[::1], float32[::1], int64)")
def _columns(work, x, size, radices, roots, s):
    """Transform `s` columns at a time, from the matrix at `x` to and fro; where the result is."""
    n = roots.shape[0] // 2
    for k in range(radices.shape[0]):
        radix, y = radices[k], 2 * size - x
        if radix == 0:
            break
        if radix == 2:
            _pass_2(work, x, y, size, roots, n, s)
        elif radix == 3:
            _pass_3(work, x, y, size, roots, n, s)
        elif radix == 4:
            _pass_4(work, x, y, size, roots, n, s)
        else:
            _pass_5(work, x, y, size, roots, n, s)
        n //= radix
        s *= radix
        x = y
    return x


@kernel("void(float32[::1], int64, int64, float32[::1])")
def _turn(work, x, size, turns):
    """Multiply the matrix at `x` with roots of unity."""
    for i in range(0, size, eight.COUNT):
        re, im = load(work, x + i), load(work, x + i + size)
        c, d = load(turns, i), load(turns, i + size)
        store(work, x + i, minus_mul(d, im, mul(c, re)))
        store(work, x + i + size, mul_add(d, re, mul(c, im)))


@kernel("void(float32[::1], int64, int64, int64, int64)")
def _transpose(work, x, y, rows, stride):
    """One part of the matrix at `x`, transposed to `y`, in squares of eight by eight."""
    for r in range(0, rows, eight.COUNT):
        for c in range(0, stride, eight.COUNT):
            i = x + r * stride + c
            a, b = load(work, i), load(work, i + stride)
            d, e = load(work, i + 2 * stride), load(work, i + 3 * stride)
            i += 4 * stride
            f, g = load(work, i), load(work, i + stride)
            h, k = load(work, i + 2 * stride), load(work, i + 3 * stride)
            a, b, d, e, f, g, h, k = transposed(a, b, d, e, f, g, h, k)
            o = y + c * rows + r
            store(work, o, a)
            store(work, o + rows, b)
            store(work, o + 2 * rows, d)
            store(work, o + 3 * rows, e)
            o += 4 * rows
            store(work, o, f)
            store(work, o + rows, g)
            store(work, o + 2 * rows, h)
            store(work, o + 3 * rows, k)


@kernel("int64(int64[::1], float32[::1], float32[::1])")
def transform(plan, table, work):
    """Transform the signal in the first of the two matrices.

    Parameters
    ----------
    plan : int64, shape (PLAN_SIZE,)
    table : float32, shape (table_size(plan),)
    work : float32, shape (work_size(plan),), overwritten
        Sample n lies at `plan[STRIDE] * (n // plan[COLUMNS]) + n % plan[COLUMNS]`, its imaginary part
        `plan[SIZE]` further on. What lies between must be finite and does not count.

    Returns
    -------
    int64
        Where in `work` the spectrum begins: length real parts in order, the first one again behind
        them, and `plan[SIZE]` further on the imaginary ones alike.

    Thread: worker. Allocates: no.
    """
    rows, columns, stride, size = plan[ROWS], plan[COLUMNS], plan[STRIDE], plan[SIZE]
    after = 2 * size + 2 * rows
    row_roots, column_roots = table[2 * size : after], table[after : after + 2 * columns]
    x = _columns(work, 0, size, plan[ROW_RADICES : ROW_RADICES + _RADICES], row_roots, stride)
    y = 2 * size - x
    _turn(work, x, size, table)
    _transpose(work, x, y, rows, stride)
    _transpose(work, x + size, y + size, rows, stride)
    x = _columns(work, y, size, plan[COLUMN_RADICES : COLUMN_RADICES + _RADICES], column_roots, rows)
    work[x + plan[LENGTH]], work[x + plan[LENGTH] + size] = work[x], work[x + size]
    return x
