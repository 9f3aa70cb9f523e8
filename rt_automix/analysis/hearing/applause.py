"""Is this applause or another noise, that breaks into the music or lies under it, and is none of it?

The power spectra of the last frames, each scaled to one loudness, are added up. Noise, whatever its
colour and whether of claps, a crowd, a room or an amplifier, comes out flat within every narrow band
(spectral flatness: the geometric over the arithmetic mean, which is 1 for the expected spectrum of
noise); tones stick out. Where there is no bass at all, as in a hall full of people and hardly ever
in music, whistles and shouts may stick out too.

What hums or whines in a pause has tones, but it stands still: no band's level moves by more than that of
noise as wide would. Music that is so still is rare, and it counts only far under the programme.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, LOUDNESS_ROW, MEL_BANDS, ROWS
from rt_automix.analysis.hearing import means
from rt_automix.analysis.hearing.spectrum import bank
from rt_automix.analysis.numbers import power_of_db
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors import eight, logexp
from rt_automix.dsp.vectors.eight import load, mul, plus, store

LOW_HZ, BASS_HZ, HIGH_HZ = 60.0, 250.0, 8000.0
_OCTAVE_SHARE, _LEAST_BINS = 1.0 / 6.0, 8
BASS_DB, NOISE_DB = (-18.0, -8.0), (1.3, 0.34)
"""Noise deviates from flat by less, at this share of bass and between: from 0.1 to 0.4 dB in so many frames."""
_MOST_TONAL_DB = 6.0

MUSIC_S = 1.5
"""Only what breaks into music counts: this much has to come before."""
CREDIT_S = 6.0
ENOUGH_FRAMES = 3
"""After so many frames of music in a row it is over."""
LONGEST_S = 20.0
"""What goes on for longer is the programme."""

QUIET_LU, STILL = 8.0, 0.86
"""A pause is this far under the programme, and its levels deviate by no more than this, where noise gives 1."""
LONGEST_QUIET_S = 180.0
"""Noise that is no louder than a pause becomes the programme after so long; what stands still never does."""
_MOST_MOVEMENT = 8.0

SILENCE_LUFS = -80.0

_BAND_HZ = 0.5 * (features.mel_edges_hz()[2:] - features.mel_edges_hz()[:-2])
# Of noise in a band over a frame of two hops under a Hann window: a chi-squared level has so many degrees of freedom.
_NOISE_MOVES_DB = np.maximum(10.0 / math.log(10.0) * np.sqrt(2.0 / np.maximum(2.66 * _BAND_HZ * HOP_S, 2.0)), 0.5)
_HEARD = features.k_weighting_power(features.mel_edges_hz()[1:-1])
_LEAST_POWER, _SHARE = np.float32(1e-12), np.float32(1.0 / at.APPLAUSE_FRAMES)


def edges(bin_hz: float) -> NDArray[np.int64]:
    """Borders of the bands, as bins: the first of each band, and the one behind the last."""
    edges_hz = [LOW_HZ]
    while edges_hz[-1] < HIGH_HZ:
        edges_hz.append(max(edges_hz[-1] * 2.0**_OCTAVE_SHARE, edges_hz[-1] + _LEAST_BINS * bin_hz))
    return np.round(np.array(edges_hz) / bin_hz).astype(np.int64)


@kernel("void(float64[::1], float32[::1], int64[::1])")
def _keep_spectrum(f64, f32, i64):
    """Put the frame's spectrum, scaled to one loudness, beside the last ones."""
    start = at.SPECTRA + (i64[at.SPECTRUM_COUNT] % at.APPLAUSE_FRAMES) * at.APPLAUSE_MOST_BINS
    i64[at.SPECTRUM_COUNT] += 1
    bins, first, bands = i64[at.APPLAUSE_BINS], i64[at.APPLAUSE_FIRST], i64[at.APPLAUSE_BANDS]
    spectrum = f32[start : start + at.APPLAUSE_MOST_BINS]
    for k in range(0, bins, eight.COUNT):
        store(spectrum, k, plus(load(f32, at.POWER_MID + first + k), load(f32, at.POWER_SIDE + first + k)))
    means = f32[at.BAND_MEANS : at.BAND_MEANS + bands]
    bank(spectrum, f32[at.APPLAUSE_BANK : at.APPLAUSE_BANK + at.BANK_SIZE], i64[at.APPLAUSE_PLAN :], means)
    loudness = 0.0
    for b in range(bands):
        loudness += f64[at.APPLAUSE_WEIGHTS + b] * means[b]
    scale = np.float32(1.0 / max(loudness, 1e-20))
    for k in range(0, bins, eight.COUNT):
        store(spectrum, k, mul(scale, load(spectrum, k)))


