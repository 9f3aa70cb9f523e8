"""What an engine keeps for the next, and the controls that live brought: trims of output and parameters."""

import json

import numpy as np
import pytest

from rt_automix import params
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine import memory
from rt_automix.engine.engine import Engine
from rt_automix.errors import ConfigError

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")


def noise():
    return (0.1 * np.random.default_rng(1).standard_normal((2, 4096))).astype(np.float32)


def test_the_output_trim_turns_everything_down_whatever_is_listened_to():
    for listen in ("master", "bypass", "compare"):
        engine = Engine(analysis="off")
        engine.prepare(48_000, 4096, 2)
        engine.set(amount=0.0, listen=listen)
        engine.settle()
        plain = engine.process(noise())
        engine.reset()
        engine.set(output_trim_db=-12.0)
        engine.settle()
        down = engine.process(noise())
        assert np.allclose(down, plain * 10 ** (-12 / 20), atol=1e-6)


def test_trims_are_offsets_to_what_is_suggested_and_stay_inside_the_range():
    engine = Engine(analysis="off")
    engine.prepare(48_000, 4096, 2)
    engine.hold(params.from_dict({"air_db": 2.0, "mid_db": 5.0}))
    engine.set(trims={"air_db": -1.5, "mid_db": 3.0})
    engine.settle()
    engine.process(noise())
    applied = engine.meters().applied
    assert applied["air_db"] == pytest.approx(0.5) and applied["mid_db"] == pytest.approx(6.0)
    for wrong in ({"air": 1.0}, {"air_db": 99.0}, {"air_db": float("nan")}, [1.0]):
        with pytest.raises(ConfigError):
            engine.set(trims=wrong)


def test_an_engine_starts_from_what_another_has_learned():
    engine = Engine(analysis="inline")
    engine.prepare(48_000, 4096, 2)
    engine.set(amount=0.7, target_lufs=-18.0, trims={"air_db": 1.0})
    for _ in range(120):
        engine.process(0.3 * noise())
    kept = json.loads(json.dumps(memory.learned(engine)))
    other = Engine(analysis="inline")
    other.prepare(44_100, 4096, 2)
    memory.resume(other, kept)
    other.process(np.zeros((2, 4096), np.float32))
    assert other.controls == engine.controls
    assert other.meters().ride_db == pytest.approx(engine.meters().ride_db, abs=0.01)
    assert other.analyst.listener.statistics.seconds_heard == engine.analyst.listener.statistics.seconds_heard
    for name, value in memory.learned(other)["suggestion"].items():
        assert value == pytest.approx(kept["suggestion"][name])


def learned_somewhere():
    """What an engine has learned that has heard eight seconds, as a file has it."""
    engine = Engine(analysis="inline")
    engine.prepare(48_000, 4096, 2)
    engine.set(amount=0.7, target_lufs=-18.0, trims={"air_db": 1.0})
    for _ in range(100):
        engine.process(0.3 * noise())
    return json.loads(json.dumps(memory.learned(engine)))


def test_what_makes_no_sense_is_named_and_the_rest_is_used():
    kept = learned_somewhere()
    for broken, words in (
        ({}, "controls is missing"),
        ({**kept, "controls": [1]}, "controls: "),
        ({**kept, "controls": {"amount": 3.0, "target_lufs": -18.0}}, "amount = 3.0 is beyond what can be. It is 1.0"),
        ({**kept, "controls": {"amount": "x", "target_lufs": -18.0}}, "control amount = 'x'"),
        ({**kept, "controls": {"target_lufs": -18.0, "trims": {"air_db": 1e300}}}, "6.0"),
        ({**kept, "controls": {"target_lufs": -18.0, "volume": 1.0}}, 'control "volume" is unknown'),
        ({**kept, "ride_db": float("nan")}, "ride_db: nan"),
        ({**kept, "ride_db": 10**400}, "ride_db: "),
        ({**kept, "suggestion": {"air_db": "x"}}, "suggestion: "),
        ({**kept, "fine_gains_db": [0.0]}, "fine_gains_db: these are no"),
        ({**kept, "statistics": {**kept["statistics"], "_energy": "x"}}, "statistics: "),
        ({**kept, "statistics": 7}, "statistics: "),
    ):
        engine = Engine(analysis="off")
        engine.prepare(48_000, 4096, 2)
        (fault, *more) = memory.resume(engine, broken)
        assert words in fault and fault.startswith("saved state: ")
        assert not more or not broken
        if broken and broken["controls"] != [1]:
            assert engine.controls["target_lufs"] == -18.0


def test_bits_that_fall_over_in_a_file_are_survived():
    """In any number of it: what is played stays finite and under the ceiling, and what is kept can be read again."""
    kept, rng = learned_somewhere(), np.random.default_rng(11)

    def spoilt(value, share):
        if isinstance(value, dict):
            return {name: spoilt(one, share) for name, one in value.items()}
        if isinstance(value, list):
            return [spoilt(one, share) for one in value]
        if isinstance(value, float) and rng.random() < share:
            bits = np.array(value).view(np.uint64) ^ (np.uint64(1) << np.uint64(rng.integers(64)))
            return float(bits.view(np.float64))
        return value

    for share in (0.001, 0.01, 0.1, 1.0) * 5:
        engine = Engine(analysis="inline")
        engine.prepare(48_000, 4096, 2)
        memory.resume(engine, spoilt(kept, share))
        ceiling = 10.0 ** (engine.controls["ceiling_dbtp"] / 20.0)
        for _ in range(12):
            out = engine.process(3.0 * noise())
            assert np.isfinite(out).all() and np.abs(out).max() <= ceiling + 1e-6
        again = Engine(analysis="off")
        again.prepare(48_000, 4096, 2)
        assert memory.resume(again, json.loads(json.dumps(memory.learned(engine)))) == []


def test_yesterdays_gain_is_only_where_to_begin():
    """Other music than last time: not settled, the gain hurries to where it belongs."""
    gains = {}
    for settled in (True, False):
        engine = Engine(analysis="off")
        engine.prepare(48_000, 4096, 2)
        kept = {**memory.learned(engine), "ride_db": 2.0}
        memory.resume(engine, kept, settled)
        for _ in range(12):  # a second, some 3 dB louder than that gain would suit
            engine.process(1.2 * noise())
        gains[settled] = engine.meters().ride_db
    assert gains[False] < gains[True] - 0.5
