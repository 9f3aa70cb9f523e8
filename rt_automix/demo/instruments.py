"""The band of the demo song: each instrument is a short function that plays one note.

Every function returns one float32 array of samples, about 1.0 at its loudest for velocity 1.
Oscillators read long single-cycle tables, so a "filter" is mostly a choice of partials: nothing
above 16 kHz is ever generated and all sample rates sound alike.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

_TABLE_SAMPLES = 1 << 15  # long enough to be read without interpolation: errors stay below -80 dB
_HIGHEST_PARTIAL_HZ = 16000.0


def pitch_hz(note: str) -> float:
    """Frequency of a note name such as ``"Bb3"`` or ``"C#5"``, equal temperament, A4 = 440 Hz."""
    semitone = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[note[0]]
    semitone += note.count("#") - note.count("b")
    return float(440.0 * 2.0 ** ((12 * int(note[-1]) + semitone - 57) / 12.0))


@lru_cache(maxsize=64)
def _cycle(partial_count: int, cutoff_partials: float, odd_only: bool = False) -> Sound:
    """One cycle of a saw (or of a square, `odd_only`) through a gentle low-pass, peak 1."""
    partials = np.arange(_TABLE_SAMPLES // 2 + 1, dtype=np.float64)
    spectrum = np.zeros(partials.size, dtype=np.complex128)
    heard = slice(1, partial_count + 1, 2 if odd_only else 1)
    spectrum[heard] = -1j / partials[heard] / (1.0 + (partials[heard] / cutoff_partials) ** 2)
    cycle = np.fft.irfft(spectrum)
    return np.asarray(cycle / np.abs(cycle).max(), dtype=np.float32)


def _read(cycle: Sound, phase_cycles: NDArray[np.float64]) -> Sound:
    """An oscillator: the table's value at each phase, in cycles."""
    return cycle[(phase_cycles * _TABLE_SAMPLES).astype(np.int64) & (_TABLE_SAMPLES - 1)]


def _filtered_cycle(frequency_hz: float, cutoff_hz: float, odd_only: bool = False) -> Sound:
    """The table for a note: a saw (or square) whose partials fade above `cutoff_hz`."""
    return _cycle(max(1, int(_HIGHEST_PARTIAL_HZ / frequency_hz)), round(cutoff_hz / frequency_hz, 1), odd_only)


def _clock(seconds: float, sample_rate_hz: int) -> NDArray[np.float64]:
    return np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz


def _decay(time_s: NDArray[np.float64], tau_s: float) -> Sound:
    return np.exp(-time_s / tau_s).astype(np.float32)


def _shape(time_s: NDArray[np.float64], attack_s: float, release_s: float) -> Sound:
    """A straight fade in and a straight fade out, so that no note starts or ends with a click."""
    end_s = time_s.size * (time_s[1] - time_s[0])
    return np.clip(np.minimum(time_s / attack_s, (end_s - time_s) / release_s), 0.0, 1.0).astype(np.float32)


