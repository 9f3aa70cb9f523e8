"""Hear the whole song first: settled parameters from its first sample, and the one gain that meets the target."""

from __future__ import annotations

import math
from typing import Any

from rt_automix import params
from rt_automix.analysis.auto_style import AutoStyle
from rt_automix.analysis.profile import load
from rt_automix.analysis.listener import Listener
from rt_automix.engine.engine import Engine
from rt_automix.engine.history import Recorder
from rt_automix.render.stages import Job, mend
from rt_automix.units import FLOOR_DB, lin_from_db

GAIN_PASSES = 3
GAIN_TOLERANCE_LU = 0.05
"""When the search for the one gain of a song ends; the gain it ends with is closer than this."""

_INPUT_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]


def settled(job: Job) -> tuple[Engine, float]:
    """An engine that has heard it all, and gain in dB before it, for what its parameters cannot reach.

    Decided once, and held from the first sample; `amount` scales the gain like the rest.

    Thread: main. Allocates: yes.
    """
    listener = Listener(job.reader.sample_rate_hz, job.reader.channels, math.inf)
    done = 0
    for block in job.reader.blocks():
        mend(block)
        listener.push(block)
        done += block.shape[1]
        job.progress("listening", done / job.reader.samples)
    style = AutoStyle().settled(listener.statistics, job.style or load(job.config.master.profile))
    values = params.clamp(job.suggester.suggest(listener, style))
    gain_db = float(values[_INPUT_GAIN] + values[_DRIVE])
    if job.config.rider.enabled:
        gain_db = _find_gain_db(job, values, gain_db)
    return _held(job, values, gain_db, job.config.master.amount)


def _held(job: Job, values: params.Values, gain_db: float, amount: float) -> tuple[Engine, float]:
    """The same with a certain gain; as in the matcher the drive takes what is above 0 dB."""
    held = values.copy()
    held[_DRIVE] = min(max(gain_db, 0.0), params.HIGH[_DRIVE])
    held[_INPUT_GAIN] = min(max(gain_db - held[_DRIVE], params.LOW[_INPUT_GAIN]), params.HIGH[_INPUT_GAIN])
    still: dict[str, Any] = {"rider.enabled": False, "master.amount": amount}
    engine = job.engine(job.config.with_overrides(**still))
    engine.hold(held)
    engine.settle()
    return engine, amount * (gain_db - held[_DRIVE] - held[_INPUT_GAIN])


def _find_gain_db(job: Job, values: params.Values, wanted_db: float) -> float:
    """Secant on the loudness that the full amount gives; a limiter makes it rise by less than the gain."""
    reach_db = job.config.rider.max_trim_db
    gain_db, slope, last = wanted_db, 1.0, (wanted_db, FLOOR_DB)
    for number in range(GAIN_PASSES):
        engine, trim_db = _held(job, values, gain_db, 1.0)
        stretches = job.stretches(engine, mend, False, lin_from_db(trim_db))
        for _ in job.played(Recorder(engine), stretches, f"finding the gain, pass {number + 1}"):
            pass
        lufs = engine.meters().integrated_lufs
        missing_db = engine.controls["target_lufs"] - lufs
        if lufs == FLOOR_DB or abs(missing_db) < GAIN_TOLERANCE_LU:
            break
        if gain_db != last[0]:
            slope = min(max((lufs - last[1]) / (gain_db - last[0]), 0.2), 1.0)
        last = gain_db, lufs
        gain_db = min(max(gain_db + missing_db / slope, wanted_db - reach_db), wanted_db + reach_db)
    return gain_db
