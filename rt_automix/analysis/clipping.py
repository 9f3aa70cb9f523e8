"""Is the input clipped? Samples that stand still at full scale, as where a preamplifier is turned up too far.

A hot master touches full scale, too, but does not stay there: of 35 decoded songs 34 have less than
0.1 % of their samples in such flat tops, and about 1 % once they are turned up by 6 dB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.features import HOP_S

FULL_SCALE_LIN = 0.99
FLAT_SAMPLES = 3
"""So many equal ones in a row are a flat top."""

FRAMES = 11
"""What is looked at: about a second."""

CLIPPED_SHARE = 0.005
"""More flat samples than this, of all of the last second's, are clipping."""

LONGEST_S = 20.0
"""Only what breaks into clean music counts, and for no longer than that came before, or than this:
what goes on for longer is the programme, and has to be mastered as it is."""


class Clipping:
    """Judges hop after hop."""

    def __init__(self) -> None:
        self._shares = np.zeros(FRAMES)
        self._frames = 0
        self._credit_s = 0.0
        self.heard = False

    def add(self, block: NDArray[np.float32]) -> None:
        """Take a hop of samples in; `heard` says what has become of it.

        Parameters
        ----------
        block : float32, shape (channels, n)

        Thread: worker. Allocates: yes.
        """
        same = (block[:, 1:] == block[:, :-1]) & (np.abs(block[:, 1:]) >= FULL_SCALE_LIN)
        flat = same[:, 1:] & same[:, :-1]  # with the two samples before
        self._shares[self._frames % FRAMES] = np.count_nonzero(flat) / block.size
        self._frames += 1
        is_clipped = float(self._shares.mean()) > CLIPPED_SHARE
        self._credit_s = min(max(self._credit_s + (-HOP_S if is_clipped else HOP_S), 0.0), LONGEST_S)
        self.heard = is_clipped and self._credit_s > 0.0

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs to go on from here."""
        return {"shares": self._shares.copy(), "counts": (self._frames, self._credit_s), "heard": self.heard}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self._shares[:] = state["shares"]
        self._frames, self._credit_s = state["counts"]
        self.heard = state["heard"]
