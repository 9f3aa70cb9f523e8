"""The style `auto`: leans what has been heard towards the nearest of the shipped profiles, slowly.

Tone says most about what kind of music it is, width and dynamics a little. Loudness says nothing:
an input can come in at any level, so loudness and peak are those of the profile called `auto`.

Nobody can tell a song's own tone from what was done to it, so it leans only half of the way to the mix
of the profiles that are like it, and never far: what already is a master must not be made another.
What changes slowly is the lean, and not the aim: a song that moves on is followed at once, not held back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import profile
from rt_automix.analysis.profile import MIN_MUSIC_S, Profile
from rt_automix.analysis.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS

NAME = "auto"
TIME_CONSTANT_S = 10.0
"""How slowly it follows, in seconds of music, on top of the slowness of the statistics."""
LONGEST_STEP_S = 1.0

LIKENESS_DB = 0.5
"""A profile that is this much farther away counts for less by a factor of e."""
REACH_DB = 10.0
"""Differences saturate here: an empty band says little."""
SIDE_MID_WEIGHT, DYNAMICS_WEIGHT = 0.04, 4.0
"""What a squared dB of either counts for, beside the mean squared dB of tone."""
OWN_SHARE = 0.5
"""How much of the difference to the mix is left to the song."""

FARTHEST_DB = np.array([1.5] * TONE_BANDS + [1.2, 1.0])
"""It leans softly within this: tone bands, side/mid ratio, dynamics."""

_WEIGHTS = np.array([1.0 / TONE_BANDS] * TONE_BANDS + [SIDE_MID_WEIGHT, DYNAMICS_WEIGHT])
_LEVEL_FREE = [*range(TONE_BANDS), TONE_BANDS + 2, TONE_BANDS + 4]


class AutoStyle:
    """Makes a profile of what is heard and the profiles that are like it.

    Parameters
    ----------
    styles : sequence of Profile, optional
        Those to choose from; by default all that are shipped.
    """

    def __init__(self, styles: Sequence[Profile] | None = None) -> None:
        self._start = _shipped(NAME)
        styles = styles or [_shipped(name) for name in profile.shipped() if name != NAME]
        self._styles = np.array([_level_free(style.vector()) for style in styles])
        self._lean = np.zeros(len(_LEVEL_FREE))
        self._heard_s = 0.0

    def follow(self, statistics: Statistics, wanted: Profile) -> Profile:
        """What to aim at: `wanted`, or what it makes of the music where `wanted` is the profile called `auto`.

        It moves with music only, never by more than LONGEST_STEP_S of it at a time.

        Thread: worker. Allocates: yes.
        """
        new_s = min(max(statistics.seconds_heard - self._heard_s, 0.0), LONGEST_STEP_S)
        self._heard_s = statistics.seconds_heard
        if wanted != self._start or self._heard_s == 0.0:
            return wanted
        heard = _level_free(statistics.vector())
        if new_s > 0.0 and self._heard_s >= MIN_MUSIC_S:
            step = 1.0 - math.exp(-new_s / TIME_CONSTANT_S)
            self._lean += step * (self._wish(heard) - self._lean)
        return self._made_of(heard + self._lean)

    def settled(self, statistics: Statistics, wanted: Profile) -> Profile:
        """Where `follow` would end, were the music to go on like that.

        Thread: worker. Allocates: yes.
        """
        if wanted != self._start or statistics.seconds_heard < MIN_MUSIC_S:
            return wanted
        heard = _level_free(statistics.vector())
        return self._made_of(heard + self._wish(heard))

    def _made_of(self, aim: NDArray[np.float64]) -> Profile:
        *bands_db, side_mid_db, dynamics_db = aim.tolist()
        return replace(self._start, bands_db=tuple(bands_db), side_mid_db=side_mid_db, dynamics_db=dynamics_db)

    def _wish(self, heard: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far to lean towards the mix of the profiles, each with a share by its distance."""
        away_db = np.clip(heard - self._styles, -REACH_DB, REACH_DB)
        distances_db = np.sqrt(away_db**2 @ _WEIGHTS)
        shares = np.exp((distances_db.min() - distances_db) / LIKENESS_DB)
        mix = shares @ self._styles / shares.sum()
        return FARTHEST_DB * np.tanh((1.0 - OWN_SHARE) * (mix - heard) / FARTHEST_DB)

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs."""
        return {"lean": self._lean.copy(), "heard_s": self._heard_s}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken; same styles."""
        self._lean, self._heard_s = state["lean"].copy(), state["heard_s"]


@cache
def _shipped(name: str) -> Profile:
    return profile.load(name)


def _level_free(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a profile's vector what an input's level does not touch: tone, side/mid ratio, dynamics."""
    return vector[_LEVEL_FREE]
