"""The recordings of a session, of what comes in and of what goes out, and the programs that outputs go to.

They live over every process that plays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rt_automix.errors import AutomixError
from rt_automix.io.devices.edge.board import AT_NS, BLOCK_SAMPLES, SAMPLES, WRITTEN, Board
from rt_automix.io.files import codec
from rt_automix.live.takes.feeder import Feeder
from rt_automix.live.takes.recorder import Recorder

INPUT, OUTPUT = range(2)
"""Rings of the board; behind them those of the other outputs."""

LONGEST_SILENCE_S = 600.0
"""A take is silent for as long as nothing played; after more than this it goes on in another file."""

_REMEMBERED = 4


class Takes:
    """Starts recorders once the sound runs, and keeps them in step with the world over an outage.

    Parameters
    ----------
    board : Board
    paths : dict of int to path
        By the ring that is recorded: INPUT, OUTPUT, or that of another output.
    bits : int
    tell : function of a str
        Hears what a user should know.
    programs : mapping of int to sequence of str
        Commands by the ring that they are fed from.
    outputs : sequence of str
        Names of the outputs, the main one first.
    channels : int
        Of the programme: those of a surround are all in the takes of what comes in and of the main output.
    is_paired : bool
        They are pairs, and no speakers.
    """

    def __init__(
        self,
        board: Board,
        paths: dict[int, Path],
        bits: int,
        tell: Callable[[str], None],
        programs: Mapping[int, Sequence[str]] | None = None,
        outputs: Sequence[str] = ("out",),
        channels: int = 2,
        is_paired: bool = False,
    ) -> None:
        self._board, self._paths, self._bits, self._tell = board, paths, bits, tell
        self._channels, self._is_paired = channels, is_paired
        self._programs, self._outputs = dict(programs or {}), tuple(outputs)
        self._names = "in", "out", *self._outputs[1:]
        self._recorders: dict[int, Recorder] = {}
        self._opened_at_ns: dict[int, int] = {}
        self._feeders: dict[int, Feeder] = {}
        self._ended: list[dict[str, Any]] = []
        self._rate_hz = 0
        self._samples = 0
        self._ended_at_ns = self._ended_written = 0

    def record(self, on: bool) -> None:
        """Start a take of what goes out, into a file named by the time, or end it. One that runs goes on."""
        if on and OUTPUT in self._recorders and not self.is_recording:
            self.record(False)  # that one has failed
        if on and OUTPUT not in self._paths:
            self._paths[OUTPUT] = path = Path(time.strftime("take-%Y-%m-%d-%H%M%S") + self._suffix)
            if self._rate_hz:
                self._open(OUTPUT, path, None)
        elif not on:
            self._paths.pop(OUTPUT, None)
            recorder = self._recorders.pop(OUTPUT, None)
            if recorder is not None:
                recorder.close()
                self._remember(OUTPUT, recorder)

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
            if (began_at_ns - self._ended_at_ns) * 1e-9 > LONGEST_SILENCE_S:
                self._start(sample_rate_hz, self._ended_written)
            else:
                self._pad(began_at_ns)
        for feeder in self._feeders.values():
            feeder.look()
        self._samples, self._ended_written = samples, written
        self._ended_at_ns = at_ns + round(int(stats[BLOCK_SAMPLES]) * 1e9 / sample_rate_hz)

    def _pad(self, began_at_ns: float) -> None:
        """Have each recorder be silent for as long as nothing played while it ran."""
        for side, recorder in self._recorders.items():
            silent_ns = began_at_ns - max(self._ended_at_ns, self._opened_at_ns[side])
            recorder.pad(max(silent_ns, 0.0) * 1e-9, self._ended_written)

    def _start(self, sample_rate_hz: int, since_sample: int) -> None:
        self.close(since_sample if self._rate_hz else None)  # what is of another rate goes into another file
        self._rate_hz = sample_rate_hz
        for side, path in list(self._paths.items()):
            self._open(side, path, since_sample)
        for side, command in self._programs.items():
            self._feeders[side] = feeder = Feeder(
                self._outputs[side - OUTPUT],
                command,
                self._board.rings[side],
                self._board.stats,
                WRITTEN,
                sample_rate_hz,
                self._tell,
            )
            feeder.start()

    @property
    def _suffix(self) -> str:
        """FLAC holds eight channels."""
        return ".flac" if self._channels <= codec.MOST_IN_FLAC else ".wav"

    def _remember(self, side: int, recorder: Recorder) -> None:
        self._ended = [{"side": self._names[side], **recorder.status()}, *self._ended[:_REMEMBERED]]

    def _open(self, side: int, path: Path, since_sample: int | None) -> None:
        is_whole = self._channels > 2 and side in (INPUT, OUTPUT)
        ring = self._board.whole(self._channels)[side] if is_whole else self._board.rings[side]
        bits = self._bits if path.suffix == ".wav" else 24
        recorder = Recorder(
            path, ring, self._board.stats, WRITTEN, self._rate_hz, len(ring), bits, self._tell, self._is_paired
        )
        try:
            recorder.start(since_sample)
            self._recorders[side], self._opened_at_ns[side] = recorder, time.monotonic_ns()
        except AutomixError as error:
            self._paths.pop(side)  # it can be begun again
            self._tell(f"{error} The sound goes on without it.")

    @property
    def is_recording(self) -> bool:
        """Whether what goes out is kept, or will be as soon as it sounds."""
        recorder = self._recorders.get(OUTPUT)
        return OUTPUT in self._paths and (recorder is None or recorder.status()["state"] != "failed")

    def status(self) -> list[dict[str, Any]]:
        """How each recorder is doing, and how the last ones ended, the newest first."""
        running = [{"side": self._names[side], **recorder.status()} for side, recorder in self._recorders.items()]
        return running + self._ended

    def programs(self) -> list[dict[str, Any]]:
        """How each program is doing that an output goes to."""
        return [{"side": self._outputs[side - OUTPUT], **one.status()} for side, one in self._feeders.items()]

    def close(self, until_sample: int | None = None) -> None:
        """End the recordings, at a sample if it is said; each within its own limit."""
        for feeder in self._feeders.values():
            feeder.end()  # all at once: each may take its time
        for side, recorder in self._recorders.items():
            recorder.close(until_sample=until_sample)
            self._remember(side, recorder)
        for feeder in self._feeders.values():
            feeder.close()
        self._recorders, self._feeders = {}, {}
