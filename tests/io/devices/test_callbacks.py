"""The edge that the C callbacks run: where channels go, and what is counted."""

import numpy as np
import pytest

from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge import board, piece
from rt_automix.io.devices.edge.wiring import FADE_S, Wiring

RATE_HZ = 48_000


def wired(in_width=2, out_width=2, in_channels=(0, 1), out_channels=(0, 1)):
    """(engine at amount 0 without look-ahead delay to think of, its wiring)."""
    engine = Engine(analysis="off")
    engine.prepare(RATE_HZ)
    engine.set(amount=0.0)
    engine.settle()
    wiring = Wiring(engine.arrays, board.Board(), RATE_HZ, in_width, out_width, in_channels, out_channels)
    wiring.fade(1.0)
    return engine, wiring


def exchange(wiring, frames, out_width):
    """Frames through the edge in blocks of odd sizes."""
    out = np.full((len(frames), out_width), 9.0, np.float32)
    start = 0
    for size in (1, 7, 5000, 64, len(frames)):
        stop = min(start + size, len(frames))
        wiring.exchange(frames[start:stop], out[start:stop], False)
        start = stop
    return out


def noise(frames, width):
    return (0.1 * np.random.default_rng(1).standard_normal((frames, width))).astype(np.float32)


def test_channels_go_where_they_were_sent_and_the_others_are_silent():
    engine, wiring = wired(4, 6, (2, 3), (5, 1))
    frames = noise(20_000, 4)
    out = exchange(wiring, frames, 6)
    late, faded = engine.latency_samples, round(FADE_S * RATE_HZ) + 1
    assert np.allclose(out[faded:, 5], frames[faded - late : -late, 2], atol=1e-6)
    assert np.allclose(out[faded:, 1], frames[faded - late : -late, 3], atol=1e-6)
    assert not out[:, [0, 2, 3, 4]].any()


def test_mono_in_goes_to_both_sides_and_mono_out_is_their_mean():
    engine, wiring = wired(1, 1, (0,), (0,))
    frames = noise(20_000, 1)
    out = exchange(wiring, frames, 1)
    late, faded = engine.latency_samples, round(FADE_S * RATE_HZ) + 1
    assert np.allclose(out[faded:, 0], frames[faded - late : -late, 0], atol=1e-6)


def test_the_sound_comes_and_goes_along_a_smooth_curve():
    _, wiring = wired()
    ones = np.full((12_000, 2), 0.5, np.float32)
    out = exchange(wiring, ones, 2)[:, 0]
    assert out[0] < 1e-3 and out[-1] == pytest.approx(0.5, abs=1e-6)
    assert np.abs(np.diff(out[200:])).max() < 1.6 * 0.5 / (FADE_S * RATE_HZ)
    wiring.fade(0.0)
    gone = exchange(wiring, ones, 2)[:, 0]
    assert wiring.is_silent and not gone[round(FADE_S * RATE_HZ) + 1 :].any()


def test_the_board_counts_and_keeps_the_takes():
    _, wiring = wired()
    frames = noise(30_000, 2)
    out = exchange(wiring, frames, 2)
    stats = wiring.stats
    assert stats[board.CALLBACKS] == 5 and stats[board.SAMPLES] == stats[board.WRITTEN] == 30_000
    assert stats[board.HISTOGRAM :].sum() == 5
    takes = wiring._board.takes.reshape(2, 2, board.TAKE_SAMPLES)
    assert np.array_equal(takes[0, :, :30_000].T, frames)
    assert np.array_equal(takes[1, :, :30_000].T, out)
    board.clear(stats)
    assert stats[board.WRITTEN] == 30_000 and stats.sum() == 30_000


def test_the_take_rings_go_round():
    _, wiring = wired()
    wiring.stats[board.WRITTEN] = board.TAKE_SAMPLES - 100
    frames = noise(5_300, 2)
    exchange(wiring, frames, 2)
    left = wiring._board.takes[: board.TAKE_SAMPLES]
    assert np.array_equal(left[-100:], frames[:100, 0]) and np.array_equal(left[:5_200], frames[100:, 0])


def test_timing_reads_the_histogram():
    stats = np.zeros(board.STATS_SIZE, np.int64)
    stats[board.CALLBACKS], stats[board.BLOCK_SAMPLES] = 100, 64
    stats[board.HISTOGRAM + 8] = 99  # 4.0 to 4.8 us
    stats[board.HISTOGRAM + 40] = 1  # about a millisecond
    read = board.timing(stats, RATE_HZ)
    assert read.median_us == pytest.approx(2 ** (9 / 4)) and read.p99_us == read.median_us
    assert read.share == pytest.approx(read.median_us / (64e6 / RATE_HZ))


def test_a_late_callback_is_counted():
    _, wiring = wired()
    wiring._fade[piece.PERIOD_NS] = 1e-3  # as if samples came every picosecond
    exchange(wiring, noise(100, 2), 2)
    assert wiring.stats[board.LATE] > 0
