"""A private, headless PipeWire of a test's own: the benchmarks' one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from bench.common.pipewired import CURE, PipeWire, is_there, wait_for

__all__ = ["PipeWire", "needs_pipewire", "pipewire_server", "wait_for"]

needs_pipewire = pytest.mark.skipif(not is_there(), reason=f"needs {CURE}")


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
