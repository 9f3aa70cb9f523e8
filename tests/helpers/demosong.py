"""The demo song, made once in a process: it takes seconds, and many tests hear it."""

from __future__ import annotations

import functools

import numpy as np

from rt_automix.demo.song import render_song

_made = functools.cache(render_song)


def demo_song(sample_rate_hz: int = 48_000) -> np.ndarray:
    """A copy of one's own: float32, shape (2, n)."""
    return _made(sample_rate_hz).copy()
