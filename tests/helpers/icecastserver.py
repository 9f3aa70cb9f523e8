"""A real Icecast of a test's own, on loopback, and listeners that know nothing of us."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import PATIENCE_S, until

needs_icecast = pytest.mark.skipif(
    not (shutil.which("icecast2") and shutil.which("ffmpeg")), reason="needs Icecast: sudo apt install icecast2 ffmpeg"
)
PASSWORD = "hackme"
_SETTINGS = """<icecast>
<limits><source-timeout>10</source-timeout></limits>
<authentication><source-password>{password}</source-password><admin-user>admin</admin-user>
<admin-password>{password}</admin-password></authentication>
<listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
<paths><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot>
<adminroot>/usr/share/icecast2/admin</adminroot></paths>
</icecast>"""


def free_port(datagrams: bool = False) -> int:
    """One that nobody has, on loopback."""
    with socket.socket(type=socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Icecast:
    """A server that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        folder.chmod(0o777)  # it does not run as root
        self._settings = folder / "icecast.xml"
        self._settings.write_text(_SETTINGS.format(password=PASSWORD, port=self.port, folder=folder))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        user = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(["icecast2", "-c", str(self._settings)], **user, **quiet)  # type: ignore[call-overload]
        until(self._answers, "Icecast's answer")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def url(self, mount: str) -> str:
        """Where to listen to it."""
        return f"http://127.0.0.1:{self.port}/{mount}"

    def wait_for(self, mount: str, why: Callable[[], object] = lambda: "") -> None:
        """Wait until a listener gets sound; `why` is asked if none does."""
        log = self._settings.with_name("error.log")
        until(lambda: self._is_heard(mount), lambda: f"sound at {mount}; {why()}; {log.read_text()[-1500:]}")

    def _is_heard(self, mount: str) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(self.url(mount), timeout=2.0) as stream:
            return len(stream.read(2000)) == 2000
        return False


@contextlib.contextmanager
def icecast() -> Iterator[Icecast]:
    """A running server."""
    with tempfile.TemporaryDirectory() as folder:
        server = Icecast(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def listened(url: str, seconds: float) -> tuple[float, float]:
    """(integrated loudness in LUFS, true peak in dBTP) of a stream as ffmpeg hears it, and nobody of ours."""
    hear = "ebur128=peak=true:metadata=1,ametadata=print:key=lavfi.r128.I:file=-"  # the summary has one digit alone
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-i", url, "-t", str(seconds), "-af", hear]
    done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, timeout=seconds + PATIENCE_S)
    loudness = re.findall(r"lavfi\.r128\.I=(-?[\d.]+)", done.stdout)
    peak = re.search(r"Peak:\s+(-?[\d.]+) dBFS", done.stderr.rpartition("Summary:")[2])
    assert loudness and peak, done.stderr[-2000:]
    return float(loudness[-1]), float(peak[1])
