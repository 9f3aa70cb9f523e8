"""What the chain tells about itself, in the units that people read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.dsp import atomics, loudness
from rt_automix.engine import layout as at
from rt_automix.units import db_from_lin


@dataclass(frozen=True)
class Meters:
    """A snapshot, renewed every 10 ms of audio. Peaks fall by 15 dB a second.

    Loudness is the master's, also while something else is listened to. `compression_db` and
    `limiting_db` are gain reductions, positive; `gain_db` is all gain that was applied, `trim_db`
    the rider's share of it, `ride_db` the gain that the rider would apply at full amount; `faults`
    counts samples that were not sane audio.
    """

    seconds: float
    in_peak_dbfs: float
    out_peak_dbfs: float
    out_true_peak_dbtp: float
    momentary_lufs: float
    short_term_lufs: float
    integrated_lufs: float
    loudness_range_lu: float
    compression_db: float
    limiting_db: float
    gain_db: float
    trim_db: float
    ride_db: float
    faults: int
    applied: dict[str, float]
    fine_gains_db: tuple[float, ...]


def read(f64: NDArray[np.float64], i64: NDArray[np.int64], sample_rate_hz: int, channels: int) -> Meters:
    """The newest snapshot. Thread: one reader at a time. Allocates: yes."""
    slot = at.METER_SLOTS + at.METER_SIZE * atomics.triple_fetch(i64[at.METER_INDEX : at.METER_INDEX + 3])
    values = f64[slot : slot + at.METER_SIZE]
    loudness_state = f64[at.LOUDNESS_STATE : at.LOUDNESS_STATE + loudness.STATE_SIZE]
    return Meters(
        seconds=float(values[at.M_SAMPLES]) / sample_rate_hz,
        in_peak_dbfs=db_from_lin(values[at.M_IN_PEAK]),
        out_peak_dbfs=db_from_lin(values[at.M_OUT_PEAK]),
        out_true_peak_dbtp=db_from_lin(values[at.M_OUT_TRUE_PEAK]),
        momentary_lufs=float(values[at.M_MOMENTARY_LUFS]),
        short_term_lufs=float(values[at.M_SHORT_TERM_LUFS]),
        integrated_lufs=loudness.integrated_lufs(loudness_state),
        loudness_range_lu=loudness.loudness_range_lu(loudness_state),
        compression_db=float(values[at.M_COMPRESSION_DB]),
        limiting_db=float(values[at.M_LIMITING_DB]),
        gain_db=float(values[at.M_GAIN_DB]),
        trim_db=float(values[at.M_TRIM_DB]),
        ride_db=float(values[at.M_RIDE_DB]),
        faults=int(values[at.M_FAULTS]) * min(channels, 2) // 2,  # mono runs on both sides
        applied=params.to_dict(values[at.M_APPLIED : at.M_FINE]),
        fine_gains_db=tuple(float(gain_db) for gain_db in values[at.M_FINE :]),
    )
