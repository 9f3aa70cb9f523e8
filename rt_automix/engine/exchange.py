"""What passes between the chain and the analysis: a ring of what came in, and suggestions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.analyst import Ring
from rt_automix.dsp import atomics
from rt_automix.engine import layout as at


def ring(f32: NDArray[np.float32], i64: NDArray[np.int64], channels: int) -> Ring:
    """The chain's ring, for the analysis to read. Thread: main. Allocates: yes."""
    sides = tuple(f32[start : start + at.RING_SAMPLES] for start in (at.RING_LEFT, at.RING_RIGHT))
    return Ring(sides[:channels], i64[at.SAMPLE_COUNT : at.SAMPLE_COUNT + 1])


def message(
    values: params.Values,
    effective_at_samples: int,
    input_lufs: float,
    applause: bool = False,
    fine_gains_db: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """A suggestion as the chain reads it: float64, shape (layout.SUGGESTION_SIZE,).

    It holds from `effective_at_samples` on. `fine_gains_db`, shape (31,), are the fine bands' before
    `fine_tone` and amount; None is flat.

    Thread: worker. Allocates: yes.
    """
    filled = np.empty(at.SUGGESTION_SIZE)
    filled[at.EFFECTIVE_AT] = effective_at_samples
    filled[at.INPUT_LUFS] = input_lufs
    filled[at.APPLAUSE] = applause
    filled[at.SUGGESTED : at.FINE_SUGGESTED] = values
    filled[at.FINE_SUGGESTED :] = 0.0 if fine_gains_db is None else fine_gains_db
    return filled


def publish(
    f64: NDArray[np.float64],
    i64: NDArray[np.int64],
    values: params.Values,
    effective_at_samples: int,
    input_lufs: float,
    applause: bool = False,
    fine_gains_db: NDArray[np.float64] | None = None,
) -> None:
    """Hand a suggestion to the chain; see `message`.

    Thread: worker, one at a time. Allocates: yes.
    """
    slots = f64[at.SUGGESTION_SLOTS : at.SUGGESTION_SLOTS + 3 * at.SUGGESTION_SIZE]
    index = i64[at.SUGGESTION_INDEX : at.SUGGESTION_INDEX + 3]
    filled = message(values, effective_at_samples, input_lufs, applause, fine_gains_db)
    atomics.triple_publish(index, slots, filled)
