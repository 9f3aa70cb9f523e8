"""A session in which no suggestion moves anything: what it plays does not hang on how busy the host is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rt_automix import params
from rt_automix.engine import memory
from rt_automix.engine.engine import Engine

HELD = {"presence_db": 4.0, "low_mid_db": -3.0, "compression": 0.4, "stereo_width": 1.3}
"""Parameters that do something."""


def keep(path: Path, outputs: Iterable[str] = ()) -> dict[str, Any]:
    """Write the state of such a session, for more outputs of these names too; what it has learned."""
    engine = Engine(analysis="off")
    engine.prepare(48_000)
    engine.hold(params.from_dict(HELD))
    engine.set(freeze=True)
    engine.settle()
    learned = memory.learned(engine)
    path.write_text(json.dumps({"learned": learned, "outputs": {name: {"learned": learned} for name in outputs}}))
    return learned


def played(samples: np.ndarray, learned: dict[str, Any], rate_hz: int = 48_000, **controls: float) -> np.ndarray:
    """What it makes of samples, offline: float32, shape (2, n), as they are."""
    engine = Engine(analysis="off")
    engine.prepare(rate_hz)
    memory.resume(engine, learned)
    if controls:
        engine.set(**controls)
        engine.settle()
    pieces = np.array_split(samples, samples.shape[1] // 4096 + 1, axis=1)
    return np.concatenate([engine.process(np.ascontiguousarray(piece)) for piece in pieces], axis=1)
