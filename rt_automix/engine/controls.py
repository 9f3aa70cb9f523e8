"""What a performer can set while the music plays: names, ranges, and the message to the chain."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import owncurve, params
from rt_automix.analysis.aim.profile import Profile
from rt_automix.config import Config
from rt_automix.dsp.tone import fine
from rt_automix.engine import layout as at
from rt_automix.errors import ConfigError, nearest
from rt_automix.units import lin_from_db

LISTEN = {"master": at.LISTEN_MASTER, "bypass": at.LISTEN_BYPASS, "compare": at.LISTEN_COMPARE}
RANGES = {
    "amount": (0.0, 1.0),
    "fine_tone": (0.0, 1.0),
    "boldness": (0.0, 1.0),
    "style_strength": (0.0, 1.0),
    "ceiling_dbtp": (-12.0, 0.0),
    "target_lufs": (-40.0, -5.0),
    "max_trim_db": (0.0, 24.0),
    "output_trim_db": (-40.0, 0.0),
}
SWITCHES = ("freeze", "ride", "night")
NAMES = ("listen", "trims", "curve", *RANGES, *SWITCHES)
TRIM_RANGES = {param.name: 0.5 * (param.high - param.low) for param in params.PARAMS}
"""How far each parameter can be moved away from what is suggested, up or down, in its own unit."""


def initial(config: Config, style: Profile) -> dict[str, Any]:
    """Every control as a configuration and a profile ask for it."""
    target_lufs = config.master.target_lufs
    return {
        "amount": config.master.amount,
        "fine_tone": config.master.fine_tone,
        "boldness": config.master.boldness,
        "style_strength": config.master.style_strength,
        "listen": "master",
        "freeze": False,
        "ceiling_dbtp": config.limiter.ceiling_dbtp,
        "target_lufs": style.loudness_lufs if target_lufs is None else target_lufs,
        "ride": config.rider.enabled,
        "night": config.rider.night,
        "max_trim_db": config.rider.max_trim_db,
        "output_trim_db": 0.0,
        "trims": {},
        "curve": [],
    }


def check(name: str, value: Any) -> None:
    """Raise ConfigError unless `value` is one that the control `name` can take."""
    if name in RANGES:
        low, high = RANGES[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ConfigError(f"control {name} = {value!r} is outside [{low}, {high}]. Use a number in that range.")
    elif name in SWITCHES:
        if not isinstance(value, bool):
            raise ConfigError(f"control {name} = {value!r} is not a switch. Use True or False.")
    elif name == "trims":
        _check_trims(value)
    elif name == "curve":
        owncurve.check(value)
    elif name == "listen":
        if not isinstance(value, str) or value not in LISTEN:
            raise ConfigError(
                f"control listen = {value!r} is unknown.{nearest(str(value), LISTEN)} Use {', '.join(LISTEN)}."
            )
    else:
        raise ConfigError(f'control "{name}" is unknown.{nearest(name, NAMES)} Known: {", ".join(NAMES)}.')


def held(name: str, value: Any) -> Any:
    """A value that somebody wrote down, held within what the control `name` can take.

    Raises
    ------
    ConfigError
        It is none that could be held.

    Thread: main. Allocates: yes.
    """
    if name in RANGES:
        value = _held(value, *RANGES[name])
    elif name == "trims" and isinstance(value, dict):
        ranges = {one: TRIM_RANGES.get(one, math.inf) for one in value}
        value = {one: _held(offset, -ranges[one], ranges[one]) for one, offset in value.items()}
    check(name, value)
    return value


def _held(value: Any, low: float, high: float) -> Any:
    """A number within its range; what is none as it is."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
    return min(max(value, low), high) if is_number else value


def _check_trims(trims: Any) -> None:
    if not isinstance(trims, dict):
        raise ConfigError(f"control trims = {trims!r} is not a table. Use offsets by the names of parameters.")
    for name, offset in trims.items():
        if name not in TRIM_RANGES:
            raise ConfigError(f'control trims: parameter "{name}" is unknown.{nearest(str(name), TRIM_RANGES)}')
        most = TRIM_RANGES[name]
        if isinstance(offset, bool) or not isinstance(offset, (int, float)) or not -most <= offset <= most:
            raise ConfigError(f"control trims: {name} = {offset!r} is outside [{-most:g}, {most:g}].")


def message(controls: dict[str, Any], solve_fine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The controls as the chain reads them: float64, shape (CONTROL_SIZE,).

    `solve_fine`, shape (31, 62), is what turns a curve into gains of the fine bands.
    """
    values = np.zeros(at.CONTROL_SIZE)
    values[at.AMOUNT] = controls["amount"]
    values[at.LISTEN] = LISTEN[controls["listen"]]
    values[at.FREEZE] = controls["freeze"]
    values[at.CEILING_LIN] = lin_from_db(controls["ceiling_dbtp"])
    values[at.TARGET_LUFS] = controls["target_lufs"]
    values[at.RIDE] = controls["ride"]
    values[at.NIGHT] = controls["night"]
    values[at.MAX_TRIM_DB] = controls["max_trim_db"]
    values[at.FINE_TONE] = controls["fine_tone"]
    values[at.OWN_FINE :] = solve_fine @ owncurve.gains_db(controls["curve"], fine.POINTS_HZ)
    for name, offset in controls["trims"].items():
        values[at.TRIMS + params.INDEX[name]] = offset
    values[at.OUTPUT_TRIM_LIN] = lin_from_db(controls["output_trim_db"])
    return values
