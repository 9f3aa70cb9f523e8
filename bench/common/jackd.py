"""A JACK server of a command's own: the dummy driver, under a name that nobody else uses. No sound card needed."""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.util
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from bench.common.ending import end
from bench.common.here import console
from bench.common.links import links_of
from rt_automix.io.devices.system import reaches_pipewire

SAMPLE_RATE_HZ = 48_000
_NEEDED = {"JACK_NO_START_SERVER": "1"}


def is_missing(command: str) -> bool:
    """Whether there is no server to start, or nothing to reach it with; says what is skipped and how to get it."""
    cures = []
    programs = shutil.which("jackd") and shutil.which("jack_lsp")
    if not programs or ctypes.util.find_library("portaudio") is None:
        cures.append("a JACK server: sudo apt install jackd2 libportaudio2")
    if importlib.util.find_spec("jack") is None:
        cures.append("the package JACK-Client: pip install .[jack]")
    if reaches_pipewire():  # our own clients would be PipeWire's, and their blocks of another length
        cures.append("the JACK library of its own server: leave pw-jack out")
    for cure in cures:
        console.print(f"bench {command} is skipped. It needs {cure}", markup=False)
    return bool(cures)


class JackServer:
    """A server that can be killed and started again under the same name.

    Parameters
    ----------
    period_samples : int
    synchronous : bool
        It waits for clients that are late, so that no sample is lost; else it goes on without them, as
        servers in front of a sound card do.

    Attributes
    ----------
    rate_hz : int
        At which it is started the next time.
    """

    def __init__(self, period_samples: int, synchronous: bool) -> None:
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.environment = {**os.environ, **_NEEDED, "JACK_DEFAULT_SERVER": self.name}
        self._before = ["jackd", "--no-mlock", "-n", self.name, "-R", "-P", "70", *(["-S"] if synchronous else [])]
        self._before += ["-p", "256", "-d", "dummy"]
        self._behind = ["-p", str(period_samples), "-C", "2", "-P", "2"]
        self.rate_hz = SAMPLE_RATE_HZ
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def _command(self) -> list[str]:
        return [*self._before, "-r", str(self.rate_hz), *self._behind]

    @property
    def command(self) -> str:
        """How it is started, for the record."""
        return " ".join(self._command).replace(self.name, "NAME")

    def start(self, limit_s: float = 15.0) -> None:
        """Start it and wait until it answers."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, start_new_session=True, **quiet)
        deadline = time.monotonic() + limit_s
        while subprocess.run(["jack_lsp"], env=self.environment, **quiet).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(
                    "jackd did not start. There is room for eight servers at once; killed ones keep theirs until "
                    "/dev/shm/jack* is removed while none runs."
                )
            time.sleep(0.05)

    def run(self, *command: str) -> str:
        """Run a JACK tool against it; what it prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        return done.stdout

    def links(self) -> set[tuple[str, str]]:
        """What is joined: pairs of names, from and to."""
        return links_of(self.run("jack_lsp", "-c", "-p"))

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, also as in a crash; one that does not listen is killed. What it leaves behind is removed."""
        if self._process is not None:
            end(self._process, number)
        for left in Path("/dev/shm").glob(f"*{self.name}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextlib.contextmanager
def running(period_samples: int, synchronous: bool) -> Iterator[JackServer]:
    """A running server; this process's own clients find it too."""
    server = JackServer(period_samples, synchronous)
    names = ("JACK_DEFAULT_SERVER", *_NEEDED)
    before = {name: os.environ.get(name) for name in names}
    try:
        server.start()
        os.environ.update({name: server.environment[name] for name in names})
        yield server
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.stop()
