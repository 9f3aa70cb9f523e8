"""The recorder killed: what is in the file."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from feeds import Feed, child
from takes import RATE_HZ, position, read, signal
from waiting import PATIENCE_S

pytestmark = pytest.mark.alone


def test_a_killed_writer_leaves_everything_but_the_last_second(tmp_path):
    """Ten writers beside one ring that fills as fast as music, each killed at a moment of its own."""
    feed = Feed(tmp_path, 1 << 18)
    paths = [tmp_path / f"take{number}{'.wav' if number % 2 else '.flac'}" for number in range(10)]
    processes = [child(tmp_path, path) for path in paths]
    try:
        for process in processes:
            assert process.stdout.readline() == "started\n"
        chance = random.Random(5)
        kill_at = sorted((chance.uniform(1.2, 4.0), number) for number in range(10))
        fed: dict[int, int] = {}
        begin = time.monotonic()
        for at_s, number in kill_at:
            while (now_s := time.monotonic() - begin) < at_s:
                feed.put(int(now_s * RATE_HZ) - feed.written)
                time.sleep(0.005)
            processes[number].kill()
            processes[number].wait(PATIENCE_S)
            fed[number] = feed.written
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=PATIENCE_S)
    for number, path in enumerate(paths):
        found = read(path)
        start = position(found[0, 0])
        assert start == 0 and fed[number] - found.shape[1] < RATE_HZ
        assert np.array_equal(found, signal(0, found.shape[1]))
