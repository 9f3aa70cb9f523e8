"""What has been decided so far, and the next decision: the arrays that `deciding` works on, held together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import aiming, masters
from rt_automix.analysis.aim.masters import Found
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.bundles import context
from rt_automix.analysis.bundles.bundle import SPREAD_ROW
from rt_automix.analysis.deciding import deciding
from rt_automix.analysis.deciding.matcher import MIN_MUSIC_S, Matcher
from rt_automix.analysis.deciding.network import Network
from rt_automix.analysis.deciding.suggester import Suggester
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing import speech
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.dsp import jit
from rt_automix.dsp.tone import fine

ASK_EVERY, ASK_ALWAYS_S = 3, 20.0
"""A network is asked at every decision while little has been heard, then at every third: its correction of the closed
form, which is made anew each time, moves less between than from one network to another, and it is most of the cost."""

_SPANS = params.HIGH - params.LOW


@dataclass(frozen=True)
class Question:
    """A moment that is to be decided.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
        Of what had been heard.
    passing : float64, shape (layout.PASSING_SIZE,)
        What is aimed at and what is wanted so far.
    profile : Profile
    fine_share : float, 0..1
        How far the fine layer may go.
    window : float32, shape context.WINDOW_SHAPE, or None
        What a network is to be asked; None where it is not.
    told : float32, shape (context.SIZE,), or None
    has_said : bool
        Whether a network decides that is not asked: how it corrected the closed form last still holds.
    is_aside : bool
        Whether that is the music before, and not what sounds now.
    """

    statistics: NDArray[np.float64]
    passing: NDArray[np.float64]
    profile: Profile
    fine_share: float
    window: NDArray[np.float32] | None = None
    told: NDArray[np.float32] | None = None
    has_said: bool = False
    is_aside: bool = False


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
    louder_lu : float64, shape (2,), a view
        What the steps of five bands and width, and those of the fine layer, have added to the loudness.
    beyond_db : float64, shape (1,), a view
        What the loudness that is asked for needs of gain beyond what the parameters reach.
    """

    def __init__(self, sample_rate_hz: float, step_s: float) -> None:
        self._step_s = step_s
        self._matrix = np.ascontiguousarray(fine.solve_matrix(sample_rate_hz)).reshape(-1)
        self._values, self._passing = np.zeros(at.DECISION_SIZE), np.zeros(at.PASSING_SIZE)
        self._work = np.zeros(deciding.WORK_SIZE)
        self.suggested = self._values[at.SUGGESTED : at.SUGGESTED + params.COUNT]
        self.fine_db = self._values[at.FINE_SUGGESTED : at.FINE_SUGGESTED + at.FINE_BANDS]
        self.louder_lu = self._values[at.TONE_LU : at.FINE_LU + 1]
        self.beyond_db = self._values[at.BEYOND_DB : at.BEYOND_DB + 1]
        self.suggested[:] = params.NEUTRAL
        self.target_lufs: float | None = None
        """The loudness that is asked for; None is the profile's own."""
        self.boldness, self.style_strength = masters.BOLDNESS, masters.STYLE_STRENGTH
        """How large damage is expected to be, and how far a style goes: 0 to 1."""
        self._taken: NDArray[np.float64] | None = None
        self._profile: Profile | None = None
        self._wanted, self._known = np.zeros(at.AIM_SIZE), np.zeros(0)
        self._take = jit.bound(deciding.take, self._matrix, step_s, self._values, self._work)

    @property
    def found(self) -> Found | None:
        """The correction behind the last step, and its doubt; None with a reference, or too little music."""
        return None if self._taken is None else Found.of(self._taken)

    @property
    def is_moving(self) -> bool:
        """Whether anything is still on its way. Thread: worker. Allocates: no."""
        ten = self._values[at.MOVING : at.MOVING + params.COUNT]
        return bool(ten.any() or self._values[at.FINE_MOVING : at.FINE_MOVING + at.FINE_BANDS].any())

    def move(self, listener: Listener, suggester: Suggester, profile: Profile) -> None:
        """Decide anew and step there; see `ask` and `take`.

        Thread: worker. Allocates: yes.
        """
        question = self.ask(listener, suggester, profile)
        (answer,) = answered([question], suggester)
        self.take(question, answer, suggester)

    def ask(
        self, listener: Listener, suggester: Suggester, profile: Profile, asked: Sequence[Question] = ()
    ) -> Question:
        """What there is to decide of what has been heard so far, as far as that depends on the input alone.

        Parameters
        ----------
        listener : Listener
        suggester : Suggester
            The closed form, a network, or anybody else who can say ten parameters.
        profile : Profile
            What to aim at.
        asked : sequence of Question
            What others have asked of the same moment and the same suggester: what they have found is not looked for
            again.

        Thread: worker. Allocates: yes.
        """
        is_new = profile is not self._profile
        self._aim_at(profile, suggester)
        heard, is_aside, passing = self._looked_at(listener, asked)
        heard_s = heard[at.HEARD_FRAMES] * HOP_S
        passing[at.TARGET_LUFS] = profile.loudness_lufs if self.target_lufs is None else self.target_lufs
        passing[at.BOLDNESS], passing[at.STYLE_STRENGTH] = self.boldness, self.style_strength
        if self._is_for(suggester) and heard_s >= MIN_MUSIC_S:
            if is_aside or not self._is_to_be_asked(heard_s, is_new):
                self._match(heard, passing)
                return Question(heard, passing, profile, 1.0, has_said=True, is_aside=is_aside)
            window, told = np.zeros(context.WINDOW_SHAPE, np.float32), np.zeros(context.SIZE, np.float32)
            where = (self._wanted, self._known, self._values, passing, self._work)
            deciding.ask(heard, listener.window, *where, window, told)
            return Question(heard, passing, profile, 1.0, window, told, is_aside=is_aside)
        self._match(heard, passing)
        if not isinstance(suggester, Matcher | Network):
            aim = masters.profile_of(profile, passing[at.AIM : at.AIM + at.AIM_SIZE])
            passing[at.WANTED : at.WANTED + params.COUNT] = suggester.suggest(listener, aim)
            passing[at.CONFIDENCE : at.CONFIDENCE + params.COUNT] = suggester.confidence
        return Question(heard, passing, profile, self._fine_share(suggester), is_aside=is_aside)

    def _aim_at(self, profile: Profile, suggester: Suggester) -> None:
        """Want what a profile measures like; what is known of masters is another table for the closed form alone."""
        known = masters.table(not isinstance(suggester, Matcher))
        if profile is not self._profile or known is not self._known:
            self._profile, self._wanted, self._known = profile, masters.numbers(profile), known
            self._match = jit.bound(deciding.match, self._wanted, known, self._values, self._work)

    def _looked_at(
        self, listener: Listener, asked: Sequence[Question]
    ) -> tuple[NDArray[np.float64], bool, NDArray[np.float64]]:
        """What is held against the aim, whether that is not what sounds now (see `speech.set_aside`), and a new
        `Question.passing`, with what whoever has asked most like this has found."""
        heard, is_aside = listener.statistics.values.copy(), False
        if self._wanted[at.AIM_HAS_FINE]:
            is_aside = speech.set_aside(listener.arrays[0], heard) != 0
        passing = np.zeros(at.PASSING_SIZE)
        alike = [one for one in asked if one.is_aside == is_aside]
        if not alike:
            return heard, is_aside, passing
        of_speech = self._wanted[at.AIM_IS_SPEECH]

        def likeness(one: Question) -> tuple[bool, ...]:
            bold, is_for_speech = one.passing[at.BOLDNESS], one.passing[at.AIM + at.AIM_IS_SPEECH]
            return bold == self.boldness, is_for_speech == of_speech, one.profile == self._profile

        passing[at.IS_TAKEN_OVER] = 1.0
        passing[at.KNOWN :] = max(alike, key=likeness).passing[at.KNOWN :]
        return heard, is_aside, passing

    def _is_for(self, suggester: Suggester) -> bool:
        """Whether a network is asked: only with a place to go to; to a correction the closed form is the answer."""
        return isinstance(suggester, Network) and bool(self._wanted[at.AIM_HAS_FINE])

    def _is_to_be_asked(self, seconds_heard: float, is_new: bool) -> bool:
        """Whether it is the network's turn, counted from one call to the next."""
        age = self._values[at.ANSWER_AGE] + 1.0
        is_due = is_new or seconds_heard < ASK_ALWAYS_S or age >= ASK_EVERY
        self._values[at.ANSWER_AGE] = 0.0 if is_due else age
        return is_due

    def take(self, question: Question, answer: NDArray[np.float32] | None, suggester: Suggester) -> None:
        """Step to what is decided of a question, in the order in which they were asked.

        Parameters
        ----------
        question : Question
        answer : float32, shape (deciding.ANSWER_SIZE,), or None
            The network's, where it was asked and gave one.
        suggester : Suggester

        Thread: worker. Allocates: yes.
        """
        self._taken = question.passing
        if answer is None and not question.has_said:
            self._values[at.HAS_ANSWER] = 0.0
            self._take(question.statistics, question.passing, question.fine_share)
            return
        said = self._values[at.SAID : at.SAID + deciding.ANSWER_SIZE].reshape(-1, params.COUNT)
        matched_norm = (question.passing[at.MATCHED : at.MATCHED + params.COUNT] - params.LOW) / _SPANS
        if answer is not None:
            said[:] = answer.reshape(said.shape)
            said[:SPREAD_ROW] -= matched_norm
        elif question.has_said and self._values[at.HAS_ANSWER] != 0.0:
            held = said.copy()
            held[:SPREAD_ROW] += matched_norm
            answer = np.clip(held, 0.0, 1.0).astype(np.float32).reshape(-1)
        if answer is None or not isinstance(suggester, Network):
            self._values[at.HAS_ANSWER] = 0.0
            self._take(question.statistics, question.passing, question.fine_share)
            return
        where = (self._matrix, self._step_s, self._values, question.passing, self._work)
        is_answer = deciding.conclude(question.statistics, answer, *suggester.limits_norm, *where)
        self._values[at.HAS_ANSWER] = float(is_answer)
        if not is_answer:
            suggester.reject()

    def undo(self) -> None:
        """Take the last steps back: what they were made of has turned out to be none of the music.

        Thread: worker. Allocates: no.
        """
        count = int(self._values[at.PAST_STEP_COUNT])
        if count > 0:
            start = at.PAST_STEPS + (count - 1) * at.STEP_SIZE
            self._values[at.SUGGESTED : at.SUGGESTED + at.STEP_SIZE] = self._values[start : start + at.STEP_SIZE]
            self._values[at.PAST_STEP_COUNT] = 0.0

    @staticmethod
    def _fine_share(suggester: Suggester) -> float:
        """The fine layer takes what the closed form or a network leaves; what others say is all there is."""
        return 1.0 if isinstance(suggester, Matcher | Network) else 0.0

    def _aim(self, profile: Profile) -> Profile:
        return masters.profile_of(profile, self._passing[at.AIM : at.AIM + at.AIM_SIZE])

    def settle(self, listener: Listener, suggester: Suggester, profile: Profile) -> None:
        """Be where `move` would end, were the music to go on like that and nothing of it unknown.

        Thread: worker. Allocates: yes.
        """
        self._aim_at(profile, suggester)
        heard = listener.statistics.values
        self._passing[at.BOLDNESS], self._passing[at.STYLE_STRENGTH] = self.boldness, self.style_strength
        aiming.settle(heard, self._wanted, self._known, self._passing, self._work)
        self._taken = self._passing
        if isinstance(suggester, Network) and not self._is_for(suggester):
            suggester = Matcher()
        self._passing[at.WANTED : at.WANTED + params.COUNT] = suggester.suggest(listener, self._aim(profile))
        share = self._fine_share(suggester)
        deciding.arrive(heard, self._matrix, share, self._values, self._passing, self._work)

    def state(self) -> NDArray[np.float64]:
        """A copy of what `restore` needs."""
        return self._values.copy()

    def restore(self, state: NDArray[np.float64]) -> None:
        """Go on from where `state` was taken."""
        self._values[:] = state


def answered(questions: Sequence[Question], suggester: Suggester) -> list[NDArray[np.float32] | None]:
    """The network's answers to some questions, many at once; None for those that it was not asked.

    Thread: worker. Allocates: yes.
    """
    if not isinstance(suggester, Network):
        return [None] * len(questions)
    rows = iter(suggester.rows([(one.window, one.told) for one in questions if one.told is not None]))
    return [None if one.told is None else next(rows) for one in questions]


def settled(
    listener: Listener,
    suggester: Suggester,
    profile: Profile,
    sample_rate_hz: float,
    boldness: float = masters.BOLDNESS,
    style_strength: float = masters.STYLE_STRENGTH,
) -> tuple[params.Values, NDArray[np.float64], Found | None]:
    """What is decided once all has been heard: the ten parameters, the fine layer's gains in dB, what was found.

    Thread: worker. Allocates: yes.
    """
    decision = Decision(sample_rate_hz, 1.0)
    decision.boldness, decision.style_strength = boldness, style_strength
    decision.settle(listener, suggester, profile)
    return decision.suggested, decision.fine_db, decision.found
