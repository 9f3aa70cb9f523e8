"""libsonare 1.9 as people would use it: a preset to a loudness, and its match equaliser with a reference."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

PRESET = "streaming"


def is_there() -> bool:
    """Whether it is installed."""
    return find_spec("libsonare") is not None


def _loudness(target_lufs: float, ceiling_dbtp: float) -> dict[str, Any]:
    return {"loudness": {"enabled": True, "targetLufs": target_lufs, "ceilingDb": ceiling_dbtp}}


def _stereo(result: Any) -> Audio:
    return np.stack([result.left, result.right]).astype(np.float32)


def preset(audio: Audio, rate_hz: int, target_lufs: float, ceiling_dbtp: float) -> Audio:
    """Its preset for streaming services, at another loudness and ceiling."""
    import libsonare

    left, right = (np.ascontiguousarray(channel) for channel in audio)
    loudness = _loudness(target_lufs, ceiling_dbtp)
    return _stereo(libsonare.master_audio_stereo(left, right, rate_hz, PRESET, loudness))


def matched(
    audio: Audio, rate_hz: int, reference: Audio, reference_rate_hz: int, target_lufs: float, ceiling_dbtp: float
) -> Audio:
    """Its match equaliser with its defaults, then its loudness stage.

    The equaliser takes one channel at a time: left towards the reference's left, right towards its right.
    """
    import libsonare

    sides = []
    for own, other in zip(audio, reference, strict=True):
        pair = np.ascontiguousarray(own), np.ascontiguousarray(other)
        name = "match.applyMatchEq"
        found = libsonare.mastering_pair_process(name, *pair, rate_hz, reference_sample_rate=reference_rate_hz)
        sides.append(np.asarray(found.samples, np.float32))
    return _stereo(libsonare.mastering_chain_stereo(*sides, rate_hz, _loudness(target_lufs, ceiling_dbtp)))
