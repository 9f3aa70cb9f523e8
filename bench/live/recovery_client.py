"""A JACK program of `bench recovery`: plays a known noise round and round, and hears; asked line by line.

In a process of its own: it is killed, and its server's libjack is another than that of the benchmark.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NOISE_SAMPLES = 1 << 16
NOISE_LIN = 0.1
LIMIT_S = 30.0
_HEARD_LIN = 0.01


def noise() -> NDArray[np.float32]:
    """What is played: float32, shape (NOISE_SAMPLES,)."""
    values = NOISE_LIN * np.random.default_rng(17).uniform(-1.0, 1.0, NOISE_SAMPLES)
    return values.astype(np.float32)


def residual_lin(heard: NDArray[np.float32]) -> float:
    """The largest difference between what was heard and the noise, from wherever in it that fits best.

    Parameters
    ----------
    heard : float32, shape (n,)
        At most NOISE_SAMPLES.
    """
    wanted = noise().astype(np.float64)
    spectrum = np.fft.rfft(heard.astype(np.float64), NOISE_SAMPLES)
    start = int(np.fft.irfft(np.conj(spectrum) * np.fft.rfft(wanted), NOISE_SAMPLES).argmax())
    places = (start + np.arange(len(heard))) % NOISE_SAMPLES
    return float(np.abs(heard - wanted[places]).max())


class Client:
    """Started in the environment of a server, which need not run yet; ports `out_1`, `in_1` and `in_2`."""

    def __init__(self, environment: dict[str, str], name: str) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-m", "bench.live.recovery_client", name]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, env=environment, text=True, **pipes)

    def wait(self) -> Client:
        """Let it be a client of the server, which runs now; itself."""
        self._ask("go")
        return self

    def hear(self, *ports: str) -> None:
        """Join ports to the inputs, as soon as they are there."""
        deadline = time.monotonic() + LIMIT_S
        while not self._ask({"hear": ports}):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{', '.join(ports)}: not there")
            time.sleep(0.01)

    def first_sound_at(self) -> float:
        """Wait until something is heard that had not been when this began; when that was, on the monotonic clock."""
        deadline = time.monotonic() + LIMIT_S
        self._ask({"peak": True})
        while self._ask({"peak": True}) < _HEARD_LIN:
            if time.monotonic() > deadline:
                raise RuntimeError("no sound")
            time.sleep(0.01)
        return time.monotonic()

    def second(self) -> list[float]:
        """Listen for a second; the residual of each input, linear."""
        found: list[float] = self._ask({"second": True})
        return found

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, what: dict[str, Any] | str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("a program around ours has ended: the server did not let it in, or ended it")
        return json.loads(line)


class _Sound:
    """What goes out and comes in, in JACK's thread."""

    def __init__(self, client: Any) -> None:
        self.ins = [client.inports.register(f"in_{k}") for k in (1, 2)]
        self._out = client.outports.register("out_1")
        self._noise, self._at = noise(), 0
        self.peak_lin = 0.0
        self._heard = np.zeros((2, NOISE_SAMPLES), np.float32)
        self._count = self._wanted = 0
        self._is_full = threading.Event()
        client.set_process_callback(self._process)

    def _process(self, frames: int) -> None:
        self._out.get_array()[:] = self._noise[(self._at + np.arange(frames)) % NOISE_SAMPLES]
        self._at += frames
        blocks = [port.get_array() for port in self.ins]
        self.peak_lin = max(self.peak_lin, *(float(np.abs(block).max()) for block in blocks))
        if self._count < self._wanted:
            share = min(frames, self._wanted - self._count)
            for heard, block in zip(self._heard, blocks, strict=True):
                heard[self._count : self._count + share] = block[:share]
            self._count += share
            if self._count == self._wanted:
                self._is_full.set()

    def second(self, rate_hz: int) -> list[float]:
        """The residual of the next second, of each input; 1 if it never becomes one."""
        self._is_full.clear()
        self._wanted, self._count = rate_hz, 0
        if not self._is_full.wait(LIMIT_S):
            return [1.0, 1.0]
        return [residual_lin(heard[:rate_hz]) for heard in self._heard]


def _client(name: str) -> Any:
    """A client of a server that may have just begun, or miss another of that name who has been killed."""
    import jack

    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            client = jack.Client(name, no_start_server=True)
        except jack.JackError:
            if time.monotonic() > deadline:
                raise
        else:
            if client.name == name or time.monotonic() > deadline:
                return client
            client.close()
        time.sleep(0.05)


def _run(name: str) -> None:
    import jack

    sys.stdin.readline()
    client = _client(name)
    sound = _Sound(client)
    client.activate()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer: Any = None
        if "peak" in asked:
            answer, sound.peak_lin = sound.peak_lin, 0.0
        elif "second" in asked:
            answer = sound.second(client.samplerate)
        elif "hear" in asked:
            try:
                for source, own in zip(asked["hear"], sound.ins, strict=True):
                    if all(other.name != source for other in client.get_all_connections(own)):
                        client.connect(source, own)
                answer = True
            except jack.JackError:
                answer = False
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _run(sys.argv[1])
