"""Damage on rows: what `damage` does to waveforms, done to what a listener sees of them, a thousand times faster.

An equaliser, a microphone, a room's resonance: all are curves over frequency, exact here but for what changes
within a mel band. Width and gain are exact; an expander works frame by frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from rt_automix.analysis import features
from rt_automix.analysis.features import HOP_S, LOUDNESS_ROW, MEL_BANDS, MID_ROW, PEAK_ROW, SIDE_ROW
from rt_automix.dsp.tone import equalizer
from rt_automix.units import db_from_power, power_from_db
from training.music import damage

Rows = NDArray[np.float32]
Curve = NDArray[np.float64]

CENTRES_HZ = features.mel_edges_hz()[1:-1]
_LOUDNESS_WEIGHTS = features.k_weighting_power(CENTRES_HZ)
_OCTAVES = np.log2(CENTRES_HZ / 1000.0)
_RATE_HZ = 44_100

SCALES, SCALE_SHARES = (0.0, 1.0, 1.75, 2.5), (0.22, 0.4, 0.23, 0.15)
"""Size of damage in training, and how often: undamaged masters at their due share, so that no harm is learned."""

TILT_DB = 6.0
RESONANCE_DB = 8.0


# Curves: dB at the centres of the mel bands -----------------------------------------------------------


def response_db(coefficients: NDArray[np.float64]) -> Curve:
    """Of a biquad as `damage.biquad` gives it."""
    z = np.exp(-2j * np.pi * np.minimum(CENTRES_HZ, 0.499 * _RATE_HZ) / _RATE_HZ)
    b0, b1, b2, a1, a2 = coefficients
    return db_from_power(np.abs((b0 + b1 * z + b2 * z * z) / (1.0 + a1 * z + a2 * z * z)) ** 2)


def equaliser(rng: np.random.Generator, scale: float = 1.0) -> Curve:
    """Five bands near the chain's own, each at a frequency, with a Q and a gain of chance."""
    most_db = damage.EQ_LIMIT_DB * scale
    gains_db = np.clip(rng.normal(0.0, damage.EQ_SD_DB * scale, equalizer.BAND_COUNT), -most_db, most_db)
    octaves = rng.uniform(-0.5, 0.5, equalizer.BAND_COUNT)
    sharpnesses = equalizer.Q * 2.0 ** rng.uniform(-0.7, 0.7, equalizer.BAND_COUNT)
    bands = zip(equalizer.BANDS, octaves, sharpnesses, gains_db, strict=True)
    return sum(
        (response_db(damage.biquad(kind, hz * 2.0**octave, q, db, _RATE_HZ)) for (kind, hz), octave, q, db in bands),
        np.zeros(MEL_BANDS),
    )


def tilt(rng: np.random.Generator, scale: float = 1.0) -> Curve:
    """A straight line over log frequency, TILT_DB at both ends, up or down."""
    line = 2.0 * (_OCTAVES - _OCTAVES[0]) / (_OCTAVES[-1] - _OCTAVES[0]) - 1.0
    return TILT_DB * scale * rng.choice([-1.0, 1.0]) * line


def microphone(rng: np.random.Generator, scale: float = 1.0) -> Curve:
    """A cheap one: no bass, a peak of presence, no treble."""
    low_hz, high_hz = rng.uniform(80.0, 200.0), rng.uniform(6000.0, 12000.0)
    low = -db_from_power(1.0 + (low_hz / CENTRES_HZ) ** 4)
    high = -db_from_power(1.0 + (CENTRES_HZ / high_hz) ** 4)
    peak = rng.uniform(3.0, 8.0) * np.exp(-0.5 * ((_OCTAVES - rng.uniform(1.3, 2.5)) / rng.uniform(0.4, 0.8)) ** 2)
    return np.maximum(scale * (low + high + peak), -30.0)


def resonance(rng: np.random.Generator, scale: float = 1.0) -> Curve:
    """One peak, narrower than an octave, anywhere from 80 Hz to 8 kHz."""
    hz, q = 80.0 * 100.0 ** rng.random(), rng.uniform(2.0, 6.0)
    return response_db(damage.biquad(equalizer.BELL, hz, q, RESONANCE_DB * scale, _RATE_HZ))


def speaker(rng: np.random.Generator, scale: float = 1.0) -> Curve:
    """A response as of a small loudspeaker in a room: a high-pass, and ripples that are smooth over frequency."""
    low = -db_from_power(1.0 + (rng.uniform(40.0, 160.0) / CENTRES_HZ) ** 4)
    knots = rng.normal(0.0, 2.5, 9)
    ripple = np.interp(_OCTAVES, np.linspace(_OCTAVES[0], _OCTAVES[-1], 9), knots)
    return np.maximum(scale * (low + ripple), -30.0)


CURVES: dict[str, Callable[[np.random.Generator, float], Curve]] = {
    "equaliser": equaliser,
    "tilt": tilt,
    "microphone": microphone,
    "resonance": resonance,
    "speaker": speaker,
}


