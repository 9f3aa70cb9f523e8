"""The subsonic filter: its response at every rate, nothing at 0 Hz, its twins, and being away to any share."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy.signal import cheby1, sosfilt
from watched import checked

from rt_automix.config import Master
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone import cascade, subsonic

RATES_HZ = (44100, 48000, 88200, 96000, 176400, 192000)
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def designed(rate_hz, share=1.0, edge_hz=subsonic.EDGE_HZ):
    coefficients = checked(np.zeros(subsonic.DESIGN_SIZE))
    subsonic.design(edge_hz / rate_hz, share, coefficients)
    return coefficients


def played(audio, rate_hz, shares=(1.0,), edges_hz=(subsonic.EDGE_HZ,), block=64):
    """What comes out, in float64; the blocks have these shares and edges, and the last of them from then on."""
    state, out = checked(subsonic.new_state()), np.empty(audio.shape)
    for number, start in enumerate(range(0, audio.shape[1], block)):
        some = audio[:, start : start + block]
        work = checked(np.zeros(4 * some.shape[1]))
        cascade.take_in(work, 1.0, 0.0, 0, *some.astype(np.float32))
        share, edge_hz = (values[min(number, len(values) - 1)] for values in (shares, edges_hz))
        subsonic.process(designed(rate_hz, share, edge_hz), state, work, some.shape[1])
        out[:, start : start + block] = np.asarray(work).reshape(-1, 4)[:, 1::2].T
    return out


def sections(rate_hz, edge_hz=subsonic.EDGE_HZ):
    """The same filter as scipy makes it, in series and not as a sum; 0 dB far above its edge."""
    rows = cheby1(4, subsonic.RIPPLE_DB, edge_hz, "high", fs=rate_hz, output="sos")
    rows[0, :3] *= 10 ** (subsonic.RIPPLE_DB / 20)
    return rows


def noise(count, seed=1):
    return (0.3 * np.random.default_rng(seed).standard_normal((2, count))).astype(np.float32)


def response(coefficients, frequencies_hz, rate_hz):
    """Of the coefficients as they stand, in both places."""
    itself, c1, c2, a1, a2 = np.asarray(coefficients).reshape(5, 4)[:, :2]
    z = np.exp(-2j * np.pi * np.asarray(frequencies_hz)[:, None] / rate_hz)
    return itself[0] + np.sum((c1 * z + c2 * z * z) / (1.0 - a1 * z - a2 * z * z), axis=1)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_keeps_what_is_heard_and_takes_what_is_not(rate_hz):
    """At most -0.3 dB at 30 Hz and at most 0.1 dB of ripple above, at least -20 dB at 10 Hz."""
    frequencies_hz = np.array([*np.geomspace(30.0, 0.499 * rate_hz, 2000), 10.0, 12.0, 18.0])
    level_db = 20.0 * np.log10(np.abs(response(designed(rate_hz), frequencies_hz, rate_hz)))
    assert level_db[0] > -0.3 and np.abs(level_db[:2000]).max() < 0.101
    assert level_db[-3] < -38.0 and level_db[-2] < -31.0 and level_db[-1] < -15.0
    expected_db = 10.0 * np.log10(subsonic.power_response(frequencies_hz[[0, -1, -2, -3]]))
    np.testing.assert_allclose(level_db[[0, -1, -2, -3]], expected_db, atol=0.01)


@needs_speed
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("frequency_hz", "low_db", "high_db"), [(30.0, -0.3, 0.1), (10.0, -45.0, -20.0)])
def test_a_tone_measures_as_designed(frequency_hz, low_db, high_db, rate_hz):
    time_s = np.arange(2 * rate_hz) / rate_hz
    out = played(np.tile(0.5 * np.sin(2 * np.pi * frequency_hz * time_s), (2, 1)), rate_hz)
    level_db = 20.0 * np.log10(np.abs(out[:, rate_hz:]).max() / 0.5)
    print(f"{rate_hz} Hz: {level_db:.2f} dB at {frequency_hz:g} Hz")
    assert low_db <= level_db <= high_db


@needs_speed
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_nothing_is_left_of_dc(rate_hz):
    """Not 180 dB below it, at any rate."""
    assert np.abs(played(np.full((2, 2 * rate_hz), 0.5), rate_hz)[:, -100:]).max() < 0.5e-9


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("edge_hz", [subsonic.LEAST_EDGE_HZ, 5.0, 30.0, 60.0])
def test_is_stable_and_its_first_sample_is_all_there(edge_hz, rate_hz):
    """Minimum phase: nothing is late."""
    itself, _, _, a1, a2 = np.asarray(designed(rate_hz, 1.0, edge_hz)).reshape(5, 4)
    for lane in range(4):
        assert np.abs(np.roots([1.0, -a1[lane], -a2[lane]])).max() < 1.0 - 1e-6
    first = sosfilt(sections(rate_hz, edge_hz), [1.0])[0]
    assert itself[0] == pytest.approx(first, abs=1e-5) and itself[0] > 0.97


@pytest.mark.parametrize("rate_hz", [44100, 192000])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_agrees_with_the_slow_twin(share, rate_hz):
    """To 2e-6: the twin's edge is prewarped."""
    audio = noise(20_000 if JIT_ENABLED else 300)
    expected = audio + share * (sosfilt(sections(rate_hz), audio.astype(np.float64)) - audio)
    np.testing.assert_allclose(played(audio, rate_hz, (share,)), expected, atol=2e-6)
    if share == 0.0:
        np.testing.assert_array_equal(played(audio, rate_hz, (share,)), audio)


