"""What comes of it: distances to the profile, held and with the loop closed, and shares of the teacher's."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training packages: pip install .[training]")

from dataclasses import replace

from rt_automix import params
from training.judging import judge_bundles, outcome

RATE_HZ = outcome.RATE_HZ


def music(seconds: float = 6.0) -> np.ndarray:
    """Noise that swells twice a second."""
    rng = np.random.default_rng(3)
    count = round(seconds * RATE_HZ)
    swell = 0.05 * (1.0 + 0.3 * np.sin(4.0 * np.pi * np.arange(count) / RATE_HZ))
    return (swell * rng.standard_normal((2, count))).astype(np.float32)


def test_held_it_misses_the_loudness_that_the_loop_reaches():
    samples = music()
    own = outcome.measured(samples)
    wanted = replace(own, loudness_lufs=own.loudness_lufs - 3.0)
    found = outcome.errors(samples, params.NEUTRAL, wanted)
    assert found["held"]["loudness_lu"] == pytest.approx(3.0, abs=0.1)
    assert found["closed"]["loudness_lu"] < 0.3
    for way in outcome.WAYS:
        assert tuple(found[way]) == outcome.MEASURES
        assert found[way]["band_balance_db"] < 0.05 and found[way]["dynamics_db"] < 0.05
    untouched = outcome.untouched_errors(samples, wanted)
    assert untouched["held"] == untouched["closed"]
    assert untouched["held"]["loudness_lu"] == pytest.approx(3.0, abs=1e-6)


def test_shares_are_of_the_teachers_improvement():
    def row(error: float) -> outcome.Errors:
        return {way: {one: error * (1 + k) for k, one in enumerate(outcome.MEASURES)} for way in outcome.WAYS}

    rows = [
        {"untouched": row(4.0), "teacher": row(1.0), "some": row(2.0)},
        {"untouched": row(6.0), "teacher": row(1.0), "some": row(2.0)},
    ]
    mean = outcome.mean_errors(rows)
    assert mean["untouched"]["held"]["band_balance_db"] == pytest.approx(5.0)
    shares = outcome.shares(mean)
    for way in outcome.WAYS:
        for one in outcome.MEASURES:
            assert [shares[name][way][one] for name in rows[0]] == pytest.approx([0.0, 1.0, 0.75])
    lines = judge_bundles._outcome_lines({"renders": 2, "share": shares}, "closed", "loop closed")
    assert lines[-1] == "| some | " + " | ".join(["75.0 %"] * len(outcome.MEASURES)) + " |"
