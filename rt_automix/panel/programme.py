"""How loud the programme is since somebody said so: measured here from what goes out, at no cost to the sound."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from rt_automix.analysis.recordings.measure import Meter
from rt_automix.live.watching.heard import MAIN, Heard

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor

SAMPLE_RATE_HZ = 48_000
"""Of the silence that is measured first of all."""

SHOW_EVERY = 4
"""Figures are worked out for every so many looks: five times a second."""

Figures = dict[str, dict[str, float]]


class Programme:
    """Integrated loudness, range and the highest of everything, for each output.

    Attributes
    ----------
    figures : dict
        By the name of an output, "main" where there is one alone; replaced as a whole. Any thread may read it.
    """

    def __init__(self) -> None:
        # What measures is loaded now: later there may be no descriptor left to open it by.
        meter = Meter(SAMPLE_RATE_HZ, 2)
        meter.push(np.zeros((2, SAMPLE_RATE_HZ // 10), np.float32))
        _told(meter)
        self.figures: Figures = {}
        self._heard = Heard()
        self._meters: dict[str, Meter] = {}
        self._looks = 0
        self._is_over = threading.Event()

    def restart(self) -> None:
        """Measure from here on. Thread: any."""
        self._is_over.set()

    def follow(self, supervisor: Supervisor) -> None:
        """Take in what is new. Thread: main. Allocates: yes."""
        is_anew = self._heard.follow(supervisor)
        rate_hz = self._heard.sample_rate_hz
        if not rate_hz:
            return
        names = [output.name for output in supervisor.setup.config.output] or ["main"]
        if is_anew or not self._meters or self._is_over.is_set():
            self._is_over.clear()
            self._meters, self._looks = {name: Meter(rate_hz, 2) for name in names}, 0
        for ring, meter in enumerate(self._meters.values(), MAIN):
            for block in self._heard.blocks(supervisor, ring):
                meter.push(block)
            meter.forget_curve()
        if self._looks % SHOW_EVERY == 0:
            self.figures = {name: _told(meter) for name, meter in self._meters.items()}
        self._looks += 1


def _told(meter: Meter) -> dict[str, Any]:
    found = meter.result()
    return {
        "seconds": round(found.duration_s, 1),
        "integrated_lufs": round(found.integrated_lufs, 2),
        "loudness_range_lu": round(found.loudness_range_lu, 2),
        "true_peak_dbtp": round(found.true_peak_dbtp, 2),
        "max_momentary_lufs": round(found.max_momentary_lufs, 2),
        "max_short_term_lufs": round(found.max_short_term_lufs, 2),
    }
