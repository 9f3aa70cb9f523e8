"""Applause and other noises of a hall, for tests and benchmarks of what must not take them for music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def applause(sample_rate_hz: int, seconds: float, channels: int, claps_per_s: float = 400.0) -> NDArray[np.float32]:
    """Many hands clapping at random in a murmuring crowd: float32, (channels, samples), peak 0 dBFS.

    A clap is a burst of noise around 1 to 3 kHz that dies away within 5 to 20 ms, from somewhere in
    the room; the crowd is pink noise, 15 dB below them.
    """
    rng = np.random.default_rng(11)
    count = round(seconds * sample_rate_hz)
    room = np.zeros((channels, count + sample_rate_hz))
    for _ in range(rng.poisson(claps_per_s * seconds)):
        decay_s = rng.uniform(0.005, 0.02)
        times_s = np.arange(round(5.0 * decay_s * sample_rate_hz)) / sample_rate_hz
        tone = np.exp(2j * np.pi * rng.uniform(1000.0, 3000.0) * times_s)
        colour = np.convolve(rng.standard_normal(times_s.size), np.ones(sample_rate_hz // 2000), "same")
        clap = (tone * colour).real * np.exp(-times_s / decay_s) * rng.lognormal(0.0, 0.5)
        start, side = rng.integers(count), rng.uniform(0.2, 0.8, channels)
        room[:, start : start + clap.size] += side[:, None] * clap
    claps = room[:, :count]
    spectrum = np.fft.rfft(rng.standard_normal((channels, count)))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(count, 1.0 / sample_rate_hz), 20.0))
    crowd = np.fft.irfft(spectrum, count)
    claps += crowd * (10.0**-0.75 * claps.std() / crowd.std())
    return (claps / np.abs(claps).max()).astype(np.float32)


def noise(sample_rate_hz: int, seconds: float, channels: int, tilt: float) -> NDArray[np.float32]:
    """Gaussian noise whose amplitude spectrum goes as f ** tilt: 0 white, -0.5 pink, -1 brown; rms 0.1."""
    count = round(seconds * sample_rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(12).standard_normal((channels, count)))
    spectrum *= np.maximum(np.fft.rfftfreq(count, 1.0 / sample_rate_hz), 20.0) ** tilt
    sound = np.fft.irfft(spectrum, count)
    return (0.1 * sound / sound.std()).astype(np.float32)
