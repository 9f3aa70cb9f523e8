"""A private, headless PipeWire of a command's own: daemon, session manager, sinks and sources without hardware.

JACK programs reach it through its own libjack, which they are given as `pw-jack` does.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.common.ending import end
from bench.common.links import links_of

NEEDED = ("pipewire", "pw-jack", "wireplumber", "dbus-daemon", "jack_lsp")
CURE = "PipeWire: sudo apt install pipewire pipewire-bin pipewire-jack wireplumber dbus-daemon jackd2"


def is_there() -> bool:
    """Whether there is all that is needed."""
    return all(map(shutil.which, NEEDED))


LIMIT_S = 90.0
_MOST_PRIORITY = 95
_LIBJACK = re.compile(r"LD_LIBRARY_PATH='([^']+)'")


def wait_for(condition: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> object:
    """Wait until a condition holds; what it gave."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {limit_s} s")
        time.sleep(0.02)
    return found


class PipeWire:
    """A server that can be killed and started again, with nodes that come and go."""

    def __init__(self) -> None:
        _permit_real_time()
        self._folder = tempfile.TemporaryDirectory(prefix="pw-")
        run = self._folder.name
        homes = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "PIPEWIRE_RUNTIME_DIR"), run)
        places = {f"XDG_{name}_HOME": f"{run}/{name.lower()}" for name in ("CONFIG", "STATE")}
        ours = {**homes, **places, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={run}/bus"}
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(("JACK_", "PIPEWIRE_"))}
        if "pipewire" in theirs.get("LD_LIBRARY_PATH", ""):  # as under `pw-jack`
            del theirs["LD_LIBRARY_PATH"]
        if "XDG_CACHE_HOME" not in theirs:  # compiled kernels stay where they are
            theirs["XDG_CACHE_HOME"] = str(Path.home() / ".cache")
        self.bare_environment = {**theirs, **ours}
        self.environment = {**self.bare_environment, "LD_LIBRARY_PATH": _libjack_folder()}
        self.answered_at = 0.0
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._bus = self._spawn("dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={run}/bus")
        wait_for(Path(run, "bus").exists, "dbus-daemon")

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, env=self.bare_environment, start_new_session=True, **quiet)

    def start(self) -> None:
        """Start the daemon and its session manager, and wait until clients are let in."""
        self._daemons = [self._spawn("pipewire")]
        wait_for(Path(self._folder.name, "pipewire-0").exists, "pipewire")
        self._daemons.append(self._spawn("wireplumber"))
        wait_for(lambda: "WirePlumber" in self.run("pw-cli", "ls", "Client"), "wireplumber")
        self.answered_at = time.monotonic()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End them; SIGKILL as in a crash."""
        for daemon in reversed(self._daemons):
            end(daemon, number)
        self._daemons = []
        for left in Path(self._folder.name).glob("pipewire-0*"):
            left.unlink()

    def signal(self, number: int) -> None:
        """Send the server a signal."""
        self._daemons[0].send_signal(number)

    def run(self, *command: str) -> str:
        """Run a tool against this server; what it prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=LIMIT_S)
        return done.stdout

    def create(self, name: str, kind: str = "Audio/Sink", positions: str = "FL FR", description: str = "") -> None:
        """Make a sink ("Audio/Sink") or a source ("Audio/Source/Virtual") that lasts until it is destroyed."""
        settings = (
            f"factory.name=support.null-audio-sink node.name={name} object.linger=true media.class={kind} "
            f'node.description="{description or name}" audio.position=[{positions}]'
        )
        self.run("pw-cli", "create-node", "adapter", f"{{ {settings} }}")
        wait_for(lambda: any(port.startswith(f"{description or name}:") for port in self.ports()), f"node {name}")

    def destroy(self, name: str) -> None:
        """Take a node away, as when a device is pulled out."""
        self.run("pw-cli", "destroy", name)
        wait_for(lambda: f'"{name}"' not in self.run("pw-cli", "ls", "Node"), f"end of node {name}")

    def ports(self) -> list[str]:
        """The names of all JACK ports."""
        return self.run("jack_lsp").split("\n")[:-1]

    def links(self) -> set[tuple[str, str]]:
        """What is joined: pairs of names, from and to."""
        return links_of(self.run("jack_lsp", "-c", "-p"))

    def quantum(self, samples: int) -> None:
        """Set how many samples a block has; 0 leaves it to the server."""
        self.run("pw-metadata", "-n", "settings", "0", "clock.force-quantum", str(samples))

    def rate(self, rate_hz: int) -> None:
        """Set the rate; 0 leaves it to the server."""
        self.run("pw-metadata", "-n", "settings", "0", "clock.force-rate", str(rate_hz))

    def close(self) -> None:
        """End everything."""
        self.stop()
        end(self._bus, signal.SIGTERM)
        self._folder.cleanup()


def _permit_real_time() -> None:
    """Let what is started from here ask for a real-time thread, as whoever is in the group `pipewire` may."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_RTPRIO, (_MOST_PRIORITY, _MOST_PRIORITY))


def _libjack_folder() -> str:
    """Where PipeWire's own libjack lies, as `pw-jack` says."""
    return _LIBJACK.findall(Path(shutil.which("pw-jack") or "").read_text())[0]
