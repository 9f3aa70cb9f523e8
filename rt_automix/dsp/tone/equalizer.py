"""Five-band equaliser: low shelf, three bells, high shelf, close to the analog prototype up to 20 kHz.

A bilinear biquad cramps near Nyquist. These designs do not: their poles are those of the analog
prototype (impulse invariance) and their zeros are solved so that the magnitude agrees at chosen
frequencies (M. Vicanek, "Matched Second Order Digital Filters", 2016). Designs are tabulated per
0.1 dB at start, so that a band that moves costs an interpolation and not a design.
"""

from __future__ import annotations

import cmath
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import cascade
from rt_automix.dsp.vectors.lanes import first, minus_mul, mul, mul_add, pair, second

LOW_SHELF, BELL, HIGH_SHELF = 0, 1, 2
BANDS: tuple[tuple[int, float], ...] = (
    (LOW_SHELF, 110.0),
    (BELL, 260.0),
    (BELL, 1000.0),
    (BELL, 3500.0),
    (HIGH_SHELF, 9000.0),
)
"""Kind and corner or centre frequency in Hz of each band."""

Q = math.sqrt(0.5)
BAND_COUNT = 5
FRAME_SAMPLES = 256
"""In the chain, gains move on a grid of so many samples."""

GAIN_LIMIT_DB = 6.0
TABLE_STEP_DB = 0.1
TABLE_ROWS = 121
COEFFICIENTS = 5 * BAND_COUNT
TABLE_SIZE = TABLE_ROWS * COEFFICIENTS
STATE_SIZE = 4 * BAND_COUNT
GOAL_SIZE = cascade.goal_size(BAND_COUNT)
RAMP_SIZE = cascade.ramp_size(BAND_COUNT)
CASCADE_STATE_SIZE = cascade.state_size(BAND_COUNT)
"""What the bands need as a cascade, which has room for one more: the chain runs them so."""

_STEPS_PER_DB = 1.0 / TABLE_STEP_DB


def analog_response(kind: int, gain_db: float, ratio: ArrayLike) -> NDArray[np.complex128]:
    """Complex response of an analog band at frequencies given as multiples of its own.

    R. Bristow-Johnson, "Audio EQ Cookbook", the analog prototypes with Q = sqrt(1/2).

    Parameters
    ----------
    kind : LOW_SHELF, BELL or HIGH_SHELF
    gain_db : float
    ratio : array_like
        Frequency divided by the band's frequency.

    Thread: main | worker. Allocates: yes.
    """
    s = 1j * np.asarray(ratio, dtype=np.float64)
    a = 10.0 ** (gain_db / 40.0)
    if kind == BELL:
        return (s * s + s * a / Q + 1.0) / (s * s + s / (a * Q) + 1.0)
    if kind == LOW_SHELF:
        return a * (s * s + s * math.sqrt(a) / Q + a) / (a * s * s + s * math.sqrt(a) / Q + 1.0)
    return a * (a * s * s + s * math.sqrt(a) / Q + 1.0) / (s * s + s * math.sqrt(a) / Q + a)


def analog_magnitude_db(gains_db: ArrayLike, frequencies_hz: ArrayLike) -> NDArray[np.float64]:
    """Magnitude in dB of the five analog bands in series.

    Parameters
    ----------
    gains_db : array_like, shape (5,)
    frequencies_hz : array_like, shape (n,)

    Returns
    -------
    float64 array, shape (n,)

    Thread: main | worker. Allocates: yes.
    """
    frequencies = np.asarray(frequencies_hz, dtype=np.float64)
    total = np.zeros_like(frequencies)
    for (kind, centre_hz), gain_db in zip(BANDS, np.asarray(gains_db, dtype=np.float64), strict=True):
        total += 20.0 * np.log10(np.abs(analog_response(kind, float(gain_db), frequencies / centre_hz)))
    return total


def _analog_poles(kind: int, gain_db: float) -> tuple[float, float]:
    """Frequency (relative to the band's) and Q of an analog band's pole pair."""
    a = 10.0 ** (gain_db / 40.0)
    if kind == BELL:
        return 1.0, a * Q
    return (1.0 / math.sqrt(a), Q) if kind == LOW_SHELF else (math.sqrt(a), Q)


