"""Pairs at the edge: what a callback makes of each, or of all together, is what an engine of its own makes."""

import numpy as np
import pytest

from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.board import Board
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.outputs import Output

RATE_HZ, BLOCK, FADED = 48_000, 64, 4800
OUTPUTS = (
    Output("english", target_lufs=-16.0),
    Output("french", target_lufs=-20.0, ceiling_dbtp=-2.0, profile="warm"),
    Output("natural", amount=0.0, lookahead=False),
)


def music(channels, seconds=2):
    rng, t = np.random.default_rng(5), np.arange(seconds * RATE_HZ) / RATE_HZ
    tone = 0.1 * np.sin(2 * np.pi * 55.0 * np.arange(1, channels + 1)[:, None] * t)
    sound = (tone + 0.05 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((channels, len(t)))).astype(np.float32)
    sound[:, :FADED] = 0.0
    return sound


def engine_of(config, channels=2, **more):
    engine = Engine(config, **more)
    engine.prepare(RATE_HZ, channels=channels)
    engine.settle()
    return engine


def alone(config, programme):
    """What an engine of its own makes of it: float32, shape (channels, n)."""
    engine, out = engine_of(config, len(programme)), programme.copy()
    for start in range(0, out.shape[1], BLOCK):
        out[:, start : start + BLOCK] = engine.process(np.ascontiguousarray(out[:, start : start + BLOCK]))
    return out


def through(wiring, engines, programme, places, width):
    """What the callbacks give out: frames of `width` channels."""
    wiring.fade(1.0)
    out = np.full((programme.shape[1], width), 9.0, np.float32)
    for start in range(0, programme.shape[1], BLOCK):
        frames = np.ascontiguousarray(programme[places, start : start + BLOCK].T)
        wiring.exchange(frames, out[start : start + BLOCK], False)
        for engine in engines:
            engine.analyst.follow()
    return out


def test_each_pair_is_a_stereo_engine_of_its_own_to_the_bit():
    programme, channels = music(6), 6
    configs = [Config().of(output) for output in OUTPUTS]
    engines = [engine_of(config, analysis="off") for config in configs]
    board, places = Board(others=2, channels=channels), np.arange(channels)[::-1]  # as the device has them
    others = [(engine.arrays, ()) for engine in engines[1:]]
    wiring = Wiring(engines[0].arrays, board, RATE_HZ, channels, 13, places, 2 * places, others, (12,), 1)
    out = through(wiring, engines, programme, places, 13)
    wanted = np.concatenate([alone(config, programme[2 * k : 2 * k + 2]) for k, config in enumerate(configs)])
    assert np.abs(wanted[:, FADED:]).max(axis=1).min() > 0.05
    assert np.array_equal(out[:, 2 * places].T[:, FADED:], wanted[:, FADED:])
    assert not out[:, 1:12:2].any()
    assert np.array_equal(board.whole(channels)[:, :, FADED : len(out)], [programme[:, FADED:], wanted[:, FADED:]])
    for number in range(3):  # who looks at an output finds its pair
        ring = board.rings[1 + number, :, FADED : len(out)]
        assert np.array_equal(ring, wanted[2 * number : 2 * number + 2, FADED:])
    assert np.array_equal(board.rings[0, :, : len(out)], programme[:2])
    assert np.array_equal(out[FADED:, 12], np.float32(0.5) * (wanted[2] + wanted[3])[FADED:])


def test_the_bypass_of_a_pair_changes_no_sample_of_another():
    programme, outs = music(4, 1), []
    for bypassed in (None, 0, 1):
        engines = [engine_of(Config().of(output), analysis="off") for output in OUTPUTS[:2]]
        if bypassed is not None:
            engines[bypassed].set(listen="bypass")
        board, places = Board(others=1, channels=4), np.arange(4)
        others = [(engines[1].arrays, ())]
        wiring = Wiring(engines[0].arrays, board, RATE_HZ, 4, 4, places, places, others)
        outs.append(through(wiring, engines, programme, places, 4))
    plain, first, second = outs
    assert np.array_equal(first[:, 2:], plain[:, 2:]) and np.array_equal(second[:, :2], plain[:, :2])
    assert not np.array_equal(first[:, :2], plain[:, :2]) and not np.array_equal(second[:, 2:], plain[:, 2:])


@pytest.mark.parametrize("channels", [4, 16])
def test_linked_pairs_are_an_engine_for_all_to_the_bit(channels):
    config = Config().with_overrides(**{"engine.pairs": "linked", "master.target_lufs": -16.0})
    programme, places = music(channels, 1), np.arange(channels)
    main = engine_of(config, channels, analysis="off")
    board = Board(channels=channels)
    wiring = Wiring(main.arrays, board, RATE_HZ, channels, channels, places, places, bed=main.bed)
    out = through(wiring, [main], programme, places, channels)
    wanted = alone(config, programme)
    assert np.abs(wanted[:, FADED:]).max(axis=1).min() > 0.01
    assert np.array_equal(out.T, wanted)
    assert np.array_equal(board.whole(channels)[1, :, : len(out)], wanted)
