"""The tools people would use otherwise, set up to do the same work."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pedalboard
from numpy.typing import NDArray

Audio = NDArray[np.float32]

# The settings that `chain.STILL` has, as far as pedalboard's plugins have them.
_GAIN_DB = 7.0
_BANDS = (
    (pedalboard.LowShelfFilter, 110.0, 2.0),
    (pedalboard.PeakFilter, 260.0, -3.0),
    (pedalboard.PeakFilter, 1000.0, 1.0),
    (pedalboard.PeakFilter, 3500.0, 2.0),
    (pedalboard.HighShelfFilter, 9000.0, 3.0),
)


def pedalboard_chain(with_limiter: bool) -> pedalboard.Pedalboard:
    """Gain, five bands, compressor and, if asked for, limiter."""
    plugins: list[pedalboard.Plugin] = [pedalboard.Gain(_GAIN_DB)]
    plugins += [kind(centre_hz, gain_db, np.sqrt(0.5)) for kind, centre_hz, gain_db in _BANDS]
    plugins.append(pedalboard.Compressor(threshold_db=-18.0, ratio=3.0, attack_ms=10.0, release_ms=150.0))
    if with_limiter:
        plugins.append(pedalboard.Limiter(threshold_db=-1.0, release_ms=100.0))
    return pedalboard.Pedalboard(plugins)


def pedalboard_limiter(audio: Audio, sample_rate_hz: int, ceiling_dbtp: float) -> Audio:
    """JUCE's limiter: sample peaks, no look-ahead."""
    return pedalboard.Limiter(threshold_db=ceiling_dbtp, release_ms=100.0)(audio, sample_rate_hz)


def has_ffmpeg() -> bool:
    """Whether the ffmpeg program is installed."""
    return shutil.which("ffmpeg") is not None


def ffmpeg(audio: Audio, sample_rate_hz: int, audio_filter: str) -> Audio:
    """Audio through one of ffmpeg's filters."""
    stream = f"-f f32le -ar {sample_rate_hz} -ac {len(audio)}"
    command = f"ffmpeg -v error {stream} -i - -af {audio_filter} {stream} -"
    frames = np.ascontiguousarray(audio.T, dtype="<f4").tobytes()
    run = subprocess.run(command.split(), input=frames, capture_output=True, check=True)
    return np.ascontiguousarray(np.frombuffer(run.stdout, "<f4").reshape(-1, len(audio)).T)


def ffmpeg_limiter(audio: Audio, sample_rate_hz: int, ceiling_dbtp: float) -> Audio:
    """ffmpeg's alimiter at its own attack (5 ms) and release (50 ms), without its make-up gain."""
    limit_lin = 10.0 ** (ceiling_dbtp / 20.0)
    return ffmpeg(audio, sample_rate_hz, f"alimiter=limit={limit_lin}:level=disabled")


def ffmpeg_loudnorm(audio: Audio, sample_rate_hz: int, target_lufs: float, ceiling_dbtp: float) -> Audio:
    """ffmpeg's loudnorm in one pass; what it delays by looking ahead, it cuts off again."""
    return ffmpeg(audio, sample_rate_hz, f"loudnorm=I={target_lufs}:TP={ceiling_dbtp}")
