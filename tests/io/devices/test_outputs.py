"""Several outputs of one input: each is what an engine of its own makes, whatever the others do."""

import numpy as np
import pytest

from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.board import Board
from rt_automix.io.devices.edge.wiring import TURN_S, Wiring
from rt_automix.outputs import Output

RATE_HZ, BLOCK, FADED = 48_000, 64, 4800
OUTPUTS = (
    Output("room", target_lufs=-12.0),
    Output("stream", target_lufs=-18.0, ceiling_dbtp=-2.0, profile="warm", amount=0.8),
    Output("booth", target_lufs=-20.0, lookahead=False, boldness=0.1, fine_tone=0.3),
    Output("tape", profile="bright", style_strength=1.0, ceiling_dbtp=-6.0, ride=False),
)
ALIKE = (
    Output("room", profile="warm"),
    Output("talk", profile="speech", ceiling_dbtp=-3.0),
    Output("hall", profile="warm", target_lufs=-20.0),
    Output("talk-too", profile="speech", target_lufs=-18.0),
)
"""Two and two that are decided alike but for the loudness, each pair as bold as the other: what they find is shared."""


@pytest.fixture(scope="module")
def music():
    """Noise with a beat over a bass, frames of two channels, silent until the sound has come."""
    rng, t = np.random.default_rng(5), np.arange(4 * RATE_HZ) / RATE_HZ
    sound = 0.2 * np.sin(2 * np.pi * 55.0 * t) + 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((2, len(t)))
    sound[:, :FADED] = 0.0
    return np.ascontiguousarray(sound.T, np.float32)


def engine_of(output, **more):
    engine = Engine(Config().of(output), **more)
    engine.prepare(RATE_HZ)
    engine.settle()
    return engine


def alone(output, frames, bypassed_at=None):
    """What an engine of its own makes of the same: frames."""
    engine, out = engine_of(output), frames.copy()
    for start in range(0, len(frames), BLOCK):
        if start == bypassed_at:
            engine.set(listen="bypass")
        out[start : start + BLOCK] = engine.process(np.ascontiguousarray(frames[start : start + BLOCK].T)).T
    return out


def together(
    frames, bypass=(), bypassed_at=None, channels=((2, 3), (4, 5), (7, 6)), phones=None, heard=(), outputs=OUTPUTS
):
    """(frames of eight channels, all take rings), one callback for all, one listening.

    `phones` are their channels; `heard` says which output is heard from which sample on.
    """
    main = engine_of(outputs[0], analysis="off")
    others = [engine_of(output, leader=main) for output in outputs[1:]]
    board = Board(others=len(others))
    wired = [(engine.arrays, own) for engine, own in zip(others, channels, strict=True)]
    wiring = Wiring(main.arrays, board, RATE_HZ, 2, 8, (0, 1), (0, 1), wired, phones)
    wiring.fade(1.0)
    out = np.full((len(frames), 8), 9.0, np.float32)
    for start in range(0, len(frames), BLOCK):
        if start == bypassed_at:
            for number in bypass:
                (main, *others)[number].set(listen="bypass")
        for number in (number for since, number in heard if since == start):
            wiring.hear(number)
        stop = start + BLOCK
        wiring.exchange(frames[start:stop], out[start:stop], False)
        main.analyst.follow()
    return out, board.rings[:, :, : len(frames)]


@pytest.mark.parametrize("outputs", [OUTPUTS, ALIKE], ids=["unlike", "alike"])
def test_each_output_is_an_engine_of_its_own_to_the_bit(music, outputs):
    out, rings = together(music, outputs=outputs)
    for number, (output, places) in enumerate(zip(outputs, ((0, 1), (2, 3), (4, 5), (7, 6)), strict=True)):
        wanted = alone(output, music)
        assert np.array_equal(out[FADED:, places], wanted[FADED:]), output.name
        assert np.array_equal(rings[1 + number].T, out[:, places])
        others = [alone_of for alone_of in range(8) if alone_of not in places]
        assert not any(np.array_equal(out[RATE_HZ:, places[0]], out[RATE_HZ:, other]) for other in others)
    assert np.array_equal(rings[0].T, music)


