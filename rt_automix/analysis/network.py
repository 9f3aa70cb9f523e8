"""The learned suggester: a network's answer where it can be trusted, the matcher's where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import context, deciding
from rt_automix.analysis.bundle import Bundle
from rt_automix.analysis.listener import Listener
from rt_automix.analysis.matcher import MIN_MUSIC_S, Matcher
from rt_automix.analysis.profile import Profile
from rt_automix.errors import ModelError


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
        self.faults = 0
        self._bundle, self._complain = bundle, complain
        self._matcher = Matcher()
        self.confidence = self._matcher.confidence

    def suggest(self, listener: Listener, profile: Profile) -> params.Values:
        """See Suggester."""
        heard = listener.statistics
        matched = self._matcher.suggest(listener, profile)
        self.confidence = self._matcher.confidence
        if heard.seconds_heard < MIN_MUSIC_S:
            return matched
        window = context.window(listener.window, heard.loudness_lufs)
        return self.decide(window, context.vector(heard, profile, matched), matched)

    def decide(self, window: NDArray[np.float32], vector: NDArray[np.float32], matched: params.Values) -> params.Values:
        """The network's answer to a window and a context, as far as it is sure, and else the matcher's.

        Parameters
        ----------
        window : float32, shape context.WINDOW_SHAPE
        vector : float32, shape (context.SIZE,)
        matched : float64, shape (params.COUNT,)

        Thread: worker. Allocates: yes.
        """
        answer = self.ask(*clean(window[None], vector[None]))
        if answer is None:
            return matched
        values, confidence = np.empty(params.COUNT), self._matcher.confidence.copy()
        limits = self.limits_norm
        if not deciding.combine(answer, *limits, np.array(matched), confidence, values, np.empty(params.COUNT)):
            self.reject()
            return matched
        self.confidence = confidence
        return values

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
            self._find_fault(str(error))
            return None

    def reject(self) -> None:
        """Be told that the last answer was none. Thread: worker. Allocates: yes."""
        self._find_fault(f"{self._bundle.spec.folder}: the network gave an answer outside 0..1.")

    def _find_fault(self, what: str) -> None:
        self.faults += 1
        if self.faults == 1:
            self._complain(f"{what} Where it fails the matcher decides.")


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
