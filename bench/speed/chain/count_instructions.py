"""Whose instructions are counted: a block through the chain, and the kernels of a suggestion, after some music."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from bench.common import material
from bench.speed.chain import chain as chain_bench
from bench.speed.chain import drivers, instructions
from rt_automix.analysis.aim import profile
from rt_automix.analysis.deciding import deciding
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.analysis.hearing import hearing
from rt_automix.config import Config
from rt_automix.engine.engine import Engine

INSTRUCTIONS, CALLS = PREFIXES = "instructions", "calls of C's library"
BLOCKS, BLOCK = 15, 64
"""From one suggestion of `bench chain` to the next."""
HEARD_S = 20
WARM_TURNS = 12

Counts = dict[str, float]


def _refuse(words: str) -> None:
    raise RuntimeError(f"{words} Nothing is counted then.")


_SUGGESTION: tuple[tuple[Any, str, str, bool], ...] = (
    (hearing, "hear_hop", "to hear a hop", False),
    (deciding, "match", "to correct", False),
    (deciding, "ask", "what a network is asked", True),
    (deciding, "conclude", "to decide with its answer", True),
)
"""Kernels that are called from Python while the engine listens, and whether it has to be to a reference."""


def _counts(what: str, work: instructions.Work, times: int = 1) -> Counts:
    return {f"{INSTRUCTIONS} {what}": round(work.instructions / times), f"{CALLS} {what}": round(work.calls / times, 1)}


def of_a_block() -> Counts:
    """Of 64 stereo samples through the whole chain, as a native callback would play them."""
    audio = material.loud_song(chain_bench.SAMPLE_RATE_HZ)
    part = audio[:, : BLOCKS * BLOCK].reshape(2, BLOCKS, BLOCK)
    blocks = np.ascontiguousarray(part.transpose(1, 0, 2))
    found: Counts = {}
    for what, is_moving, has_fine in (
        ("still", False, False),
        ("five bands moving", True, False),
        ("31 fine bands moving, too", True, True),
    ):
        ours = chain_bench.Ours()
        ours.warm_up(audio)
        if is_moving:
            ours.suggest(finely=has_fine)
        work = instructions.count(drivers.whole_chain, blocks, *ours.arrays)
        found |= _counts(f"of a block of {BLOCK}, {what}", work, BLOCKS)
    return found


def _last_call(owner: Any, name: str, play: Callable[[], None]) -> tuple[Any, Any]:
    """A kernel, and copies of what it was given when it was last called while something plays."""
    kernel, given = getattr(owner, name), []

    def noted(*arguments: Any) -> Any:
        given[:] = [np.copy(value) if isinstance(value, np.ndarray) else value for value in arguments]
        return kernel(*arguments)

    with mock.patch.object(owner, name, noted):
        play()
    return kernel, given


def of_a_suggestion() -> Counts:
    """Of its kernels, as they are called after some music: to hear a hop, and to decide."""
    rate_hz = chain_bench.SAMPLE_RATE_HZ
    audio = material.loud_song(rate_hz)[:, : HEARD_S * rate_hz]
    suggester = choose(Config().master.suggester, _refuse)

    reference = profile.measure([audio[:, ::-1].copy()], rate_hz, 2, "reference")

    def play(has_reference: bool) -> None:
        style = reference if has_reference else None
        engine = Engine(suggester=suggester, style=style, analysis="inline")
        engine.prepare(rate_hz, audio.shape[1])
        engine.process(audio.copy())

    found: Counts = {}
    for owner, name, what, has_reference in _SUGGESTION:
        kernel, given = _last_call(owner, name, partial(play, has_reference))
        if given:
            found |= _counts(f"of a suggestion: {what}", instructions.count(kernel, *given))
    return found


def of_outputs() -> Counts:
    """Of a device's callback of 64 frames with one output, and of each further one of four."""
    from bench.speed.chain.outputs import Outputs, turn_of

    audio, counts = material.loud_song(chain_bench.SAMPLE_RATE_HZ), {}
    for count in (1, 4):
        session = Outputs(count)
        for number in range(WARM_TURNS):
            session.turn(turn_of(audio, number))
        counts[count] = session.counted(turn_of(audio, WARM_TURNS)[:BLOCKS])
    further = round((counts[4] - counts[1]) / 3)
    what = f"{INSTRUCTIONS} of a callback of {BLOCK}"
    return {f"{what}, one output": round(counts[1]), f"{what}, each further output": further}


def compiled_with() -> dict[str, str]:
    """What instructions depend on beside the code."""
    names = "numba", "llvmlite"
    return {name: importlib.metadata.version(name) for name in names} | {"level": instructions.LEVEL.name}
