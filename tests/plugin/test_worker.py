"""What is heard does not depend on when the worker works, nor on whether there is one."""

from __future__ import annotations

import numpy as np
import pytest
from hosting import ID, read


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
