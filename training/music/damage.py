"""What live inputs suffer: a master made into the mix that a listener might be given instead.

Tone, dynamics, width and level are off in every one; a hard one also comes from a room, has hiss and
hum, is mono, was clipped or went through a lossy codec. How much: the feasibility study's inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pedalboard import MP3Compressor
from scipy.signal import butter, lfilter, oaconvolve, sosfilt

from rt_automix.dsp.tone import equalizer
from rt_automix.units import lin_from_db

Audio = NDArray[np.float32]
Kind = Literal["clean", "usual", "hard"]

EQ_SHARE = 0.88
EQ_SD_DB = 3.2
EQ_LIMIT_DB = 10.0
EXPANSION_SHARE = 0.6
EXPANSION_SLOPE = 0.6
EXPANSION_LIMIT_DB = 8.0
WIDTH_SHARE = 0.7
WIDTH_SD_DB = 3.5
WIDTH_LIMIT_DB = 9.0
LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -18.0, 6.0

_BLOCK_SAMPLES = 256
_TINY = 1e-12


def damage(audio: Audio, sample_rate_hz: int, rng: np.random.Generator, kind: Kind) -> Audio:
    """A damaged copy.

    Parameters
    ----------
    audio : float32, shape (2, n), finite
    sample_rate_hz : int
    rng : numpy Generator
        The same state gives the same damage.
    kind : "clean", "usual" or "hard"
        Clean is a plain copy; hard is usual with one or two of HARD.

    Returns
    -------
    float32, shape (2, n), C-contiguous, finite
    """
    damaged = np.array(audio, dtype=np.float32, order="C")
    if kind == "clean" or damaged.shape[1] == 0:
        return damaged
    if rng.random() < EQ_SHARE:
        _equalise(damaged, sample_rate_hz, rng)
    if rng.random() < EXPANSION_SHARE:
        expand(damaged, sample_rate_hz, rng)
    if rng.random() < WIDTH_SHARE:
        side_db = np.clip(rng.normal(0.0, WIDTH_SD_DB), -WIDTH_LIMIT_DB, WIDTH_LIMIT_DB)
        _widen(damaged, lin_from_db(float(side_db)))
    if kind == "hard":
        chosen = rng.choice(len(HARD), size=rng.integers(1, 3), replace=False)
        for index in sorted(chosen.tolist()):
            damaged = list(HARD.values())[index](damaged, sample_rate_hz, rng)
    damaged *= np.float32(lin_from_db(rng.uniform(LOWEST_GAIN_DB, HIGHEST_GAIN_DB)))
    return damaged


# Every input ----------------------------------------------------------------------------------------


def _equalise(audio: Audio, sample_rate_hz: int, rng: np.random.Generator) -> None:
    """Five bands near the chain's own, each at a frequency, with a Q and a gain of chance; in place."""
    gains_db = np.clip(rng.normal(0.0, EQ_SD_DB, equalizer.BAND_COUNT), -EQ_LIMIT_DB, EQ_LIMIT_DB)
    octaves = rng.uniform(-0.5, 0.5, equalizer.BAND_COUNT)
    sharpnesses = equalizer.Q * 2.0 ** rng.uniform(-0.7, 0.7, equalizer.BAND_COUNT)
    coefficients = [
        biquad(band, centre_hz * 2.0**octave, q, gain_db, sample_rate_hz)
        for (band, centre_hz), octave, q, gain_db in zip(equalizer.BANDS, octaves, sharpnesses, gains_db, strict=True)
    ]
    equalizer.process(np.concatenate(coefficients), equalizer.new_state(), audio[0], audio[1])


def biquad(kind: int, frequency_hz: float, q: float, gain_db: float, sample_rate_hz: int) -> NDArray[np.float64]:
    """b0, b1, b2, a1, a2 of a shelf or bell (R. Bristow-Johnson, "Audio EQ Cookbook")."""
    w0 = 2.0 * math.pi * frequency_hz / sample_rate_hz
    a, cos, alpha = 10.0 ** (gain_db / 40.0), math.cos(w0), math.sin(w0) / (2.0 * q)
    if kind == equalizer.BELL:
        b = np.array([1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a])
        d = np.array([1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a])
    else:
        sign, root = (1.0 if kind == equalizer.LOW_SHELF else -1.0), 2.0 * math.sqrt(a) * alpha
        up, down, tilted = a + 1.0, a - 1.0, sign * cos
        b = a * np.array([up - down * tilted + root, 2.0 * sign * (down - up * tilted), up - down * tilted - root])
        d = np.array([up + down * tilted + root, -2.0 * sign * (down + up * tilted), up + down * tilted - root])
    return np.concatenate([b / d[0], d[1:] / d[0]])


def expand(audio: Audio, sample_rate_hz: int, rng: np.random.Generator) -> None:
    """Loud made louder and soft softer: gain follows the smoothed level around the programme's; in place."""
    slope = rng.uniform(0.0, EXPANSION_SLOPE)
    blocks_per_s = sample_rate_hz / _BLOCK_SAMPLES
    keep = math.exp(-1.0 / (rng.uniform(0.05, 0.2) * blocks_per_s))
    starts = np.arange(0, audio.shape[1], _BLOCK_SAMPLES)
    power = np.add.reduceat(np.einsum("cn,cn->n", audio, audio), starts) / _BLOCK_SAMPLES
    smooth, _ = lfilter([1.0 - keep], [1.0, -keep], power, zi=[keep * power[0]])
    relative_db = 10.0 * np.log10((smooth + _TINY) / (power.mean() + _TINY))
    gains_lin = 10.0 ** (np.clip(slope * relative_db, -EXPANSION_LIMIT_DB, EXPANSION_LIMIT_DB) / 20.0)
    audio *= _glide(gains_lin, audio.shape[1])