def design_band(kind: int, centre_hz: float, gain_db: float, sample_rate_hz: float) -> NDArray[np.float64]:
    """Matched digital biquad of one band: b0, b1, b2, a1, a2.

    Vicanek 2016: poles by impulse invariance; numerator so that the squared magnitude equals the
    analog prototype's at 0, at Nyquist and at the corner (shelves), or at 0 and at the centre,
    where its slope is zero too (bells).

    Thread: main. Allocates: yes.
    """
    w0 = 2.0 * math.pi * centre_hz / sample_rate_hz
    pole_ratio, pole_q = _analog_poles(kind, gain_db)
    wp, damping = w0 * pole_ratio, 1.0 / (2.0 * pole_q)
    a1 = float((-2.0 * math.exp(-damping * wp) * cmath.cos(cmath.sqrt(1.0 - damping * damping) * wp)).real)
    a2 = math.exp(-2.0 * damping * wp)
    if gain_db == 0.0:
        return np.array([1.0, a1, a2, a1, a2])

    den0, den1, den2 = (1.0 + a1 + a2) ** 2, (1.0 - a1 + a2) ** 2, -4.0 * a2
    phi1 = math.sin(w0 / 2.0) ** 2
    phi0 = 1.0 - phi1
    phi2 = 4.0 * phi0 * phi1
    at_zero, at_centre, at_nyquist = np.abs(analog_response(kind, gain_db, [0.0, 1.0, math.pi / w0])) ** 2
    num0 = den0 * at_zero
    centre = (den0 * phi0 + den1 * phi1 + den2 * phi2) * at_centre
    if kind == BELL:
        slope = (-den0 + den1 + 4.0 * (phi0 - phi1) * den2) * at_centre
        num2 = (centre - slope * phi1 - num0) / (4.0 * phi1 * phi1)
        num1 = slope + num0 - 4.0 * (phi0 - phi1) * num2
    else:
        num1 = den1 * at_nyquist
        num2 = (centre - num0 * phi0 - num1 * phi1) / phi2
    root0, root1 = math.sqrt(num0), math.sqrt(num1)
    half = 0.5 * (root0 + root1)
    b0 = 0.5 * (half + math.sqrt(half * half + num2))
    return np.array([b0, 0.5 * (root0 - root1), -num2 / (4.0 * b0), a1, a2])


