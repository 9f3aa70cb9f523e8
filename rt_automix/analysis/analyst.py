"""The listener behind the engine: reads a ring of input, asks the suggester, publishes suggestions.

It works on a grid of its own, a suggestion every few feature hops, and stamps each with the sample
from which it holds, a fixed time after the music it was made from. As long as the analysis is done
by then, a live stream and an offline render of the same samples get the same parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.decision import Decision
from rt_automix.analysis.listener import Listener
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.suggester import Suggester

DELAY_S = 0.05
"""From the newest sample a suggestion has heard to the first it acts on."""

SHORT_TERM_S = 3.0

_SHORT_TERM_FRAMES = round(SHORT_TERM_S / features.HOP_S)


Publish = Callable[[params.Values, int, float, bool, NDArray[np.float64]], None]
"""Takes a suggestion, the sample from which it holds, the input's short-term loudness in LUFS, whether
there is applause, and the gains of the fine bands in dB."""


@dataclass(frozen=True)
class Ring:
    """What came in last, as somebody else goes on writing it.

    Parameters
    ----------
    channels : float32 arrays, each of the same power of two of samples
        Sample number n lies at n modulo that.
    written : int64, shape (1,)
        How many samples there have been.
    """

    channels: tuple[NDArray[np.float32], ...]
    written: NDArray[np.int64]


class Analyst:
    """Turns what lies in a ring into suggestions.

    What is no music teaches nothing and moves nothing: silence, applause, a clipped input.

    Parameters
    ----------
    sample_rate_hz : int
    suggester : Suggester
    profile : Profile
    hops : int
        Feature hops from one suggestion to the next.
    ring : Ring
        What to listen to.
    publish : Publish
        Where suggestions go.
    """

    def __init__(
        self, sample_rate_hz: int, suggester: Suggester, profile: Profile, hops: int, ring: Ring, publish: Publish
    ) -> None:
        self.listener = Listener(sample_rate_hz, len(ring.channels), judges=True)
        self._ring, self._publish = ring, publish
        self.suggester = suggester
        self._profile, self._is_new_profile = profile, False
        self.interval_samples = features.hop_samples(sample_rate_hz) * hops
        self.decision = Decision(sample_rate_hz, self.interval_samples / sample_rate_hz)
        self.heard_samples = 0
        self.gaps = self.late = 0
        self._sample_rate_hz = sample_rate_hz
        self._delay_samples = round(DELAY_S * sample_rate_hz)

    @property
    def next_at(self) -> int:
        """The sample count at which the next suggestion is due."""
        return self.heard_samples + self.interval_samples

    def follow(self) -> bool:
        """Hear and suggest once if enough has come; whether it did.

        Thread: worker. Allocates: yes.
        """
        written = int(self._ring.written[0])
        if written < self.next_at:
            return False
        if written - self.heard_samples > len(self._ring.channels[0]) - self.interval_samples:
            # The ring has gone round: go on at the newest grid point.
            self.heard_samples = (written // self.interval_samples - 1) * self.interval_samples
            self.gaps += 1
        if self._hear() or self._is_new_profile:
            self._move()
        effective_at = self.next_at + self._delay_samples
        suggested, fine_db = self.suggestion, self.fine_gains_db
        self._publish(suggested, effective_at, self.short_term_lufs(), self.listener.is_applause, fine_db)
        self.late += int(self._ring.written[0]) > effective_at
        self.heard_samples = self.next_at
        return True

    def _hear(self) -> bool:
        """Listen to what came in since; whether there was music to learn from."""
        before_s = self.listener.statistics.seconds_heard
        for position in range(self.heard_samples, self.next_at, self.listener.hop):
            self.listener.hear_hop(self._ring.channels, position)
        return self.listener.statistics.seconds_heard > before_s

    def short_term_lufs(self) -> float:
        """Loudness of the last three seconds of input."""
        return self.listener.recent_lufs(_SHORT_TERM_FRAMES)

    def _move(self) -> None:
        """Decide anew, and step there."""
        profile = self.profile
        self.decision.move(self.listener, self.suggester, profile)
        if profile is self.profile and not self.decision.is_moving:
            self._is_new_profile = False

    @property
    def suggestion(self) -> params.Values:
        """The ten parameters that are suggested: float64, shape (params.COUNT,), a view."""
        return self.decision.suggested

    @suggestion.setter
    def suggestion(self, values: params.Values) -> None:
        self.decision.suggested[:] = values

    @property
    def fine_gains_db(self) -> NDArray[np.float64]:
        """Gains of the fine bands that are suggested: float64, shape (fine.BAND_COUNT,), a view."""
        return self.decision.fine_db

    @fine_gains_db.setter
    def fine_gains_db(self, gains_db: NDArray[np.float64]) -> None:
        self.decision.fine_db[:] = gains_db

    @property
    def profile(self) -> Profile:
        """What to aim at; a new one is gone for in silence, too."""
        return self._profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        self._profile, self._is_new_profile = profile, True

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs."""
        return {
            "listener": self.listener.state(),
            "decision": self.decision.state(),
            "is_new_profile": self._is_new_profile,
            "heard_samples": self.heard_samples,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.listener.restore(state["listener"])
        self.decision.restore(state["decision"])
        self._is_new_profile = state["is_new_profile"]
        self.heard_samples = state["heard_samples"]
