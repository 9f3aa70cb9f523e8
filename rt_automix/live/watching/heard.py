"""What has gone out, for whoever measures it in the process that watches: read from the board, nothing waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rt_automix.io.devices.edge.board import TAKE_SAMPLES, WRITTEN

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor

MAIN = 1
"""Ring of the main output; behind it those of the others."""

_MOST_BEHIND = TAKE_SAMPLES // 2
"""Who was kept from looking for longer than this misses what is older: 11 s at 48 kHz."""


class Heard:
    """Follows what goes out, from now on.

    Attributes
    ----------
    sample_rate_hz : int
        Of the last that was followed; 0 before.
    """

    def __init__(self) -> None:
        self.sample_rate_hz = self._from = self._to = 0

    def follow(self, supervisor: Supervisor) -> bool:
        """See what is new; whether it is at another rate than before.

        Thread: main. Allocates: no.
        """
        if not supervisor.is_playing:
            self._from = self._to
            return False
        written = int(supervisor.board.stats[WRITTEN])
        is_anew = supervisor.sample_rate_hz != self.sample_rate_hz
        self._from = written if is_anew else max(self._to, written - _MOST_BEHIND)
        self._to, self.sample_rate_hz = written, supervisor.sample_rate_hz
        return is_anew

    def blocks(self, supervisor: Supervisor, ring: int) -> Iterator[NDArray[np.float32]]:
        """What is new of an output: float32, shape (2, n), sane.

        Thread: main. Allocates: yes.
        """
        start = self._from
        while start < self._to:
            stop = min(self._to, start - start % TAKE_SAMPLES + TAKE_SAMPLES)
            place = start % TAKE_SAMPLES
            yield np.nan_to_num(supervisor.board.rings[ring, :, place : place + stop - start])
            start = stop
