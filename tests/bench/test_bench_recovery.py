"""What `bench recovery` compares: any part of the noise is found, and one wrong sample in a second."""

from __future__ import annotations

import numpy as np
import pytest

from bench.live.recovery_client import NOISE_LIN, NOISE_SAMPLES, noise, residual_lin


@pytest.mark.parametrize("start", [0, 12_345, NOISE_SAMPLES - 100])
def test_a_second_of_the_noise_nulls_and_a_torn_one_does_not(start):
    heard = np.roll(noise(), -start)[:48_000].copy()
    assert residual_lin(heard) == 0.0
    heard[31_000] += 2e-6
    assert residual_lin(heard) == pytest.approx(2e-6, rel=0.1)
    torn = np.concatenate((heard[:20_000], heard[20_256:]))
    assert residual_lin(torn) > NOISE_LIN
