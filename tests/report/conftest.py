"""Renders whose reports are looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from demosong import demo_song
from rendered import RATE_HZ, rendered

from rt_automix import params
from rt_automix.analysis.recordings.measure import LoudnessCurve
from rt_automix.render import History, RenderResult


@pytest.fixture(scope="session")
def song(tmp_path_factory) -> RenderResult:
    audio = demo_song(RATE_HZ)
    return rendered(tmp_path_factory.mktemp("song"), audio[:, 5 * RATE_HZ : 30 * RATE_HZ])


@pytest.fixture(scope="session")
def hour(song) -> RenderResult:
    """The song's figures with curves as long as those of an hour."""
    rng = np.random.default_rng(5)
    time_s = 0.1 * np.arange(1.0, 36001.0)
    curve = LoudnessCurve(time_s, rng.normal(-20.0, 4.0, 36000), rng.normal(-20.0, 3.0, 36000))
    values = params.denormalise(rng.random((36000, params.COUNT)))
    reductions_db = rng.random((4, 36000)) * 6.0
    history = History(time_s, values, values, *reductions_db, rng.uniform(-6.0, 6.0, (36000, 31)))
    return replace(song, duration_s=3600.0, input_curve=curve, output_curve=curve, history=history)
