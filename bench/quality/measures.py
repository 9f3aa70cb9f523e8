"""What `bench quality` measures of an output: distance to the target, movement of the gain, low tones limited."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.common import material
from bench.quality import limiter, loudness
from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.units import db_from_power, lin_from_db
from tests.helpers.oversampled import band_limited, true_peak_dbtp

Audio = NDArray[np.float32]
Values = NDArray[np.float64]
Limiter = Callable[[Audio, int, float], Audio]
Figures = dict[str, float | None]
"""By the names of MEASURES; None is never."""

CEILING_DBTP = -1.0
MEASURES = {
    "loudness_error_lu": "loudness off, LU",
    "settles_s": "loudness settles after, s",
    "true_peak_over_db": "true peak over ceiling, dB",
    "band_balance_db": "band balance off, dB RMS",
    "plr_error_db": "PLR off, dB",
    "side_mid_error_db": "width (side/mid) off, dB",
    "jitter_db_per_s": "gain jitter, dB/s RMS",
    "pumping_db": "pumping, 1 to 8 Hz, dB RMS",
    "harm_bands_db": "harm: bands moved, dB RMS",
    "harm_loudness_lu": "harm: loudness moved, LU",
}
"""Of every output, in the words of table and picture; of all of them less is better."""

LIMITER_MEASURES = {
    "thd_50_hz_percent": "THD of 50 Hz, 6 dB limited, %",
    "thd_100_hz_percent": "THD of 100 Hz, 6 dB limited, %",
    "bass_wobble_db": "60 Hz under drums wobbles, dB RMS",
}

GAIN_RATE_HZ = 32
FILTER_SAMPLES = 1 << 15
"""Length of the filter that stands for what does not move; long enough for a third of an octave at 25 Hz."""
FILTER_STEP = FILTER_SAMPLES // 4
PUMPING_HZ = (1.0, 8.0)
QUIET_DB = -50.0
"""Where the input is this far under its mean, the ratio of output to input says nothing."""
NEAR_MONO_DB = -40.0
"""Side under mid: below, width is no matter of decibels."""

TONES_HZ = (50, 100)
BASS_HZ, BASS_PERIODS = 60, 3
HIT_S, DRUMS_FROM_HZ = 0.5, 1000.0


def steady(audio: Audio, rate_hz: int, from_s: float) -> Audio:
    """What comes after `from_s`: live systems have listened by then."""
    return np.ascontiguousarray(audio[:, round(from_s * rate_hz) :])


def measured(audio: Audio, rate_hz: int) -> Profile:
    """What audio measures like."""
    return profile.measure([audio], rate_hz, len(audio), "measured")


def band_distance_db(one: Profile, other: Profile) -> float:
    """RMS over the 24 bands of the difference between two long-term spectra."""
    return float(np.sqrt(np.mean((np.array(one.bands_db) - np.array(other.bands_db)) ** 2)))


def towards_target(
    before: Audio, after: Audio, rate_hz: int, wanted: Profile, from_s: float
) -> dict[str, float | None]:
    """Errors to the profile from `from_s` on, settling from the start, and the movement of the gain."""
    later = steady(after, rate_hz, from_s)
    found = measured(later, rate_hz)
    widths_db = [max(one.side_mid_db, NEAR_MONO_DB) for one in (found, wanted)]
    times_s, short_term_lufs = loudness.short_term(after, rate_hz)
    relative_lufs = short_term_lufs - wanted.loudness_lufs + loudness.TARGET_LUFS
    gains_db = gain_curve_db(steady(before, rate_hz, from_s), later, rate_hz)
    return {
        "loudness_error_lu": abs(material.integrated_lufs(later, rate_hz) - wanted.loudness_lufs),
        "settles_s": loudness.settling_s(times_s, relative_lufs, 0.0, after.shape[1] / rate_hz),
        "true_peak_over_db": true_peak_dbtp(after) - CEILING_DBTP,
        "band_balance_db": band_distance_db(found, wanted),
        "plr_error_db": abs(found.plr_db - wanted.plr_db),
        "side_mid_error_db": abs(widths_db[0] - widths_db[1]),
        "jitter_db_per_s": jitter_db_per_s(gains_db),
        "pumping_db": pumping_db(gains_db),
    }


def harm(before: Audio, after: Audio, rate_hz: int, from_s: float) -> Figures:
    """How far a master was moved that was asked for nothing but itself."""
    old, new = (steady(audio, rate_hz, from_s) for audio in (before, after))
    moved_lu = material.integrated_lufs(new, rate_hz) - material.integrated_lufs(old, rate_hz)
    return {
        "harm_bands_db": band_distance_db(measured(old, rate_hz), measured(new, rate_hz)),
        "harm_loudness_lu": abs(moved_lu),
    }


# Movement of the gain ---------------------------------------------------------------------------------


def _powers(signal: Values, rate_hz: int) -> Values:
    """Power of frames of two steps under a Hann window, GAIN_RATE_HZ of them a second, over all channels."""
    step = round(rate_hz / GAIN_RATE_HZ)
    window = np.hanning(2 * step + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(signal, 2 * step, axis=1)[:, ::step]
    return np.sum((frames * window) ** 2, axis=(0, 2))


def _held_still(before: Values, after: Values) -> Values:
    """The input through the filter that holds still and comes nearest to what was done: Wiener's, of long frames."""
    window = np.hanning(FILTER_SAMPLES + 1)[:-1]
    pad = (FILTER_SAMPLES // 2, FILTER_SAMPLES // 2)
    spectra = [
        np.fft.rfft(window * np.lib.stride_tricks.sliding_window_view(np.pad(side, pad), FILTER_SAMPLES)[::FILTER_STEP])
        for side in (before, after)
    ]
    power = np.sum(np.abs(spectra[0]) ** 2, axis=0)
    response = np.sum(spectra[0].conj() * spectra[1], axis=0) / np.maximum(power, max(1e-9 * power.max(), 1e-20))
    taps = np.roll(np.fft.irfft(response), FILTER_SAMPLES // 2)
    size = 1 << (before.size + FILTER_SAMPLES - 1).bit_length()
    filtered = np.fft.irfft(np.fft.rfft(before, size) * np.fft.rfft(taps, size), size)
    return filtered[FILTER_SAMPLES // 2 :][: before.size]


def gain_curve_db(before: Audio, after: Audio, rate_hz: int) -> Values:
    """Level of the output against the input over time, GAIN_RATE_HZ values a second, in dB.

    Mid and side of the input first go through the filter, each its own, that holds still and comes
    nearest to what was done: an equaliser or a width that holds still is no movement, whatever the music
    does under it. (Bins of short frames cannot tell: a third of an octave at 40 Hz is narrower than one.)
    """
    count = min(before.shape[1], after.shape[1])
    old, new = (
        0.5 * np.stack([audio[0] + audio[-1], audio[0] - audio[-1]]).astype(np.float64)
        for audio in (before[:, :count], after[:, :count])
    )
    expected = _powers(np.stack([_held_still(*sides) for sides in zip(old, new, strict=True)]), rate_hz)
    heard = db_from_power(expected / expected.mean()) > QUIET_DB
    gains_db = db_from_power(_powers(new, rate_hz)) - db_from_power(expected)
    index = np.arange(gains_db.size)
    return np.interp(index, index[heard], gains_db[heard])


def jitter_db_per_s(gains_db: Values) -> float:
    """RMS of the change of the gain from one second to the next."""
    seconds = gains_db[: gains_db.size // GAIN_RATE_HZ * GAIN_RATE_HZ].reshape(-1, GAIN_RATE_HZ).mean(axis=1)
    return float(np.sqrt(np.mean(np.diff(seconds) ** 2)))


def pumping_db(gains_db: Values) -> float:
    """RMS of what moves in the gain between 1 and 8 Hz."""
    window = np.hanning(gains_db.size + 1)[:-1]
    spectrum = np.fft.rfft((gains_db - gains_db.mean()) * window)
    moves_hz = np.fft.rfftfreq(gains_db.size, 1.0 / GAIN_RATE_HZ)
    inside = (moves_hz >= PUMPING_HZ[0]) & (moves_hz <= PUMPING_HZ[1])
    return float(np.sqrt(2.0 * np.sum(np.abs(spectrum[inside]) ** 2) / (gains_db.size * np.sum(window**2))))


# Low tones --------------------------------------------------------------------------------------------


def bass_under_drums(rate_hz: int, seconds: float) -> Audio:
    """A steady 60 Hz 6 dB under the ceiling, and over it twice a second a hit 6 dB over the ceiling."""
    index = np.arange(round(seconds * rate_hz))
    beat_s = index % round(HIT_S * rate_hz) / rate_hz
    hits = np.random.default_rng(8).standard_normal(index.size) * np.exp(-beat_s / 0.03)
    hits -= band_limited(hits, rate_hz, DRUMS_FROM_HZ)  # no bass of its own
    hits *= lin_from_db(CEILING_DBTP + 6.0) / np.abs(hits).max()
    bass = lin_from_db(CEILING_DBTP - 6.0) * np.sin(2.0 * np.pi * BASS_HZ * index / rate_hz)
    return np.tile(bass + hits, (2, 1)).astype(np.float32)


def wobble_db(audio: Audio, rate_hz: int) -> float:
    """RMS of the level of the 60 Hz in it around its mean, read over 50 ms, without the first second."""
    later = audio[0, rate_hz:].astype(np.float64)
    turned = later * np.exp(-2j * np.pi * BASS_HZ * np.arange(later.size) / rate_hz)
    span = round(BASS_PERIODS * rate_hz / BASS_HZ)
    sums = np.cumsum(turned)
    levels_db = db_from_power(np.abs(sums[span:] - sums[:-span]) ** 2)
    return float(np.std(levels_db))


def limiter_figures(limit: Limiter, rate_hz: int, seconds: float) -> dict[str, float]:
    """What limiting does to low tones."""
    figures = {}
    for tone_hz in TONES_HZ:
        turns = 2.0 * np.pi * tone_hz * np.arange(round((seconds + 1.0) * rate_hz)) / rate_hz
        tone = np.tile(lin_from_db(CEILING_DBTP + 6.0) * np.sin(turns), (2, 1)).astype(np.float32)
        limited = limit(tone, rate_hz, CEILING_DBTP)
        figures[f"thd_{tone_hz}_hz_percent"] = limiter.distortion_percent(limited, tone_hz)
    drums = limit(bass_under_drums(rate_hz, seconds + 1.0), rate_hz, CEILING_DBTP)
    return {**figures, "bass_wobble_db": wobble_db(drums, rate_hz)}
