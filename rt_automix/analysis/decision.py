"""What has been decided so far, and the next decision: the arrays that `deciding` works on, held together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import auto_style, context, deciding, leaning
from rt_automix.analysis import layout as at
from rt_automix.analysis.listener import Listener
from rt_automix.analysis.matcher import MIN_MUSIC_S, Matcher
from rt_automix.analysis.network import Network
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.suggester import Suggester
from rt_automix.dsp import fine


class Decision:
    """The parameters that are suggested, moving step by step towards what is wanted.

    Parameters
    ----------
    sample_rate_hz : float
    step_s : float
        Time from one decision to the next.

    Attributes
    ----------
    suggested : float64, shape (params.COUNT,), a view
    fine_db : float64, shape (fine.BAND_COUNT,), a view
        Gains of the fine layer.
    """

    def __init__(self, sample_rate_hz: float, step_s: float) -> None:
        self._step_s = step_s
        self._matrix = np.ascontiguousarray(fine.solve_matrix(sample_rate_hz)).reshape(-1)
        self._values, self._passing = np.zeros(at.DECISION_SIZE), np.zeros(at.PASSING_SIZE)
        self._work, self._styles = np.zeros(deciding.WORK_SIZE), auto_style.shipped_styles()
        self._window = np.zeros((1, *context.WINDOW_SHAPE), np.float32)
        self._told = np.zeros((1, context.SIZE), np.float32)
        self.suggested = self._values[at.SUGGESTED : at.SUGGESTED + params.COUNT]
        self.fine_db = self._values[at.FINE_SUGGESTED : at.FINE_SUGGESTED + at.FINE_BANDS]
        self.suggested[:] = params.NEUTRAL
        self._profile: Profile | None = None
        self._wanted = np.zeros(at.AIM_SIZE)

    @property
    def is_moving(self) -> bool:
        """Whether anything is still on its way. Thread: worker. Allocates: no."""
        ten = self._values[at.MOVING : at.MOVING + params.COUNT]
        return bool(ten.any() or self._values[at.FINE_MOVING : at.FINE_MOVING + at.FINE_BANDS].any())

    def move(self, listener: Listener, suggester: Suggester, profile: Profile) -> None:
        """Decide anew and step there.

        Parameters
        ----------
        listener : Listener
        suggester : Suggester
            The closed form, a network, or anybody else who can say ten parameters.
        profile : Profile
            What to aim at.

        Thread: worker. Allocates: yes.
        """
        if profile is not self._profile:
            self._profile, self._wanted = profile, auto_style.numbers(profile)
        heard, where = listener.statistics.values, (self._values, self._passing, self._work)
        if isinstance(suggester, Matcher):
            deciding.decide(heard, self._wanted, self._styles, self._matrix, self._step_s, *where)
        elif isinstance(suggester, Network) and listener.statistics.seconds_heard >= MIN_MUSIC_S:
            self._move_with(suggester, listener)
        else:
            deciding.match(heard, self._wanted, self._styles, *where)
            self._passing[at.WANTED : at.WANTED + params.COUNT] = suggester.suggest(listener, self._aim(profile))
            self._passing[at.CONFIDENCE : at.CONFIDENCE + params.COUNT] = suggester.confidence
            deciding.take(heard, self._matrix, self._fine_share(suggester), self._step_s, *where)

    def _move_with(self, network: Network, listener: Listener) -> None:
        heard, where = listener.statistics.values, (self._values, self._passing, self._work)
        deciding.ask(heard, listener.window, self._wanted, self._styles, *where, self._window[0], self._told[0])
        answer = network.ask(self._window, self._told)
        if answer is None:
            deciding.take(heard, self._matrix, 1.0, self._step_s, *where)
        elif not deciding.conclude(heard, answer, *network.limits_norm, self._matrix, self._step_s, *where):
            network.reject()

    @staticmethod
    def _fine_share(suggester: Suggester) -> float:
        """The fine layer takes what the closed form or a network leaves; what others say is all there is."""
        return 1.0 if isinstance(suggester, Matcher | Network) else 0.0

    def _aim(self, profile: Profile) -> Profile:
        return auto_style.profile_of(profile, self._wanted, self._passing[at.AIM : at.AIM + at.AIM_SIZE])

    def settle(self, listener: Listener, suggester: Suggester, profile: Profile) -> None:
        """Be where `move` would end, were the music to go on like that and nothing of it unknown.

        Thread: worker. Allocates: yes.
        """
        self._profile, self._wanted = profile, auto_style.numbers(profile)
        heard, aim = listener.statistics.values, self._passing[at.AIM : at.AIM + at.AIM_SIZE]
        leaning.settle(heard, self._wanted, self._styles, self._work, aim)
        self._passing[at.WANTED : at.WANTED + params.COUNT] = suggester.suggest(listener, self._aim(profile))
        share = self._fine_share(suggester)
        deciding.arrive(heard, self._matrix, share, self._values, self._passing, self._work)

    def state(self) -> NDArray[np.float64]:
        """A copy of what `restore` needs."""
        return self._values.copy()

    def restore(self, state: NDArray[np.float64]) -> None:
        """Go on from where `state` was taken."""
        self._values[:] = state


def settled(
    listener: Listener, suggester: Suggester, profile: Profile, sample_rate_hz: float
) -> tuple[params.Values, NDArray[np.float64]]:
    """What is decided once all has been heard: the ten parameters, and the fine layer's gains in dB.

    Thread: worker. Allocates: yes.
    """
    decision = Decision(sample_rate_hz, 1.0)
    decision.settle(listener, suggester, profile)
    return decision.suggested, decision.fine_db
