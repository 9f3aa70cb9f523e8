"""The engine's promises with the fine equaliser at work, and what it does to the sound."""

from __future__ import annotations

import json

import numpy as np
import pytest
from oversampled import band_limited, true_peak_dbtp
from scipy.signal import csd, welch

from rt_automix import owncurve, params
from rt_automix.config import Config
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone import fine
from rt_automix.engine import layout as at
from rt_automix.engine import memory
from rt_automix.engine.engine import Engine
from rt_automix.errors import ConfigError

RATE_HZ = 48000
CEILING_LIN = 10 ** (-1 / 20)
pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")


def make(rate_hz=RATE_HZ, **overrides):
    engine = Engine(Config().with_overrides(**{"rider.enabled": False, **overrides}), analysis="off")
    engine.prepare(rate_hz, 1 << 16, 2)
    return engine


def run(engine, audio, block=4096, before=None):
    """Stream `audio` through; `before(position)` may set controls at block starts."""
    out = np.empty_like(audio)
    for start in range(0, audio.shape[1], block):
        if before:
            before(start)
        out[:, start : start + block] = engine.process(audio[:, start : start + block].copy())
    return out


def noise(seconds, level=0.05, seed=1, rate_hz=RATE_HZ):
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal((2, int(seconds * rate_hz)))).astype(np.float32)


def gains(seed, sd_db=4.0):
    return np.clip(np.random.default_rng(seed).normal(0.0, sd_db, fine.BAND_COUNT), -12.0, 12.0)


def response_db(engine, frequencies_hz, audio):
    """What the engine does to noise, as a transfer function."""
    out = run(engine, audio)
    settled = audio.shape[1] // 4
    hz, cross = csd(audio[0, settled:], out[0, settled:], engine.sample_rate_hz, nperseg=16384)
    _, power = welch(audio[0, settled:], engine.sample_rate_hz, nperseg=16384)
    return np.interp(frequencies_hz, hz, 20.0 * np.log10(np.abs(cross) / power))


HEARD_HZ = np.geomspace(80.0, 16_000.0, 60)


@pytest.mark.parametrize("rate_hz", [44100, 48000, 96000])
def test_the_gains_that_are_held_are_what_is_heard(rate_hz):
    """At full amount, at half of it, with half of `fine_tone`, and with none."""
    held_db = fine.solve_matrix(rate_hz) @ np.linspace(-6.0, 6.0, fine.POINT_COUNT)
    for amount, fine_tone in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.5), (1.0, 0.0)):
        engine = make(rate_hz, **{"master.amount": amount, "master.fine_tone": fine_tone})
        engine.hold(params.NEUTRAL, held_db)
        engine.settle()
        heard_db = response_db(engine, HEARD_HZ, noise(12.0, rate_hz=rate_hz))
        wanted_db = fine.magnitude_db(amount * fine_tone * held_db, HEARD_HZ, rate_hz)
        # A window of 16384 samples sees the steepest slopes blurred.
        assert np.abs(heard_db - wanted_db).max() < 0.15, (amount, fine_tone)
        np.testing.assert_allclose(engine.meters().fine_gains_db, amount * fine_tone * held_db, atol=1e-3)
        np.testing.assert_array_equal(engine.fine_suggestion, held_db)


@pytest.mark.parametrize("rate_hz", [44100, 96000])
@pytest.mark.parametrize("lookahead", [True, False])
def test_amount_0_is_the_input_delayed_by_the_latency(rate_hz, lookahead):
    """Whatever is suggested and drawn."""
    engine = make(rate_hz, **{"master.amount": 0.0, "limiter.lookahead": lookahead})
    engine.set(curve=[(100, -6.0), (1000, 6.0)])
    audio = noise(1.0, 0.1)
    out = run(engine, audio, 4096, lambda position: engine.hold(params.NEUTRAL, gains(position)))
    delay = engine.latency_samples
    assert np.abs(out[:, delay:] - audio[:, : audio.shape[1] - delay]).max() < 1e-6
    assert not engine.arrays[2][at.FINE_AWAKE]


