"""Feeds a program from a ring that someone else fills: one that stalls or dies costs its own listeners, nobody else.

It gets raw float32 stereo frames on its standard input, as fast as they sound. What it does not take in time is
dropped and counted; when it dies it is started again, after pauses that grow, and goes on with what sounds then.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TURN_S = 0.04
"""How often what is new is handed over."""

PAUSES_S = (0.25, 0.5, 1.0, 2.0)
"""Before the next start after so many that came to nothing; with what an encoder takes to be heard it is under 5 s."""

LIVED_S = 8.0
"""A program that has run for so long has come to something."""

MOST_BEHIND_S = 3.0
"""What a program has not taken after this is dropped."""

STALL_S = 10.0
"""A program that takes nothing for so long hangs, and is started again."""

IDLE_S = 0.5
"""When nothing plays for so long the program gets silence: a stream goes on while a device is waited for."""

CLOSE_S = 3.0
_LAST_WORDS_BYTES = 400
_FLOOD_BYTES, _FLOOD_S = 32_768, 0.01
"""A program that has so many complaints at once is not listened to for a while: it would take a whole processor."""
_SECRET = re.compile(r"://[^/@\s]*@")
"""User and password in an address: programs complain with it, and screens are seen by many."""


class Feeder:
    """Runs a program and feeds it, from `start` on.

    Parameters
    ----------
    name : str
        Of the output, for what a user is told.
    command : sequence of str
        The program and its arguments, without a shell; {rate} in them is the sample rate in Hz.
    ring : float32, shape (2, a power of two), C-contiguous
        Sample `n` lies at `n` modulo the ring's length, which is well beyond MOST_BEHIND_S.
    written : int64 (any)
        ``written[written_index]`` is how many samples were ever put in, counted up after they are there.
    sample_rate_hz : int
    on_event : function of a str
        Hears what a user should know, on the feeder's thread.

    Notes
    -----
    Thread: main. Allocates: yes.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        ring: NDArray[np.float32],
        written: NDArray[np.int64],
        written_index: int,
        sample_rate_hz: int,
        on_event: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._name, self._command = name, [word.replace("{rate}", str(sample_rate_hz)) for word in command]
        self._ring, self._written, self._index, self._rate_hz = ring, written, written_index, sample_rate_hz
        self._tell = on_event
        self._done = self._fed = self._dropped = self._starts = self._failures = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._fed_at = 0.0
        self._writing_since: float | None = None
        self._last_words = b""
        self._reason, self._is_told = "", False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feeder {name}", daemon=True)

    def start(self, since_sample: int | None = None) -> None:
        """Start the program and feed it from now on; what was before is no live programme's affair."""
        self._done, self._fed_at = self._count(), time.monotonic()
        self._thread.start()

    def pad(self, seconds: float, at_sample: int | None = None) -> None:
        """Nothing: during an outage it has had silence."""

    def status(self) -> dict[str, Any]:
        """How it goes: state is "feeding", "waiting" (for the next start) or "stopped", with the last reason."""
        since = self._writing_since
        stalled_s = time.monotonic() - since if since is not None else 0.0
        state = "stopped" if self._ending.is_set() else "feeding" if self._process is not None else "waiting"
        return {
            "program": self._command[0],
            "state": state,
            "seconds": self._fed / self._rate_hz,
            "dropped_seconds": self._dropped / self._rate_hz,
            "stalled_seconds": stalled_s if stalled_s > TURN_S else 0.0,
            "starts": self._starts,
            "reason": self._reason,
        }

    def look(self) -> None:
        """End a program that hangs; call it now and then, from another thread than the feeder's."""
        since, process = self._writing_since, self._process
        if since is not None and process is not None and time.monotonic() - since > STALL_S:
            self._last_words = b"it took nothing any more"
            _kill(process)

    def end(self) -> None:
        """Have its input closed soon; waits for nothing."""
        self._ending.set()

    def close(self, limit_s: float = CLOSE_S, until_sample: int | None = None) -> None:
        """Close its input and let it end; a program that does not is killed."""
        self._ending.set()
        if not self._thread.is_alive():
            return
        self._thread.join(limit_s)
        process = self._process
        if self._thread.is_alive() and process is not None:
            _kill(process)
            self._thread.join(1.0)

    def _count(self) -> int:
        return int(self._written[self._index])

    def _run(self) -> None:
        while not self._ending.is_set():
            process = self._begin()
            if process is not None:
                self._feed(process)
                self._bury(process)
            pause_s = PAUSES_S[min(self._failures, len(PAUSES_S)) - 1] if self._failures else 0.0
            self._ending.wait(pause_s)
            self._drop(self._count())

    def _begin(self) -> subprocess.Popen[bytes] | None:
        """Start the program; None if that fails."""
        self._starts += 1
        self._started_at = time.monotonic()
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._fail(f"cannot be started ({error.strerror})")
            return None
        self._process, self._last_words = process, b""
        threading.Thread(target=self._listen, args=(process,), name=f"last words {self._name}", daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Remember the last that it complained of; it never waits for us, unless it complains without end."""
        assert process.stderr is not None
        with contextlib.suppress(OSError, ValueError), process.stderr as stream:
            while said := os.read(stream.fileno(), _FLOOD_BYTES):
                self._last_words = (self._last_words + said)[-_LAST_WORDS_BYTES:]
                if len(said) == _FLOOD_BYTES:
                    time.sleep(_FLOOD_S)

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Until the program dies or the end comes."""
        assert process.stdin is not None
        until = self._count()
        with contextlib.suppress(OSError):
            while not self._ending.wait(TURN_S) and process.poll() is None:
                if until - self._done > MOST_BEHIND_S * self._rate_hz:
                    self._drop(until)
                block = self._ring.take(range(self._done, until), axis=1, mode="wrap")
                self._hand_over(process.stdin.fileno(), block)
                self._done, self._fed = until, self._fed + block.shape[1]
                until = self._count()  # visible by the next turn
                self._come_to_something()

    def _hand_over(self, number: int, block: NDArray[np.float32]) -> None:
        """Write frames, or silence where there have been none for a while. Raises OSError."""
        now = time.monotonic()
        if block.shape[1] == 0:
            if now - self._fed_at < IDLE_S:
                return
            block = np.zeros((2, round((now - self._fed_at) * self._rate_hz)), np.float32)
        self._fed_at = self._writing_since = now
        try:
            rest = memoryview(block.T.astype("<f4").tobytes())
            while rest:
                rest = rest[os.write(number, rest) :]
        finally:
            self._writing_since = None

    def _come_to_something(self) -> None:
        if self._failures and time.monotonic() - self._started_at > LIVED_S:
            self._failures, self._reason, self._is_told = 0, "", False
            self._tell(f"{self._name}: {self._command[0]} runs again.")

    def _drop(self, until: int) -> None:
        self._dropped += max(until - self._done, 0)
        self._done = until

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(CLOSE_S if self._ending.is_set() else 0.2)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
        self._process = None
        if not self._ending.is_set():
            words = self._last_words.decode("utf-8", "replace").strip().splitlines()
            said = _SECRET.sub("://...@", words[-1].strip()) if words else ""
            self._fail(f"ended ({process.returncode}){f': {said}' if said else ''}")

    def _fail(self, reason: str) -> None:
        if self._failures and time.monotonic() - self._started_at > LIVED_S:
            self._failures = 0
        self._failures += 1
        self._reason = reason
        if not self._is_told:
            self._is_told = True
            self._tell(f"{self._name}: {self._command[0]} {reason}. It is started again; the sound goes on.")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program with all that it has started itself: whoever of them holds its input would go on for ever."""
    if not hasattr(os, "killpg"):
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
