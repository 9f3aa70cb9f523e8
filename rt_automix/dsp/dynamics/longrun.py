"""What came out over the last 40 s, counted as a meter would, and how much to aim off for it to meet the target.

In blocks of 400 ms, gated as in BS.1770: of talk a meter counts the rests between words, and the beginnings and ends
of words in them, that a window of steps leaves out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel
from rt_automix.units import LUFS_OFFSET_DB

LONG_STEPS, AFTER_STEPS = 400, 50
"""It looks back over so many steps of 100 ms, and leaves the first ones out, in which the gain had yet to come."""
SHARE, LIMIT_LU = 1.0, 1.2
"""So much of the error is aimed off, but no more than that."""
BLOCK_STEPS = 4

_ENERGY, _COUNT, _UNGATED, _UNGATED_COUNT, _BLOCK = range(5)
STATE_SIZE = _BLOCK + BLOCK_STEPS


def came_out_lufs(state: NDArray[np.float64]) -> float | None:
    """Gated loudness in LUFS; None before there are ten seconds of it.

    Thread: worker. Allocates: no.
    """
    if state[_COUNT] < 2 * AFTER_STEPS:
        return None
    return LUFS_OFFSET_DB + 10.0 * math.log10(state[_ENERGY] + 1e-20)


@kernel("void(float64[::1], float64)")
def hear(state, energy):
    """Take up the energy of a step of 100 ms.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
        Zeros where nothing has been heard.
    energy : float64

    Thread: audio. Allocates: no.
    """
    block = energy / BLOCK_STEPS
    for k in range(BLOCK_STEPS - 1, 0, -1):
        state[_BLOCK + k] = state[_BLOCK + k - 1]
        block += state[_BLOCK + k] / BLOCK_STEPS
    state[_BLOCK] = energy
    state[_UNGATED_COUNT] = min(state[_UNGATED_COUNT] + 1.0, LONG_STEPS)
    state[_UNGATED] += (block - state[_UNGATED]) / state[_UNGATED_COUNT]
    if block > 0.1 * state[_UNGATED]:
        state[_COUNT] = min(state[_COUNT] + 1.0, LONG_STEPS)
        if state[_COUNT] > AFTER_STEPS:
            state[_ENERGY] += (block - state[_ENERGY]) / (state[_COUNT] - AFTER_STEPS)


@kernel("float64(float64[::1], float64)")
def aim_off_lu(state, target_lufs):
    """How much above the target to aim, for what came out over the long run to meet it.

    Thread: audio. Allocates: no.
    """
    if state[_COUNT] < 2 * AFTER_STEPS:
        return 0.0
    error_lu = SHARE * (target_lufs - LUFS_OFFSET_DB - 10.0 * math.log10(state[_ENERGY] + 1e-20))
    return min(max(error_lu, -LIMIT_LU), LIMIT_LU)
