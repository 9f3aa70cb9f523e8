"""The style `auto`: goes towards the nearest of the shipped profiles by what has been heard, slowly.

Tone says most about what kind of music it is, width and dynamics a little. Loudness says nothing:
an input can come in at any level, so the profile keeps the loudness and the peak that it starts with.
Computed for the spectra of 142 masters, each behind 8 equalisers that a live input may have gone
through: the mix misses the master's tone by 2.8 dB RMS a band, `balanced` by 3.9, and whoever knew
the best shipped profile for each by 2.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import profile
from rt_automix.listening import TONE_BANDS, Statistics
from rt_automix.profile import MIN_MUSIC_S, Profile

NAME = "auto"
TIME_CONSTANT_S = 30.0
"""How slowly it follows, in seconds of music."""
LONGEST_STEP_S = 1.0

LIKENESS_DB = 0.5
"""A profile that is this much farther away counts for less by a factor of e."""
TONE_REACH_DB = 10.0
"""Differences in a band saturate here: an empty band says little."""
SIDE_MID_WEIGHT, DYNAMICS_WEIGHT = 0.04, 4.0
"""What a squared dB of either counts for, beside the mean squared dB of tone."""


class AutoStyle:
    """Chooses and mixes profiles by what is heard.

    Parameters
    ----------
    styles : sequence of Profile, optional
        Those to choose from; by default all that are shipped.
    """

    def __init__(self, styles: Sequence[Profile] | None = None) -> None:
        self._start = profile.load(NAME)
        self.styles = tuple(styles or (profile.load(name) for name in profile.shipped() if name != NAME))
        self._vectors = np.array([_heard_part(style.vector()) for style in (self._start, *self.styles)])
        self._shares = np.zeros(len(self._vectors))
        self._shares[0] = 1.0
        self._heard_s = 0.0

    @property
    def shares(self) -> dict[str, float]:
        """How much of each profile is in the mix, by name; `auto` is what it started with."""
        names = (NAME, *(style.name for style in self.styles))
        return dict(zip(names, self._shares.tolist(), strict=True))

    def follow(self, statistics: Statistics, wanted: Profile) -> Profile:
        """What to aim at: `wanted`, or the mix where `wanted` is the profile called `auto`.

        The mix moves with music only, never by more than LONGEST_STEP_S of it at a time.

        Thread: worker. Allocates: yes.
        """
        new_s = min(max(statistics.seconds_heard - self._heard_s, 0.0), LONGEST_STEP_S)
        self._heard_s = statistics.seconds_heard
        if wanted != self._start:
            return wanted
        if new_s > 0.0 and self._heard_s >= MIN_MUSIC_S:
            step = 1.0 - math.exp(-new_s / TIME_CONSTANT_S)
            self._shares += step * (self._nearest(_heard_part(statistics.vector())) - self._shares)
        *bands_db, side_mid_db, dynamics_db = (self._shares @ self._vectors).tolist()
        return replace(self._start, bands_db=tuple(bands_db), side_mid_db=side_mid_db, dynamics_db=dynamics_db)

    def _nearest(self, heard: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of each profile, by its distance from what has been heard; none of what it started with."""
        away_db = np.clip(heard - self._vectors[1:], -TONE_REACH_DB, TONE_REACH_DB)
        weights = np.array([1.0 / TONE_BANDS] * TONE_BANDS + [SIDE_MID_WEIGHT, DYNAMICS_WEIGHT])
        distances_db = np.sqrt(away_db**2 @ weights)
        likenesses = np.exp((distances_db.min() - distances_db) / LIKENESS_DB)
        return np.concatenate([[0.0], likenesses / likenesses.sum()])

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs."""
        return {"shares": self._shares.copy(), "heard_s": self._heard_s}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken; same styles."""
        self._shares, self._heard_s = state["shares"].copy(), state["heard_s"]


def _heard_part(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a profile's vector what an input's level does not touch: tone, side/mid ratio, dynamics."""
    side_mid, dynamics = TONE_BANDS + 2, TONE_BANDS + 4
    return vector[[*range(TONE_BANDS), side_mid, dynamics]]
