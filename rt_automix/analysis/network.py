"""The learned suggester: a network's answer where it can be trusted, the matcher's where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import context
from rt_automix.analysis.bundle import HEARD_ROW, SONG_ROW, SPREAD_ROW, Bundle
from rt_automix.analysis.matcher import MIN_MUSIC_S, Matcher
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.statistics import Listener
from rt_automix.errors import ModelError

_CONTEXT_LIMIT = 100.0
"""No number of a sane context is beyond."""

_ROUNDING_NORM = 1e-3
"""Answers this far outside 0..1 are rounding, as of int8; more is a fault."""

_INPUT_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]


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
        answer = self._ask(window, vector)
        if answer is None:
            return matched
        sure = self._sureness(answer[SPREAD_ROW])
        # What the network leaves to the matcher goes as far as the matcher would.
        self.confidence = sure + (1.0 - sure) * self._matcher.confidence
        return _combine(matched, answer, sure)

    def _ask(self, window: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """The network's answer, float64 of bundle.ANSWER_SHAPE in 0..1; None if it gave none."""
        try:
            answer = self._bundle.run(*clean(window[None], vector[None]))[0].astype(np.float64)
            if not (np.abs(answer - 0.5) <= 0.5 + _ROUNDING_NORM).all():
                raise ModelError(f"{self._bundle.spec.folder}: the network gave an answer outside 0..1.")
        except ModelError as error:
            self.faults += 1
            if self.faults == 1:
                self._complain(f"{error} Where it fails the matcher decides.")
            return None
        return np.clip(answer, 0.0, 1.0)

    def _sureness(self, spread_norm: NDArray[np.float64]) -> params.Values:
        """1 up to the bundle's full_norm of expected error, 0 from its none_norm on."""
        full_norm, none_norm = self._bundle.spec.full_norm, self._bundle.spec.none_norm
        sure = np.clip((none_norm - spread_norm) / (none_norm - full_norm), 0.0, 1.0)
        # The two are one gain: whichever of them does the work knows how sure it is.
        sure[[_INPUT_GAIN, _DRIVE]] = min(sure[_INPUT_GAIN], sure[_DRIVE])
        return sure


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
    return heard, np.clip(np.nan_to_num(contexts), -_CONTEXT_LIMIT, _CONTEXT_LIMIT)


def _combine(matched: params.Values, answer: NDArray[np.float64], sure: params.Values) -> params.Values:
    """The matcher's parameters, moved towards the network's as far as it is sure."""
    song, heard = params.denormalise(answer[SONG_ROW]), params.denormalise(answer[HEARD_ROW])
    values = matched + sure * (song - matched)
    # Half-way between two gains in all: of its two parts each may be none of what is wanted.
    matched_db, heard_db = (float(side[_INPUT_GAIN] + side[_DRIVE]) for side in (matched, heard))
    total_db = matched_db + float(sure[_DRIVE]) * (heard_db - matched_db)
    values[_DRIVE] = min(max(total_db, 0.0), params.HIGH[_DRIVE])
    values[_INPUT_GAIN] = total_db - values[_DRIVE]
    return params.clamp(values)
