"""The real program with a panel, while it plays a file."""

from __future__ import annotations

import contextlib
import os
import re
from types import SimpleNamespace

import numpy as np
import soundfile
from liverun import LiveRun

RATE_HZ = 48_000


def music(seconds):
    """Noise with a beat and a bass: float32, shape (n, 2)."""
    t = np.arange(round(seconds * RATE_HZ))[:, None] / RATE_HZ
    beat = np.exp(-8.0 * (t % 0.5))
    noise = np.random.default_rng(7).standard_normal((len(t), 2))
    return (0.2 * np.sin(2 * np.pi * 55.0 * t) + 0.1 * beat * noise).astype(np.float32)


@contextlib.contextmanager
def playing(folder, *arguments):
    """The real program with a panel, playing a file: (run, the panel's address)."""
    soundfile.write(folder / "song.wav", music(30.0), RATE_HZ, "FLOAT")
    computer = SimpleNamespace(environment={**os.environ, "XDG_CONFIG_HOME": str(folder / "config")})
    options = ["--play", str(folder / "song.wav"), "--panel", "--panel-port", "0", *arguments]
    with LiveRun(computer, folder / "state.json", *options) as run:
        run.wait_for(lambda run: run.status.get("state") == "playing" and run.status["timing"]["callbacks"])
        (url,) = (found[1] for text in run.texts() if (found := re.match(r"Panel: (http\S+)/$", text)))
        yield run, url
