"""What a callback and a process that records do, for tests of the recorder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from takes import RATE_HZ, signal

from rt_automix.live.takes.recorder import Recorder

RING_SAMPLES = 1 << 16


class Feed:
    """What a callback does: samples into a ring, then the count. The ring lies in a file that processes share."""

    def __init__(self, folder: Path, ring_samples: int = RING_SAMPLES) -> None:
        self.ring = np.memmap(folder / "ring", np.float32, "w+", shape=(2, ring_samples))
        self.counts = np.memmap(folder / "counts", np.int64, "w+", shape=(3,))

    @property
    def written(self) -> int:
        return int(self.counts[1])

    def put(self, samples: int, block_samples: int = 4096) -> None:
        goal = self.written + samples
        while self.written < goal:
            start, stop = self.written, min(self.written + block_samples, goal)
            self.ring[:, np.arange(start, stop) % self.ring.shape[1]] = signal(start, stop)
            self.counts[1] = stop

    def recorder(self, path: Path, on_event: Callable[[str], None] = print, **options: int) -> Recorder:
        return Recorder(path, self.ring, self.counts, 1, RATE_HZ, on_event=on_event, **options)


_CHILD = """
import json, sys
from pathlib import Path
import numpy as np
from rt_automix.live.takes.recorder import Recorder
ring = np.memmap(sys.argv[1] + "/ring", np.float32, "r").reshape(2, -1)
counts = np.memmap(sys.argv[1] + "/counts", np.int64, "r")
told = []
recorder = Recorder(Path(sys.argv[2]), ring, counts, 1, int(sys.argv[3]), on_event=told.append)
recorder.start()
print("started", flush=True)
sys.stdin.readline()
recorder.close()
print(json.dumps([recorder.status(), told]), flush=True)
"""


def child(folder: Path, path: Path, **options: object) -> subprocess.Popen[str]:
    """A process that records until it reads a line."""
    command = [sys.executable, "-c", _CHILD, str(folder), str(path), str(RATE_HZ)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, **options)  # type: ignore[call-overload,no-any-return]
