"""The subsonic filter: its response at every rate, nothing at 0 Hz, its twins, and being away to any share."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy.signal import freqz_sos, sosfilt
from watched import checked

from rt_automix.config import Master
from rt_automix.dsp import cascade, subsonic
from rt_automix.dsp.jit import JIT_ENABLED

RATES_HZ = (44100, 48000, 88200, 96000, 176400, 192000)
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def played(audio, rate_hz, shares=(1.0,), edge_hz=subsonic.EDGE_HZ, block=64):
    """What comes out, in float64; the blocks have these shares, and the last of them from then on."""
    table, design = checked(subsonic.new_table(edge_hz, rate_hz)), checked(np.zeros(subsonic.DESIGN_SIZE))
    state, out = checked(subsonic.new_state()), np.empty(audio.shape)
    for number, start in enumerate(range(0, audio.shape[1], block)):
        some = audio[:, start : start + block]
        work = checked(np.zeros(4 * some.shape[1]))
        cascade.take_in(work, *some.astype(np.float32))
        subsonic.blend(table, shares[min(number, len(shares) - 1)], design)
        subsonic.process(design, state, work, some.shape[1])
        out[:, start : start + block] = np.asarray(work).reshape(-1, 4)[:, 1::2].T
    return out


def second_order_sections(edge_hz, rate_hz, share=1.0):
    """For scipy: each biquad faded to nothing by its share."""
    rows = np.insert(subsonic.sections(edge_hz, rate_hz), 3, 1.0, axis=1)
    rows[:, :3] = rows[:, 3:] + share * (rows[:, :3] - rows[:, 3:])
    return rows


def noise(count, seed=1):
    return (0.3 * np.random.default_rng(seed).standard_normal((2, count))).astype(np.float32)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_keeps_what_is_heard_and_takes_what_is_not(rate_hz):
    """At most -0.3 dB at 30 Hz and at most 0.1 dB of ripple above, at least -20 dB at 10 Hz."""
    frequencies_hz = np.array([*np.geomspace(30.0, 0.499 * rate_hz, 2000), 10.0, 12.0, 18.0])
    _, response = freqz_sos(second_order_sections(subsonic.EDGE_HZ, rate_hz), frequencies_hz, fs=rate_hz)
    level_db = 20.0 * np.log10(np.abs(response))
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
    """Not 200 dB below it, at any rate: both biquads have their zeros at 0 Hz to the bit."""
    for edge_hz in (5.0, 30.0, 60.0):
        for section in subsonic.sections(edge_hz, rate_hz):
            assert section[:3].sum() == 0.0
    assert np.abs(played(np.full((2, 2 * rate_hz), 0.5), rate_hz)[:, -100:]).max() < 1e-10


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("edge_hz", [0.01, 5.0, 30.0, 60.0])
def test_is_minimum_phase_and_stable(edge_hz, rate_hz):
    for b0, b1, b2, a1, a2 in subsonic.sections(edge_hz, rate_hz):
        assert np.abs(np.roots([1.0, a1, a2])).max() < 1.0 - 1e-6
        np.testing.assert_allclose(np.roots([b0, b1, b2]), 1.0, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [44100, 192000])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_agrees_with_the_slow_twin(share, rate_hz):
    audio = noise(20_000 if JIT_ENABLED else 300)
    expected = sosfilt(second_order_sections(subsonic.EDGE_HZ, rate_hz, share), audio.astype(np.float64))
    np.testing.assert_allclose(played(audio, rate_hz, (share,)), expected, atol=1e-9)
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
    for b0, b1, b2, a1, a2 in subsonic.sections(subsonic.EDGE_HZ, rate_hz).astype(np.longdouble):
        s1 = s2 = np.longdouble(0.0)
        out = np.empty_like(x)
        for i, value in enumerate(x):
            out[i] = b0 * value + s1
            s1, s2 = b1 * value - a1 * out[i] + s2, b2 * value - a2 * out[i]
        x = out
    error = played(audio, rate_hz)[0] - x
    print(f"own noise {20 * np.log10(np.abs(error).max()):.0f} dBFS")
    assert np.abs(error).max() < 10 ** (-190 / 20)


@pytest.mark.parametrize("block", [1, 2, 7, 64])
def test_block_size_changes_no_bit(block):
    audio = noise(4096 if JIT_ENABLED else 256)
    np.testing.assert_array_equal(played(audio, 48000, block=block), played(audio, 48000, block=audio.shape[1]))


@needs_speed
def test_a_share_that_jumps_makes_no_step():
    """On DC: whatever the share does, the output goes on as smoothly as the filter itself lets go of a step."""
    audio = np.full((2, 96_000), 0.5)
    shares = [float(share) for share in [1, 1, 0, 1, 0, 0, 1] for _ in range(200)]
    out = played(audio, 48000, shares)[:, 1:]  # the first sample is the step of the input
    assert np.abs(np.diff(out)).max() < 0.005


@needs_speed
def test_away_it_rings_out_and_then_is_forgotten():
    state, design = subsonic.new_state(), np.zeros(subsonic.DESIGN_SIZE)
    table, work = subsonic.new_table(subsonic.EDGE_HZ, 48000), np.zeros(4 * 100_000)
    for share in (1.0, 0.0):
        cascade.take_in(work, *noise(100_000))
        subsonic.blend(table, share, design)
        subsonic.process(design, state, work, 100_000)
        assert np.any(state)
        assert subsonic.has_rung_out(state) == (share == 0.0)
    assert not np.any(state)


def test_the_default_of_the_settings_is_the_filter_that_the_analysis_reckons_with():
    assert inspect.signature(Master).parameters["subsonic_hz"].default == subsonic.EDGE_HZ
