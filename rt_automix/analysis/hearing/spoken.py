"""Talk told from music, seen from Python: the network, and what it is told. The kernels are in `speech`."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS
from rt_automix.analysis.hearing import speech
from rt_automix.units import power_from_db


@cache
def net() -> NDArray[np.float64]:
    """The shipped network, as `speech.chance` takes it; where there is none, one that never says talk.

    float64, shape (layout.SPEECH_NET_SIZE,); nobody writes to it. Thread: main. Allocates: yes.
    """
    file = resources.files("rt_automix") / "data" / "speech.npz"
    if not file.is_file():
        return np.concatenate([np.ones(2 * at.SPEECH_NUMBERS), np.zeros(at.SPEECH_NET_SIZE - 2 * at.SPEECH_NUMBERS)])
    with file.open("rb") as opened, np.load(opened) as parts:
        return parts["net"].astype(np.float64)


def told(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a network is told of a stretch: float64, shape (layout.SPEECH_NUMBERS,).

    Parameters
    ----------
    rows : float32, shape (layout.SPEECH_FRAMES, features.ROWS), dB

    Thread: main. Allocates: yes.
    """
    levels, numbers = np.empty((at.SPEECH_FRAMES, at.TEXTURE_CHANNELS)), np.empty(at.SPEECH_NUMBERS)
    powers = power_from_db(rows[:, : 2 * MEL_BANDS]).astype(np.float32)
    for power, row, level in zip(powers, rows, levels, strict=True):
        speech.look(power, float(row[LOUDNESS_ROW]), level)
    speech.describe(levels.reshape(-1), np.empty(levels.size), numbers)
    return numbers


def chance(numbers: NDArray[np.float64], network: NDArray[np.float64]) -> float:
    """What a network makes of it, 0 to 1. Thread: main. Allocates: no."""
    return speech.chance(numbers, network)
