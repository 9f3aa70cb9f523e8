"""The closed-form suggester: solves the ten parameters from what has been heard and the profile.

No learning, no state: the same statistics and profile always give the same parameters. It is the
fallback where no model can run, and what a model has to beat. The kernels are in `matching`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import dynamics, matching
from rt_automix.analysis.aim.dynamics import COMPRESSIONS
from rt_automix.analysis.aim.matching import MIN_MUSIC_S
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.deciding import deciding
from rt_automix.analysis.deciding.deciding import TRUST_S
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.hearing.statistics import Statistics

__all__ = ["COMPRESSIONS", "MIN_MUSIC_S", "TRUST_S", "Matcher", "choose_compression", "compose"]


class Matcher:
    """Closed-form suggester; see the module."""

    name = "matcher"

    def __init__(self) -> None:
        self.confidence = np.zeros(params.COUNT)
        self._work = np.zeros(matching.WORK_SIZE)

    def suggest(self, listener: Listener, profile: Profile) -> params.Values:
        """Parameters that bring what has been heard towards the profile.

        Returns
        -------
        float64, shape (params.COUNT,), inside the ranges; neutral before MIN_MUSIC_S of music.

        Thread: worker. Allocates: yes.
        """
        heard = listener.statistics
        self.confidence = np.empty(params.COUNT)
        deciding.be_patient(heard.seconds_heard, self.confidence)
        return self.match(heard, profile)

    def match(self, heard: Statistics, profile: Profile) -> params.Values:
        """The same for statistics alone. Thread: worker. Allocates: yes."""
        passing = np.zeros(at.PASSING_SIZE)
        passing[at.AIM : at.AIM + at.AIM_SIZE] = profile.numbers()
        matching.match(heard.values, passing, self._work)
        return passing[at.MATCHED : at.MATCHED + params.COUNT].copy()

    def match_tone(self, heard: Statistics, profile: Profile) -> tuple[NDArray[np.float64], float, float]:
        """Equaliser gains in dB, stereo width, and what both add to the loudness in LU.

        Thread: worker. Allocates: yes.
        """
        tone = np.empty(matching.TONE_SIZE)
        matching.match_tone(heard.values, heard.vector(), profile.numbers(), self._work, tone)
        return (
            tone[matching.GAINS : matching.WIDTH].copy(),
            float(tone[matching.WIDTH]),
            float(tone[matching.CHANGE_LU]),
        )


def compose(
    gains_db: NDArray[np.float64], width: float, compression: float, total_gain_db: float, peak_dbtp: float
) -> params.Values:
    """Parameters in their ranges; of the total gain what is above 0 dB drives the limiter, the rest comes first.

    Thread: worker. Allocates: yes.
    """
    values = np.empty(params.COUNT)
    matching.compose(np.array([*gains_db, width, 0.0]), compression, total_gain_db, peak_dbtp, values)
    return values


def choose_compression(reduced_db: NDArray[np.float64], wanted_db: float) -> float:
    """The setting that reduces the dynamics number by what is wanted; see `dynamics.choose_compression`.

    Parameters
    ----------
    reduced_db : float64, shape (layout.COMPRESSION_STEPS,)
    wanted_db : float

    Thread: worker. Allocates: yes.
    """
    return dynamics.choose_compression(np.ascontiguousarray(reduced_db, np.float64), wanted_db)
