"""Gains of a song and of its record as tags: ReplayGain 2.0, and R128 as Opus has it (RFC 7845)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.recordings.measure import Measurement
from rt_automix.dsp.loudness import loudness
from rt_automix.units import lin_from_db

REPLAYGAIN_LUFS, R128_LUFS = -18.0, -23.0
"""Reference levels."""

NAMES = tuple(
    name for of in ("TRACK", "ALBUM") for name in (f"REPLAYGAIN_{of}_GAIN", f"REPLAYGAIN_{of}_PEAK", f"R128_{of}_GAIN")
)


def of(song: Measurement, record: NDArray[np.float64], record_peak_dbtp: float) -> dict[str, str]:
    """The tags of a song: its own, unless it is silent or too short, and those of its record.

    Parameters
    ----------
    song : Measurement
    record : float64, shape (loudness.GATED_SIZE,)
        The sum of `loudness.gated` of all songs, which are gated together.
    record_peak_dbtp : float
        Highest true peak of all songs.

    Thread: any but audio. Allocates: yes.
    """
    record_lufs = loudness.together_lufs(record)
    return _of("TRACK", song.integrated_lufs, song.true_peak_dbtp) | _of("ALBUM", record_lufs, record_peak_dbtp)


def _of(what: str, level_lufs: float, peak_dbtp: float) -> dict[str, str]:
    if level_lufs <= loudness.GATE_LUFS:
        return {}
    return {
        f"REPLAYGAIN_{what}_GAIN": f"{REPLAYGAIN_LUFS - level_lufs:.2f} dB",
        f"REPLAYGAIN_{what}_PEAK": f"{lin_from_db(peak_dbtp):.6f}",
        f"R128_{what}_GAIN": f"{round(256.0 * (R128_LUFS - level_lufs))}",
    }
