"""Four outputs: what they are told, their takes, and engines of their own to hold them against."""

import numpy as np
import soundfile

from rt_automix.analysis.deciding.suggester import choose
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.wiring import FADE_S

RATE_HZ = 48_000
PERIOD = 64
FADED = round(FADE_S * RATE_HZ)
SAID = {
    "room": {"target_lufs": -12.0},
    "stream": {"target_lufs": -18.0, "ceiling_dbtp": -2.0, "profile": "warm", "amount": 0.8},
    "booth": {"target_lufs": -20.0, "lookahead": False, "boldness": 0.1},
    "tape": {"profile": "bright", "style_strength": 1.0, "ceiling_dbtp": -6.0},
}


def music(seconds, seed=7):
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((2, len(t)))
    return (0.2 * np.sin(2 * np.pi * 55.0 * t) + beat).astype(np.float32)


def options(folder, **more):
    """The command line for all four, each with a take."""
    found = ["--record-bits", "32", "--record-input", str(folder / "in.wav")]
    for name, said in SAID.items():
        words = {**said, **more.get(name, {}), "file": folder / f"{name}.wav"}
        found += ["--output", f"{name}: {' '.join(f'{key}={value}' for key, value in words.items())}"]
    return found


def take(folder, name):
    samples, rate_hz = soundfile.read(folder / f"{name}.wav", dtype="float32")
    assert rate_hz == RATE_HZ
    return np.ascontiguousarray(samples.T)


def alone(samples, said):
    """The same samples through an engine of its own, offline."""
    config = Config().with_overrides(output=[{"name": "it", **said}])
    engine = Engine(config.of(config.output[0]), suggester=choose("auto", print))
    engine.prepare(RATE_HZ)
    engine.settle()
    out = samples.copy()
    for start in range(0, out.shape[1], 4096):
        out[:, start : start + 4096] = engine.process(np.ascontiguousarray(out[:, start : start + 4096]))
    return out
