"""The process that `bench jitter` measures in: the program's own engine and stream, and loads beside them.

Run by `bench.live.jitter`, told by arguments what to be: it says when it plays, waits for a line, puts on
the load, and prints when each callback began and ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.common import host
from bench.live.shim import Intercepted
from rt_automix.config import Audio
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.board import Board
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.io.devices.jack.jack import JackStream
from rt_automix.io.devices.streams.portaudio import PortAudioStream

NOTHING, BUSY, COLLECTING, ANALYSIS, EVERYTHING = "nothing", "busy thread", "busy + gc", "analysis", "everything"
LOADS = (NOTHING, BUSY, COLLECTING, ANALYSIS, EVERYTHING)
HEAP_OBJECTS = 900_000
SETTLE_S = 0.5
_SHORTEST_BLOCK = 16


def _busy(stop: threading.Event) -> None:
    """Pure Python, which hands the interpreter on only when it is made to."""
    value = 0.0
    while not stop.is_set():
        for step in range(1000):
            value = 0.5 * value + step


def _collect(stop: threading.Event) -> None:
    """Full collections of a large heap, one after another; each holds the interpreter to its end."""
    heap = [[index] for index in range(HEAP_OBJECTS)]
    while not stop.is_set():
        gc.collect()
    del heap


def _loads(load: str) -> Sequence[Callable[[threading.Event], None]]:
    """What runs in threads of its own; the analysis is the engine's."""
    return {BUSY: [_busy], COLLECTING: [_busy, _collect], EVERYTHING: [_busy, _collect]}.get(load, [])


def main(backend: Any, callback: Any, load: str, seconds: str) -> None:
    """Play under a load for so many seconds."""
    room = 2 * round(48_000 * (float(seconds) + SETTLE_S) / _SHORTEST_BLOCK)
    engine = Engine(analysis="thread" if load in (ANALYSIS, EVERYTHING) else "off")
    engine.prepare(48_000)
    clock = Intercepted(importlib.import_module("jack" if backend == "jack" else "sounddevice"), room)
    settings = Audio(backend=backend, callback=callback)
    stream = JackStream(settings) if backend == "jack" else PortAudioStream(settings)
    channels = stream.in_width, stream.out_width, stream.in_channels, stream.out_channels
    wiring = Wiring(engine.arrays, Board(), stream.sample_rate_hz, *channels)
    stream.start(wiring)
    wiring.fade(1.0)
    print("playing", flush=True)
    sys.stdin.readline()

    stop = threading.Event()
    threads = [threading.Thread(target=target, args=(stop,)) for target in _loads(load)]
    for thread in threads:
        thread.start()
    time.sleep(SETTLE_S)
    ticks, start_ns = host.processor_ticks(), time.monotonic_ns()
    time.sleep(float(seconds))
    end_ns, steal_percent = time.monotonic_ns(), host.steal_percent(ticks, host.processor_ticks())
    spans_ns = clock.spans_ns
    stop.set()
    for thread in threads:
        thread.join()
    stream.close()
    engine.close()
    during = spans_ns[(spans_ns[:, 0] >= start_ns) & (spans_ns[:, 0] < end_ns)]
    result = {"seconds": 1e-9 * (end_ns - start_ns), "steal_percent": steal_percent, "spans_ns": during.tolist()}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
