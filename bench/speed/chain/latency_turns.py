"""What `bench latency` times, each as a turn: it masters a stretch of audio and tells the time of each block."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import host
from bench.speed.chain import drivers
from bench.speed.chain.chain import Ours
from rt_automix.engine import chain
from rt_automix.engine import layout as at

TURN_SAMPLES = 8192
SUGGESTION_SAMPLES = 2048
"""After so many a suggestion comes that moves every parameter."""

WARM_UP_S = 4.0
WARM_ROUNDS = 2
STAGE_BLOCK = at.TICK_SAMPLES
OFF_GRID_SAMPLES = 40
WHOLE, REFERENCE = "whole chain", "yardstick"
DIRECT, BYPASS, COMPARE, OFF_GRID = VARIANTS = (
    "direct mode",
    "listening to the input",
    "comparing at one loudness",
    "blocks off the engine's grid",
)

Audio = NDArray[np.float32]
Spent = NDArray[np.float64]
Turn = Callable[[Audio], Spent]
"""Masters a stretch of audio; nanoseconds of each block."""

Found = dict[Any, list[Spent]]
"""What each turn gave, round by round."""


def blocks_of(stretch: Audio, block_samples: int) -> Audio:
    """A stretch as blocks: float32, shape (count, 2, block_samples)."""
    count = stretch.shape[1] // block_samples
    blocks = stretch[:, : count * block_samples].reshape(2, count, block_samples)
    return np.ascontiguousarray(blocks.transpose(1, 0, 2))


def chain_at(
    audio: Audio,
    rate_hz: int,
    block_samples: int,
    lookahead: bool = True,
    listen: str = "master",
    off_grid_samples: int = 0,
) -> Turn:
    """The whole chain in blocks, each timed."""
    ours, clock = Ours(rate_hz, lookahead), np.zeros(2, np.int64)
    ours.engine.set(listen=listen)
    ours.warm_up(audio[:, : round(WARM_UP_S * rate_hz)])
    chain.process_block(np.zeros((2, off_grid_samples), np.float32), *ours.arrays)
    together, is_realtime = SUGGESTION_SAMPLES // block_samples, host.may_be_realtime()

    def turn(stretch: Audio) -> Spent:
        blocks = blocks_of(stretch, block_samples)
        spent_ns = np.zeros(len(blocks), np.int64)
        for first in range(0, len(blocks), together):
            ours.suggest()
            some = slice(first, first + together)
            with host.realtime(is_realtime):
                drivers.timed_chain(blocks[some], spent_ns[some], clock, *ours.arrays)
        return spent_ns.astype(np.float64)

    return turn


def _stage(audio: Audio, rate_hz: int, index: int) -> Turn:
    """One stage alone: the mean of its blocks."""
    ours = Ours(rate_hz)
    ours.warm_up(audio[:, : round(WARM_UP_S * rate_hz)])

    def turn(stretch: Audio) -> Spent:
        blocks = blocks_of(stretch, STAGE_BLOCK)
        ours.suggest()
        start = time.perf_counter_ns()
        drivers.one_stage(index, blocks, *ours.arrays)
        return np.array([(time.perf_counter_ns() - start) / len(blocks)])

    return turn


def _yardstick() -> Turn:
    """The reference filter: nanoseconds for STAGE_BLOCK samples."""
    state = np.zeros((2, drivers.REFERENCE_STAGES, 2))

    def turn(stretch: Audio) -> Spent:
        audio = stretch.copy()
        start = time.perf_counter_ns()
        drivers.reference(audio, state)
        return np.array([(time.perf_counter_ns() - start) * STAGE_BLOCK / audio.shape[1]])

    return turn


def turns_at(audio: Audio, rate_hz: int, blocks: list[int]) -> dict[Any, Turn]:
    """Everything that is timed at a rate, by name or block size."""
    return {
        **{size: chain_at(audio, rate_hz, size) for size in blocks},
        WHOLE: chain_at(audio, rate_hz, STAGE_BLOCK),
        DIRECT: chain_at(audio, rate_hz, STAGE_BLOCK, lookahead=False),
        BYPASS: chain_at(audio, rate_hz, STAGE_BLOCK, listen="bypass"),
        COMPARE: chain_at(audio, rate_hz, STAGE_BLOCK, listen="compare"),
        OFF_GRID: chain_at(audio, rate_hz, STAGE_BLOCK, off_grid_samples=OFF_GRID_SAMPLES),
        REFERENCE: _yardstick(),
        **{name: _stage(audio, rate_hz, index) for index, name in enumerate(drivers.STAGES)},
    }


def interleaved(turns: dict[Any, Turn], audio: Audio, seconds: float, seed: int) -> Found:
    """What is found in `seconds`."""
    order, names = np.random.default_rng(seed), list(turns)
    found: Found = {name: [] for name in names}
    end, rounds = np.inf, 0
    gc.collect()
    gc.disable()
    try:
        while rounds < WARM_ROUNDS + 2 or time.perf_counter() < end:
            if rounds == WARM_ROUNDS:  # everything is compiled
                end = time.perf_counter() + seconds
            start = rounds * TURN_SAMPLES % (audio.shape[1] - TURN_SAMPLES)
            stretch = audio[:, start : start + TURN_SAMPLES]
            for index in order.permutation(len(names)):
                spent_ns = turns[names[index]](stretch)
                if rounds >= WARM_ROUNDS:
                    found[names[index]].append(spent_ns)
            rounds += 1
    finally:
        gc.enable()
    return found