def test_the_bypass_of_one_changes_no_sample_of_another(music):
    """Nor does that of the main one, which listens for all."""
    short, at = music[: 2 * RATE_HZ], RATE_HZ
    plain, _ = together(short)
    for number, mine in ((0, [0, 1]), (1, [2, 3])):
        out, _ = together(short, bypass=[number], bypassed_at=at)
        changed = [channel for channel in range(8) if not np.array_equal(out[:, channel], plain[:, channel])]
        assert changed == mine
        assert np.array_equal(out[:at], plain[:at])
    assert np.array_equal(out[FADED:, 2:4], alone(OUTPUTS[1], short, bypassed_at=at)[FADED:])


def test_an_output_that_goes_nowhere_is_heard_nowhere_and_kept(music):
    short = music[:RATE_HZ]
    out, rings = together(short, channels=((), (4,), ()))
    assert not out[:, [2, 3, 5, 6, 7]].any()
    assert rings[2].any() and rings[4].any()
    assert np.array_equal(out[:, 4], np.float32(0.5) * (rings[3][0] + rings[3][1]))


def test_the_sound_comes_and_goes_for_all_at_once(music):
    """Two of the same settings are the same to the bit, while they come and while they go."""
    main = engine_of(Output("one"), analysis="off")
    other = engine_of(Output("two"), leader=main)
    board = Board(others=1)
    wiring = Wiring(main.arrays, board, RATE_HZ, others=[(other.arrays, ())])
    sound, out = music[RATE_HZ : RATE_HZ + 4 * FADED], np.zeros((FADED, 2), np.float32)
    for number, goal in enumerate((0.0, 1.0, 1.0, 0.0)):
        wiring.fade(goal)
        for start in range(0, FADED, BLOCK):
            stop = start + BLOCK
            wiring.exchange(sound[number * FADED :][start:stop], out[start:stop], False)
    assert board.rings[1].any() and np.array_equal(board.rings[1], board.rings[2])


TURN = round(TURN_S * RATE_HZ)


def test_the_phones_hear_the_output_that_is_chosen_to_the_bit_and_change_no_other(music):
    short = music[: 2 * RATE_HZ]
    ways = ((2, 3), (), (4, 5))
    plain, _ = together(short, channels=ways)
    turns = [(0, 0), (9600, 1), (19_200, 2), (28_800, 3), (28_800 + BLOCK, 0)]
    out, rings = together(short, channels=ways, phones=(6, 7), heard=turns)
    assert np.array_equal(out[:, :6], plain[:, :6])
    # Who is wanted within a turn comes after it, from the next block on.
    last = 28_800 + TURN
    parts = [(0, 9600, 0), (9600 + TURN, 19_200, 1), (19_200 + TURN, 28_800, 2), (last + TURN + BLOCK, len(short), 0)]
    for start, stop, number in parts:
        assert np.array_equal(out[start:stop, 6:], rings[1 + number, :, start:stop].T), number
    moved = np.abs(np.diff(out[FADED:, 6])).max()
    assert moved < 1.1 * max(np.abs(np.diff(rings[1 + number, 0, FADED:])).max() for number in range(4))
    # All that was turned to was there in between, and the way was a way: no part of it is one of the two alone.
    for start, before, after in ((9600, 0, 1), (19_200, 1, 2), (28_800, 2, 3)):
        middle = slice(start + TURN // 2 - 100, start + TURN // 2 + 100)
        one, two = rings[1 + before, 0, middle], rings[1 + after, 0, middle]
        share = (out[middle, 6] - one) @ (two - one) / ((two - one) @ (two - one))
        assert 0.4 < share < 0.6


def test_phones_in_one_ear_hear_the_mean_and_without_channels_nothing(music):
    short = music[: RATE_HZ // 2]
    out, rings = together(short, phones=(0,), channels=((), (), ()), heard=[(0, 2)])
    assert np.array_equal(out[TURN:, 0], np.float32(0.5) * (rings[3][0] + rings[3][1])[TURN:])
    out, _ = together(short, phones=(), channels=((), (), ()), heard=[(0, 2)])
    assert not out[:, 2:].any()
