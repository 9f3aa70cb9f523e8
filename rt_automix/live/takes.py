"""The recordings of a session: of what comes in and of what goes out, over every process that plays."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rt_automix.errors import AutomixError
from rt_automix.io.devices.board import AT_NS, BLOCK_SAMPLES, SAMPLES, TAKE_SAMPLES, WRITTEN, Board
from rt_automix.live.recorder import Recorder

INPUT, OUTPUT = range(2)
_NAMES = ("in", "out")
_REMEMBERED = 4


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
        self._recorders: dict[int, Recorder] = {}
        self._ended: list[dict[str, Any]] = []
        self._rate_hz = 0
        self._samples = 0
        self._ended_at_ns = self._ended_written = 0

    def record(self, on: bool) -> None:
        """Start a take of what goes out, into a file named by the time, or end it. One that runs goes on."""
        if on and OUTPUT not in self._paths:
            self._paths[OUTPUT] = path = Path(time.strftime("take-%Y-%m-%d-%H%M%S.flac"))
            if self._rate_hz:
                self._open(OUTPUT, path, None)
        elif not on:
            self._paths.pop(OUTPUT, None)
            recorder = self._recorders.pop(OUTPUT, None)
            if recorder is not None:
                recorder.close()
                self._ended = [*self._ended[-_REMEMBERED:], {"side": _NAMES[OUTPUT], **recorder.status()}]

    def follow(self, sample_rate_hz: int) -> None:
        """Look at the board; call it while the session plays, some twenty times a second.

        Thread: main. Allocates: yes.
        """
        stats = self._board.stats
        samples, written, at_ns = int(stats[SAMPLES]), int(stats[WRITTEN]), int(stats[AT_NS])
        if samples == 0:
            return
        if sample_rate_hz != self._rate_hz:
            self._start(sample_rate_hz, self._ended_written)
        elif samples < self._samples:  # another process began to count
            began_at_ns = at_ns - (written - self._ended_written) * 1e9 / sample_rate_hz
            for recorder in self._recorders.values():
                recorder.pad(max(began_at_ns - self._ended_at_ns, 0.0) * 1e-9, self._ended_written)
        self._samples, self._ended_written = samples, written
        self._ended_at_ns = at_ns + round(int(stats[BLOCK_SAMPLES]) * 1e9 / sample_rate_hz)

    def _start(self, sample_rate_hz: int, since_sample: int) -> None:
        self.close(since_sample if self._rate_hz else None)  # what is of another rate goes into another file
        self._rate_hz = sample_rate_hz
        for side, path in self._paths.items():
            self._open(side, path, since_sample)

    def _open(self, side: int, path: Path, since_sample: int | None) -> None:
        ring, stats = self._board.takes.reshape(2, 2, TAKE_SAMPLES)[side], self._board.stats
        bits = self._bits if path.suffix == ".wav" else 24
        recorder = Recorder(path, ring, stats, WRITTEN, self._rate_hz, 2, bits, self._tell)
        try:
            recorder.start(since_sample)
            self._recorders[side] = recorder
        except AutomixError as error:
            self._tell(f"{error} The sound goes on without it.")

    def status(self) -> list[dict[str, Any]]:
        """How each recorder is doing, and how the last ones ended."""
        running = [{"side": _NAMES[side], **recorder.status()} for side, recorder in self._recorders.items()]
        return running + self._ended

    def close(self, until_sample: int | None = None) -> None:
        """End the recordings, at a sample if it is said; each within its own limit."""
        for recorder in self._recorders.values():
            recorder.close(until_sample=until_sample)
        self._recorders = {}