@needs_speed
def test_its_own_noise_at_the_highest_rate_is_nothing():
    """Against the same recursion in extended precision, DC and rumble included: below -190 dBFS."""
    if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        pytest.skip("no extended precision here")
    rate_hz, count = 192_000, 96_000
    audio = noise(count) + 0.5
    audio += 0.2 * np.sin(2 * np.pi * 18.0 * np.arange(count) / rate_hz)
    x = audio[0].astype(np.float32).astype(np.longdouble)
    itself, c1, c2, a1, a2 = np.asarray(designed(rate_hz)).reshape(5, 4)[:, :2].astype(np.longdouble)
    now = before = late = np.zeros(2, np.longdouble)
    expected = np.empty_like(x)
    for i, value in enumerate(x):
        expected[i] = itself[0] * value + now.sum()
        now, before, late = a1 * now + a2 * before + c1 * value + late, now, c2 * value
    error = played(audio, rate_hz)[0] - expected
    print(f"own noise {20 * np.log10(np.abs(error).max()):.0f} dBFS")
    assert np.abs(error).max() < 10 ** (-190 / 20)


@pytest.mark.parametrize("block", [1, 2, 7, 64])
def test_block_size_changes_no_bit(block):
    audio = noise(4096 if JIT_ENABLED else 256)
    np.testing.assert_array_equal(played(audio, 48000, block=block), played(audio, 48000, block=audio.shape[1]))


@needs_speed
def test_shares_and_edges_that_jump_make_no_step():
    """On DC: whatever they do, the output goes on as smoothly as the filter itself lets go of a step."""
    audio = np.full((2, 96_000), 0.5)
    shares = [share for share in (1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0) for _ in range(200)]
    edges_hz = [edge_hz for edge_hz in (30.0, 15.0, 15.0, 30.0, 30.0, 15.0, 30.0, 15.0) for _ in range(170)]
    out = played(audio, 48000, shares, edges_hz)[:, 1:]  # the first sample is the step of the input
    assert np.abs(np.diff(out)).max() < 0.006 and np.abs(out).max() < 0.8


@needs_speed
def test_away_it_rings_out_and_then_is_forgotten():
    state, work = subsonic.new_state(), np.zeros(4 * 100_000)
    for share in (1.0, 0.0):
        cascade.take_in(work, 1.0, 0.0, 0, *noise(100_000))
        subsonic.process(designed(48000, share), state, work, 100_000)
        assert np.any(state)
        assert subsonic.has_rung_out(state) == (share == 0.0)
    assert not np.any(state)


def test_the_default_of_the_settings_is_the_filter_that_the_analysis_reckons_with():
    assert inspect.signature(Master).parameters["subsonic_hz"].default == subsonic.EDGE_HZ
