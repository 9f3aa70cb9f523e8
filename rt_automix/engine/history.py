"""What an engine did over time: a row of its meters now and then, kept in one flat array."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.engine.meters import Meters

_COLUMNS = 1 + 2 * params.COUNT + 4


@dataclass(frozen=True)
class History:
    """What an engine did, moment by moment.

    Parameters
    ----------
    time_s : float64, shape (k,)
    suggested, applied : float64, shape (k, params.COUNT)
        Parameters before and after the amount and the smoothing.
    compression_db, limiting_db : float64, shape (k,)
        Gain reductions, positive.
    gain_db, trim_db : float64, shape (k,)
        All gain that was applied, and the share of it that the loudness loop decided.
    """

    time_s: NDArray[np.float64]
    suggested: NDArray[np.float64]
    applied: NDArray[np.float64]
    compression_db: NDArray[np.float64]
    limiting_db: NDArray[np.float64]
    gain_db: NDArray[np.float64]
    trim_db: NDArray[np.float64]

    def settled(self, after_s: float) -> dict[str, float]:
        """Median of each applied parameter and of `gain_db` after a time, or of all if it ended before."""
        late = self.time_s > (after_s if self.time_s[-1] > after_s else -1.0)
        gain_db = float(np.median(self.gain_db[late]))
        return {**params.to_dict(np.median(self.applied[late], axis=0)), "gain_db": gain_db}


class Recorder:
    """Collects a History; needs 200 bytes a row."""

    def __init__(self) -> None:
        self._rows = array("d")

    def add(self, time_s: float, suggested: params.Values, meters: Meters, trim_db: float = 0.0) -> None:
        """Note one moment; `trim_db` is gain that was applied before the engine.

        Thread: worker | main. Allocates: yes.
        """
        gains = meters.compression_db, meters.limiting_db, meters.gain_db + trim_db, meters.trim_db + trim_db
        self._rows.extend((time_s, *suggested, *meters.applied.values(), *gains))

    def history(self) -> History:
        """Everything noted so far."""
        table = np.array(self._rows).reshape(-1, _COLUMNS)
        return History(table[:, 0], *np.split(table[:, 1:-4], 2, axis=1), *table[:, -4:].T)
