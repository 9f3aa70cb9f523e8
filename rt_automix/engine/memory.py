"""What an engine has been told and has learned, little and plain enough for a file.

Unlike `Engine.state`, which goes on bit for bit, this fits any sample rate, may be taken while audio
runs, and holds nothing that could be worse than starting anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.dsp.dynamics import rider
from rt_automix.dsp.tone import fine
from rt_automix.engine import controls
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine
from rt_automix.errors import ConfigError, UserError


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


def resume(engine: Engine, memory: dict[str, Any], settled: bool = True) -> list[str]:
    """Start a prepared engine from what another had `learned`; not `settled`: for music that may be another.

    Every number is held within what could have been. What makes no sense is not used; the rest is.

    Returns
    -------
    list of str
        What was not used, or not as it was found.

    Thread: main, while no audio runs. Allocates: yes.
    """
    faults: list[str] = []
    kept = {"fine_gains_db": [0.0] * fine.BAND_COUNT, **memory}
    told, suggestion, fine_gains_db, ride_db, statistics = (
        _part(kept, name, read, faults) for name, read in _READERS.items()
    )
    engine.set(**{**engine.controls, **_controls(told or {}, faults)})
    if statistics is not None:
        engine.analyst.listener.statistics = statistics
    if suggestion is not None:
        engine.hold(suggestion, fine_gains_db)
    if ride_db is not None:
        f64, _, _ = engine.arrays
        state = f64[at.RIDER_STATE : at.RIDER_STATE + rider.STATE_SIZE]
        rider.resume(state, ride_db, engine.controls["target_lufs"], settled)
    engine.settle()
    return faults


def _part(kept: dict[str, Any], name: str, read: Callable[[Any], Any], faults: list[str]) -> Any:
    """A part of what was kept; None, and a fault, where it makes no sense."""
    try:
        return read(kept[name])
    except KeyError as error:
        faults.append(f"saved state: {error.args[0]} is missing. It starts anew.")
    except (TypeError, ValueError, AttributeError, OverflowError, UserError) as error:
        faults.append(f"saved state: {name}: {error}. It is not used.")
    return None


def _controls(told: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    """Those of the controls that can be set, each within its range."""
    found = {}
    for name, value in told.items():
        try:
            found[name] = controls.held(name, value)
        except ConfigError as error:
            faults.append(f"saved state: {error} It is not used.")
            continue
        if found[name] != value:
            faults.append(f"saved state: {name} = {value} is beyond what can be. It is {found[name]} now.")
    return found


def _fine(values: Any) -> NDArray[np.float64]:
    gains_db = np.array(values, dtype=np.float64)
    if gains_db.shape != (fine.BAND_COUNT,) or not np.isfinite(gains_db).all():
        raise ValueError(f"these are no {fine.BAND_COUNT} gains")
    return np.clip(gains_db, -fine.GAIN_LIMIT_DB, fine.GAIN_LIMIT_DB)


def _level_db(value: Any) -> float:
    level_db = float(value)
    if not math.isfinite(level_db):
        raise ValueError(f"{level_db} is not a level")
    return level_db


def _heard(plain: Any) -> Statistics:
    statistics = Statistics()
    statistics.restore_plain(plain)
    return statistics


_READERS: dict[str, Callable[[Any], Any]] = {
    "controls": dict,
    "suggestion": lambda named: params.clamp(params.from_dict(named)),
    "fine_gains_db": _fine,
    "ride_db": _level_db,
    "statistics": _heard,
}
"""How each part of what was kept is read; whoever cannot raises."""