def design_table(sample_rate_hz: float) -> NDArray[np.float64]:
    """All designs from -6 to +6 dB: float64, shape (TABLE_SIZE,), rows of five bands of five.

    Thread: main. Allocates: yes.
    """
    rows = [
        design_band(kind, centre_hz, round((row - TABLE_ROWS // 2) * TABLE_STEP_DB, 6), sample_rate_hz)
        for row in range(TABLE_ROWS)
        for kind, centre_hz in BANDS
    ]
    return np.concatenate(rows)


def cascade_table(sample_rate_hz: float) -> NDArray[np.float64]:
    """All designs as `cascade.design` takes them: float64, shape (TABLE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return cascade.entries(design_table(sample_rate_hz).reshape(-1, 5)).ravel()


def new_state() -> NDArray[np.float64]:
    """Filter memories, zeroed: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.zeros(STATE_SIZE)


@kernel("void(float64[::1], float64[::1], float64[::1])")
def design(table, gains_db, coefficients):
    """Write the coefficients of five gains by linear interpolation of the table (error < 2e-4 dB).

    Parameters
    ----------
    table : float64, shape (TABLE_SIZE,)
    gains_db : float64, shape (5,), -6..6
    coefficients : float64, shape (25,), written

    Thread: audio. Allocates: no.
    """
    for band in range(BAND_COUNT):
        position = (min(max(gains_db[band], -GAIN_LIMIT_DB), GAIN_LIMIT_DB) + GAIN_LIMIT_DB) * _STEPS_PER_DB
        row = min(int(position), TABLE_ROWS - 2)
        fraction = position - row
        at = row * COEFFICIENTS + 5 * band
        for k in range(5):
            low = table[at + k]
            coefficients[5 * band + k] = low + fraction * (table[at + COEFFICIENTS + k] - low)


@kernel("void(float64[::1], float64[::1], float64[::1])")
def aim(table, gains_db, goal):
    """Write the design of five gains for a cascade; as `design`.

    Parameters
    ----------
    table : float64, shape (TABLE_SIZE,), of `cascade_table`
    gains_db : float64, shape (5,), -6..6
    goal : float64, shape (GOAL_SIZE,), written

    Thread: audio. Allocates: no.
    """
    cascade.design(table, GAIN_LIMIT_DB, _STEPS_PER_DB, gains_db, goal)


@kernel("void(float64[::1], float64[::1], float32[::1], float32[::1])")
def process(coefficients, state, left, right):
    """Five biquads in series on two channels, in place (transposed direct form II, float64 state).

    Both channels share a register and everything is in locals: the five recursions overlap, where
    loops over the bands would wait for each in turn. With `y = b0 x + s1` put into the state's
    update, `b1 x - a1 y + s2` becomes `c1 x - a1 s1 + s2`: one multiply-add from state to state.

    Parameters
    ----------
    coefficients : float64, shape (25,)
    state : float64, shape (STATE_SIZE,), updated
    left, right : float32, shape (n,), any n, replaced by the output

    Thread: audio. Allocates: no.
    """
    b0, b01, b02, a01, a02 = coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4]
    b1, b11, b12, a11, a12 = coefficients[5], coefficients[6], coefficients[7], coefficients[8], coefficients[9]
    b2, b21, b22, a21, a22 = coefficients[10], coefficients[11], coefficients[12], coefficients[13], coefficients[14]
    b3, b31, b32, a31, a32 = coefficients[15], coefficients[16], coefficients[17], coefficients[18], coefficients[19]
    b4, b41, b42, a41, a42 = coefficients[20], coefficients[21], coefficients[22], coefficients[23], coefficients[24]
    c01, c02, c11, c12 = b01 - a01 * b0, b02 - a02 * b0, b11 - a11 * b1, b12 - a12 * b1
    c21, c22, c31, c32 = b21 - a21 * b2, b22 - a22 * b2, b31 - a31 * b3, b32 - a32 * b3
    c41, c42 = b41 - a41 * b4, b42 - a42 * b4
    s01, s02 = pair(state[0], state[10]), pair(state[1], state[11])
    s11, s12 = pair(state[2], state[12]), pair(state[3], state[13])
    s21, s22 = pair(state[4], state[14]), pair(state[5], state[15])
    s31, s32 = pair(state[6], state[16]), pair(state[7], state[17])
    s41, s42 = pair(state[8], state[18]), pair(state[9], state[19])
    for i in range(left.shape[0]):
        x = pair(np.float64(left[i]), np.float64(right[i]))
        y = mul_add(b0, x, s01)
        s01, s02 = minus_mul(a01, s01, mul_add(c01, x, s02)), minus_mul(a02, s01, mul(c02, x))
        x = mul_add(b1, y, s11)
        s11, s12 = minus_mul(a11, s11, mul_add(c11, y, s12)), minus_mul(a12, s11, mul(c12, y))
        y = mul_add(b2, x, s21)
        s21, s22 = minus_mul(a21, s21, mul_add(c21, x, s22)), minus_mul(a22, s21, mul(c22, x))
        x = mul_add(b3, y, s31)
        s31, s32 = minus_mul(a31, s31, mul_add(c31, y, s32)), minus_mul(a32, s31, mul(c32, y))
        y = mul_add(b4, x, s41)
        s41, s42 = minus_mul(a41, s41, mul_add(c41, x, s42)), minus_mul(a42, s41, mul(c42, x))
        left[i], right[i] = np.float32(first(y)), np.float32(second(y))
    state[0], state[10], state[1], state[11] = first(s01), second(s01), first(s02), second(s02)
    state[2], state[12], state[3], state[13] = first(s11), second(s11), first(s12), second(s12)
    state[4], state[14], state[5], state[15] = first(s21), second(s21), first(s22), second(s22)
    state[6], state[16], state[7], state[17] = first(s31), second(s31), first(s32), second(s32)
    state[8], state[18], state[9], state[19] = first(s41), second(s41), first(s42), second(s42)
