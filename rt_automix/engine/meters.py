"""What the chain tells about itself, in the units that people read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.dsp import atomics
from rt_automix.dsp.dynamics import rider
from rt_automix.dsp.loudness import loudness
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


MISSED_LU, SILENCE_LU, AT_ITS_LIMIT_DB, HARD_DB = 0.5, 20.0, 0.1, 4.0
"""From where on a target is missed, and what is so far off is silence, which misses nothing; how near to its bound a
gain is there, and from where on a limiter is what keeps the loudness down."""


def missed(f64: NDArray[np.float64], i64: NDArray[np.int64], now: Meters) -> str:
    """How far the loudness is from its target, and why, in a sentence; "" where it is met or nobody goes there.

    Parameters
    ----------
    f64, i64 : the arrays of `layout`
    now : Meters
        What they say now.

    Thread: any. Allocates: yes.
    """
    state = f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE]
    slot = at.CONTROL_SLOTS + at.CONTROL_SIZE * int(i64[at.CONTROL_INDEX + 2])
    controls = f64[slot : slot + at.CONTROL_SIZE]
    came_out_lufs, target_lufs = rider.came_out_lufs(state), controls[at.TARGET_LUFS]
    if came_out_lufs is None or controls[at.AMOUNT] < 1.0 or not controls[at.RIDE] or controls[at.FREEZE]:
        return ""
    off_lu, recent_lu = came_out_lufs - target_lufs, now.short_term_lufs - target_lufs
    if min(abs(off_lu), abs(recent_lu)) <= MISSED_LU or off_lu * recent_lu < 0.0 or abs(recent_lu) > SILENCE_LU:
        return ""
    what = f"{abs(off_lu):.1f} LU {'over' if off_lu > 0.0 else 'under'} the target: "
    wanted = f64[at.NOW + params.INDEX["input_gain_db"]] + f64[at.NOW + params.INDEX["limiter_drive_db"]]
    middle_db = wanted + f64[at.BEYOND_NOW] + f64[at.NOW + at.S_LOUDER_LU]
    left_db = controls[at.MAX_TRIM_DB] + np.sign(off_lu) * (rider.gain_db(state) - middle_db)
    if off_lu < 0.0 and now.limiting_db > HARD_DB:
        return (
            f"{what}the limiter takes {now.limiting_db:.0f} dB of the peaks. A lower target or a higher ceiling helps."
        )
    if left_db < AT_ITS_LIMIT_DB or abs(rider.gain_db(state)) > rider.GAIN_LIMIT_DB - AT_ITS_LIMIT_DB:
        return f"{what}the gain is at its limit. Raise rider.max_trim_db, or mend the level of the input."
    return f"{what}what comes in changes faster than the gain may follow."
