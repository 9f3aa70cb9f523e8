"""A render to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_automix.io.files.audio import AudioWriter
from rt_automix.render import RenderResult, render

RATE_HZ = 48000


def rendered(folder: Path, audio: np.ndarray) -> RenderResult:
    """A real render of `audio`, measured in full."""
    source = folder / "mix.wav"
    with AudioWriter(source, RATE_HZ, len(audio)) as writer:
        writer.write(np.ascontiguousarray(audio, dtype=np.float32))
    return render(source, folder / "master.wav", detail=True)
