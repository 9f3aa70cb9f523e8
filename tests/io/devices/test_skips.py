"""Blocks that nobody tells of, seen from counts that are read at any moment."""

from __future__ import annotations

import pytest

from rt_automix.io.devices.jack.skips import Skips


def looks(skips, first, blocks, block_samples=256, samples=0, skipped=0):
    """What is said while so many blocks are played, each looked at before its callback, within, and after."""
    said = 0
    for k in range(blocks):
        cycle = (first + samples + skipped + k * block_samples) % (1 << 32)
        played = samples + k * block_samples
        said += skips.look(cycle, played, block_samples) + skips.look(cycle, played + block_samples, block_samples)
        said += skips.look(cycle, played + block_samples, block_samples)
    return said


@pytest.mark.parametrize("first", [0, 1000, (1 << 32) - 5000])
def test_what_is_missing_is_said_once_and_nothing_else(first):
    skips = Skips()
    assert looks(skips, first, 40) == 0
    assert looks(skips, first, 40, samples=40 * 256, skipped=256) == 1
    assert looks(skips, first, 40, samples=80 * 256, skipped=13 * 256) == 1
    assert looks(skips, first, 40, samples=120 * 256, skipped=13 * 256) == 0


def test_blocks_of_another_length_and_another_clock_are_none():
    skips = Skips()
    assert looks(skips, 77, 20, 2048) == 0
    assert looks(skips, 77, 200, 32, samples=20 * 2048) == 0
    assert looks(skips, 77, 20, 2048, samples=20 * 2048 + 200 * 32) == 0
    assert looks(skips, 1 << 24, 40) == 0 and looks(skips, 3, 40) == 0