@kernel("void(float32[::1], int64[::1])")
def _mean_spectrum(f32, i64):
    """Mean of the spectra per bin, its logarithm, and the means of both per band."""
    bins, bands = i64[at.APPLAUSE_BINS], i64[at.APPLAUSE_BANDS]
    mean = f32[at.MEAN_SPECTRUM : at.MEAN_SPECTRUM + at.APPLAUSE_MOST_BINS]
    logs = f32[at.LOG_SPECTRUM : at.LOG_SPECTRUM + at.APPLAUSE_MOST_BINS]
    for k in range(0, bins, eight.COUNT):
        some = load(f32, at.SPECTRA + k)
        for frame in range(1, at.APPLAUSE_FRAMES):
            some = plus(some, load(f32, at.SPECTRA + frame * at.APPLAUSE_MOST_BINS + k))
        store(mean, k, mul(_SHARE, some))
    for k in range(bins):
        power = max(mean[k], _LEAST_POWER)
        mean[k] = power
        logs[k] = logexp.log2(power)
    weights, plan = f32[at.APPLAUSE_BANK : at.APPLAUSE_BANK + at.BANK_SIZE], i64[at.APPLAUSE_PLAN :]
    bank(mean, weights, plan, f32[at.BAND_MEANS : at.BAND_MEANS + bands])
    bank(logs, weights, plan, f32[at.BAND_LOGS : at.BAND_LOGS + bands])


@kernel("boolean(float64[::1], float32[::1], int64[::1])")
def is_noise(f64, f32, i64):
    """Whether the last frames are noise.

    Thread: worker. Allocates: no.
    """
    _mean_spectrum(f32, i64)
    said, tonal, energy, bass = 0.0, 0.0, 0.0, 0.0
    for b in range(i64[at.APPLAUSE_BANDS]):
        mean = float(f32[at.BAND_MEANS + b])
        tonal_db = 10.0 * math.log10(2.0) * (math.log2(mean) - f32[at.BAND_LOGS + b])
        say = math.sqrt(mean * f64[at.APPLAUSE_WEIGHTS + b])
        said += say
        tonal += say * min(tonal_db, _MOST_TONAL_DB)
        count = i64[at.APPLAUSE_PLAN + at.BAND_PLAN * b + at.BAND_COUNT]
        energy += mean * count
        bass += mean * count if b < i64[at.BASS_BANDS] else 0.0
    bass_db = 10.0 * math.log10(max(bass, 1e-20) / energy)
    part = min(max((bass_db - BASS_DB[0]) / (BASS_DB[1] - BASS_DB[0]), 0.0), 1.0)
    return tonal / said < NOISE_DB[0] + part * (NOISE_DB[1] - NOISE_DB[0])


_JUDGED = at.APPLAUSE_FRAMES * ROWS
"""The rows of the last frames."""


@kernel("int64(int64[::1])")
def _judged(i64):
    """Where they begin."""
    newest = (i64[at.FRAMES] - 1) % at.WINDOW_FRAMES + at.WINDOW_FRAMES
    return at.WINDOW + (newest + 1 - at.APPLAUSE_FRAMES) * ROWS


