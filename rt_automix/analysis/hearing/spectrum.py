"""A frame's spectrum, and the rows and fine powers that come of it: the kernels behind `features`.

Mid and side go through one complex transform, as its real and imaginary part: the spectra of the two
come apart by their symmetry.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS, MID_ROW, PEAK_ROW, ROWS, SIDE_ROW
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors import eight, fft, logexp
from rt_automix.dsp.vectors.eight import load, minus, mul, mul_add, plus, store, total, turned_round, zeros

_QUARTER = np.float32(0.25)
_FLOOR_DB, _FLOOR_POWER = np.float32(features.ROW_FLOOR_DB), np.float32(features.ROW_FLOOR_POWER)
_PER_OCTAVE_DB = np.float32(10.0 * math.log10(2.0))


@kernel("void(float32[::1], float32[::1], int64[::1], float32[::1])")
def bank(source, weights, plan, result):
    """Weighted sums of neighbours, one for each band.

    Parameters
    ----------
    source : float32, one-dimensional, finite
    weights : float32
        Of one band after another, each padded with 0 to a multiple of eight.
    plan : int64, shape (layout.BAND_PLAN x bands,)
        See `layout.BAND_FIRST`.
    result : float32, shape (bands,), filled

    Thread: worker. Allocates: no.
    """
    for b in range(result.shape[0]):
        first, eights = plan[at.BAND_PLAN * b + at.BAND_FIRST], plan[at.BAND_PLAN * b + at.BAND_EIGHTS]
        offset, some = plan[at.BAND_PLAN * b + at.BAND_WEIGHTS], zeros()
        for k in range(0, eight.COUNT * eights, eight.COUNT):
            some = mul_add(load(weights, offset + k), load(source, first + k), some)
        result[b] = total(some)


@kernel("void(float64[::1], float32[::1], int64[::1])")
def _levels(f64, f32, i64):
    """Mean square of mid and side under the window."""
    mid, side = zeros(), zeros()
    for k in range(0, 2 * i64[at.HOP], eight.COUNT):
        left, right, window = load(f32, at.FRAME_LEFT + k), load(f32, at.FRAME_RIGHT + k), load(f32, at.HANN + k)
        one, other = mul(window, plus(left, right)), mul(window, minus(left, right))
        mid, side = mul_add(one, one, mid), mul_add(other, other, side)
    f32[at.POWERS + MID_ROW] = np.float32(f64[at.RMS_SCALE] * total(mid))
    f32[at.POWERS + SIDE_ROW] = np.float32(f64[at.RMS_SCALE] * total(side))


@kernel("int64(float32[::1], int64[::1])")
def _transform(f32, i64):
    """Mid and side under the window, transformed; where in the work space the spectrum lies."""
    plan = i64[at.FFT_PLAN : at.FFT_PLAN + fft.PLAN_SIZE]
    rows, columns, stride, size = plan[fft.ROWS], plan[fft.COLUMNS], plan[fft.STRIDE], plan[fft.SIZE]
    for r in range(rows):
        for c in range(0, stride, eight.COUNT):
            k, target = r * columns + c, at.WORK + r * stride + c
            left, right, window = load(f32, at.FRAME_LEFT + k), load(f32, at.FRAME_RIGHT + k), load(f32, at.HANN + k)
            store(f32, target, mul(window, plus(left, right)))
            store(f32, target + size, mul(window, minus(left, right)))
    table = f32[at.FFT_TABLE : at.FFT_TABLE + 2 * (size + rows + columns)]
    return fft.transform(plan, table, f32[at.WORK : at.WORK + at.WORK_SIZE])


@kernel("void(float64[::1], float32[::1], int64[::1])")
def _powers(f64, f32, i64):
    """Power of mid and side in each bin, and the frame's loudness."""
    first, length = _transform(f32, i64), i64[at.FFT_PLAN + fft.LENGTH]
    re, im = at.WORK + first, at.WORK + first + i64[at.FFT_PLAN + fft.SIZE]
    loud = zeros()
    for k in range(0, i64[at.BINS], eight.COUNT):
        mirrored = length - k - (eight.COUNT - 1)
        a_re, a_im = load(f32, re + k), load(f32, im + k)
        b_re, b_im = turned_round(load(f32, re + mirrored)), turned_round(load(f32, im + mirrored))
        u, v = plus(a_re, b_re), minus(a_im, b_im)
        mid = mul(_QUARTER, mul_add(u, u, mul(v, v)))
        u, v = plus(a_im, b_im), minus(b_re, a_re)
        side = mul(_QUARTER, mul_add(u, u, mul(v, v)))
        store(f32, at.POWER_MID + k, mid)
        store(f32, at.POWER_SIDE + k, side)
        loud = mul_add(load(f32, at.LOUDNESS_WEIGHTS + k), plus(mid, side), loud)
    f32[at.POWERS + LOUDNESS_ROW] = np.float32(f64[at.LOUDNESS_SCALE] * total(loud))


@kernel("void(float32[::1], float32[::1])")
def _decibels(powers, row):
    for k in range(ROWS):
        power = max(powers[k], _FLOOR_POWER)
        row[k] = max(_PER_OCTAVE_DB * logexp.log2(power), _FLOOR_DB)
    for k in range(ROWS):
        row[k] = row[k] if powers[k] > _FLOOR_POWER else _FLOOR_DB


@kernel("void(float64[::1], float32[::1], int64[::1])")
def look(f64, f32, i64):
    """Features of the frame: fills POWER_MID, POWER_SIDE, ROW and FINE.

    Parameters
    ----------
    f64, f32, i64 : float64, float32, int64
        See `layout`.

    Thread: worker. Allocates: no.
    """
    _levels(f64, f32, i64)
    _powers(f64, f32, i64)
    mel, fine = i64[at.MEL_PLAN : at.MEL_PLAN + at.BAND_PLAN * MEL_BANDS], i64[at.FINE_PLAN : at.APPLAUSE_PLAN]
    for signal in range(2):
        start = at.POWER_MID + signal * at.POWER_SIZE
        power = f32[start : start + at.POWER_SIZE]
        start = at.POWERS + signal * MEL_BANDS
        bank(power, f32[at.MEL_WEIGHTS : at.MEL_WEIGHTS + at.BANK_SIZE], mel, f32[start : start + MEL_BANDS])
        start = at.FINE + signal * at.FINE_POINTS
        bank(power, f32[at.FINE_WEIGHTS : at.FINE_WEIGHTS + at.BANK_SIZE], fine, f32[start : start + at.FINE_POINTS])
    peak = np.float32(max(f64[at.HOP_PEAK], f64[at.LAST_PEAK]))
    f32[at.POWERS + PEAK_ROW] = peak * peak
    _decibels(f32[at.POWERS : at.POWERS + ROWS], f32[at.ROW : at.ROW + ROWS])
    points = f32[at.FINE : at.FINE + 2 * at.FINE_POINTS]
    for k in range(2 * at.FINE_POINTS):
        points[k] = max(points[k] - _FLOOR_POWER, np.float32(0.0))  # the rows' floor is nothing here, too
