"""One suggestion with everything in it, in a tree's own package. Arguments: heard.f32 SECONDS

The engine plays music from memory and listens inline, as a render does; each step of the analysis that ends with a
suggestion is timed. Prints JSON: milliseconds by the clock and of the thread's processor time.
"""

from __future__ import annotations

import json
import sys
import time
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
WARM_UP_S = 15.0


def main(path: str, seconds: float) -> None:
    """Play, time, tell."""
    engine = Engine(suggester=choose(Config().master.suggester, complain), analysis="inline")
    engine.prepare(RATE_HZ, BLOCK)
    audio = np.fromfile(path, "<f4").reshape(-1, 2).T
    blocks = [np.ascontiguousarray(audio[:, at : at + BLOCK]) for at in range(0, audio.shape[1] - BLOCK + 1, BLOCK)]
    follow, times = engine.analyst.follow, []

    def timed(*arguments: Any) -> Any:
        start_s, start_busy_s = time.perf_counter(), time.thread_time()
        has_suggested = follow(*arguments)
        if has_suggested:
            times.append((time.perf_counter() - start_s, time.thread_time() - start_busy_s))
        return has_suggested

    engine.analyst.follow = timed  # type: ignore[method-assign]
    play(engine, blocks, WARM_UP_S)
    times.clear()
    play(engine, blocks, seconds)
    wall_ms, busy_ms = 1e3 * np.array(times).T
    found = {f"suggestion_p{share}_ms": np.percentile(wall_ms, share) for share in (50, 99)}
    found |= {f"suggestion_processor_p{share}_ms": np.percentile(busy_ms, share) for share in (50, 99)}
    print(json.dumps({**found, "suggestions_per_s": len(times) / seconds}))


def complain(text: str) -> None:
    """A network that does not run would be measured as if it were fast."""
    raise SystemExit(text)


def play(engine: Engine, blocks: list[Any], seconds: float) -> None:
    """So much of the music, over and over."""
    for k in range(round(seconds * RATE_HZ / BLOCK)):
        engine.process(blocks[k % len(blocks)].copy())


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
