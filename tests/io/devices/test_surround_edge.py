"""A surround programme at the edge: what a callback makes of it is what an engine of its own makes."""

import numpy as np
import pytest

from rt_automix import surround
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.board import Board
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.outputs import Output

RATE_HZ, FADED = 48_000, 4800
MAIN, STEREO = Output("main", target_lufs=-16.0), Output("stream", target_lufs=-20.0, ceiling_dbtp=-2.0)


def engine_of(output, channels, **more):
    engine = Engine(Config().of(output), **more)
    engine.prepare(RATE_HZ, channels=channels)
    engine.settle()
    return engine


def alone(output, programme):
    """What an engine of its own makes of it: float32, shape (channels, n)."""
    engine, out = engine_of(output, len(programme)), programme.copy()
    for start in range(0, out.shape[1], 64):
        out[:, start : start + 64] = engine.process(np.ascontiguousarray(out[:, start : start + 64]))
    return out


@pytest.mark.parametrize("channels", [5, 6, 8])
def test_every_channel_and_a_stereo_output_beside_them_are_to_the_bit(channels):
    rng, t = np.random.default_rng(5), np.arange(2 * RATE_HZ) / RATE_HZ
    tone = 0.1 * np.sin(2 * np.pi * 55.0 * np.arange(1, channels + 1)[:, None] * t)
    programme = (tone + 0.05 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((channels, len(t)))).astype(np.float32)
    programme[:, :FADED] = 0.0
    main = engine_of(MAIN, channels, analysis="off")
    other = engine_of(STEREO, 2, leader=main)
    board, width = Board(others=1, channels=channels), 2 * channels + 2
    places = np.arange(channels)[::-1]  # the device has them in another order
    wiring = Wiring(
        main.arrays,
        board,
        RATE_HZ,
        channels,
        width,
        places,
        2 * places + 1,
        [(other.arrays, (2, 4))],
        (0,),
        0,
        main.bed,
    )
    wiring.fade(1.0)
    out = np.full((len(t), width), 9.0, np.float32)
    for start in range(0, len(t), 64):
        frames = np.ascontiguousarray(programme[places, start : start + 64].T)
        wiring.exchange(frames, out[start : start + 64], False)
        main.analyst.follow()
    wanted = alone(MAIN, programme)
    assert np.abs(wanted[:, FADED:]).max() > 0.1
    assert np.array_equal(out[:, 2 * places + 1].T, wanted)
    shares = np.array(surround.layout_of(channels).folded, np.float32)[list(surround.layout_of(channels).rows)]
    folded = np.zeros((2, len(t)), np.float32)
    for share, samples in zip(shares, programme, strict=True):
        folded += share[:, None] * samples
    assert np.allclose(out[:, [2, 4]].T, alone(STEREO, folded), atol=1e-4)
    assert np.array_equal(board.whole(channels)[:, :, : len(t)], [programme, wanted])
    assert np.allclose(board.rings[0, :, : len(t)], folded, atol=1e-6)
    heard = (shares[:, :, None] * wanted[:, None]).sum(axis=0).mean(axis=0)
    assert np.allclose(out[:, 0], heard, atol=1e-6)
    assert not out[:, 6].any()


def test_the_sound_comes_alike_in_every_channel():
    engine = engine_of(MAIN, 6, analysis="off")
    engine.set(amount=0.0)
    engine.settle()
    wiring = Wiring(engine.arrays, Board(channels=6), RATE_HZ, 6, 6, range(6), range(6), bed=engine.bed)
    wiring.fade(1.0)
    out = np.empty((FADED, 6), np.float32)
    for start in range(0, FADED, 64):
        wiring.exchange(np.full((64, 6), 0.1, np.float32), out[start : start + 64], False)
    assert np.ptp(out[:, 0]) > 0.09 and np.allclose(out, out[:, :1], atol=1e-7)