# What is done to rows ---------------------------------------------------------------------------------


def recoloured(rows: Rows, curve_db: Curve, side_db: float = 0.0, gains_db: Curve | float = 0.0) -> Rows:
    """Rows behind a filter, a side gain and a gain that may change from frame to frame.

    Parameters
    ----------
    rows : float32, shape (frames, features.ROWS)
    curve_db : float64, shape (MEL_BANDS,)
    side_db : float
    gains_db : float, or float64 of shape (frames,)
    """
    power = power_from_db(rows[:, : 2 * MEL_BANDS].astype(np.float64)).reshape(len(rows), 2, MEL_BANDS)
    change = power_from_db(np.stack([curve_db, curve_db + side_db]))
    after = power * change
    gains = np.broadcast_to(gains_db, len(rows))
    made = np.empty_like(rows)
    made[:, : 2 * MEL_BANDS] = db_from_power(after).reshape(len(rows), -1) + gains[:, None]

    def change_db(before: Curve, behind: Curve) -> Curve:
        return db_from_power((behind + 1e-18) / (before + 1e-18)) + gains

    both, both_after = power.sum(axis=1), after.sum(axis=1)
    made[:, LOUDNESS_ROW] = rows[:, LOUDNESS_ROW] + change_db(both @ _LOUDNESS_WEIGHTS, both_after @ _LOUDNESS_WEIGHTS)
    made[:, MID_ROW] = rows[:, MID_ROW] + change_db(power[:, 0].sum(axis=1), after[:, 0].sum(axis=1))
    made[:, SIDE_ROW] = rows[:, SIDE_ROW] + change_db(power[:, 1].sum(axis=1), after[:, 1].sum(axis=1))
    made[:, PEAK_ROW] = rows[:, PEAK_ROW] + change_db(both.sum(axis=1), both_after.sum(axis=1))
    return np.maximum(made, np.float32(features.ROW_FLOOR_DB))


def expansion_db(rows: Rows, rng: np.random.Generator, scale: float = 1.0) -> Curve:
    """Gain of each frame where loud is made louder and soft softer; see `damage.expand`."""
    slope = min(rng.uniform(0.0, damage.EXPANSION_SLOPE) * scale, 1.2)
    keep = math.exp(-HOP_S / rng.uniform(0.05, 0.2))
    power = power_from_db(rows[:, LOUDNESS_ROW].astype(np.float64))
    smooth, _ = lfilter([1.0 - keep], [1.0, -keep], power, zi=[keep * power[0]])
    relative_db = db_from_power((smooth + 1e-12) / (power.mean() + 1e-12))
    return np.clip(slope * relative_db, -damage.EXPANSION_LIMIT_DB, damage.EXPANSION_LIMIT_DB)


def damaged(rows: Rows, rng: np.random.Generator, scale: float, kind: str = "equaliser") -> Rows:
    """A damaged copy.

    Parameters
    ----------
    rows : float32, shape (frames, features.ROWS)
    rng : numpy Generator
        The same state gives the same damage.
    scale : float
        Size of it; 1 is the project's own, 0 is none.
    kind : one of CURVES
    """
    gain_db = rng.uniform(damage.LOWEST_GAIN_DB, damage.HIGHEST_GAIN_DB)
    if scale == 0.0:
        return rows.copy()
    is_equalised = kind != "equaliser" or rng.random() < damage.EQ_SHARE
    curve_db = CURVES[kind](rng, scale) if is_equalised else np.zeros(MEL_BANDS)
    gains_db = expansion_db(rows, rng, scale) if rng.random() < damage.EXPANSION_SHARE else 0.0
    most_db = damage.WIDTH_LIMIT_DB * scale
    side_db = float(np.clip(rng.normal(0.0, damage.WIDTH_SD_DB * scale), -most_db, most_db))
    side_db = side_db if rng.random() < damage.WIDTH_SHARE else 0.0
    return recoloured(rows, curve_db, side_db, gains_db + gain_db)


FAMILIES: dict[str, tuple[float, str]] = {
    "project": (1.0, "equaliser"),
    "twice": (2.0, "equaliser"),
    "tilt": (1.0, "tilt"),
    "microphone": (1.0, "microphone"),
    "resonance": (1.0, "resonance"),
    "masters": (0.0, "equaliser"),
}
"""What is judged, by name: size and kind."""

LEARNED_KINDS, LEARNED_SHARES = ("equaliser", "tilt", "microphone", "resonance", "speaker"), (0.6, 0.1, 0.1, 0.1, 0.1)


def drawn(rows: Rows, rng: np.random.Generator) -> tuple[Rows, float]:
    """A damaged copy for training, of a size and a kind of chance, and the size."""
    scale = float(rng.choice(SCALES, p=SCALE_SHARES))
    kind = str(rng.choice(LEARNED_KINDS, p=LEARNED_SHARES))
    if kind != "equaliser" and scale > 0.0:
        scale = float(rng.uniform(0.4, 1.2))
    return damaged(rows, rng, scale, kind), scale
