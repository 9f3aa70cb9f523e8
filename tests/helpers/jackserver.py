"""A real JACK server of a test's own: the dummy driver, under a name that nobody else uses."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pipewireserver import IS_MEANT, PipeWireAsJack
from waiting import PATIENCE_S, until

from bench.common.ending import end
from bench.common.links import links_of

needs_jack = pytest.mark.skipif(
    shutil.which("jackd") is None, reason="needs a JACK server: sudo apt install jackd2 libportaudio2"
)


WAITS_S = 0.7
"""So long a synchronous server waits: left to itself it is 20 blocks, 27 ms at 64 samples, and whoever is later than
that on a busy machine loses blocks, with a server that is out of step from there on. One that was killed costs as
long, which is less than what a session takes for the loss of its device."""

_GIVES_UP = 10
"""After so many of its timeouts the driver goes on."""

_ASKED_AT_MOST, _PAUSE_S = 6, 0.1
"""So often a tool is started that is not let in, after pauses that grow by so much."""

_FINDS = ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER", "PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR")
"""By what a client of this process finds its server."""

BEFORE_THE_END: list[Callable[[], None]] = []
"""Done before a server ends: a client that a failed test left behind takes the process along when it is collected."""


def _forget_dead_servers() -> None:
    """Free the places that killed servers keep in JACK's registry, which has eight: a pid and a name each."""
    registry = Path("/dev/shm/jack-shm-registry")
    first, size, places = 24, 264, 8
    if not registry.exists():
        return
    with registry.open("r+b") as file:
        for at in range(first, first + places * size, size):
            file.seek(at)
            pid = int.from_bytes(file.read(4), "little")
            if pid and not Path(f"/proc/{pid}").exists():
                file.seek(at)
                file.write(bytes(size))


class JackServer:
    """A server that can be killed and started again under the same name.

    Attributes
    ----------
    period : int
        Samples of a block.
    waits : bool
        For a client that is late, up to WAITS_S; else its block is lost.
    playback_samples : int
        By how much what is played to a device is later still, as its port tells.
    """

    def __init__(
        self, period: int, rate_hz: int, synchronous: bool = False, captures: int = 2, playbacks: int = 2
    ) -> None:
        self.name = f"automix-{uuid.uuid4().hex[:8]}"
        self.environment = {**os.environ, "JACK_DEFAULT_SERVER": self.name, "JACK_NO_START_SERVER": "1"}
        self.period, self.rate_hz, self.captures, self.playbacks = period, rate_hz, captures, playbacks
        self.waits, self.playback_samples = synchronous, period
        self.answered_at = 0.0
        self._folder = tempfile.TemporaryDirectory()
        self._synchronous = ["-S", "-t", str(round(1e3 * WAITS_S / _GIVES_UP))] if synchronous else []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers.

        One that takes the place of a killed one is, now and then, broken from its first cycle on, says
        that it "may now behave abnormally", and takes twenty times as long as it should: start another.
        """
        for _ in range(5):
            _forget_dead_servers()
            log = self._start()
            time.sleep(0.2)
            if "abnormally" not in log.read_text(errors="replace"):
                return
            self.stop()
        raise RuntimeError("the JACK server is broken, whenever it is started")

    def _start(self) -> Path:
        """Start it, once there is room for it; what it says."""
        log, quiet = Path(self._folder.name) / "log", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._spawn(log)

        def answers() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                said = log.read_text(errors="replace")
                assert "many servers" in said, f"the JACK server did not start: {said}"
                time.sleep(0.5)  # until one of the eight that there may be has ended
                _forget_dead_servers()
                self._spawn(log)
            return subprocess.run(["jack_lsp"], env=self.environment, **quiet).returncode == 0

        until(answers, lambda: f"an answer of the JACK server: {log.read_text(errors='replace')}")
        self.answered_at = time.monotonic()
        return log

    def _spawn(self, log: Path) -> None:
        command = ["jackd", "--no-mlock", "-n", self.name, "-R", "-P", "70", *self._synchronous, "-p", "256"]
        command += ["-d", "dummy", "-r", str(self.rate_hz), "-p", str(self.period)]
        command += ["-C", str(self.captures), "-P", str(self.playbacks)]
        with log.open("w") as file:
            self._process = subprocess.Popen(command, start_new_session=True, stdout=file, stderr=file)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server; SIGKILL leaves its shared memory behind, as a crash does."""
        if self._process is None:
            return
        end(self._process, number)
        self._process = None

    def close(self) -> None:
        """End the server for good."""
        self.stop()

    def signal(self, number: int) -> None:
        """Send the server a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def links(self) -> set[tuple[str, str]]:
        """What is joined: pairs of names, from and to."""
        done = self._run("jack_lsp", "-c", "-p")
        is_up = self._process is not None and self._process.poll() is None
        assert done.returncode == 0 or not is_up, f"jack_lsp: {done.returncode}, {done.stdout}{done.stderr}"
        return links_of(done.stdout)

    def run(self, *command: str) -> str:
        """Run a JACK tool against this server; what it prints."""
        return self._run(*command).stdout

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One that is not let in, as another of its name is just coming in on another server, is started again."""
        for tried in range(_ASKED_AT_MOST):
            time.sleep(_PAUSE_S * tried)
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S)
            if done.returncode == 0:
                break
        return done


@contextlib.contextmanager
def jack_server(
    period: int = 64, rate_hz: int = 48_000, synchronous: bool = False, captures: int = 2, playbacks: int = 2
) -> Iterator[JackServer]:
    """A running server; this process's own clients find it too.

    One that is synchronous loses no block, which is for who counts samples or messages; where two clients come in at
    once it may fall out of step for good, and take a second for each block.
    """
    kind: Any = PipeWireAsJack if IS_MEANT else JackServer
    server = kind(period, rate_hz, synchronous, captures, playbacks)
    names = [name for name in _FINDS if name in server.environment]
    before = {name: os.environ.get(name) for name in names}
    server.start()
    os.environ.update({name: server.environment[name] for name in names})
    try:
        yield server
    finally:
        while BEFORE_THE_END:
            BEFORE_THE_END.pop()()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.close()
