"""What an engine did over time: a row of its meters now and then, noted while it plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.recordings.bed import lay
from rt_automix.engine import bed, exchange, record
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine

STEP_S = 0.1
"""The history has a row for each."""


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
    fine_gains_db : float64, shape (k, 31)
        Gains of the fine bands as they were applied.
    """

    time_s: NDArray[np.float64]
    suggested: NDArray[np.float64]
    applied: NDArray[np.float64]
    compression_db: NDArray[np.float64]
    limiting_db: NDArray[np.float64]
    gain_db: NDArray[np.float64]
    trim_db: NDArray[np.float64]
    fine_gains_db: NDArray[np.float64]

    def settled(self, after_s: float) -> dict[str, float]:
        """Median of each applied parameter and of `gain_db` after a time, or of all if it ended before."""
        late = self.time_s > (after_s if self.time_s[-1] > after_s else -1.0)
        gain_db = float(_median(self.gain_db[late]))
        return {**params.to_dict(_median(self.applied[late])), "gain_db": gain_db}


def _median(values: NDArray[np.float64]) -> Any:
    """Along the first axis; numpy's own loads its masked arrays first."""
    count = len(values)
    middle = (count - 1) // 2, count // 2
    return np.partition(values, middle, axis=0)[list(middle)].mean(axis=0)


class Recorder:
    """Plays a stream whose suggestions are known ahead, and notes what the engine does.

    Parameters
    ----------
    engine : Engine
        Prepared, with analysis "off".
    longest_samples : int, optional
        The chain gets no longer pieces; the result does not depend on it.
    """

    def __init__(self, engine: Engine, longest_samples: int | None = None) -> None:
        self.engine = engine
        self._step_samples = round(STEP_S * engine.sample_rate_hz)
        interval_samples = engine.analyst.interval_samples
        self._grid = np.array([interval_samples, self._step_samples, longest_samples or 2**62])
        self._suggested = engine.analyst.suggestion.copy()
        self._rows: list[NDArray[np.float64]] = []
        self._is_noted = False

    def play(self, block: NDArray[np.float32], messages: NDArray[np.float64]) -> None:
        """Master a block in place.

        Parameters
        ----------
        block : float32, shape (channels, n), C-contiguous, any n
        messages : float64, shape (k, layout.SUGGESTION_SIZE)
            One for each of the analyst's intervals that ends in the block, or none.

        Thread: worker | main. Allocates: yes; 450 bytes are kept for every STEP_S.
        """
        if len(block) > 2:
            self._play_bed(block, messages)
            return
        left, right = block[0], block[-1] if len(block) == 2 else block[0].copy()
        rows = np.empty((left.size // self._step_samples + 1, record.COLUMNS))
        count = record.play(left, right, *self.engine.arrays, messages, self._grid, self._suggested, rows)
        self._rows.append(rows[:count])
        self._is_noted = int(self.engine.arrays[2][at.SAMPLE_COUNT]) % self._step_samples == 0

    def _play_bed(self, block: NDArray[np.float32], messages: NDArray[np.float64]) -> None:
        """As `record.play` does it, of a surround programme: its pieces are long enough for Python."""
        engine, (interval, step, most) = self.engine, self._grid.tolist()
        layout = engine.layout
        assert engine.bed is not None and layout is not None
        laid, coming, start = lay(block, layout), iter(messages), 0
        while start < block.shape[1]:
            position = int(engine.arrays[2][at.SAMPLE_COUNT])
            stop = start + min(block.shape[1] - start, most, interval - position % interval, step - position % step)
            bed.process(laid, start, stop, *engine.arrays, *engine.bed)
            start, position = stop, position + stop - start
            if position % interval == 0 and (message := next(coming, None)) is not None:
                exchange.hand_over(engine.arrays[0], engine.arrays[2], message)
                self._suggested = message[at.SUGGESTED : at.SUGGESTED + params.COUNT].copy()
            if position % step == 0:
                row = np.empty((1, record.COLUMNS))
                record.note(engine.arrays[0], engine.arrays[2], self._suggested, row[0])
                self._rows.append(row)
        if laid is not block:
            block[:] = laid[list(layout.rows)]
        self._is_noted = int(engine.arrays[2][at.SAMPLE_COUNT]) % step == 0

    def history(self, trim_db: float = 0.0) -> History:
        """Everything noted so far, and how it stands; `trim_db` is gain that was applied before the engine.

        Thread: worker | main. Allocates: yes.
        """
        if not self._is_noted:
            last = np.empty((1, record.COLUMNS))
            record.note(self.engine.arrays[0], self.engine.arrays[2], self._suggested, last[0])
            self._rows.append(last)
            self._is_noted = True
        table = np.concatenate(self._rows)
        time_s = (table[:, record.POSITION] - self.engine.latency_samples) / self.engine.sample_rate_hz
        compression_db, limiting_db, gain_db, of_that_db = table[:, record.GAINS : record.FINE].T
        return History(
            time_s,
            table[:, record.SUGGESTED : record.APPLIED],
            table[:, record.APPLIED : record.GAINS],
            compression_db,
            limiting_db,
            gain_db + trim_db,
            of_that_db + trim_db,
            table[:, record.FINE :],
        )
