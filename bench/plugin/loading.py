"""How soon an LV2 sounds: `python -m bench.plugin.loading BINARY` prints ms from opening it to its first block."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.common.here import ROOT


def first_sounds_ms(binary: Path, repeats: int) -> list[float]:
    """Of as many processes."""
    command = [sys.executable, "-m", "bench.plugin.loading", str(binary)]
    runs = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(repeats)]
    return [float(run.stdout) for run in runs]


if __name__ == "__main__":
    import numpy as np

    from bench.common.lv2host import Plugin

    left, right = np.full((2, 64), 0.1, np.float32)
    start_s = time.perf_counter()
    plugin = Plugin(Path(sys.argv[1]))
    plugin.run(left, right, left, right)
    print(1000.0 * (time.perf_counter() - start_s))
    plugin.close()
