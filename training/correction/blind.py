"""The ten parameters, blind: those that a correction leads to, against those that would undo the damage.

Both are the closed form's, so that what is counted is what was aimed at: the one aims at what is heard, corrected;
the other at the song's own master. How loud that was nobody can hear: the program's aim has a loudness of its own, and
its gains are that much off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.aim import masters, profile
from rt_automix.analysis.aim.profile import RANGES, Profile
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.tone import TONE_BANDS
from training.correction import baselines
from training.correction.examples import FAMILIES, Examples

Array = NDArray[np.float64]

IS_LEVEL = np.array([name in ("input_gain_db", "limiter_drive_db", "output_level") for name in params.NAMES])
"""Those that follow the loudness and the peak that are aimed at."""


def undoing(examples: Examples, chosen: NDArray[np.int64]) -> Array:
    """The parameters that would bring each example back to its own master: shape (n, params.COUNT), normalised."""
    matcher, names, found = Matcher(), tuple(RANGES), []
    for index in chosen:
        vector = examples.own[index].astype(np.float64).tolist()
        scalars = dict(zip(names, vector[TONE_BANDS:], strict=True))
        own = Profile(name="own", bands_db=tuple(vector[:TONE_BANDS]), **scalars)
        found.append(params.normalise(matcher.match(examples.statistics(int(index)), own)))
    return np.array(found)


def leading(examples: Examples, chosen: NDArray[np.int64], level_free: Array) -> Array:
    """The parameters that lead to an aim: shape (n, params.COUNT), normalised.

    Parameters
    ----------
    level_free : float64, shape (len(examples.heard), 26)
        Tone bands, side/mid ratio and dynamics that are aimed at.
    """
    matcher, auto, found = Matcher(), profile.load(masters.NAME), []
    for index in chosen:
        aim = baselines.with_level_free(auto, level_free[index])
        found.append(params.normalise(matcher.match(examples.statistics(int(index)), aim)))
    return np.array(found)


def errors(examples: Examples, heard: Array, corrections: dict[str, Array]) -> dict[str, Any]:
    """Mean absolute errors after whole songs, by method and family: of all ten, of those without level, of each.

    Parameters
    ----------
    heard : float64, shape (n, 26)
    corrections : of each method, to be added to what is heard, in the same shape
    """
    report: dict[str, Any] = {name: {} for name in (*corrections, "neutral")}
    for number, family in enumerate(FAMILIES):
        chosen = np.flatnonzero((examples.family == number) & np.isinf(examples.seconds))
        wanted = undoing(examples, chosen)
        said = {name: leading(examples, chosen, heard + correction) for name, correction in corrections.items()}
        said["neutral"] = np.broadcast_to(params.normalise(params.NEUTRAL), wanted.shape)
        for name, values in said.items():
            apart = np.abs(values - wanted).mean(axis=0)
            report[name][family] = {
                "mae": float(apart.mean()),
                "mae_without_level": float(apart[~IS_LEVEL].mean()),
                "per_parameter": dict(zip(params.NAMES, apart.tolist(), strict=True)),
            }
    return report


def table(report: dict[str, Any], family: str = "project") -> str:
    """The errors of one family as markdown, in thousandths of a parameter's range."""
    lines = ["| thousandths of a parameter's range | all ten | without level | " + " | ".join(params.NAMES) + " |"]
    lines.append("|---" * (3 + params.COUNT) + "|")
    for name, families in report.items():
        one = families[family]
        cells = [one["mae"], one["mae_without_level"], *one["per_parameter"].values()]
        lines.append(f"| {name} | " + " | ".join(f"{1000.0 * cell:.0f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"
