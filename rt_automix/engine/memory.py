"""What an engine has been told and has learned, little and plain enough for a file.

Unlike `Engine.state`, which goes on bit for bit, this fits any sample rate, may be taken while audio
runs, and holds nothing that could be worse than starting anew.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rt_automix import params
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.dsp.dynamics import rider
from rt_automix.dsp.tone import fine
from rt_automix.engine import controls
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine
from rt_automix.errors import UserError


def learned(engine: Engine) -> dict[str, Any]:
    """Controls, the parameters that hold, loudness gain and statistics, ready for JSON.

    Thread: the one that reads the meters. Allocates: yes.
    """
    f64, _, _ = engine.arrays
    return {
        "controls": engine.controls,
        "suggestion": params.to_dict(f64[at.BASE : at.BASE + params.COUNT]),  # of a frozen engine, the frozen
        "fine_gains_db": f64[at.FINE_BASE : at.FINE_BASE + fine.BAND_COUNT].tolist(),
        "ride_db": rider.gain_db(f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE])
        - f64[at.NOW + at.S_LOUDER_LU],  # meters wait for audio
        "statistics": engine.analyst.listener.statistics.plain(),
    }


def resume(engine: Engine, memory: dict[str, Any], settled: bool = True) -> None:
    """Start a prepared engine from what another had `learned`; not `settled`: for music that may be another.

    Raises
    ------
    UserError
        This is not what `learned` gives; nothing was changed.

    Thread: main, while no audio runs. Allocates: yes.
    """
    statistics = Statistics()
    try:
        wanted = {**engine.controls, **memory["controls"]}
        for name, value in wanted.items():
            controls.check(name, value)
        suggestion = params.clamp(params.from_dict(memory["suggestion"]))
        fine_gains_db = np.array(memory.get("fine_gains_db", [0.0] * fine.BAND_COUNT), dtype=np.float64)
        if fine_gains_db.shape != (fine.BAND_COUNT,) or not np.isfinite(fine_gains_db).all():
            raise ValueError(f"fine_gains_db holds no {fine.BAND_COUNT} gains")
        ride_db = float(memory["ride_db"])
        if not math.isfinite(ride_db):
            raise ValueError(f"ride_db = {ride_db} is not a level")
        statistics.restore_plain(memory["statistics"])
    except (KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(f"saved state: {error}. It is not used.") from None
    engine.set(**wanted)
    engine.analyst.listener.statistics = statistics
    engine.hold(suggestion, fine_gains_db)
    f64, _, _ = engine.arrays
    state = f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE]
    rider.resume(state, ride_db, wanted["target_lufs"], settled)
    engine.settle()
