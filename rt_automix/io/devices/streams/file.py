"""A file in the place of a device: played through the engine at its own pace, over and over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rt_automix.config import Audio
from rt_automix.errors import AudioFileError, AutomixError
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.io.files.audio import AudioReader, Block

BLOCK_SAMPLES = 512
_MOST_BEHIND_S = 0.5


class FileStream:
    """Plays a file to nobody; what comes out can be seen and recorded.

    Raises
    ------
    AudioFileError
        The file cannot be read, or has more channels than the programme.
    """

    links = None
    joined = ()
    note = ""

    def __init__(self, path: Path, selection: Audio, others: int = 0) -> None:
        self.selection = selection
        self.other_channels: tuple[tuple[int, ...], ...] = ((),) * others
        self.in_width = self.out_width = selection.channels
        self.in_channels = self.out_channels = tuple(range(selection.channels))
        self._kind = {"surround": True, "pairs": selection.is_paired}
        with AudioReader(path, **self._kind) as reader:
            self.sample_rate_hz = reader.sample_rate_hz
            if reader.channels not in (1, selection.channels):
                raise AudioFileError(
                    f"{path}: {reader.channels} channels, where {selection.programme} is to be played. "
                    "Leave out --layout and --in-channels."
                )
        self.description = f"{path.name}, played without a device"
        self._path = path
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, wiring: Wiring) -> None:
        """Let blocks come. Thread: main. Allocates: yes."""
        self._thread = threading.Thread(target=self._play, args=(wiring,), name="rt_automix file", daemon=True)
        self._thread.start()

    def tend(self, now: float) -> None:
        """It needs nothing."""

    def _blocks(self) -> Iterator[Block]:
        while True:
            with AudioReader(self._path, **self._kind) as reader:
                yield from reader.blocks(BLOCK_SAMPLES)

    def _play(self, wiring: Wiring) -> None:
        due = time.monotonic()
        try:
            for block in self._blocks():
                frames = np.ascontiguousarray(np.broadcast_to(block, (self.in_width, block.shape[1])).T)
                wiring.exchange(frames, np.empty_like(frames), False)
                now = time.monotonic()
                due = max(due + block.shape[1] / self.sample_rate_hz, now - _MOST_BEHIND_S)
                if self._ending.wait(max(due - now, 0.0)):
                    return
        except AutomixError:
            return  # the file went away: as if the device had

    @property
    def is_alive(self) -> bool:
        """Whether it plays."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def device_latency_samples(self) -> int:
        """No device, no latency."""
        return 0

    @property
    def bridging(self) -> None:
        """One clock."""
        return None

    def close(self) -> None:
        """End it."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(1.0)
