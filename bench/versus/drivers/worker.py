"""What the analysis takes of a core while the stream runs at its own pace. Arguments: heard.f32 SECONDS

The main thread plays blocks when they are due; everything else in the process is the analysis, whatever threads it
has. Their processor time is read from the system. Prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from rt_automix import Config, Engine

try:
    from rt_automix.analysis.deciding.suggester import choose
except ImportError:
    try:
        from rt_automix.analysis.suggester import choose  # type: ignore[no-redef]  # before that room had rooms
    except ImportError:  # before the analysis had one
        from rt_automix.suggester import choose  # type: ignore[no-redef]

RATE_HZ, BLOCK = 48_000, 480
WARM_UP_S, WARM_UP_PACE = 15.0, 5.0


def main(path: str, seconds: float) -> None:
    """Play, read, tell."""
    engine = Engine(suggester=choose(Config().master.suggester, complain), analysis="thread")
    engine.prepare(RATE_HZ, BLOCK)
    audio = np.fromfile(path, "<f4").reshape(-1, 2).T
    blocks = [np.ascontiguousarray(audio[:, at : at + BLOCK]) for at in range(0, audio.shape[1] - BLOCK + 1, BLOCK)]
    play(engine, blocks, WARM_UP_S, WARM_UP_PACE)
    time.sleep(0.2)
    late, before_s, start_s = engine.analysis_late + engine.analysis_gaps, others_s(), time.perf_counter()
    play(engine, blocks, seconds, 1.0)
    took_s = time.perf_counter() - start_s
    share = 100.0 * (others_s() - before_s) / took_s
    late = engine.analysis_late + engine.analysis_gaps - late
    age_s = engine.suggestion_age_s
    engine.close()
    if age_s > 3.0:
        raise SystemExit(f"the last suggestion is {age_s:.1f} s old: the analysis does not run")
    print(json.dumps({"worker_percent": share, "late": late, "pace": seconds / took_s}))


def complain(text: str) -> None:
    """A network that does not run would be measured as if it were cheap."""
    raise SystemExit(text)


def play(engine: Engine, blocks: list[Any], seconds: float, pace: float) -> None:
    """So much of the music, over and over, each block when it is due."""
    start_s, step_s = time.perf_counter(), BLOCK / RATE_HZ / pace
    for k in range(round(seconds * RATE_HZ / BLOCK)):
        wait_s = start_s + k * step_s - time.perf_counter()
        if wait_s > 0.0:
            time.sleep(wait_s)
        engine.process(blocks[k % len(blocks)].copy())


def others_s() -> float:
    """Processor time of all threads of this process but the main one."""
    tasks = [task for task in Path("/proc/self/task").iterdir() if int(task.name) != os.getpid()]
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) * 1e-9


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
