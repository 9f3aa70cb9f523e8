"""What a block costs: the whole compiled chain beside pedalboard's, interleaved in one run.

The systems take turns of about two milliseconds on the same audio, in a new order each round. A
ratio is taken within each round, so that what disturbs the machine disturbs both sides; medians and
quartiles are over the rounds. Publishing a suggestion happens on another thread in real life and is
not counted; but it is Python's work and empties caches, so it happens as often before blocks of systems
that take none, where an engine that nobody plays gets it.

Both are measured in two ways, each against the same of the other:

- Called from Python for every block, each by its quickest call, the clock around it. pedalboard copies
  the block in and out, takes its locks and designs its filters anew in each call: that is what it costs
  to let its parameters move from block to block.
- In a loop of compiled code, without an interpreter: what the audio thread pays here, and in
  pedalboard's own loop over a long piece in blocks of this size, which lets its parameters stand still
  and runs one plug-in over the whole piece after another.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from rich.table import Table

from bench.common import material, peers, report
from bench.speed.chain import chain_picture, drivers
from rt_automix import params
from rt_automix.config import Config
from rt_automix.dsp.jit import bound
from rt_automix.dsp.tone import fine
from rt_automix.engine import chain
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine

SAMPLE_RATE_HZ = 48_000
TURN_SAMPLES = 16_384
SUGGESTION_SAMPLES = 960
TARGET_LUFS = -7.0
STILL = params.from_dict(
    {
        "input_gain_db": 2.0,
        "low_shelf_db": 2.0,
        "low_mid_db": -3.0,
        "mid_db": 1.0,
        "presence_db": 2.0,
        "air_db": 3.0,
        "compression": 0.4,
        "stereo_width": 1.2,
        "limiter_drive_db": 6.0,
    }
)

PEER_FULL, PEER_PART = "pedalboard, whole chain", "pedalboard, gain + EQ + compressor"
PEER_NATIVE = "pedalboard, whole chain, its own loop"
OURS_STILL, OURS_MOVING = "ours, whole chain, still", "ours, whole chain, moving"
OURS_PART, OURS_NATIVE = "ours, gain + EQ + compressor", "ours, moving, from compiled code"
OURS_FINE, OURS_FINE_NATIVE = "ours, moving with 31 fine bands", "ours, moving with 31, from compiled code"
OURS_STILL_NATIVE = "ours, still, from compiled code"
NATIVE = (PEER_NATIVE, OURS_STILL_NATIVE, OURS_NATIVE, OURS_FINE_NATIVE)
"""Timed as a whole: single blocks of them are not known."""
SYSTEMS = (PEER_FULL, PEER_PART, OURS_STILL, OURS_MOVING, OURS_FINE, OURS_PART, *NATIVE)
FINE_SD_DB = 3.0

GOALS: tuple[tuple[str, str, float | None], ...] = (
    (OURS_STILL, PEER_FULL, None),
    (OURS_MOVING, PEER_FULL, 0.20),
    (OURS_FINE, PEER_FULL, 0.30),
    (OURS_STILL_NATIVE, PEER_NATIVE, None),
    (OURS_NATIVE, PEER_NATIVE, None),
    (OURS_FINE_NATIVE, PEER_NATIVE, None),
    (OURS_PART, PEER_FULL, 0.20),
    (OURS_PART, PEER_PART, None),
)
"""Which ratios are reported, and what they should be."""

Times = NDArray[np.float64]


class Ours:
    """An engine without analysis, and its arrays as the compiled chain takes them."""

    def __init__(self, sample_rate_hz: int = SAMPLE_RATE_HZ, lookahead: bool = True) -> None:
        settings: dict[str, Any] = {"limiter.lookahead": lookahead}
        self.engine = Engine(Config().with_overrides(**settings), analysis="off")
        self.engine.prepare(sample_rate_hz, TURN_SAMPLES)
        self.engine.set(target_lufs=TARGET_LUFS)
        self.engine.hold(STILL)
        self.arrays = self.engine.arrays
        self.master = chain.lent(self.arrays)
        self._rng = np.random.default_rng(1)

    def warm_up(self, audio: NDArray[np.float32]) -> None:
        """Hear the audio once, so that rider, compressor and limiter are at work; whole ticks, as blocks are."""
        whole = audio.shape[1] // at.TICK_SAMPLES * at.TICK_SAMPLES
        chain.process_block(np.ascontiguousarray(audio[:, :whole]), *self.arrays)

    def suggest(self, finely: bool = False) -> None:
        """Publish a suggestion that moves every parameter, and, if wanted, every fine band."""
        fine_gains_db = self._rng.normal(0.0, FINE_SD_DB, fine.BAND_COUNT) if finely else None
        self.engine.hold(self._rng.uniform(params.LOW, params.HIGH), fine_gains_db)


@dataclass(frozen=True)
class System:
    """One side of a comparison: `turn` masters the blocks in place and returns seconds per call."""

    name: str
    turn: Callable[[NDArray[np.float32]], Times]


def _per_call(process: Callable[[Any], Any], suggest: Callable[[], None], every: int) -> Callable[..., Times]:
    """Turns of single calls, timed one by one; between them something is suggested, once in `every`."""
    clock = time.perf_counter_ns

    def turn(blocks: NDArray[np.float32]) -> Times:
        times = np.empty(len(blocks))
        for k, block in enumerate(list(blocks)):
            if k % every == 0:
                suggest()
            start = clock()
            process(block)
            times[k] = clock() - start
        return times * 1e-9

    return turn


def _systems(block_samples: int, audio: NDArray[np.float32]) -> list[System]:
    ours = {name: Ours() for name in SYSTEMS if name.startswith("ours")}
    for engine in ours.values():
        engine.warm_up(audio)
    peer_full, peer_part = peers.pedalboard_chain(with_limiter=True), peers.pedalboard_chain(with_limiter=False)
    peer_loop = peers.pedalboard_chain(with_limiter=True)
    every = max(1, SUGGESTION_SAMPLES // block_samples)

    unplayed = Ours()

    def called(process: Callable[[Any], Any], suggest: Callable[[], None] = unplayed.suggest) -> Callable[..., Times]:
        return _per_call(process, suggest, every)

    def native(name: str, suggest: Callable[[], None] | None = None) -> Callable[..., Times]:
        def turn(blocks: NDArray[np.float32]) -> Times:
            engine, times = ours[name], []
            for first in range(0, len(blocks), every):
                if suggest is not None:
                    suggest()
                some = blocks[first : first + every]
                start = time.perf_counter()
                drivers.whole_chain(some, *engine.arrays)
                times.append((time.perf_counter() - start) / len(some))
            return np.array(times)

        return turn

    def peer_native(blocks: NDArray[np.float32]) -> Times:
        piece = np.ascontiguousarray(blocks.transpose(1, 0, 2).reshape(2, -1))
        start = time.perf_counter()
        peer_loop.process(piece, SAMPLE_RATE_HZ, buffer_size=block_samples, reset=False)
        return np.array([(time.perf_counter() - start) / len(blocks)])

    part = bound(drivers.gain_eq_compressor, *ours[OURS_PART].arrays[:2])
    turns = {
        PEER_FULL: called(lambda block: peer_full.process(block, SAMPLE_RATE_HZ, reset=False)),
        PEER_PART: called(lambda block: peer_part.process(block, SAMPLE_RATE_HZ, reset=False)),
        OURS_STILL: called(ours[OURS_STILL].master),
        OURS_MOVING: called(ours[OURS_MOVING].master, ours[OURS_MOVING].suggest),
        OURS_FINE: called(ours[OURS_FINE].master, lambda: ours[OURS_FINE].suggest(finely=True)),
        OURS_PART: called(part),
        PEER_NATIVE: peer_native,
        OURS_STILL_NATIVE: native(OURS_STILL_NATIVE),
        OURS_NATIVE: native(OURS_NATIVE, ours[OURS_NATIVE].suggest),
        OURS_FINE_NATIVE: native(OURS_FINE_NATIVE, lambda: ours[OURS_FINE_NATIVE].suggest(finely=True)),
    }
    return [System(name, turns[name]) for name in SYSTEMS]


def _cut(audio: NDArray[np.float32], turn_number: int, block_samples: int) -> NDArray[np.float32]:
    """The turn's stretch of the audio, looped, as blocks: float32, shape (count, 2, block_samples)."""
    count = max(1, TURN_SAMPLES // block_samples)
    start = turn_number * TURN_SAMPLES % (audio.shape[1] - TURN_SAMPLES)
    stretch = audio[:, start : start + count * block_samples]
    return np.ascontiguousarray(stretch.reshape(2, count, block_samples).transpose(1, 0, 2))


def interleaved(
    systems: Sequence[System], audio: NDArray[np.float32], block_samples: int, seconds: float, warm_rounds: int = 3
) -> dict[str, list[Times]]:
    """Times per call of each system's turns, one entry per round, for `seconds` of measuring."""
    order = np.random.default_rng(0)
    times: dict[str, list[Times]] = {system.name: [] for system in systems}
    end, rounds = time.perf_counter() + seconds, 0
    gc.collect()
    gc.disable()
    try:
        while rounds < warm_rounds + 2 or time.perf_counter() < end:
            blocks = _cut(audio, rounds, block_samples)
            for index in order.permutation(len(systems)):
                spent = systems[index].turn(blocks.copy())
                if rounds >= warm_rounds:
                    times[systems[index].name].append(spent)
            rounds += 1
    finally:
        gc.enable()
    return times


def measure_block(audio: NDArray[np.float32], block_samples: int, seconds: float) -> dict[str, Any]:
    """All systems at one block size: times, ratios, share of the deadline."""
    times = interleaved(_systems(block_samples, audio), audio, block_samples, seconds)
    means = {name: np.array([turn.mean() for turn in turns]) for name, turns in times.items()}
    deadline_s = block_samples / SAMPLE_RATE_HZ
    percentiles = {
        name: dict(zip(("p50", "p99", "p99.9", "max"), _tail(turns), strict=True))
        for name, turns in times.items()
        if name not in NATIVE
    }
    return {
        "block_samples": block_samples,
        "rounds": len(means[PEER_FULL]),
        "us_per_block": {name: report.quartiles(1e6 * values) for name, values in means.items()},
        "us_single_blocks": {name: {k: 1e6 * v for k, v in tail.items()} for name, tail in percentiles.items()},
        "share_of_deadline": {name: {k: v / deadline_s for k, v in tail.items()} for name, tail in percentiles.items()},
        "ratios": [
            {"system": ours, "against": peer, "goal": goal, **report.quartiles(means[ours] / means[peer])}
            for ours, peer, goal in GOALS
        ],
    }


def _tail(turns: list[Times]) -> list[float]:
    every = np.concatenate(turns)
    return [*(float(value) for value in np.percentile(every, (50, 99, 99.9))), float(every.max())]


def measure_stages(audio: NDArray[np.float32], seconds: float) -> dict[str, dict[str, float]]:
    """Nanoseconds per 64 stereo samples of each stage in a compiled loop, all parameters and fine bands moving."""
    ours = Ours()
    ours.warm_up(audio)

    def stage(index: int) -> Callable[[NDArray[np.float32]], Times]:
        def turn(blocks: NDArray[np.float32]) -> Times:
            ours.suggest(finely=True)
            start = time.perf_counter()
            drivers.one_stage(index, blocks, *ours.arrays)
            return np.array([(time.perf_counter() - start) / len(blocks)])

        return turn

    def whole(blocks: NDArray[np.float32]) -> Times:
        ours.suggest(finely=True)
        start = time.perf_counter()
        drivers.whole_chain(blocks, *ours.arrays)
        return np.array([(time.perf_counter() - start) / len(blocks)])

    stages = (*drivers.STAGES, drivers.FINE_STAGE)
    systems = [System(name, stage(index)) for index, name in enumerate(stages)]
    times = interleaved([*systems, System("whole chain", whole)], 2.0 * audio, at.TICK_SAMPLES, seconds)
    found = {name: report.quartiles(1e9 * np.concatenate(turns)) for name, turns in times.items()}
    rest = found["whole chain"]["median"] - sum(found[name]["median"] for name in stages)
    return {**found, "everything else": {"median": rest}}


def run(blocks: list[int], seconds: float, out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    core = report.pin_to_one_core()
    audio = material.loud_song(SAMPLE_RATE_HZ)
    with Progress(console=report.console, transient=True) as progress:
        task = progress.add_task("measuring", total=len(blocks) + 1)
        by_block = []
        for block_samples in blocks:
            by_block.append(measure_block(audio, block_samples, seconds))
            progress.advance(task)
        stages = measure_stages(audio, seconds)
        progress.advance(task)
    results = {"blocks": by_block, "stages_ns_per_64_samples": stages}
    settings = {
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "seconds_per_block_size": seconds,
        "core": core,
        "turn_samples": TURN_SAMPLES,
        "suggestion_every_samples": SUGGESTION_SAMPLES,
        "publishing_counted": False,
        "garbage_collection": "off while measuring",
    }
    _print(results)
    report.save("chain", out, settings, results, chain_picture.draw(results))


def _print(results: dict[str, Any]) -> None:
    table = Table(title="Ratio of the time per block: median over rounds (quartiles)", title_justify="left")
    table.add_column("ours / theirs")
    for entry in results["blocks"]:
        table.add_column(f"{entry['block_samples']} samples", justify="right")
    table.add_column("goal", justify="right")
    for row, (ours, peer, goal) in enumerate(GOALS):
        cells = [entry["ratios"][row] for entry in results["blocks"]]
        texts = [f"{cell['median']:.3f} ({cell['q1']:.3f}-{cell['q3']:.3f})" for cell in cells]
        table.add_row(f"{ours} / {peer}", *texts, "" if goal is None else f"{goal:.2f}")
    report.console.print(table)

    table = Table(title="Microseconds per block; of single calls p50 / p99 / p99.9 / max", title_justify="left")
    table.add_column("system")
    for entry in results["blocks"]:
        table.add_column(f"{entry['block_samples']} samples", justify="right")
    for name in SYSTEMS:
        cells = []
        for entry in results["blocks"]:
            tail = entry["us_single_blocks"].get(name)
            rest = "" if tail is None else " | " + " / ".join(f"{tail[k]:.1f}" for k in tail)
            cells.append(f"{entry['us_per_block'][name]['median']:.2f}{rest}")
        table.add_row(name, *cells)
    shares = [entry["share_of_deadline"][OURS_MOVING] for entry in results["blocks"]]
    table.add_row(
        "ours, moving: share of the deadline",
        *(" / ".join(f"{100 * share[k]:.2f} %" for k in share) for share in shares),
    )
    report.console.print(table)

    stages = results["stages_ns_per_64_samples"]
    table = Table("stage (compiled loop, moving)", "ns per 64 samples", "share", title_justify="left")
    for name, values in sorted(stages.items(), key=lambda item: -item[1]["median"]):
        table.add_row(name, f"{values['median']:.0f}", f"{values['median'] / stages['whole chain']['median']:.0%}")
    report.console.print(table)
