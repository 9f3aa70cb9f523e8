"""What a learned correction is judged beside: aims that nobody had to learn, and that of version 0.3.0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.tone import TONE_BANDS

Array = NDArray[np.float64]
LEVEL_FREE = [*range(TONE_BANDS), TONE_BANDS + 2, TONE_BANDS + 4]
"""Of a profile's vector what an input's level does not touch: tone bands, side/mid ratio, dynamics."""

_FARTHEST_DB = np.array([1.5] * TONE_BANDS + [1.2, 1.0])
_WEIGHTS = np.array([1.0 / TONE_BANDS] * TONE_BANDS + [0.04, 4.0])


def styles() -> dict[str, Array]:
    """Level-free numbers of the shipped styles by name."""
    return {name: profile.load(name).vector()[LEVEL_FREE] for name in profile.shipped() if name != "auto"}


def nearest_style(heard: Array) -> Array:
    """The shipped style whose tone is nearest to each: shape as `heard`, (n, 26)."""
    known = np.array(list(styles().values()))
    away = heard[:, None, :TONE_BANDS] - known[None, :, :TONE_BANDS]
    return known[np.argmin((away**2).mean(axis=2), axis=1)]


def auto_030(heard: Array) -> Array:
    """Where `auto` of 0.3.0 (commit 2d8a98e) settles: half of the way to the mix of styles like it, and not far.

    Parameters
    ----------
    heard : float64, shape (n, 26)
    """
    known = np.array(list(styles().values()))
    away_db = np.clip(heard[:, None] - known[None], -10.0, 10.0)
    distances_db = np.sqrt(away_db**2 @ _WEIGHTS)
    shares = np.exp((distances_db.min(axis=1, keepdims=True) - distances_db) / 0.5)
    mix = shares @ known / shares.sum(axis=1, keepdims=True)
    return heard + _FARTHEST_DB * np.tanh(0.5 * (mix - heard) / _FARTHEST_DB)


def with_level_free(of: Profile, numbers: Array) -> Profile:
    """A profile with other tone bands, side/mid ratio and dynamics: float64, shape (26,)."""
    *bands, side_mid, dynamics = numbers.tolist()
    return replace(of, bands_db=tuple(bands), side_mid_db=side_mid, dynamics_db=max(dynamics, 0.0))
