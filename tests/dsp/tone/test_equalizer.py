"""The equaliser against its analog prototype, scipy's biquads, and jumps of its gains."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import sosfilt

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone import equalizer

RATE_HZ = 48000
RATES_HZ = (44100, 48000, 88200, 96000)
COUNT = RATE_HZ if JIT_ENABLED else 600
AUDIBLE_HZ = np.geomspace(20.0, 20000.0, 2000)
TABLES = {rate_hz: equalizer.design_table(rate_hz) for rate_hz in RATES_HZ}
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def designed(gains_db, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Coefficients of five gains, from the table."""
    coefficients = np.zeros(equalizer.COEFFICIENTS)
    equalizer.design(TABLES[rate_hz], np.asarray(gains_db, dtype=np.float64), coefficients)
    return coefficients


def exactly_designed(gains_db, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Coefficients of five gains, without the table."""
    bands = zip(equalizer.BANDS, gains_db, strict=True)
    return np.concatenate(
        [equalizer.design_band(kind, centre_hz, gain_db, rate_hz) for (kind, centre_hz), gain_db in bands]
    )


def magnitudes_db(coefficients: np.ndarray, rate_hz: int) -> np.ndarray:
    """Magnitude of each band over the audible range, shape (5, n)."""
    z = np.exp(-2j * np.pi * AUDIBLE_HZ / rate_hz)
    b0, b1, b2, a1, a2 = coefficients.reshape(5, 5).T[:, :, None]
    return 20.0 * np.log10(np.abs((b0 + b1 * z + b2 * z * z) / (1.0 + a1 * z + a2 * z * z)))


def only(band: int, gain_db: float) -> np.ndarray:
    """Gains with one band set."""
    return np.where(np.arange(5) == band, gain_db, 0.0)


def filtered(signal: np.ndarray, gains_per_tick: np.ndarray, tick_samples: int = 64) -> np.ndarray:
    """One channel through the equaliser with new gains every tick; the last gains stay."""
    left, right = signal.astype(np.float32), signal.astype(np.float32)
    state = equalizer.new_state()
    for tick, start in enumerate(range(0, len(signal), tick_samples)):
        if tick < len(gains_per_tick):
            coefficients = designed(gains_per_tick[tick])
        stop = start + tick_samples
        equalizer.process(coefficients, state, left[start:stop], right[start:stop])
    assert np.array_equal(left, right)
    return left


@pytest.mark.parametrize(
    ("rate_hz", "band_limit_db", "sum_limit_db"),
    [(44100, 0.16, 0.25), (48000, 0.16, 0.25), (88200, 0.02, 0.03), (96000, 0.02, 0.03)],
)
def test_follows_the_analog_prototype_to_20_khz(rate_hz, band_limit_db, sum_limit_db):
    """One band at a time, then all five in each of the 32 corners of their ranges."""
    for gain_db in (6.0, -6.0):
        errors_db = []
        for band in range(5):
            digital_db = magnitudes_db(designed(only(band, gain_db), rate_hz), rate_hz).sum(axis=0)
            analog_db = equalizer.analog_magnitude_db(only(band, gain_db), AUDIBLE_HZ)
            errors_db.append(np.abs(digital_db - analog_db).max())
        print(f"{rate_hz} Hz, {gain_db:+.0f} dB: error per band {np.round(errors_db, 4)} dB")
        assert max(errors_db) < band_limit_db
    sums_db = {}
    for gains_db in itertools.product((-6.0, 6.0), repeat=5):
        digital_db = magnitudes_db(designed(gains_db, rate_hz), rate_hz).sum(axis=0)
        sums_db[gains_db] = np.abs(digital_db - equalizer.analog_magnitude_db(gains_db, AUDIBLE_HZ)).max()
    print(
        f"{rate_hz} Hz: error of the sum {sums_db[(6.0,) * 5]:.4f} dB at all +6, {sums_db[(-6.0,) * 5]:.4f} dB "
        f"at all -6, {max(sums_db.values()):.4f} dB in the worst corner"
    )
    assert max(sums_db.values()) < sum_limit_db


@pytest.mark.parametrize("band", range(5))
def test_analog_prototype_has_its_gain_where_it_should(band):
    """A shelf has all of it far out, half at its corner, none beyond; a bell all of it at its centre."""
    kind, centre_hz = equalizer.BANDS[band]
    far_below, at_centre, far_above = equalizer.analog_magnitude_db(
        only(band, 4.0), [centre_hz / 1e4, centre_hz, centre_hz * 1e4]
    )
    expected_db = {
        equalizer.LOW_SHELF: (4.0, 2.0, 0.0),
        equalizer.BELL: (0.0, 4.0, 0.0),
        equalizer.HIGH_SHELF: (0.0, 2.0, 4.0),
    }[kind]
    np.testing.assert_allclose((far_below, at_centre, far_above), expected_db, atol=1e-6)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_table_interpolates_closely(rate_hz):
    """2e-4 dB, as `design` promises, midway between rows and anywhere else."""
    rng = np.random.default_rng(1)
    midway_db = [[step + 0.05] * 5 for step in np.arange(-6.0, 6.0, 0.5)]
    worst_db = 0.0
    for gains_db in (*midway_db, *rng.uniform(-6.0, 6.0, (20 if JIT_ENABLED else 5, 5))):
        tabled = magnitudes_db(designed(gains_db, rate_hz), rate_hz)
        exact = magnitudes_db(exactly_designed(gains_db, rate_hz), rate_hz)
        worst_db = max(worst_db, np.abs(tabled - exact).max())
    print(f"{rate_hz} Hz: the table is off by {worst_db:.1e} dB at most")
    assert worst_db < 2e-4


@pytest.mark.parametrize("gain_db", [-6.0, -3.7, 0.0, 0.1, 6.0])
def test_table_rows_are_the_designs_themselves(gain_db):
    """At its own steps, and at the limit for what lies beyond it."""
    np.testing.assert_allclose(designed([gain_db] * 5), exactly_designed([gain_db] * 5), rtol=0, atol=1e-12)
    if abs(gain_db) == equalizer.GAIN_LIMIT_DB:
        assert np.array_equal(designed([3.0 * gain_db] * 5), designed([gain_db] * 5))


def test_gain_zero_changes_no_bit():
    rng = np.random.default_rng(2)
    audio = rng.standard_normal((2, COUNT)).astype(np.float32)
    left, right = audio.copy()
    equalizer.process(designed(np.zeros(5)), equalizer.new_state(), left, right)
    assert np.array_equal(left, audio[0]) and np.array_equal(right, audio[1])


@pytest.mark.parametrize("gains_db", [(6, 6, 6, 6, 6), (-6, -6, -6, -6, -6), (5.3, -2.1, 0.0, 3.33, -6.0)])
def test_agrees_with_scipy(gains_db):
    """Both channels, each with a signal of its own."""
    rng = np.random.default_rng(3)
    audio = (0.2 * rng.standard_normal((2, COUNT))).astype(np.float32)
    left, right = audio.copy()
    coefficients = designed(gains_db)
    equalizer.process(coefficients, equalizer.new_state(), left, right)
    b0, b1, b2, a1, a2 = coefficients.reshape(5, 5).T
    twin = sosfilt(np.column_stack([b0, b1, b2, np.ones(5), a1, a2]), audio.astype(np.float64))
    np.testing.assert_allclose(np.stack([left, right]), twin, rtol=0, atol=1e-6)


@settings(max_examples=200 if JIT_ENABLED else 20)
@given(
    gains_db=st.lists(st.floats(-6.0, 6.0), min_size=5, max_size=5),
    rate_hz=st.sampled_from(RATES_HZ),
)
def test_every_gain_is_stable_and_minimum_phase(gains_db, rate_hz):
    """Poles and zeros inside the unit circle, whatever the table interpolates."""
    for band in designed(gains_db, rate_hz).reshape(5, 5):
        assert np.abs(np.roots([1.0, band[3], band[4]])).max() < 1.0
        assert np.abs(np.roots(band[:3])).max() < 1.0


@needs_speed
@pytest.mark.parametrize("gain_db", [6.0, -6.0])
def test_impulse_dies_away(gain_db):
    """120 dB down after a tenth of a second, and gone after a second."""
    response = filtered(np.eye(1, 2 * RATE_HZ)[0], np.full((1, 5), gain_db))
    assert np.abs(response[RATE_HZ // 10 :]).max() < 1e-6
    assert np.abs(response[RATE_HZ:]).max() < 1e-30


@needs_speed
@pytest.mark.parametrize("frequency_hz", [50.0, 110.0, 1000.0, 10000.0])
def test_gains_may_jump_every_tick(frequency_hz):
    """Coefficients that jump between their extremes stir the filter, but cannot blow it up.

    All five together stay within 2 dB of the louder settled peak; every band by lot on its own, which
    the chain's smoothing rules out, within 14 dB. Both settle again once the gains stand still.
    """
    rng = np.random.default_rng(4)
    tone = np.sin(2.0 * np.pi * frequency_hz / RATE_HZ * np.arange(RATE_HZ))
    settled = {
        gain_db: np.abs(filtered(tone, np.full((1, 5), gain_db))[RATE_HZ // 2 :]).max() for gain_db in (6.0, -6.0)
    }
    loudest = max(settled.values())
    ticks = RATE_HZ // 64 - 400
    swaps = {
        "together": np.resize([6.0, -6.0], ticks)[:, None] * np.ones(5),
        "by lot": rng.choice([6.0, -6.0], (ticks, 5)),
    }
    for name, limit_db in (("together", 2.0), ("by lot", 14.0)):
        jumped = filtered(tone, np.concatenate([swaps[name], np.full((1, 5), 6.0)]))
        over_db = 20.0 * np.log10(np.abs(jumped).max() / loudest)
        print(f"{frequency_hz:.0f} Hz, gains swapped {name}: {over_db:+.2f} dB over the louder settled peak")
        assert over_db < limit_db
        assert np.abs(jumped[-RATE_HZ // 4 :]).max() == pytest.approx(settled[6.0], rel=1e-3)
