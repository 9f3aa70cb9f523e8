"""Recording from a ring that someone else fills: a slow or full disk costs the recording, never the sound.

The audio callback writes into shared memory, in a process that may be killed; the recorder lives in
the process that survives it. The ring is read by plain numpy: what its counter said one turn ago has
long been visible by now, on any processor, so that no atomic operations (and no compiler) are needed.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.io.files.take import Take

TURN_S = 0.1
"""How often what is new is written down."""

CLOSE_S = 5.0
"""How long `Recorder.close` waits for a disk that does not answer."""

_SAFE_SAMPLES = 8192
"""What the callback may be overwriting at this moment: more than it writes between two counts."""

_PIECE_SAMPLES = 1 << 16
_LEAST_FREE_S = 600.0


class Recorder:
    """Writes to a file what a ring is filled with, from `start` on.

    Parameters
    ----------
    path : Path
        ``.flac`` or ``.wav``; see `rt_automix.io.files.take.Take`.
    ring : float32, shape (channels, a power of two), C-contiguous
        Sample `n` lies at `n` modulo the ring's length.
    written : int64 (any)
        ``written[written_index]`` is how many samples were ever put in, counted up after they are there.
    sample_rate_hz, channels, bits : int
        Of the file; `channels` at most those of the ring.
    on_event : function of a str
        Hears what a user should know, on the recorder's thread or the caller's.

    Notes
    -----
    Thread: main. Allocates: yes.
    """

    def __init__(
        self,
        path: Path,
        ring: NDArray[np.float32],
        written: NDArray[np.int64],
        written_index: int,
        sample_rate_hz: int,
        channels: int = 2,
        bits: int = 24,
        on_event: Callable[[str], None] = lambda text: None,
        is_paired: bool = False,
    ) -> None:
        self._path, self._ring, self._written, self._index = Path(path), ring, written, written_index
        self._rate_hz, self._channels, self._bits = sample_rate_hz, channels, bits
        self._tell, self._is_paired = on_event, is_paired
        self._pads: deque[tuple[int, int]] = deque()
        self._done, self._last = 0, sys.maxsize
        self._gap_samples = self._dropped_samples = 0
        self._state, self._reason, self._is_gone = "stopped", "", False
        self._take: Take | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self, since_sample: int | None = None) -> None:
        """Open the file and record from now on, or from an earlier sample that the ring still holds.

        Raises
        ------
        AudioFileError
            The file cannot be made.
        """
        self._take = Take(self._path, self._rate_hz, self._channels, self._bits, self._is_paired)
        if self._take.path != self._path:
            self._tell(f"{self._path} exists already: recording to {self._take.path}.")
        self._check_room()
        self._done = self._count() if since_sample is None else since_sample
        self._state = "recording"
        self._thread.start()

    def status(self) -> dict[str, Any]:
        """How it goes: state is "recording", "stopped" or "failed", with the reason."""
        take = self._take
        return {
            "path": str(take.path if take else self._path),
            "seconds": take.seconds_kept if take else 0.0,
            "megabytes": take.bytes_written / 1e6 if take else 0.0,
            "dropped_seconds": self._dropped_samples / self._rate_hz,
            "state": self._state,
            "reason": self._reason,
        }

    def pad(self, seconds: float, at_sample: int | None = None) -> None:
        """Put silence in where the ring's counter stood at `at_sample` (or stands now).

        After an outage this keeps the take in step with the world; call it before the ring is
        filled again, or say where it had stopped.
        """
        self._pads.append((self._count() if at_sample is None else at_sample, round(seconds * self._rate_hz)))

    def close(self, limit_s: float = CLOSE_S, until_sample: int | None = None) -> None:
        """Write what the ring still holds, or up to a sample, and end the file; gives up on a disk that hangs."""
        if until_sample is not None:
            self._last = until_sample
        self._ending.set()
        if not self._thread.is_alive():
            return
        self._thread.join(limit_s)
        if self._thread.is_alive():
            self._fail(f"the disk does not answer ({limit_s:g} s)")

    def _count(self) -> int:
        return int(self._written[self._index])

    def _run(self) -> None:
        take = self._take
        assert take is not None
        try:
            ended = False
            while not ended:
                until = min(self._count(), self._last)
                ended = self._ending.wait(TURN_S)
                self._follow(take, until)
                self._check_that_it_is_there(take)
            until = min(self._count(), self._last)
            time.sleep(TURN_S / 10)  # so that what was counted is visible
            self._follow(take, until)
            self._report_gap()
            take.close()
            if self._state == "recording":
                self._state = "stopped"
        except Exception as error:  # whatever it is, the user must hear that nothing is recorded any more
            with contextlib.suppress(Exception):
                take.close()
            self._fail(getattr(error, "strerror", None) or str(error))

    def _follow(self, take: Take, until: int) -> None:
        """Write down everything before sample `until`, and the silence asked for in between."""
        while self._pads and self._pads[0][0] <= until:
            at, silent_samples = self._pads.popleft()
            self._copy(take, at)
            for start in range(0, silent_samples, _PIECE_SAMPLES):
                silence = np.zeros((self._channels, min(_PIECE_SAMPLES, silent_samples - start)), np.float32)
                self._write(take, silence)
        self._copy(take, until)

    def _copy(self, take: Take, until: int) -> None:
        while self._done < until:
            stop = min(self._done + _PIECE_SAMPLES, until)
            block = self._ring.take(range(self._done, stop), axis=1, mode="wrap")[: self._channels]
            # Looked at after copying: what has been written over since then is not ours.
            lost_samples = min(stop, self._count() + _SAFE_SAMPLES - self._ring.shape[1]) - self._done
            if lost_samples > 0:
                block[:, :lost_samples] = 0.0
                self._gap_samples += lost_samples
                self._dropped_samples += lost_samples
            elif self._gap_samples:
                self._report_gap()
            self._write(take, block)
            self._done = stop

    def _write(self, take: Take, block: NDArray[np.float32]) -> None:
        take.write(block)
        take.commit()

    def _report_gap(self) -> None:
        if self._gap_samples and self._take is not None:
            gap_s = self._gap_samples / self._rate_hz
            self._tell(f"{self._take.path}: the disk was too slow; {gap_s:.1f} s are silent in the take.")
            self._gap_samples = 0

    def _check_that_it_is_there(self, take: Take) -> None:
        if not self._is_gone and not take.is_there:
            self._is_gone = True
            self._tell(f"{take.path} has been removed: this take is lost. Begin another; the sound goes on.")

    def _check_room(self) -> None:
        assert self._take is not None
        bytes_per_s = self._rate_hz * self._channels * self._bits / 8
        room_s = shutil.disk_usage(self._take.path.parent).free / bytes_per_s
        if room_s < _LEAST_FREE_S:
            room = f"{room_s / 60:.0f} minutes" if room_s >= 90.0 else f"{room_s:.0f} s"
            self._tell(f"{self._take.path}: the disk is nearly full; some {room} fit. Free some space.")

    def _fail(self, reason: str) -> None:
        self._state, self._reason = "failed", reason
        kept = self.status()
        self._tell(
            f"{kept['path']}: recording stopped: {reason}. {kept['seconds']:.1f} s ({kept['megabytes']:.1f} MB) are "
            "kept in it; the sound goes on. Free some space, or record to another disk."
        )
