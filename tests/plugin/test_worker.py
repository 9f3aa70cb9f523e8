"""What is heard does not depend on when the worker works, nor on whether there is one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import ID, read


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """An environment in which a worker that is woken works so many milliseconds later."""
    library = tmp_path_factory.mktemp("late") / "late.so"
    source = Path(__file__).with_name("late.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", source, "-o", library, "-ldl"], check=True)
    return lambda ms: {**os.environ, "LD_PRELOAD": str(library), "LATE_MS": str(ms)}


@pytest.mark.parametrize("late_ms", [0, 3, 40])
def test_a_worker_may_be_late(clap, late, raw, song, mastered, tmp_path, late_ms):
    """Faster than time it is waited for, or what it has not begun is done without it."""
    size = 4 * 48_000
    lines = (
        "new",
        "on 48000",
        f"in {raw} {song.shape[1]}",
        f"blocks 480 {size}",
        f"out {tmp_path}/out",
        f"get {ID['late']}",
    )
    printed = clap(*lines, env=late(late_ms))
    assert printed == ["0"]
    assert np.array_equal(read(tmp_path / "out")[:, :size], mastered[:, :size])


def test_in_time_with_the_clock_nobody_waits_for_a_late_worker(clap, late, raw, song, tmp_path):
    """A second is played in a second; the worker needs a fifth of one longer than it has."""
    lines = (
        "new",
        "on 48000",
        f"in {raw} {song.shape[1]}",
        "paced 480 48000",
        f"out {tmp_path}/out",
        f"get {ID['late']}",
    )
    slowest_ms, count = clap(*lines, env=late(250))
    assert float(count) >= 1.0
    assert float(slowest_ms) < 100.0, "a block waited for the worker"
    assert np.isfinite(read(tmp_path / "out")).all() and np.abs(read(tmp_path / "out")[:, :48_000]).max() > 0.1
