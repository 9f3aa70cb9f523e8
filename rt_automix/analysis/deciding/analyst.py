"""The listener behind the engine: reads a ring of input, asks the suggester, publishes suggestions.

It works on a grid of its own, a suggestion every few feature hops, and stamps each with the sample
from which it holds, a fixed time after the music it was made from. As long as the analysis is done
by then, a live stream and an offline render of the same samples get the same parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim.profile import MIN_MUSIC_S, Profile
from rt_automix.analysis.deciding.decision import Decision, Question, answered
from rt_automix.analysis.deciding.suggester import Suggester
from rt_automix.analysis.hearing.listener import Listener

DELAY_S = 0.05
"""From the newest sample a suggestion has heard to the first it acts on."""

SHORT_TERM_S = 3.0
_WARM_S = MIN_MUSIC_S + 2.0 * features.HOP_S
"""Of noise, so that there is enough to ask a network about."""

_SHORT_TERM_FRAMES = round(SHORT_TERM_S / features.HOP_S)


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


@dataclass(frozen=True)
class Heard:
    """What one interval of input taught, whoever decides about it.

    Parameters
    ----------
    is_music : bool
    at_samples : int
        Where the interval ends.
    short_term_lufs : float
    applause : bool
    """

    is_music: bool
    at_samples: int
    short_term_lufs: float
    applause: bool


@dataclass(frozen=True)
class Suggestion:
    """A suggestion, ready for whoever applies it.

    Parameters
    ----------
    values : float64, shape (params.COUNT,)
    fine_gains_db : float64, shape (fine.BAND_COUNT,)
        Of the fine bands, before `fine_tone` and the amount.
    louder_lu : float64, shape (2,)
        What the steps of five bands and width, and those of the fine bands, have added to the loudness so far.
    beyond_db : float
        What the loudness that is asked for needs of gain beyond what the parameters reach.
    effective_at_samples : int
        The sample from which it holds.
    input_lufs : float
        Short-term loudness of the input.
    applause : bool
    """

    values: params.Values
    fine_gains_db: NDArray[np.float64]
    louder_lu: NDArray[np.float64]
    beyond_db: float = 0.0
    effective_at_samples: int = -1
    input_lufs: float = -200.0
    applause: bool = False


Publish = Callable[[Suggestion], None]


class Analyst:
    """Turns what lies in a ring into suggestions.

    What is no music teaches nothing and moves nothing: silence, applause, a clipped input.
    Live it is asked to `follow`; where the input is known ahead, `hear` and `decide` do the same in
    two steps, so that several suggestions can be decided together.

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
    leader : Analyst, optional
        Of the same input, rate and hops: it listens for this one, which decides whenever it has.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        suggester: Suggester,
        profile: Profile,
        hops: int,
        ring: Ring,
        publish: Publish,
        leader: Analyst | None = None,
    ) -> None:
        self.listener: Listener = (
            leader.listener if leader else Listener(sample_rate_hz, len(ring.channels), judges=True)
        )
        self._followers: list[Analyst] = []
        if leader is not None:
            leader._followers.append(self)
        self._ring, self._publish = ring, publish
        self.suggester = suggester
        self._profile, self._is_new_profile = profile, False
        self.interval_samples = features.hop_samples(sample_rate_hz) * hops
        self.decision = Decision(sample_rate_hz, self.interval_samples / sample_rate_hz)
        self.heard_samples = 0
        self._was_applause = False
        self.gaps = self.late = 0
        self._sample_rate_hz = sample_rate_hz
        self._delay_samples = round(DELAY_S * sample_rate_hz)

    @property
    def next_at(self) -> int:
        """The sample count at which the next suggestion is due."""
        return self.heard_samples + self.interval_samples

    def warm(self) -> None:
        """Compile or load what decides, here rather than when the first decision is due: some noise is decided about.

        Thread: main, before anybody follows. Allocates: yes.
        """
        noise = np.random.default_rng(0).normal(0.0, 0.1, (2, round(_WARM_S * self._sample_rate_hz)))
        listener = Listener(self._sample_rate_hz, 2)
        listener.push(noise.astype(np.float32))
        step_s = self.interval_samples / self._sample_rate_hz
        Decision(self._sample_rate_hz, step_s).move(listener, self.suggester, self.profile)

    def follow(self) -> bool:
        """Hear and suggest once if enough has come, for followers too; whether it did.

        Thread: worker. Allocates: yes.
        """
        written = int(self._ring.written[0])
        if written < self.next_at:
            return False
        if written - self.heard_samples > len(self._ring.channels[0]) - self.interval_samples:
            # The ring has gone round: go on at the newest grid point.
            self.heard_samples = (written // self.interval_samples - 1) * self.interval_samples
            self.gaps += 1
        before_s = self.listener.statistics.seconds_heard
        for position in range(self.heard_samples, self.next_at, self.listener.hop):
            self.listener.hear_hop(self._ring.channels, position)
        heard = self._heard(before_s)
        asked: list[Question] = []
        for one in (self, *self._followers):
            made = one._suggest(heard, asked)
        self.late += int(self._ring.written[0]) > made.effective_at_samples
        return True

    def _suggest(self, heard: Heard, asked: list[Question]) -> Suggestion:
        """Decide about the interval that has just been heard, and publish; `asked` is what those before have."""
        question, self.heard_samples = self._question(heard, asked), heard.at_samples
        if question is not None:
            asked.append(question)
        (answer,) = answered([question], self.suggester) if question is not None else (None,)
        made = self._decide(heard, question, answer)
        self._publish(made)
        return made

    def hear(self, block: NDArray[np.float32]) -> tuple[Heard, Question | None]:
        """Listen to the next interval; what it taught, and what there is to decide, if anything.

        Parameters
        ----------
        block : float32, shape (channels, interval_samples)

        Thread: worker. Allocates: yes.
        """
        before_s = self.listener.statistics.seconds_heard
        self.listener.push(block)
        heard = self._heard(before_s)
        question, self.heard_samples = self._question(heard, ()), heard.at_samples
        return heard, question

    def _heard(self, before_s: float) -> Heard:
        """The interval that has just been heard, before which so much music had been."""
        is_music = self.listener.statistics.seconds_heard > before_s
        return Heard(is_music, self.next_at, self.short_term_lufs(), self.listener.is_applause)

    def _question(self, heard: Heard, asked: Sequence[Question]) -> Question | None:
        """What there is to decide, if anything; `asked` is what others have of the same interval."""
        if heard.is_music or self._is_new_profile:
            return self.decision.ask(self.listener, self.suggester, self.profile, asked)
        return None

    def decide(self, heard: Sequence[tuple[Heard, Question | None]]) -> list[Suggestion]:
        """What is suggested after each of some intervals, in their order.

        Thread: worker. Allocates: yes.
        """
        answers = iter(answered([question for _, question in heard if question is not None], self.suggester))
        return [self._decide(one, question, None if question is None else next(answers)) for one, question in heard]

    def _decide(self, heard: Heard, question: Question | None, answer: NDArray[np.float32] | None) -> Suggestion:
        """What is suggested after an interval, with a network's answer where it gave one."""
        if heard.applause and not self._was_applause:
            self.decision.undo()
        self._was_applause = heard.applause
        if question is not None and (heard.is_music or self._is_new_profile):
            self._move(question, answer)
        return self.ready(heard.at_samples + self._delay_samples, heard.short_term_lufs, heard.applause)

    def ready(self, effective_at_samples: int = -1, input_lufs: float = -200.0, applause: bool = False) -> Suggestion:
        """What is suggested now, for somebody to apply; by default at once. Thread: worker. Allocates: yes."""
        ten, fine_db, louder_lu = self.suggestion.copy(), self.fine_gains_db.copy(), self.decision.louder_lu.copy()
        beyond_db = float(self.decision.beyond_db[0])
        return Suggestion(ten, fine_db, louder_lu, beyond_db, effective_at_samples, input_lufs, applause)

    def short_term_lufs(self) -> float:
        """Loudness of the last three seconds of input."""
        return self.listener.recent_lufs(_SHORT_TERM_FRAMES)

    def _move(self, question: Question, answer: NDArray[np.float32] | None) -> None:
        """Step to what is decided."""
        profile = self.profile
        self.decision.take(question, answer, self.suggester)
        if self._is_new_profile and profile is self.profile and not self.decision.is_moving:
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
            "was_applause": self._was_applause,
            "heard_samples": self.heard_samples,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.listener.restore(state["listener"])
        self.decision.restore(state["decision"])
        self._is_new_profile = state["is_new_profile"]
        self._was_applause = state["was_applause"]
        self.heard_samples = state["heard_samples"]
