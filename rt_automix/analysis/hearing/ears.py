"""The arrays of what listens, made for a sample rate: tables designed, nothing heard."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, MEL_BANDS, ROW_FLOOR_DB, ROWS
from rt_automix.analysis.hearing import applause, fine_spectrum, hearing, means, spoken
from rt_automix.dsp.vectors import fft
from rt_automix.units import LUFS_OFFSET_DB, power_from_db

Arrays = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]
"""See `layout`."""

_LANES = 8


def new_arrays(sample_rate_hz: int, channels: int, time_constant_s: float, judges: bool) -> Arrays:
    """Ears for a stream.

    Parameters
    ----------
    sample_rate_hz : int, up to layout.MOST_RATE_HZ
    channels : int, 1 or 2
        A mono stream counts once in loudness.
    time_constant_s : float
        Memory of the statistics; `math.inf` to weigh all alike.
    judges : bool
        Whether applause and clipping are looked for, and teach nothing.

    Thread: main. Allocates: yes.
    """
    f64, f32, i64 = np.zeros(at.F64_SIZE), np.zeros(at.F32_SIZE, np.float32), np.zeros(at.I64_SIZE, np.int64)
    # Compiles or loads what hears, here rather than when the first hop is due.
    hearing.hear_hop(f32[:1], f32[:1], 0, f64, f32, i64)
    arrays: tuple[NDArray[Any], ...] = (f64, f32, i64)
    for array, tables in zip(arrays, _tables(sample_rate_hz), strict=True):
        for start, values in tables:
            array[start : start + values.size] = values
    f64[at.LOUDNESS_SCALE] = channels * power_from_db(LUFS_OFFSET_DB)
    i64[at.JUDGES] = judges
    f64[at.STATISTICS + at.MEMORY_FRAMES] = max(time_constant_s / HOP_S, 1.0)
    clear(f64, f32, i64)
    return f64, f32, i64


def clear(f64: NDArray[np.float64], f32: NDArray[np.float32], i64: NDArray[np.int64]) -> None:
    """Nothing heard. Thread: worker. Allocates: no."""
    memory_frames = f64[at.STATISTICS + at.MEMORY_FRAMES]
    f64[: at.F64_MEMORY], f32[: at.F32_MEMORY], i64[: at.I64_MEMORY] = 0.0, 0.0, 0
    for start in (at.STATISTICS, at.OTHER):
        means.clear(f64[start : start + at.STATISTICS_SIZE], memory_frames)
    f32[at.WINDOW : at.WINDOW + 2 * at.WINDOW_FRAMES * ROWS] = ROW_FLOOR_DB


@cache
def _tables(sample_rate_hz: int) -> tuple[list[tuple[int, NDArray[Any]]], ...]:
    """What depends on the sample rate alone, for each of the three arrays: where it begins, and its values."""
    hop = features.hop_samples(sample_rate_hz)
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)
    plan = fft.new_plan(fft.length_of(2 * hop))
    length = int(plan[fft.LENGTH])
    bin_hz = sample_rate_hz / length
    frequencies = bin_hz * np.arange(length // 2 + 1, dtype=np.float64)
    # Mean squares from one-sided spectra: twice every bin but the first (the last is empty in practice).
    scale = 2.0 / (length * np.sum(window**2))
    mel, mel_plan = _packed(_mel_weights(frequencies, scale))
    fine, fine_plan = _packed(fine_spectrum.weights(frequencies, scale))
    edges = applause.edges(bin_hz)
    counts = np.diff(edges)
    borders = zip(edges[:-1] - edges[0], counts, strict=True)
    flat, flat_plan = _packed([(int(first), np.full(count, 1.0 / count)) for first, count in borders])
    centres_hz = np.asarray(0.5 * bin_hz * (edges[1:] + edges[:-1]), np.float64)
    bass_bands = np.count_nonzero(centres_hz < applause.BASS_HZ)
    return (
        [
            (at.RMS_SCALE, np.array([1.0 / np.sum(window**2)])),
            (at.APPLAUSE_WEIGHTS, features.k_weighting_power(centres_hz) * counts),
            (at.SPEECH_NET, spoken.net()),
        ],
        [
            (at.HANN, 0.5 * window),
            (at.FFT_TABLE, fft.new_table(plan)),
            (at.LOUDNESS_WEIGHTS, scale * features.loudness_power(frequencies)),
            (at.MEL_WEIGHTS, mel),
            (at.FINE_WEIGHTS, fine),
            (at.APPLAUSE_BANK, flat),
        ],
        [
            (at.HOP, np.array([hop, frequencies.size])),
            (at.APPLAUSE_FIRST, np.array([edges[0], edges[-1] - edges[0], counts.size, bass_bands])),
            (at.FFT_PLAN, plan),
            (at.MEL_PLAN, mel_plan),
            (at.FINE_PLAN, fine_plan),
            (at.APPLAUSE_PLAN, flat_plan),
        ],
    )


def _mel_weights(frequencies: NDArray[np.float64], scale: float) -> list[tuple[int, NDArray[np.float64]]]:
    """First bin and weights of each mel band, scaled to the triangle's exact area: the spacing of the bins does
    not show."""
    edges, found = features.mel_edges_hz(), []
    for m in range(MEL_BANDS):
        left, centre, right = edges[m : m + 3]
        first, last = np.searchsorted(frequencies, [left, right])
        inside = frequencies[first:last]
        triangle = np.minimum((inside - left) / (centre - left), (right - inside) / (right - centre))
        area = 0.5 * (right - left) / (frequencies[1] - frequencies[0])
        found.append((int(first), triangle * (scale * area / triangle.sum())))
    return found


def _packed(bands: list[tuple[int, NDArray[np.float64]]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Weights and plan for `spectrum.bank`."""
    weights, plan, offset = [], [], 0
    for first, band in bands:
        eights = -(-band.size // _LANES)
        weights.append(np.concatenate([band, np.zeros(_LANES * eights - band.size)]))
        plan += [first, band.size, eights, offset]
        offset += _LANES * eights
    return np.concatenate(weights), np.array(plan, np.int64)
