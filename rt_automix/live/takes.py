"""The recordings of a session: of what comes in and of what goes out, over every process that plays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rt_automix.errors import AutomixError
from rt_automix.io.board import AT_NS, BLOCK_SAMPLES, SAMPLES, TAKE_SAMPLES, WRITTEN, Board
from rt_automix.live.recorder import Recorder

INPUT, OUTPUT = range(2)


class Takes:
    """Starts recorders once the sound runs, and keeps them in step with the world over an outage.

    Parameters
    ----------
    board : Board
    paths : dict of int to path
        Of INPUT, OUTPUT, or both.
    bits : int
    tell : function of a str
        Hears what a user should know.
    """

    def __init__(self, board: Board, paths: dict[int, Path], bits: int, tell: Callable[[str], None]) -> None:
        self._board, self._paths, self._bits, self._tell = board, paths, bits, tell
        self._recorders: list[Recorder] = []
        self._rate_hz = 0
        self._samples = 0
        self._ended_at_ns = self._ended_written = 0

    def follow(self, sample_rate_hz: int) -> None:
        """Look at the board; call it while the session plays, some twenty times a second.

        Thread: main. Allocates: yes.
        """
        stats = self._board.stats
        samples, written, at_ns = int(stats[SAMPLES]), int(stats[WRITTEN]), int(stats[AT_NS])
        if samples == 0 or not self._paths:
            return
        if sample_rate_hz != self._rate_hz:
            self._start(sample_rate_hz, self._ended_written)
        elif samples < self._samples:  # another process began to count
            began_at_ns = at_ns - (written - self._ended_written) * 1e9 / sample_rate_hz
            for recorder in self._recorders:
                recorder.pad(max(began_at_ns - self._ended_at_ns, 0.0) * 1e-9, self._ended_written)
        self._samples, self._ended_written = samples, written
        self._ended_at_ns = at_ns + round(int(stats[BLOCK_SAMPLES]) * 1e9 / sample_rate_hz)

    def _start(self, sample_rate_hz: int, since_sample: int) -> None:
        self.close()
        rings = self._board.takes.reshape(2, 2, TAKE_SAMPLES)
        for side, path in self._paths.items():
            ring, written = rings[side], self._board.stats
            recorder = Recorder(path, ring, written, WRITTEN, sample_rate_hz, 2, self._bits, self._tell)
            try:
                recorder.start(since_sample)
                self._recorders.append(recorder)
            except AutomixError as error:
                self._tell(f"{error} The sound goes on without it.")
        self._rate_hz = sample_rate_hz

    def status(self) -> list[dict[str, Any]]:
        """How each recorder is doing."""
        return [recorder.status() for recorder in self._recorders]

    def close(self) -> None:
        """End the recordings; each within its own limit."""
        for recorder in self._recorders:
            recorder.close()
        self._recorders = []
