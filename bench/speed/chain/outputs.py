"""What an output costs beside the first: in the callback, and in the worker that listens once and decides for each.

Sessions of one and of more outputs, all with settings of their own, take turns on the same audio in a new order each
round: TURN_S through the callback as a device would call it, then whatever the analysis has to do. The callback's time
is what it says itself, the worker's the processor time of its thread. Ratios are taken within each round.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from bench.common import material, report
from bench.speed.chain import drivers, instructions
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.board import Board
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.outputs import Output

RATE_HZ, BLOCK = 48_000, 64
COUNTS = (1, 2, 4, 16)
TURN_CALLBACKS = 288
"""Up to one suggestion: 0.384 s."""
WARM_UP_S = 24.0
FIRST, CALLBACK, WORKER, TOGETHER = "first", "callback", "worker", "together"
GOAL, GOAL_WORKER, GOAL_SHARE = 0.6, 1.5, 0.05
_KINDS: tuple[dict[str, Any], ...] = (
    {"target_lufs": -12.0},
    {"target_lufs": -18.0, "ceiling_dbtp": -2.0, "profile": "warm", "amount": 0.8},
    {"target_lufs": -20.0, "fine_tone": 0.3},
    {"profile": "bright", "style_strength": 1.0, "ceiling_dbtp": -6.0},
)


def _refuse(words: str) -> None:
    raise RuntimeError(f"{words} Nothing is measured then.")


class Outputs:
    """A session of so many outputs as a device's callback holds them, and its analysis, called when it is due."""

    def __init__(self, count: int) -> None:
        suggester = choose(Config().master.suggester, _refuse)

        def engine(number: int, **more: Any) -> Engine:
            kind = _KINDS[number % len(_KINDS)]
            said = kind if number < len(_KINDS) else {**kind, "target_lufs": -10.0 - 0.5 * number}
            made = Engine(Config().of(Output(f"out{number}", **said)), suggester=suggester, **more)
            made.prepare(RATE_HZ)
            made.settle()
            return made

        self.main = engine(0, analysis="off")
        self.others = [engine(number, leader=self.main) for number in range(1, count)]
        places = [(2 * number, 2 * number + 1) for number in range(1, count)]
        wired = [(one.arrays, place) for one, place in zip(self.others, places, strict=True)]
        self._board = Board(others=len(self.others))
        self.wiring = Wiring(self.main.arrays, self._board, RATE_HZ, 2, 2 * count, (0, 1), (0, 1), wired)
        self.wiring.fade(1.0)
        self._out = np.zeros((TURN_CALLBACKS, 2 * count * BLOCK), np.float32)

    def turn(self, frames: NDArray[np.float32]) -> tuple[float, float]:
        """(Seconds of the median callback, seconds of the worker) for float32 frames, (TURN_CALLBACKS, 2 * BLOCK)."""
        spent_ns = np.zeros(len(frames), np.int64)
        arrays = *self.main.arrays, self.wiring.stats, *self.wiring.lent
        drivers.timed_callbacks(frames, self._out[: len(frames)], spent_ns, *arrays)
        start_ns = time.thread_time_ns()
        while self.main.analyst.follow():
            pass
        return float(np.median(spent_ns)) * 1e-9, (time.thread_time_ns() - start_ns) * 1e-9

    def counted(self, frames: NDArray[np.float32]) -> float:
        """Instructions of a callback over some rows of frames, by callgrind, which change nothing here."""
        f64, f32, i64 = (np.array(rows) for rows in zip(*(e.arrays for e in (self.main, *self.others)), strict=True))
        fade, scratch, takes, wiring = self.wiring.lent
        arrays = f64, f32, i64, self.wiring.stats, fade, np.tile(scratch, 2), takes, wiring, self.wiring.others
        work = instructions.count(drivers.counted_callbacks, frames, self._out[: len(frames)], *arrays)
        return work.instructions / len(frames)


