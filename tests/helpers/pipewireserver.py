"""A private, headless PipeWire of a test's own: the benchmarks' one; and one in the place of jackd, for all live tests.

The latter is what RT_AUTOMIX_SERVER=pipewire, under `pw-jack`, makes of any JACK server that a test needs.

It has a sink and a source called "system", whose ports go by jackd's names here. A client that is late loses its
block there, which jackd is told to wait for: so blocks are as long as a busy machine can keep. Tests ask the server.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import pytest

from bench.common.pipewired import CURE, PipeWire, is_there, wait_for

__all__ = ["IS_MEANT", "PipeWire", "PipeWireAsJack", "needs_pipewire", "only_jackd", "pipewire_server", "wait_for"]

IS_MEANT = os.environ.get("RT_AUTOMIX_SERVER") == "pipewire"
LEAST_PERIOD = 1024
_POSITIONS = {1: ["FL"], 2: ["FL", "FR"]}
_HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")

needs_pipewire = pytest.mark.skipif(not is_there(), reason=f"needs {CURE}")
only_jackd = pytest.mark.skipif(IS_MEANT, reason="is about jackd itself; PipeWire has a test of its own")


class PipeWireAsJack(PipeWire):
    """A PipeWire that is asked for as jackd is."""

    def __init__(
        self, period: int, rate_hz: int, synchronous: bool = False, captures: int = 2, playbacks: int = 2
    ) -> None:
        super().__init__()
        self.name = "pipewire"
        self.period = max(period, LEAST_PERIOD)
        self.rate_hz, self.captures, self.playbacks = rate_hz, captures, playbacks
        self.waits, self.playback_samples = False, 0
        self._names = {
            f"system:{kind}_{number}": f"system:{kind}_{position}"
            for kind, count in (("capture", captures), ("playback", playbacks))
            for number, position in enumerate(_positions(count), 1)
        }
        for name in _HOMES:  # the programs' are the test's, as beside jackd
            self.environment.pop(name, None)
        self.environment |= {name: os.environ[name] for name in _HOMES if name in os.environ}
        self.environment |= {"JACK_NO_START_SERVER": "1"}

    def start(self) -> None:
        """Start it, with what jackd's dummy driver has."""
        super().start()
        self.rate(self.rate_hz)
        self.quantum(self.period)
        if self.playbacks:
            self.create("system-out", positions=" ".join(_positions(self.playbacks)), description="system")
        if self.captures:
            positions = " ".join(_positions(self.captures))
            self.create("system-in", "Audio/Source/Virtual", positions, description="system")
        self.answered_at = time.monotonic()

    def links(self) -> set[tuple[str, str]]:
        """What is joined: pairs of names, from and to."""
        back = {theirs: ours for ours, theirs in self._names.items()}
        return {(back.get(one, one), back.get(other, other)) for one, other in super().links()}

    def run(self, *command: str) -> str:
        """Run a JACK tool against this server; what it prints."""
        return super().run(*(self._names.get(word, word) for word in command))


def _positions(count: int) -> list[str]:
    """What PipeWire calls so many channels."""
    return _POSITIONS.get(count) or [f"AUX{number}" for number in range(count)]


@contextlib.contextmanager
def pipewire_server(*sinks: str) -> Iterator[PipeWire]:
    """A running server with the sinks named."""
    server = PipeWire()
    try:
        server.start()
        for name in sinks:
            server.create(name)
        yield server
    finally:
        server.close()