def _noise(time_s: NDArray[np.float64], rng: np.random.Generator, low_hz: float, high_hz: float) -> Sound:
    """White noise with gentle edges at `low_hz` and `high_hz`, RMS 0.3.

    It is drawn as a spectrum, so that the same noise is heard at every sample rate.
    """
    seconds = time_s.size * (time_s[1] - time_s[0])
    partials = rng.standard_normal((2, round(_HIGHEST_PARTIAL_HZ * seconds)), dtype=np.float32)
    frequency_hz = np.arange(1, partials.shape[1] + 1) / seconds
    ratio_low, ratio_high = (frequency_hz / low_hz) ** 4, (frequency_hz / high_hz) ** 4
    spectrum = np.zeros(time_s.size // 2 + 1, dtype=np.complex64)
    spectrum[1 : partials.shape[1] + 1] = (
        (partials[0] + 1j * partials[1]) * ratio_low / (1 + ratio_low) / (1 + ratio_high)
    )
    noise = np.fft.irfft(spectrum, time_s.size)
    return np.asarray(noise * (0.3 / np.sqrt(np.mean(noise**2))), dtype=np.float32)


_SINE = _cycle(1, 1e9)


# Drums -----------------------------------------------------------------------------------------


def kick(sample_rate_hz: int, rng: np.random.Generator) -> Sound:
    """A sine that falls from 190 to 47 Hz within a few hundredths of a second, and a beater click."""
    time_s = _clock(0.45, sample_rate_hz)
    phase_cycles = 47.0 * time_s + 143.0 * 0.028 * (1.0 - np.exp(-time_s / 0.028))
    click = _noise(time_s, rng, 1500.0, 5000.0) * _decay(time_s, 0.004)
    return (_read(_SINE, phase_cycles) * _decay(time_s, 0.13) + 0.6 * click) * _shape(time_s, 0.001, 0.05)


def snare(sample_rate_hz: int, rng: np.random.Generator) -> Sound:
    """The drum's body (two membrane modes, slightly falling) under the rattle of the wires."""
    time_s = _clock(0.35, sample_rate_hz)
    fall_cycles = 0.3 * (1.0 - np.exp(-time_s / 0.02))
    body = _read(_SINE, 188.0 * time_s + fall_cycles) + 0.5 * _read(_SINE, 331.0 * time_s + fall_cycles)
    wires = _noise(time_s, rng, 1200.0, 9000.0) * _decay(time_s, 0.075)
    return (0.55 * body * _decay(time_s, 0.06) + 0.9 * wires) * _shape(time_s, 0.001, 0.05)


def hat(sample_rate_hz: int, rng: np.random.Generator, tau_s: float = 0.03) -> Sound:
    """Bright noise, cut short; a longer `tau_s` opens the hat."""
    time_s = _clock(min(8.0 * tau_s, 0.6), sample_rate_hz)
    return _noise(time_s, rng, 7000.0, 15000.0) * _decay(time_s, tau_s) * _shape(time_s, 0.0005, 0.02)


def crash(sample_rate_hz: int, rng: np.random.Generator) -> Sound:
    """A wash of noise over a few metallic partials that share no common divisor."""
    time_s = _clock(2.4, sample_rate_hz)
    metal = sum((_read(_SINE, hz * time_s) for hz in (2617.0, 3391.0, 4273.0, 5519.0)), np.zeros(1, np.float32))
    wash = _noise(time_s, rng, 2500.0, 14000.0)
    return (0.07 * metal + 0.9 * wash) * _decay(time_s, 0.55) * _shape(time_s, 0.002, 0.3)


# Pitched instruments -----------------------------------------------------------------------------


def bass(sample_rate_hz: int, frequency_hz: float, seconds: float) -> Sound:
    """A plucked saw: the bright table fades into the dark one, as a closing filter would sound."""
    time_s = _clock(seconds, sample_rate_hz)
    phase_cycles = frequency_hz * time_s
    bright = _read(_filtered_cycle(frequency_hz, 2500.0), phase_cycles) * _decay(time_s, 0.12)
    dark = _read(_filtered_cycle(frequency_hz, 130.0), phase_cycles) * _decay(time_s, 1.2)
    return (0.5 * bright + 0.7 * dark) * _shape(time_s, 0.004, 0.03)


def electric_piano(sample_rate_hz: int, frequency_hz: float, seconds: float, velocity: float) -> Sound:
    """Two-operator FM (Chowning 1973): a harder stroke sings brighter; a tine rings at the attack."""
    time_s = _clock(seconds, sample_rate_hz)
    phase_cycles = frequency_hz * time_s
    fading = _decay(time_s, 0.9)
    modulator = _read(_SINE, phase_cycles) * _decay(time_s, 0.35)
    tone = _read(_SINE, phase_cycles + 0.28 * velocity * modulator)
    tine = (
        _read(_SINE, 14.0 * phase_cycles) * _decay(time_s, 0.05) if 14.0 * frequency_hz < _HIGHEST_PARTIAL_HZ else 0.0
    )
    return (tone * fading + 0.2 * velocity * tine) * _shape(time_s, 0.003, 0.08)


def saw_pad(sample_rate_hz: int, frequency_hz: float, seconds: float) -> Sound:
    """Two saws a few cents apart that swell and beat slowly against each other."""
    time_s = _clock(seconds, sample_rate_hz)
    cycle = _filtered_cycle(frequency_hz, 7000.0)
    both = _read(cycle, frequency_hz * 0.9965 * time_s) + _read(cycle, frequency_hz * 1.0035 * time_s + 0.37)
    return 0.5 * both * _shape(time_s, 0.12, 0.25)


def lead(sample_rate_hz: int, frequency_hz: float, seconds: float) -> Sound:
    """A singing square: vibrato comes in late, as a player's would."""
    time_s = _clock(seconds, sample_rate_hz)
    depth = 0.006 * np.clip((time_s - 0.15) / 0.3, 0.0, 1.0)
    phase_cycles = frequency_hz * time_s + depth * frequency_hz / (2.0 * np.pi * 5.4) * _read(_SINE, 5.4 * time_s)
    cycle = _filtered_cycle(frequency_hz, 6000.0, odd_only=True)
    return _read(cycle, phase_cycles) * _shape(time_s, 0.015, 0.06) * (0.75 + 0.25 * _decay(time_s, 0.25))


def room_impulse(sample_rate_hz: int, seconds: float, rng: np.random.Generator) -> Sound:
    """A room's impulse response, shape (2, n): noise that decays, its top faster than its bottom.

    Its power gain is about 1 over the 5 kHz it mostly fills.
    """
    time_s = _clock(seconds, sample_rate_hz)
    sides = [
        _noise(time_s, rng, 150.0, 2500.0) * _decay(time_s, seconds / 6.0)
        + 0.6 * _noise(time_s, rng, 2500.0, 9000.0) * _decay(time_s, seconds / 14.0)
        for _ in range(2)
    ]
    impulse = np.stack(sides) * np.clip(time_s / 0.008, 0.0, 1.0)
    energy = np.sum(impulse[0] ** 2) * sample_rate_hz / (2.0 * 5000.0)
    return np.asarray(impulse / np.sqrt(energy), dtype=np.float32)
