"""The learned suggester: a network's answer where it can be trusted, the matcher's where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.bundles import context
from rt_automix.analysis.bundles.bundle import Bundle
from rt_automix.analysis.bundles.graph import UnfitError
from rt_automix.analysis.deciding import deciding
from rt_automix.analysis.deciding.matcher import MIN_MUSIC_S, Matcher
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.errors import ModelError

TOGETHER = 8
"""So many windows go through the network at once, where several are asked for."""


@dataclass(frozen=True)
class Question:
    """What the matcher knows of a moment, and what a network is told.

    Parameters
    ----------
    matched, confidence : float64, shape (params.COUNT,)
        The matcher's answer and how sure it is.
    window : float32, shape context.WINDOW_SHAPE, or None
        None before there is enough music to judge.
    vector : float32, shape (context.SIZE,), or None
    """

    matched: params.Values
    confidence: params.Values
    window: NDArray[np.float32] | None = None
    vector: NDArray[np.float32] | None = None


class Network:
    """A network with the matcher to fall back on.

    Tone, compression, width and level come from the network's guess at the whole song, gain from what
    has been heard. Where it expects to be wrong its answer gives way to the matcher's, gliding, so that
    no suggestion jumps because confidence crossed a line. An answer that is none is the matcher's.

    Parameters
    ----------
    bundle : Bundle
    complain : function of a str
        Told once, when the network first fails.
    """

    def __init__(self, bundle: Bundle, complain: Callable[[str], None]) -> None:
        self.name = bundle.spec.name + ("" if bundle.spec.precision == "int8" else f":{bundle.spec.precision}")
        """The matcher's, once it is known that the network can never be used."""
        self.faults = 0
        self._bundle, self._complain = bundle, complain
        self._matcher = Matcher()
        self.confidence = self._matcher.confidence
        self._rows_are_alike: bool | None = None

    def suggest(self, listener: Listener, profile: Profile) -> params.Values:
        """See Suggester."""
        ((values, self.confidence),) = self.answer([self.question(listener, profile)])
        return values

    def question(self, listener: Listener, profile: Profile) -> Question:
        """What there is to decide, of the listener as it is now."""
        heard = listener.statistics
        matched = self._matcher.suggest(listener, profile).copy()
        confidence = self._matcher.confidence.copy()
        if heard.seconds_heard < MIN_MUSIC_S:
            return Question(matched, confidence)
        window = context.window(listener.window, heard.loudness_lufs)
        return Question(matched, confidence, window, context.vector(heard, profile, matched))

    def answer(self, questions: Sequence[Question]) -> list[tuple[params.Values, params.Values]]:
        """Values and confidence for each question: to the bit what `suggest` would have said, one by one."""
        rows = iter(self.rows([(one.window, one.vector) for one in questions if one.window is not None]))
        return [
            (one.matched, one.confidence) if one.window is None else self._weigh(one, next(rows)) for one in questions
        ]

    def decide(self, window: NDArray[np.float32], vector: NDArray[np.float32], matched: params.Values) -> params.Values:
        """The network's answer to a window and a context, as far as it is sure, and else the matcher's.

        Parameters
        ----------
        window : float32, shape context.WINDOW_SHAPE
        vector : float32, shape (context.SIZE,)
        matched : float64, shape (params.COUNT,)

        Thread: worker. Allocates: yes.
        """
        (window,), (vector,) = clean(window[None], vector[None])
        question = Question(np.array(matched), self._matcher.confidence.copy(), window, vector)
        ((values, self.confidence),) = self.answer([question])
        return values

    def _weigh(self, question: Question, answer: NDArray[np.float32] | None) -> tuple[params.Values, params.Values]:
        """Values and confidence of an answer of deciding.ANSWER_SIZE; without one, the matcher's."""
        if answer is None:
            return question.matched, question.confidence
        values, confidence = np.empty(params.COUNT), question.confidence.copy()
        limits, scratch = self.limits_norm, np.empty(params.COUNT)
        if not deciding.combine(answer, *limits, 1.0, question.matched, confidence, values, scratch):
            self.reject()
            return question.matched, question.confidence
        return values, confidence

    def rows(self, inputs: Sequence[tuple[Any, Any]]) -> list[NDArray[np.float32] | None]:
        """The network's answer to each window and context, as `ask` gives it; TOGETHER of them at a time.

        Parameters
        ----------
        inputs : sequence of (window, context), clean, as the kernels of `context` fill them

        Thread: worker. Allocates: yes.
        """
        rows: list[NDArray[np.float32] | None] = []
        for start in range(0, len(inputs), TOGETHER):
            some = inputs[start : start + TOGETHER]
            together = self._together(some) if len(some) > 1 else None
            if together is not None:
                rows += list(together)
                continue
            alone = [self.ask(window[None], vector[None]) for window, vector in some]
            self._compare(some, alone)
            rows += alone
        return rows

    def _together(self, inputs: Sequence[tuple[Any, Any]]) -> NDArray[np.float32] | None:
        """Up to TOGETHER answers at once; None where that failed, or might not give the bits that each gets alone.

        Sets are filled up, so that every one goes through the same code.
        """
        if not self._rows_are_alike:
            return None
        full = [inputs[k % len(inputs)] for k in range(TOGETHER)]
        try:
            answers = self._bundle.run(*(np.array(side) for side in zip(*full, strict=True)))
            return answers[: len(inputs)].reshape(len(inputs), -1)
        except ModelError:
            return None

    def _compare(self, inputs: Sequence[tuple[Any, Any]], alone: Sequence[Any]) -> None:
        """Find out with the first full set whether rows that go together get the bits they get alone.

        That depends on the graph, the runtime and the processor.
        """
        if self._rows_are_alike is None and len(inputs) == TOGETHER and all(row is not None for row in alone):
            self._rows_are_alike = True
            together = self._together(inputs)
            self._rows_are_alike = together is not None and np.array_equal(together, alone)

    @property
    def limits_norm(self) -> tuple[float, float]:
        """Expected error up to which the network is sure, and from which it is not at all."""
        return self._bundle.spec.full_norm, self._bundle.spec.none_norm

    def ask(self, windows: NDArray[np.float32], contexts: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The network's answer just as it gives it, None if it gave none.

        Parameters
        ----------
        windows : float32, shape (1, *context.WINDOW_SHAPE), clean
        contexts : float32, shape (1, context.SIZE), clean

        Returns
        -------
        float32, shape (deciding.ANSWER_SIZE,), or None

        Thread: worker. Allocates: yes.
        """
        try:
            return np.ascontiguousarray(self._bundle.run(windows, contexts)[0].reshape(-1))
        except ModelError as error:
            if isinstance(error, UnfitError):
                self.name = self._matcher.name
            self._find_fault(str(error))
            return None

    def reject(self) -> None:
        """Be told that the last answer was none. Thread: worker. Allocates: yes."""
        self._find_fault(f"{self._bundle.spec.folder}: the network gave an answer outside 0..1.")

    def _find_fault(self, what: str) -> None:
        self.faults += 1
        if self.faults == 1:
            is_out = self.name == self._matcher.name
            self._complain(f"{what} {'The' if is_out else 'Where it fails the'} matcher decides.")


def clean(
    windows: NDArray[np.float32], contexts: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same without what no network has learned from: NaN, infinities, numbers beyond all measure.

    Parameters
    ----------
    windows : float32, shape (n, *context.WINDOW_SHAPE)
    contexts : float32, shape (n, context.SIZE)

    Thread: worker. Allocates: yes.
    """
    heard = np.minimum(np.fmax(windows, context.LOWEST_LU), context.HIGHEST_LU)  # of NaN and a number, the number
    return heard, np.clip(np.nan_to_num(contexts), -context.LIMIT, context.LIMIT)
