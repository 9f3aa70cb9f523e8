"""What passes between the chain and the analysis: a ring of what came in, and suggestions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.deciding.analyst import Ring, Suggestion
from rt_automix.dsp import atomics
from rt_automix.engine import layout as at


def ring(f32: NDArray[np.float32], i64: NDArray[np.int64], channels: int) -> Ring:
    """The chain's ring, for the analysis to read. Thread: main. Allocates: yes."""
    sides = tuple(f32[start : start + at.RING_SAMPLES] for start in (at.RING_LEFT, at.RING_RIGHT))
    return Ring(sides[:channels], i64[at.SAMPLE_COUNT : at.SAMPLE_COUNT + 1])


def message(suggestion: Suggestion) -> NDArray[np.float64]:
    """A suggestion as the chain reads it: float64, shape (layout.SUGGESTION_SIZE,).

    Thread: worker. Allocates: yes.
    """
    filled = np.empty(at.SUGGESTION_SIZE)
    filled[at.EFFECTIVE_AT] = suggestion.effective_at_samples
    filled[at.INPUT_LUFS] = suggestion.input_lufs
    filled[at.APPLAUSE] = suggestion.applause
    filled[at.BEYOND_DB] = suggestion.beyond_db
    filled[at.TONE_LU : at.FINE_LU + 1] = suggestion.louder_lu
    filled[at.SUGGESTED : at.FINE_SUGGESTED] = suggestion.values
    filled[at.FINE_SUGGESTED :] = suggestion.fine_gains_db
    return filled


def publish(f64: NDArray[np.float64], i64: NDArray[np.int64], suggestion: Suggestion) -> None:
    """Hand a suggestion to the chain; see `message`.

    Thread: worker, one at a time. Allocates: yes.
    """
    hand_over(f64, i64, message(suggestion))


def hand_over(f64: NDArray[np.float64], i64: NDArray[np.int64], filled: NDArray[np.float64]) -> None:
    """Hand the chain what `message` has filled.

    Thread: worker, one at a time. Allocates: no.
    """
    slots = f64[at.SUGGESTION_SLOTS : at.SUGGESTION_SLOTS + 3 * at.SUGGESTION_SIZE]
    index = i64[at.SUGGESTION_INDEX : at.SUGGESTION_INDEX + 3]
    atomics.triple_publish(index, slots, filled)
