"""Runs the real `rt-automix live` in a process of its own, beside a JACK client that plays and records."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jackserver import BEFORE_THE_END, JackServer
from pipewireserver import IS_MEANT
from waiting import PATIENCE_S

from bench.common.once import Once
from rt_automix.io.devices.edge.wiring import FADE_S


class LiveRun:
    """`rt-automix live --json-lines` with more arguments; collects what it says.

    Parameters
    ----------
    intruder : path, optional
        A folder with a `sitecustomize.py`, which runs in every interpreter of the program.
    """

    def __init__(
        self, server: JackServer, state: Path, *arguments: str, intruder: Path | None = None, file_limit_bytes: int = 0
    ) -> None:
        command = [sys.executable, "-m", "rt_automix", "live", "--json-lines", "--state", str(state), *arguments]
        environment = server.environment | ({"PYTHONPATH": str(intruder)} if intruder else {})
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def __enter__(self) -> LiveRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def status(self) -> dict[str, Any]:
        """The newest status; empty before the first."""
        return next((said for said in reversed(self.said) if said["type"] == "status"), {})

    def texts(self, kind: str = "event") -> list[str]:
        """Everything said of a kind."""
        return [said["text"] for said in self.said if said["type"] == kind]

    def command(self, **verbs: dict[str, Any]) -> None:
        """Send a command, such as `set={"amount": 0.5}`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(verbs) + "\n")
        self.process.stdin.flush()

    def wait_for(self, condition: Callable[[LiveRun], Any], limit_s: float = PATIENCE_S) -> Any:
        """Wait until a condition holds; what it gave. Fails after the limit, or if the program ends."""
        deadline = time.monotonic() + limit_s
        while not (found := condition(self)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                rest = self.process.stderr.read() if self.process.poll() is not None else ""
                said = self.texts("state")[-3:] + self.texts()[-5:]
                raise AssertionError(f"not within {limit_s} s; said {said}, is {self.status} {rest}")
            time.sleep(0.01)
        return found

    def wait_until_playing(self, limit_s: float = PATIENCE_S) -> LiveRun:
        """Wait for callbacks."""
        self.wait_for(lambda run: run.status.get("state") == "playing" and run.status["timing"]["callbacks"], limit_s)
        return self

    def wait_until_faded_in(self) -> LiveRun:
        """Wait until the fade is over that all begins with, some blocks after the takes do."""
        began_s = self.wait_until_playing().status["meters"]["seconds"]
        self.wait_for(lambda run: run.status["meters"]["seconds"] > began_s + 2 * FADE_S)
        return self

    def stop(self, number: int = signal.SIGTERM, limit_s: float = PATIENCE_S) -> int:
        """End it; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(limit_s)
        finally:
            self.process.kill()
        self._reader.join(5.0)
        return self.process.returncode


def kill(pid: int) -> None:
    """SIGKILL."""
    os.kill(pid, signal.SIGKILL)


class Probe(Once):
    """A JACK client, independent of ours, that plays a signal into the program and records what comes out.

    Parameters
    ----------
    signal_in : float32, shape (channels, n)
        Played once, in whole periods, then silence.
    pairs : int
        How many outputs it hears, each with two ports, the phones after all others.

    Attributes
    ----------
    carried_from : int
        The sample that it plays from which on all links carry what they are given, of which PipeWire makes no promise.
    """

    def __init__(self, signal_in: np.ndarray, name: str = "probe", pairs: int = 1) -> None:
        super().__init__(signal_in, name, 2 * pairs)
        self.carried_from = self.rate_hz // 4 if IS_MEANT else 0
        BEFORE_THE_END.append(self.close)

    def _theirs(self) -> tuple[list[Any], list[Any]]:
        get_ports = self.client.get_ports
        sinks = get_ports("rt_automix:in_.*", is_audio=True, is_input=True)
        return sinks, get_ports("rt_automix:(out|phones)_.*", is_audio=True, is_output=True)

    def try_to_connect(self) -> bool:
        """Connect if the program's ports are there; False if they are not, or go away meanwhile."""
        import jack

        try:
            if any(len(ports) < 2 for ports in self._theirs()):
                return False
            self.connect()
        except jack.JackError:
            return False
        return True

    def connect(self) -> None:
        """Join our ports to the program's; its inputs from the physical ones are cut."""
        sinks, sources = self._theirs()
        for k, out in enumerate(self.outs):
            for other in self.client.get_all_connections(sinks[k]):
                if other.name != out.name:
                    self.client.disconnect(other, sinks[k])
            self._join(out, sinks[k])
        for k, own in enumerate(self.ins):
            self._join(sources[k], own)

    def _join(self, source: Any, sink: Any) -> None:
        """Join two ports, unless the program that remembers this probe has done so."""
        import jack

        try:
            self.client.connect(source, sink)
        except jack.JackErrorCode as error:
            if error.code != errno.EEXIST:
                raise

    def is_connected(self) -> bool:
        """Whether anything is joined to our ports."""
        return all(port.connections for port in (*self.outs, *self.ins))

    def beside(self, wanted: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
        """What was heard, a period late, and what was to be: of all that was to come out, the playing at `start`."""
        first, last = self.carried_from, self.position - self.period
        return self.heard[:, first + self.period : last + self.period], wanted[:, start + first : start + last]

    def run(self, limit_s: float) -> np.ndarray:
        """Play it all; what was heard, up to what was played."""
        self.go()
        self.wait(limit_s)
        return self.heard[:, : self.position]