def _glide(values: NDArray[np.float64], samples: int) -> NDArray[np.float32]:
    """A value per block as one per sample, in straight lines: float32, shape (samples,)."""
    ramp = np.arange(_BLOCK_SAMPLES, dtype=np.float32) / _BLOCK_SAMPLES
    ends = values.astype(np.float32)[:, None]
    starts = np.concatenate([ends[:1], ends[:-1]])
    return (starts + (ends - starts) * ramp).reshape(-1)[:samples]


def _widen(audio: Audio, side_lin: float) -> None:
    """Side gain; in place."""
    side = (audio[0] - audio[1]) * np.float32(0.5 * (side_lin - 1.0))
    audio[0] += side
    audio[1] -= side


# Hard ones ------------------------------------------------------------------------------------------


def _room(audio: Audio, sample_rate_hz: int, rng: np.random.Generator) -> Audio:
    """A small room: noise that decays within 0.15 to 0.7 s, dull, 6 to 18 dB under the direct sound."""
    reverb_s = rng.uniform(0.15, 0.7)
    times_s = np.arange(round(0.7 * reverb_s * sample_rate_hz)) / sample_rate_hz
    tail = rng.standard_normal((2, times_s.size)) * 10.0 ** (-3.0 * times_s / reverb_s)
    dull = math.exp(-2.0 * math.pi * rng.uniform(2000.0, 8000.0) / sample_rate_hz)
    tail = lfilter([1.0 - dull], [1.0, -dull], tail)
    tail *= lin_from_db(rng.uniform(-18.0, -6.0)) / np.sqrt(np.sum(tail**2, axis=1, keepdims=True))
    tail[:, 0] += 1.0
    return np.ascontiguousarray(oaconvolve(audio, tail.astype(np.float32), axes=1)[:, : audio.shape[1]])


def _mono(audio: Audio, sample_rate_hz: int, rng: np.random.Generator) -> Audio:
    """One microphone, or both channels together."""
    one = audio[0] if rng.random() < 0.3 else audio.mean(axis=0)
    return np.stack([one, one])


def _noise(audio: Audio, sample_rate_hz: int, rng: np.random.Generator) -> Audio:
    """Hiss, and hum of 50 or 60 Hz with harmonics, each 30 to 60 dB under the programme."""
    level_lin = math.sqrt(float(np.mean(np.square(audio))))
    hiss = rng.standard_normal(audio.shape, dtype=np.float32)
    hiss *= np.float32(level_lin * lin_from_db(rng.uniform(-60.0, -30.0)))
    mains_hz, harmonics = rng.choice([50.0, 60.0]), np.arange(1, 9)
    weights = rng.uniform(0.2, 1.0, harmonics.size) / harmonics
    phases = rng.uniform(0.0, 2.0 * math.pi, harmonics.size)
    # One second holds whole periods of all of them.
    radians = 2.0 * math.pi * mains_hz * np.arange(sample_rate_hz) / sample_rate_hz
    second = sum(w * np.sin(k * radians + phase) for w, k, phase in zip(weights, harmonics, phases, strict=True))
    second *= level_lin * lin_from_db(rng.uniform(-60.0, -30.0)) / math.sqrt(float(np.mean(second**2)))
    return audio + hiss + np.resize(second.astype(np.float32), audio.shape[1])


def _clip(audio: Audio, sample_rate_hz: int, rng: np.random.Generator) -> Audio:
    """A recording made 3 to 9 dB too hot, clipped hard or softly."""
    peak_lin = float(np.abs(audio).max()) + _TINY
    limit_lin = np.float32(peak_lin * lin_from_db(-rng.uniform(3.0, 9.0)))
    if rng.random() < 0.5:
        return np.clip(audio, -limit_lin, limit_lin)
    return limit_lin * np.tanh(audio / limit_lin)


def _codec(audio: Audio, sample_rate_hz: int, rng: np.random.Generator) -> Audio:
    """An MP3 of few bits or, half of the time, only what is lost first: the top octave."""
    if rng.random() < 0.5:
        peak_lin = max(float(np.abs(audio).max()), 1.0)
        coded = MP3Compressor(vbr_quality=rng.uniform(4.0, 9.5)).process(audio / np.float32(peak_lin), sample_rate_hz)
        return np.ascontiguousarray(coded * np.float32(peak_lin), dtype=np.float32)
    lowpass = butter(8, rng.uniform(10_000.0, 16_000.0), fs=sample_rate_hz, output="sos")
    return sosfilt(lowpass, audio, axis=1).astype(np.float32)


HARD: dict[str, Callable[[Audio, int, np.random.Generator], Audio]] = {
    "room": _room,
    "mono": _mono,
    "noise": _noise,
    "clip": _clip,
    "codec": _codec,
}
"""What makes an input a hard one, in the order in which it happens."""