def moved(engine, position):
    """Something new for the fine bands every so often, on the grid of all the block sizes tried."""
    if position % 65536 == 0:
        engine.hold(params.NEUTRAL, gains(position))
        engine.set(amount=0.5 + 0.5 * (position % 131072 == 0), curve=[(300, -3.0 + position % 5)])


@pytest.mark.parametrize("block", [1, 7, 64, 65, 512, 8192])
def test_the_output_does_not_depend_on_the_block_size(block):
    audio = noise(4.0)[:, : 2 * 65536 + (100 if block == 1 else 60_000)]
    audio = audio[:, :9000] if block == 1 else audio
    outs = []
    for size in (4096, block):
        engine, pieces = make(), []
        for start in range(0, audio.shape[1], 65536):
            moved(engine, start)
            pieces.append(run(engine, np.ascontiguousarray(audio[:, start : start + 65536]), size))
        outs.append(np.concatenate(pieces, axis=1))
    assert np.array_equal(outs[0], outs[1])


def test_a_flat_layer_sleeps_and_changes_no_bit():
    """Never woken, or asleep again a few seconds after it was flattened: the same sound to the bit."""
    audio = noise(12.0)
    untouched, woken = make(), make()
    expected = run(untouched, audio)

    def before(position):
        if position == 8192:
            woken.hold(params.NEUTRAL, gains(1))
        if position == 65536:
            woken.hold(params.NEUTRAL)

    out = run(woken, audio, 4096, before)
    assert not untouched.arrays[2][at.FINE_AWAKE] and not woken.arrays[2][at.FINE_AWAKE]
    assert not np.any(woken.arrays[0][at.FINE_STATE : at.FINE_STATE + fine.STATE_SIZE])
    tail = slice(-RATE_HZ // 2, None)
    assert np.abs(out[:, 20_000:60_000] - expected[:, 20_000:60_000]).max() > 0.01
    # The compressor and limiter remember what they heard in their own floats.
    assert np.abs(out[:, tail] - expected[:, tail]).max() < 1e-7


@pytest.mark.parametrize("lookahead", [True, False])
def test_the_ceiling_holds_while_all_bands_jump(lookahead):
    """Every band between -12 and +12 dB every 85 ms, on loud noise below 21 kHz: true peak, too."""
    engine = make(**{"limiter.lookahead": lookahead})
    fade = np.minimum(1.0, np.minimum(np.arange(6 * RATE_HZ), np.arange(6 * RATE_HZ)[::-1]) / 4800.0)
    audio = band_limited(fade * noise(6.0, 0.3, 2), RATE_HZ).astype(np.float32)
    rng = np.random.default_rng(3)
    full = dict(zip(params.NAMES, params.NEUTRAL, strict=True)) | {"limiter_drive_db": 9.0}

    def before(position):
        engine.hold(params.from_dict(full), rng.choice([-12.0, 12.0], fine.BAND_COUNT))

    out = run(engine, audio, 4096, before)
    ceiling = min(CEILING_LIN, float(params.NEUTRAL[params.INDEX["output_level"]]))
    assert np.abs(out).max() <= ceiling
    if lookahead:
        assert true_peak_dbtp(out) - 20.0 * np.log10(ceiling) < 0.02


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_insane_audio_and_insane_gains_are_contained(bad):
    engine = make()
    audio = noise(3.0)
    audio[:, 20_000:21_000] = bad

    def before(position):
        held_db = gains(4)
        if position >= 65536:
            held_db[::3] = bad
        engine.hold(params.NEUTRAL, held_db)

    out = run(engine, audio, 4096, before)
    assert np.isfinite(out).all() and np.abs(out).max() <= CEILING_LIN
    applied_db = np.array(engine.meters().fine_gains_db)
    assert np.isfinite(applied_db).all() and np.abs(applied_db).max() <= 12.0
    assert np.isfinite(engine.arrays[0][at.FINE_STATE : at.FINE_STATE + fine.STATE_SIZE]).all()


def test_what_the_equalisers_add_is_taken_off_at_once():
    """A rider that is told of it holds the loudness while the tone moves; one that is not has to hear it first."""
    from rt_automix.analysis.deciding.analyst import Suggestion
    from rt_automix.engine import exchange
    from rt_automix.units import db_from_power

    louder_db, off_lu = fine.solve_matrix(RATE_HZ) @ np.where(fine.POINTS_HZ > 200.0, 6.0, 0.0), {}
    for told in (True, False):
        engine = make(**{"rider.enabled": True, "master.target_lufs": -23.0})
        audio = noise(20.0)
        before = np.mean(np.abs(run(engine, audio[:, : 10 * RATE_HZ])[:, 9 * RATE_HZ :]) ** 2)
        f64, _, i64 = engine.arrays
        louder_lu = np.array([0.0, 6.0 if told else 0.0])
        exchange.publish(f64, i64, Suggestion(params.NEUTRAL, louder_db, louder_lu))
        after = run(engine, audio[:, 10 * RATE_HZ :])
        levels = [np.mean(part**2) for part in np.split(after, 100, axis=1)]
        off_lu[told] = np.abs(db_from_power(np.array(levels) / before)).max()
    assert off_lu[True] < 0.7 and off_lu[False] > 2.5, off_lu


def test_insane_messages_are_contained():
    """Past the engine's own clamp: straight into the message that the chain reads."""
    from rt_automix.analysis.deciding.analyst import Suggestion
    from rt_automix.engine import exchange

    engine = make()
    for bad in (np.nan, np.inf, -1e30):
        f64, _, i64 = engine.arrays
        exchange.publish(f64, i64, Suggestion(params.NEUTRAL, np.full(fine.BAND_COUNT, bad), np.full(2, bad)))
        out = run(engine, noise(0.5))
        assert np.isfinite(out).all() and np.abs(engine.meters().fine_gains_db).max() <= 12.0


def high_residual_dbfs(out):
    """Largest sample above 5 kHz."""
    spectrum = np.fft.rfft(out * np.kaiser(len(out), 20.0))
    spectrum[: int(5000.0 * len(out) / RATE_HZ)] = 0.0
    return 20.0 * np.log10(np.abs(np.fft.irfft(spectrum)).max() + 1e-12)


@pytest.mark.parametrize("what", ["gains", "fine_tone", "amount", "curve"])
def test_a_jump_does_not_splatter(what):
    """50 Hz and 997 Hz playing: nothing above 5 kHz over -70 dBFS, through the whole chain."""
    times_s = np.arange(8 * 65536) / RATE_HZ
    tone = 0.2 * np.sin(2 * np.pi * 50.0 * times_s) + 0.2 * np.sin(2 * np.pi * 997.0 * times_s)
    audio = np.stack([tone, tone]).astype(np.float32)
    solve = fine.solve_matrix(RATE_HZ)
    up_db = solve @ (6.0 * np.sin(np.log2(fine.POINTS_HZ)))
    engine = make()
    engine.hold(params.NEUTRAL, up_db if what != "curve" else None)
    engine.settle()

    def before(position):
        if position == 4 * 65536:
            {
                "gains": lambda: engine.hold(params.NEUTRAL, -up_db),
                "fine_tone": lambda: engine.set(fine_tone=0.0),
                "amount": lambda: engine.set(amount=0.0),
                "curve": lambda: engine.set(curve=[(60, 6.0), (1000, -6.0), (8000, 6.0)]),
            }[what]()

    out = run(engine, audio, 4096, before)
    residual = high_residual_dbfs(out[0].astype(np.float64))
    print(f"{what}: {residual:.1f} dBFS above 5 kHz")
    assert residual < -70.0


def test_freeze_holds_what_was_suggested():
    engine = make()
    engine.hold(params.NEUTRAL, gains(5))
    run(engine, noise(3.0))
    held = engine.meters().fine_gains_db
    engine.set(freeze=True)
    engine.hold(params.NEUTRAL, gains(6))
    run(engine, noise(3.0))
    assert engine.meters().fine_gains_db == held
    assert memory.learned(engine)["fine_gains_db"] == pytest.approx(gains(5))


def test_a_restored_engine_goes_on_bit_for_bit():
    """Taken in the middle of a move, at a sample that is on no grid."""
    audio = noise(4.0)
    first = make()
    first.hold(params.NEUTRAL, gains(7))
    run(first, audio[:, :50_000])
    first.hold(params.NEUTRAL, gains(8))
    run(first, audio[:, 50_000:54_321])
    kept = first.state()
    second = make()
    second.restore(kept)
    rest = np.ascontiguousarray(audio[:, 54_321:])
    assert np.array_equal(run(first, rest, 777), run(second, rest, 4096))
    np.testing.assert_array_equal(first.fine_suggestion, second.fine_suggestion)


def test_an_engine_starts_from_what_another_has_learned():
    engine = make()
    engine.set(curve=((200, 3.0), (5000, -2.5)), fine_tone=0.7)
    engine.hold(params.NEUTRAL, gains(9))
    run(engine, noise(3.0))
    kept = json.loads(json.dumps(memory.learned(engine)))
    other = make(44100)
    memory.resume(other, kept)
    run(other, noise(0.2))
    assert other.controls == engine.controls
    np.testing.assert_allclose(other.fine_suggestion, gains(9))
    own_db = fine.solve_matrix(44100) @ owncurve.gains_db(kept["controls"]["curve"], fine.POINTS_HZ)
    wanted_db = np.clip(0.7 * gains(9) + own_db, -12.0, 12.0)
    np.testing.assert_allclose(other.meters().fine_gains_db, wanted_db, atol=1e-9)
    for wrong in ([1.0] * 30, [float("nan")] * 31, "loud"):
        (fault,) = memory.resume(other, {**kept, "fine_gains_db": wrong})
        assert fault.startswith("saved state: fine_gains_db: ") and "not used" in fault
    older = {name: value for name, value in kept.items() if name != "fine_gains_db"}
    memory.resume(other, older)
    assert not other.fine_suggestion.any()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fine_tone", 1.5, r"control fine_tone = 1.5 is outside \[0.0, 1.0\]"),
        ("curve", 3, "not a list of up to 8 points"),
        ("curve", [(100, 1)] * 9, "not a list of up to 8 points"),
        ("curve", [(100, 1), (200,)], r"point 2 = \(200,\) is not a pair of numbers"),
        ("curve", [(100, float("nan"))], "not a pair of numbers"),
        ("curve", [(True, 1.0)], "not a pair of numbers"),
        ("curve", [(10, 1.0)], r"outside \[20, 20000\] Hz"),
        ("curve", [(100, 6.5)], r"outside \[-6, 6\] dB"),
        ("curve", [(10**400, 1.0)], r"outside \[20, 20000\] Hz"),
        ("curve", [(100, 1.0), (100, 2.0)], "another one is closer"),
        ("curve", [(1000.0, 1.0), (1000.0000000000001, 2.0)], "another one is closer"),
    ],
)
def test_wrong_controls_are_refused_and_nothing_changes(name, value, message):
    engine = make()
    before = engine.controls
    with pytest.raises(ConfigError, match=message):
        engine.set(**{name: value})
    assert engine.controls == before


def test_the_own_curve_goes_through_its_points_and_nowhere_else():
    """No overshoot between points, flat beyond an octave of them, and heard within .3 dB."""
    points = [(1000, 6.0), (125, -4.0), (250, -4.0), (8000, 0.0)]
    curve_db = owncurve.gains_db(points, fine.POINTS_HZ)
    for hz, gain_db in points:
        near = int(np.argmin(np.abs(fine.POINTS_HZ - hz)))
        assert curve_db[near] == pytest.approx(gain_db, abs=1e-9)
    assert curve_db.max() <= 6.0 and curve_db.min() >= -4.0
    assert not np.any(curve_db[fine.POINTS_HZ < 62.5]) and not np.any(curve_db[fine.POINTS_HZ > 16_001.0])
    assert not np.any(owncurve.gains_db([], fine.POINTS_HZ))
    engine = make()
    engine.set(curve=points)
    engine.settle()
    heard_db = response_db(engine, HEARD_HZ, noise(12.0))
    assert np.abs(heard_db - np.interp(np.log2(HEARD_HZ), np.log2(fine.POINTS_HZ), curve_db)).max() < 0.4
