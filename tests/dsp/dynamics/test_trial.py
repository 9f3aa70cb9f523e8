"""Loudness behind a gain and the limiter without samples: as a slow twin has it, and near the real limiter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from rt_automix.dsp.dynamics import limiter, trial
from rt_automix.dsp.dynamics.trial import ENERGY, PEAK, WIDTH, Trial
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.loudness import loudness
from rt_automix.units import FLOOR_DB, LUFS_OFFSET_DB, lin_from_db

RATE_HZ = 48000
CEILING_LIN = 0.89


def programme(seconds=20.0, seed=1):
    """Energies and peaks like music: slow swells, beats, and quiet parts."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ / WIDTH)
    time_s = np.arange(count) * WIDTH / RATE_HZ
    level_db = -24.0 + 8.0 * np.sin(0.7 * time_s) - 10.0 * ((4.0 * time_s) % 1.0) + rng.normal(0.0, 2.0, count)
    level_db[(time_s > 6.0) & (time_s < 8.0)] -= 60.0
    energies, crest_db = 10.0 ** (level_db / 10.0), rng.uniform(6.0, 14.0, count)
    return np.stack([energies, np.sqrt(energies) * 10.0 ** (crest_db / 20.0)], axis=1).astype(np.float32)


def twin_lufs(ticks, gain_lin, target_lin):
    """The same, written out."""
    hold, release, slow_step, per_step = trial.new_settings(RATE_HZ)
    high = gain_lin * ticks[:, PEAK].astype(float)
    needed = np.where(high <= CEILING_LIN, 1.0, target_lin / np.maximum(high, 1e-9))
    least = np.minimum(np.append(1.0, np.append(needed[1:], needed[-1])[:-1]), np.append(needed[1:], needed[-1]))
    fast, slow, wait, gains = 1.0, 1.0, 0.0, []
    for wanted in least:
        if wanted < 1.0 and wanted <= fast:
            fast, wait = wanted, hold
        elif wait > 0.0:
            wait -= 1.0
        else:
            fast = min(wanted, fast + release * (wanted - fast))
        slow += slow_step * (fast - slow)
        gains.append(gain_lin * min(fast, slow))
    energies = ticks[:, ENERGY].astype(float) * np.square(gains)
    edges = [int(k * per_step) for k in range(int(len(ticks) / per_step) + 1)]
    steps = np.array([energies[start:stop].mean() for start, stop in pairwise(edges)])
    windows = np.convolve(steps, np.full(4, 0.25), "valid")
    windows = windows[windows > 10.0 ** (0.1 * (-70.0 - LUFS_OFFSET_DB))]
    windows = windows[windows > 0.1 * windows.mean()]
    return LUFS_OFFSET_DB + 10.0 * np.log10(windows.mean())


@pytest.mark.parametrize("gain_db", [-30.0, 0.0, 9.0, 20.0])
def test_a_trial_is_its_twin(gain_db):
    ticks = programme()
    target_lin = CEILING_LIN * lin_from_db(-limiter.MARGIN_DB)
    found = Trial(ticks, RATE_HZ, CEILING_LIN).loudness_lufs(gain_db)
    assert found == pytest.approx(twin_lufs(ticks, lin_from_db(gain_db), target_lin), abs=1e-6)


@pytest.mark.parametrize("target_lufs", [-40.0, -24.0, -20.0])
def test_the_gain_meets_the_target(target_lufs):
    one = Trial(programme(), RATE_HZ, CEILING_LIN)
    assert one.loudness_lufs(one.gain_db(target_lufs, -40.0, 40.0)) == pytest.approx(target_lufs, abs=0.01)


def test_silence_and_too_little_have_no_loudness():
    for count in (0, 3, RATE_HZ // WIDTH * 10):
        assert Trial(np.zeros((count, 2), np.float32), RATE_HZ, CEILING_LIN).loudness_lufs(20.0) == FLOOR_DB


@pytest.mark.skipif(not JIT_ENABLED, reason="ten seconds through the limiter: minutes in plain Python")
@pytest.mark.parametrize("gain_db", [0.0, 6.0, 12.0])
def test_it_is_near_the_real_limiter(gain_db):
    """Beats of noise through the limiter itself."""
    rng = np.random.default_rng(2)
    count = 10 * RATE_HZ
    beat = np.exp(-6.0 * ((np.arange(count) / RATE_HZ * 2.0) % 1.0))
    audio = (0.25 * beat * rng.standard_normal((2, count))).astype(np.float32)
    audio = np.stack([np.convolve(side, np.full(4, 0.5), "same") for side in audio]).astype(np.float32)
    state = loudness.new_state(RATE_HZ, 2)
    ticks = np.empty((count // WIDTH, 2), np.float32)
    from rt_automix.dsp.loudness import kweighting, truepeak

    weighting = kweighting.new_state(RATE_HZ)
    peaks = truepeak.new_state()
    for number in range(len(ticks)):
        left, right = (np.ascontiguousarray(side[number * WIDTH :][:WIDTH]) for side in audio)
        weighting[kweighting.SQUARES :] = 0.0
        kweighting.accumulate(weighting, left, right)
        ticks[number, ENERGY] = weighting[kweighting.SQUARES :].sum() / WIDTH
        peaks[-2:] = 0.0
        truepeak.process(peaks, left, right)
        ticks[number, PEAK] = truepeak.true_peak_lin(peaks)
    out = audio * np.float32(lin_from_db(gain_db))
    limiter.process(limiter.new_state(), limiter.new_settings(RATE_HZ, True), np.float32(CEILING_LIN), out[0], out[1])
    loudness.process(state, out[0], out[1])
    found = Trial(ticks, RATE_HZ, CEILING_LIN).loudness_lufs(gain_db)
    assert found == pytest.approx(
        loudness.integrated_lufs(state), abs=0.2
    )  # white noise limited by 12 dB is the worst: 0.15
