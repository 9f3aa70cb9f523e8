"""What is known of masters: the table behind the correction, read from the package, and the aim seen from Python.

The table is made of music by `python -m training masters`; the kernels are in `correction` and `aiming`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import aiming, profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS
from rt_automix.errors import ModelError

_DATA = resources.files("rt_automix") / "data"

NAME = "auto"
"""The profile that leans in no direction."""
SPEECH = "speech"
"""The profile that takes all for talk."""
FORMAT = 1

BOLDNESS, STYLE_STRENGTH = 0.5, 0.5
"""What both are unless somebody says otherwise."""

PARTS: dict[str, tuple[int, tuple[int, ...]]] = {
    "mean_db": (at.MEAN, (at.LEAN_SIZE,)),
    "analysis": (at.ANALYSIS, (at.MODES, TONE_BANDS)),
    "synthesis_db": (at.SYNTHESIS, (at.MODES, TONE_BANDS)),
    "spreads": (at.SPREADS, (at.KNOTS, at.MODES)),
    "scales": (at.SCALE, (at.SCALES,)),
    "prior_log": (at.PRIOR, (at.SCALES,)),
    "bold_log": (at.BOLD, ()),
    "temper": (at.TEMPER, ()),
    "rest_db": (at.REST, ()),
    "width_table_db": (at.WIDTH_TABLE, (2 + 2 * at.TABLE_POINTS,)),
    "dynamics_table_db": (at.DYNAMICS_TABLE, (2 + 2 * at.TABLE_POINTS,)),
}
"""Where each part of the file lies in the array, and its shape; see `layout`."""


@dataclass(frozen=True)
class Found:
    """What the correction is, and how sure of it one can be.

    Parameters
    ----------
    correction_db, doubt_db : float64, shape (tone.TONE_BANDS,)
        To be added to what is heard in each tone band, and the standard deviation of that.
    side_mid_db, side_mid_doubt_db, dynamics_db, dynamics_doubt_db : float
        The same of the side/mid ratio and of the dynamics.
    """

    correction_db: NDArray[np.float64]
    doubt_db: NDArray[np.float64]
    side_mid_db: float
    side_mid_doubt_db: float
    dynamics_db: float
    dynamics_doubt_db: float

    @classmethod
    def of(cls, passing: NDArray[np.float64]) -> Found | None:
        """What a decision has found: of an array laid out as `layout.PASSING_SIZE` has it.

        None where it has not looked: with a place to go to, or too little music.
        """
        if passing[at.IS_FOUND] == 0.0 or passing[at.AIM + at.AIM_HAS_FINE] != 0.0:
            return None
        values = passing[at.CORRECTION : at.CORRECTION + at.LEAN_SIZE].copy()
        doubts = passing[at.DOUBT : at.DOUBT + at.LEAN_SIZE].copy()
        (side_mid, dynamics), (side_mid_doubt, dynamics_doubt) = values[TONE_BANDS:], doubts[TONE_BANDS:]
        return cls(
            values[:TONE_BANDS], doubts[:TONE_BANDS],
            float(side_mid), float(side_mid_doubt), float(dynamics), float(dynamics_doubt),
        )  # fmt: skip


STEP = "_step"
"""Behind the name of a matrix of whole numbers: what one of them stands for, by row or by column."""


def in_full(parts: Mapping[str, Any], name: str) -> NDArray[Any]:
    """A part by its name, whole numbers times their steps; NaN where it is missing.

    Thread: main. Allocates: yes.
    """
    value = np.asarray(parts.get(name, math.nan))
    if value.dtype != np.int8:
        return value
    steps = np.asarray(parts.get(name + STEP, math.nan), np.float32)
    return value.astype(np.float32) * steps


def with_networks(array: NDArray[np.float64], parts: Mapping[str, Any]) -> NDArray[np.float64]:
    """The same table with networks in it, as `training.correction.correct` has written them.

    Parameters
    ----------
    array : float64, shape (layout.MASTERS_SIZE,)
    parts : arrays by name
        blend and rest (KNOTS,), boldness (), doubt (2,), texture_mean, texture_parts, and of each network N:
        mean_N, deviation_N, and weight_N_L and bias_N_L of its three layers. Matrices are float32, or int8
        with what a step is in each row or column; see `in_full`.

    Raises
    ------
    ValueError
        A part is missing, of another shape, or no number.

    Thread: main. Allocates: yes.
    """
    made = array.copy()

    def put(name: str, start: int, shape: tuple[int, ...]) -> None:
        value = in_full(parts, name).astype(np.float64)
        if value.shape != shape or not np.isfinite(value).all():
            raise ValueError(f"networks: {name} is not what it should be: shape {value.shape}, {shape} needed")
        made[start : start + value.size] = value.T.reshape(-1)  # by columns: sums of those side by side are quick

    put("blend", at.BLEND, (at.KNOTS,))
    put("rest", at.NET_REST, (at.KNOTS,))
    put("boldness", at.NET_BOLDNESS, ())
    put("doubt", at.NET_DOUBT, (2,))
    put("texture_mean", at.NET_TEXTURE_MEAN, (at.TOLD_SIZE,))
    put("texture_parts", at.NET_TEXTURE_PARTS, (at.NET_COMPONENTS, at.TOLD_SIZE))
    layers = (
        (at.N_FIRST, at.NET_FIRST, at.NET_INPUTS),
        (at.N_SECOND, at.NET_SECOND, at.NET_FIRST),
        (at.N_LAST, 2 * TONE_BANDS, at.NET_SECOND),
    )
    for member in range(at.NET_MEMBERS):
        start = at.NET + member * at.NET_SIZE
        put(f"mean_{member}", start + at.N_MEAN, (at.NET_INPUTS,))
        put(f"deviation_{member}", start + at.N_DEVIATION, (at.NET_INPUTS,))
        for depth, (offset, rows, columns) in enumerate(layers):
            put(f"weight_{member}_{depth}", start + offset, (rows, columns))
            put(f"bias_{member}_{depth}", start + offset + rows * columns, (rows,))
    made[at.HAS_NETWORK] = 1.0
    return made


def to_array(parts: dict[str, Any]) -> NDArray[np.float64]:
    """The table as the kernels read it: float64, shape (layout.MASTERS_SIZE,).

    Raises
    ------
    ValueError
        A part is missing, of another shape, or no number.

    Thread: main. Allocates: yes.
    """
    array = np.zeros(at.MASTERS_SIZE)
    for name, (start, shape) in PARTS.items():
        value = np.asarray(parts.get(name), np.float64)
        if value.shape != shape or not np.isfinite(value).all():
            raise ValueError(f"masters: {name} is not what it should be: shape {value.shape}, {shape} needed")
        array[start : start + value.size] = value.reshape(-1)
    return array


@cache
def table(has_networks: bool = True) -> NDArray[np.float64]:
    """The shipped table, with the networks or for the closed form alone; nobody writes to it.

    Where the networks cannot be used it is the closed form's; `problem` says why.

    Thread: main. Allocates: yes.
    """
    if has_networks:
        try:
            return _learned()
        except ModelError:
            return table(False)
    music, talk = (
        to_array(json.loads((_DATA / name).read_text(encoding="utf-8"))) for name in ("masters.json", "spoken.json")
    )
    music[at.SPOKEN : at.SPOKEN + at.CLOSED_FORM_SIZE] = talk[: at.CLOSED_FORM_SIZE]
    return music


def _learned() -> NDArray[np.float64]:
    """The table with the networks. Raises ModelError where they cannot be used."""
    file = _DATA / "corrector.npz"
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as parts:
            return with_networks(table(False), dict(parts))
    except OSError as error:
        what = error.strerror
    except Exception as error:  # a file that is no archive fails in a dozen ways
        what = str(error).partition("\n")[0] or type(error).__name__
    raise ModelError(f"{file}: the networks that correct cannot be used: {what}. Install rt-automix anew.")


def problem() -> str:
    """Why the networks are not in the table, in a sentence; empty where they are. Thread: main. Allocates: yes."""
    if table()[at.HAS_NETWORK] == 1.0:
        return ""
    try:
        _learned()
    except ModelError as error:
        return str(error)
    return ""


class Aim:
    """What to aim at, as the music goes on; the same as a `Decision` has it.

    Parameters
    ----------
    boldness, style_strength : float, 0..1
    masters : float64, shape (layout.MASTERS_SIZE,), optional
        By default the shipped table.
    """

    def __init__(
        self,
        boldness: float = BOLDNESS,
        style_strength: float = STYLE_STRENGTH,
        masters: NDArray[np.float64] | None = None,
    ) -> None:
        self._masters = table() if masters is None else masters
        self._decision, self._work = np.zeros(at.DECISION_SIZE), np.zeros(aiming.WORK_SIZE)
        self._passing = np.zeros(at.PASSING_SIZE)
        self._passing[at.BOLDNESS], self._passing[at.STYLE_STRENGTH] = boldness, style_strength

    @property
    def found(self) -> Found | None:
        """The correction of the last call; None with a reference, or too little music."""
        return Found.of(self._passing)

    def follow(self, statistics: Statistics, wanted: Profile) -> Profile:
        """What to aim at: `wanted` where it is a reference, else what is heard, corrected and leaned towards it.

        It moves with music only, never by more than a second of it at a time.

        Thread: worker. Allocates: yes.
        """
        aiming.follow(statistics.values, numbers(wanted), self._masters, self._decision, self._passing, self._work)
        return self._made(statistics, wanted)

    def settled(self, statistics: Statistics, wanted: Profile) -> Profile:
        """Where `follow` would end, were the music to go on like that.

        Thread: worker. Allocates: yes.
        """
        aiming.settle(statistics.values, numbers(wanted), self._masters, self._passing, self._work)
        return self._made(statistics, wanted)

    def _made(self, statistics: Statistics, wanted: Profile) -> Profile:
        return profile_of(wanted, self._passing[at.AIM : at.AIM + at.AIM_SIZE])

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs."""
        return {"decision": self._decision.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self._decision[:] = state["decision"]


def numbers(wanted: Profile) -> NDArray[np.float64]:
    """What the kernels aim at, with a mark on `auto` and on `speech`: float64, shape (layout.AIM_SIZE,).

    Thread: worker. Allocates: yes.
    """
    values = wanted.numbers()
    values[at.AIM_IS_AUTO] = wanted == _shipped(NAME)
    values[at.AIM_IS_SPEECH] = wanted == _shipped(SPEECH)
    return values


def profile_of(wanted: Profile, aim: NDArray[np.float64]) -> Profile:
    """The profile of an aim that `aiming` made of `wanted`. Thread: worker. Allocates: yes."""
    if (aim[: at.AIM_IS_AUTO] == wanted.vector()).all():
        return wanted
    return replace(
        wanted,
        bands_db=tuple(aim[:TONE_BANDS].tolist()),
        side_mid_db=float(aim[at.AIM_SIDE_MID]),
        dynamics_db=float(aim[at.AIM_DYNAMICS]),
    )


@cache
def _shipped(name: str) -> Profile:
    return profile.load(name)
