"""A knob on a real MIDI port, through the real program, to the sound."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from jackserver import needs_jack
from liverun import Probe

pytestmark = [needs_jack, pytest.mark.alone]

RATE_HZ = 48_000
CC = 0xB0


def test_a_thousand_turns_at_500_a_second_lose_none(session):
    run, knob = session
    rng, messages, steps = random.Random(2), [], -64
    for _ in range(1000):  # some steps at a time, each time another number of them, away from both ends
        step = rng.randint(1, 9) * (1 if steps < -100 else -1 if steps > -20 else rng.choice((1, -1)))
        steps += step
        messages.append([CC, 20, step % 128])
    run.command(set={"output_trim_db": -24.0 * 64 / 127})
    run.wait_for(lambda run: run.status["controls"]["output_trim_db"] < -12.0)
    knob.send(*messages, every_s=0.002)
    time.sleep(0.5)
    assert run.status["controls"]["output_trim_db"] == pytest.approx(24.0 * steps / 127, abs=1e-6)


def test_a_knob_turned_down_is_heard_without_a_jump(session):
    run, knob = session
    run.command(set={"amount": 0.0})
    tone = (0.25 * np.sin(2 * np.pi * 500.0 * np.arange(4 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    probe = Probe(np.stack([tone, tone]))
    probe.connect()
    probe.go()
    time.sleep(0.5)
    knob.send(*([CC, 20, 126] for _ in range(32)), every_s=0.01)  # two steps down each time: 12 dB
    heard = probe.run(30.0)[0].copy()
    probe.close()
    before, after = heard[8_000:16_000], heard[-24_000:-8_000]
    assert 20 * np.log10(after.std() / before.std()) == pytest.approx(-24.0 * 64 / 127, abs=0.1)
    assert np.abs(np.diff(heard[8_000:])).max() < 1.02 * np.abs(np.diff(tone)).max()
