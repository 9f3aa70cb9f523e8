"""The real `rt-automix live` in a process of its own, as a user would start it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.common.here import ROOT
from bench.common.jackd import JackServer
from bench.common.pipewired import PipeWire

START_LIMIT_S = 120.0


class Program:
    """`rt-automix live --json-lines` with more arguments.

    Parameters
    ----------
    server : JackServer or PipeWire
    folder : path
        Where its state is kept; empty at the start.
    arguments : str
    environment : dict, optional
        Beside the server's.
    python : path
        Who runs it.
    root : path
        The tree whose program it is.
    """

    def __init__(
        self,
        server: JackServer | PipeWire,
        folder: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        root: Path = ROOT,
        python: Path = Path(sys.executable),
    ) -> None:
        command = [str(python), "-m", "rt_automix", "live", "--json-lines", "--state", str(folder / "state.json")]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        surroundings = {**server.environment, **(environment or {})}
        self.process = subprocess.Popen([*command, *arguments], cwd=root, env=surroundings, text=True, **pipes)
        self.status: dict[str, Any] = {}
        self.remarks: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            document = json.loads(line)
            if document["type"] == "status":
                self.status = document
            elif "text" in document:
                self.remarks.append(document["text"])

    def command(self, **verbs: dict[str, Any]) -> None:
        """Send a command, such as `set={"amount": 0.5}`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(verbs) + "\n")
        self.process.stdin.flush()

    def wait_for(self, condition: Callable[[dict[str, Any]], Any], limit_s: float = START_LIMIT_S) -> None:
        """Wait until the newest status fulfils a condition.

        Raises
        ------
        RuntimeError
            It did not come to that, or the program ended.
        """
        deadline = time.monotonic() + limit_s
        while not self.status or not condition(self.status):
            if self.process.poll() is not None or time.monotonic() > deadline:
                wrong = self.process.stderr.read() if self.process.poll() is not None and self.process.stderr else ""
                said = " ".join([*self.remarks[-3:], wrong[-400:]])
                raise RuntimeError(f"rt-automix live did not get there in {limit_s} s: {said}")
            time.sleep(0.01)

    def wait_until_playing(self) -> None:
        """Wait for callbacks."""
        self.wait_for(lambda status: status["state"] == "playing" and status["timing"]["callbacks"])

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10.0)
        finally:
            self.process.kill()
