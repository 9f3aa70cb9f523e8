"""The style `auto`: leans what has been heard towards the nearest of the shipped profiles, slowly.

Tone says most about what kind of music it is, width and dynamics a little. Loudness says nothing:
an input can come in at any level, so loudness and peak are those of the profile called `auto`.

Nobody can tell a song's own tone from what was done to it, so it leans only half of the way to the mix
of the profiles that are like it, and never far: what already is a master must not be made another.
What changes slowly is the lean, and not the aim: a song that moves on is followed at once, not held back.
The kernels are in `leaning`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis import leaning, profile
from rt_automix.analysis.leaning import FARTHEST_DB
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS

__all__ = ["FARTHEST_DB", "NAME", "AutoStyle", "level_free", "numbers", "profile_of", "shipped_styles"]

NAME = "auto"
_LEVEL_FREE = [*range(TONE_BANDS), at.AIM_SIDE_MID, at.AIM_DYNAMICS]


class AutoStyle:
    """Makes a profile of what is heard and the profiles that are like it.

    Parameters
    ----------
    styles : sequence of Profile, optional
        Those to choose from; by default all that are shipped.
    """

    def __init__(self, styles: Sequence[Profile] | None = None) -> None:
        self._styles = shipped_styles() if styles is None else level_free(styles)
        self._decision, self._work = np.zeros(at.DECISION_SIZE), np.zeros(leaning.WORK_SIZE)

    def follow(self, statistics: Statistics, wanted: Profile) -> Profile:
        """What to aim at: `wanted`, or what it makes of the music where `wanted` is the profile called `auto`.

        It moves with music only, never by more than a second of it at a time.

        Thread: worker. Allocates: yes.
        """
        aim, values = np.empty(at.AIM_SIZE), numbers(wanted)
        leaning.follow(statistics.values, values, self._styles, self._decision, self._work, aim)
        return profile_of(wanted, values, aim)

    def settled(self, statistics: Statistics, wanted: Profile) -> Profile:
        """Where `follow` would end, were the music to go on like that.

        Thread: worker. Allocates: yes.
        """
        aim, values = np.empty(at.AIM_SIZE), numbers(wanted)
        leaning.settle(statistics.values, values, self._styles, self._work, aim)
        return profile_of(wanted, values, aim)

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs."""
        return {"decision": self._decision.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken; same styles."""
        self._decision[:] = state["decision"]


def numbers(wanted: Profile) -> NDArray[np.float64]:
    """What the kernels aim at, with a mark on the profile called `auto`: float64, shape (layout.AIM_SIZE,).

    Thread: worker. Allocates: yes.
    """
    values = wanted.numbers()
    values[at.AIM_IS_AUTO] = wanted == _shipped(NAME)
    return values


def level_free(styles: Sequence[Profile]) -> NDArray[np.float64]:
    """Of profiles what an input's level does not touch, one after the other: shape (n * layout.LEAN_SIZE,).

    Thread: main. Allocates: yes.
    """
    return np.concatenate([style.vector()[_LEVEL_FREE] for style in styles])


@cache
def shipped_styles() -> NDArray[np.float64]:
    """The same of those that are shipped. Thread: main. Allocates: yes."""
    return level_free([_shipped(name) for name in profile.shipped() if name != NAME])


def profile_of(wanted: Profile, values: NDArray[np.float64], aim: NDArray[np.float64]) -> Profile:
    """The profile of an aim that `leaning` made of the numbers of `wanted`. Thread: worker. Allocates: yes."""
    if (aim == values).all():
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