def turn_of(audio: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """The frames of a turn: float32, shape (TURN_CALLBACKS, 2 * BLOCK), the audio looped."""
    count = TURN_CALLBACKS * BLOCK
    start = number * count % (audio.shape[1] - count)
    return np.ascontiguousarray(audio[:, start : start + count].T).reshape(TURN_CALLBACKS, 2 * BLOCK)


def measure(counts: tuple[int, ...], seconds: float, warm_up_s: float = WARM_UP_S) -> dict[str, Any]:
    """Times, ratios and counts of sessions with so many outputs, of which one is the first alone."""
    audio = material.loud_song(RATE_HZ)
    sessions = {count: Outputs(count) for count in counts}
    rounds = 0
    while rounds * TURN_CALLBACKS * BLOCK < warm_up_s * RATE_HZ:
        for session in sessions.values():
            session.turn(turn_of(audio, rounds))
        rounds += 1
    found: dict[int, list[tuple[float, float]]] = {count: [] for count in counts}
    order, end = np.random.default_rng(0), time.perf_counter() + seconds
    gc.collect()
    gc.disable()
    try:
        while len(found[1]) < 3 or time.perf_counter() < end:
            frames = turn_of(audio, rounds)
            for count in order.permutation(counts):
                found[int(count)].append(sessions[int(count)].turn(frames))
            rounds += 1
    finally:
        gc.enable()
    times = {count: np.array(turns) * (TURN_CALLBACKS, 1.0) for count, turns in found.items()}
    counted = {}
    if not instructions.missing():
        counted = {count: sessions[count].counted(turn_of(audio, rounds)[:15]) for count in counts if count <= 4}
    return {"outputs": [_row(count, times, counted) for count in counts], "rounds": len(found[1])}


def _row(count: int, times: dict[int, NDArray[np.float64]], counted: dict[int, float]) -> dict[str, Any]:
    """What is known of so many outputs; `times` are of a turn: callbacks, worker."""
    mine, first, turn_s = times[count], times[1], TURN_CALLBACKS * BLOCK / RATE_HZ
    row: dict[str, Any] = {
        "outputs": count,
        "callback_us": report.quartiles(1e6 * mine[:, 0] / TURN_CALLBACKS),
        "share_of_period": report.quartiles(mine[:, 0] / turn_s),
        "worker_us_per_suggestion": report.quartiles(1e6 * mine[:, 1]),
        "worker_to_one": report.quartiles(mine[:, 1] / first[:, 1]),
        "instructions_of_a_callback": counted.get(count),
    }
    if count > 1:
        further = (mine - first) / (count - 1)
        row["further_to_first"] = {
            CALLBACK: report.quartiles(further[:, 0] / first[:, 0]),
            WORKER: report.quartiles(further[:, 1] / first[:, 1]),
            TOGETHER: report.quartiles(further.sum(axis=1) / first.sum(axis=1)),
        }
        if count in counted:
            row["further_to_first_instructions"] = (counted[count] - counted[1]) / (count - 1) / counted[1]
    return row


def run(seconds: float, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    core = report.pin_to_one_core()
    results = measure(COUNTS, seconds)
    _print(results)
    settings = {"sample_rate_hz": RATE_HZ, "block_samples": BLOCK, "seconds": seconds, "core": core}
    report.save("outputs", out, settings, results, _draw(results))


def _print(results: dict[str, Any]) -> None:
    rows = results["outputs"]
    table = Table(
        title=f"Outputs of one input, blocks of {BLOCK} at {RATE_HZ} Hz: median (spread)", title_justify="left"
    )
    table.add_column("")
    for row in rows:
        table.add_column(f"{row['outputs']}", justify="right")
    table.add_column("goal", justify="right")
    for key, what, factor, digits, goal in (
        ("callback_us", "a callback, us", 1.0, 2, ""),
        ("share_of_period", "its share of the period, %", 100.0, 2, f"16: {100.0 * GOAL_SHARE:g}"),
        ("worker_us_per_suggestion", "worker, us for each suggestion", 1.0, 0, ""),
        ("worker_to_one", "worker / worker with one", 1.0, 3, f"4: {GOAL_WORKER}"),
    ):
        cells = [report.spread({k: factor * v for k, v in row[key].items()}, digits) for row in rows]
        table.add_row(what, *cells, goal)
    for part, goal in ((CALLBACK, f"4: {GOAL}"), (WORKER, ""), (TOGETHER, f"4: {GOAL}")):
        cells = [report.spread(row["further_to_first"][part]) if "further_to_first" in row else "" for row in rows]
        table.add_row(f"each further / first, {part}", *cells, goal)
    counts = [row["instructions_of_a_callback"] for row in rows]
    table.add_row("instructions of a callback", *("" if n is None else f"{n:.0f}" for n in counts), "")
    ratios = [row.get("further_to_first_instructions") for row in rows]
    table.add_row("each further / first, counted", *("" if n is None else f"{n:.3f}" for n in ratios), "")
    report.console.print(table)


def _draw(results: dict[str, Any]) -> Any:
    """What a second of sound costs, by outputs: callback and worker."""
    rows = results["outputs"]
    figure, axes = report.plot_size(6.0, 3.6, 1, 1)
    names = [str(row["outputs"]) for row in rows]
    callback = [100.0 * row["share_of_period"]["median"] for row in rows]
    turn_us = 1e6 * TURN_CALLBACKS * BLOCK / RATE_HZ
    worker = [100.0 * row["worker_us_per_suggestion"]["median"] / turn_us for row in rows]
    axes.bar(names, callback, color=report.OURS, label="callback")
    bars = axes.bar(names, worker, bottom=callback, color=report.OURS_TOO, label="listening and deciding")
    report.label_bars(axes, bars, [f"{one + two:.2f} %" for one, two in zip(callback, worker, strict=True)])
    axes.axhline(100.0 * GOAL_SHARE, color=report.GOAL, lw=1)
    axes.set_xlabel("outputs")
    axes.set_ylabel("% of one core")
    axes.set_title(f"Outputs of one input, blocks of {BLOCK}")
    axes.legend()
    return figure