@kernel("boolean(float64[::1], float32[::1], int64[::1])")
def is_quiet(f64, f32, i64):
    """Whether the last frames lie as far under the programme as a pause.

    Thread: worker. Allocates: no.
    """
    start, power = _judged(i64), 0.0
    rows = f32[start : start + _JUDGED]
    for k in range(at.APPLAUSE_FRAMES):
        power += power_of_db(float(rows[k * ROWS + LOUDNESS_ROW])) / at.APPLAUSE_FRAMES
    programme_lufs = means.loudness_lufs(f64[at.STATISTICS : at.STATISTICS + at.STATISTICS_SIZE])
    return 10.0 * math.log10(max(power, 1e-20)) <= programme_lufs - QUIET_LU


@kernel("boolean(float32[::1], int64[::1])")
def is_still(f32, i64):
    """Whether no level of the last frames moves: where it is quiet, a pause, whatever hums in it.

    Thread: worker. Allocates: no.
    """
    start, said, moved = _judged(i64), 0.0, 0.0
    rows = f32[start : start + _JUDGED]
    for m in range(MEL_BANDS):
        power, mean_db, square = 0.0, 0.0, 0.0
        for k in range(at.APPLAUSE_FRAMES):
            level_db = float(rows[k * ROWS + m])
            power += power_of_db(level_db)
            mean_db += level_db / at.APPLAUSE_FRAMES
            square += level_db * level_db / at.APPLAUSE_FRAMES
        say = math.sqrt(_HEARD[m] * power)
        said += say
        deviation_db = math.sqrt(max(square - mean_db * mean_db, 0.0))
        moved += say * min(deviation_db / _NOISE_MOVES_DB[m], _MOST_MOVEMENT)
    return moved < STILL * said


@kernel("void(float64[::1], int64[::1], boolean, float64)")
def _count(f64, i64, noise, lasts_s):
    """Begin, go on or end: by what comes before, how long it lasts, how long it has been over."""
    i64[at.TONAL_FRAMES] = 0 if noise else i64[at.TONAL_FRAMES] + 1
    if i64[at.IS_APPLAUSE]:
        f64[at.APPLAUSE_S] += lasts_s
        if f64[at.APPLAUSE_S] >= LONGEST_S:
            f64[at.MUSIC_S] = 0.0
        goes_on = i64[at.TONAL_FRAMES] < ENOUGH_FRAMES and f64[at.MUSIC_S] > 0.0
        i64[at.IS_APPLAUSE] = 1 if goes_on else 0
    elif noise and f64[at.MUSIC_S] >= MUSIC_S:
        i64[at.IS_APPLAUSE] = 1
        f64[at.APPLAUSE_S] = 0.0
    else:
        music_s = f64[at.MUSIC_S] - HOP_S if noise else f64[at.MUSIC_S] + HOP_S
        f64[at.MUSIC_S] = min(max(music_s, 0.0), CREDIT_S)


@kernel("void(float64[::1], float32[::1], int64[::1], float64)")
def judge(f64, f32, i64, level_lufs):
    """Look at the frame's spectrum; `layout.IS_APPLAUSE` says what has become of it.

    Parameters
    ----------
    f64, f32, i64 : float64, float32, int64
        See `layout`; POWER_MID and POWER_SIDE are the frame's.
    level_lufs : float
        The frame's loudness; silence decides nothing.

    Thread: worker. Allocates: no.
    """
    if level_lufs < SILENCE_LUFS:
        return
    _keep_spectrum(f64, f32, i64)
    if i64[at.SPECTRUM_COUNT] >= at.APPLAUSE_FRAMES:
        quiet = is_quiet(f64, f32, i64)
        still = quiet and is_still(f32, i64)
        lasts_s = HOP_S * (0.0 if still else LONGEST_S / LONGEST_QUIET_S if quiet else 1.0)
        _count(f64, i64, still or is_noise(f64, f32, i64), lasts_s)
