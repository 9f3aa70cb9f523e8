"""How late and how steady: time per block in compiled code at every block size and rate, and the latency proven.

A compiled clock stands around each block, as a native callback would see it: no interpreter is in
these figures. Where the system allows, blocks run at the real-time priority of a callback. Everything
of a rate takes turns on the same audio in a new order each round, beside a plain filter as yardstick,
which never changes; a ratio is taken within each round, so that what disturbs the machine disturbs both
sides. All of it is repeated in several processes: where code and arrays happen to lie in memory moves
figures by more than the rounds do, and belongs to their spread. Parameters move all the time. Stages
are timed alone, over the same blocks, and their sum is held against the whole.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.progress import Progress
from rich.table import Table

from bench.common import host, material, report
from bench.speed.chain import drivers, latency_picture
from bench.speed.chain.latency_turns import (
    REFERENCE,
    STAGE_BLOCK,
    SUGGESTION_SAMPLES,
    TURN_SAMPLES,
    VARIANTS,
    WHOLE,
    Found,
    Spent,
    interleaved,
    turns_at,
)
from rt_automix.config import Config
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine

NULL_S = 1.0
NULL_LIMIT_LIN = 1e-6
LARGEST_BLOCK = 1024


def _in_a_process(task: tuple[list[int], list[int], float, int]) -> dict[int, Found]:
    """What one process finds at each rate."""
    rates_hz, blocks, seconds, seed = task
    found = {}
    for rate_hz in rates_hz:
        audio = material.loud_song(rate_hz)
        found[rate_hz] = interleaved(turns_at(audio, rate_hz, blocks), audio, seconds, seed)
    return found


def measure(rates_hz: list[int], blocks: list[int], seconds: float, processes: int) -> list[dict[str, Any]]:
    """Figures at each rate, out of as many processes."""
    tasks = [(rates_hz, blocks, seconds / processes, seed) for seed in range(processes)]
    found: dict[int, list[Found]] = {rate_hz: [] for rate_hz in rates_hz}
    with (
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
        Progress(console=report.console, transient=True) as progress,
    ):
        for one in progress.track(pool.imap(_in_a_process, tasks), len(tasks), description="measuring"):
            for rate_hz in rates_hz:
                found[rate_hz].append(one[rate_hz])
    return [_of_rate(rate_hz, blocks, found[rate_hz]) for rate_hz in rates_hz]


def _of_rate(rate_hz: int, blocks: list[int], runs: list[Found]) -> dict[str, Any]:
    means = [{name: np.array([turn.mean() for turn in rounds]) for name, rounds in run.items()} for run in runs]

    def against(other: Any, *names: Any) -> dict[str, float]:
        """Sum of what the names took, as a ratio to what another took in the same round."""
        return report.across([np.sum([run[name] for name in names], axis=0) / run[other] for run in means])

    def figures(size: int) -> dict[str, Any]:
        every_ns = np.concatenate([turn for run in runs for turn in run[size]])
        return {
            **_tails(every_ns, size, rate_hz),
            "ratio_to_the_yardstick": report.across([STAGE_BLOCK / size * run[size] / run[REFERENCE] for run in means]),
        }

    return {
        "sample_rate_hz": rate_hz,
        "rounds": [len(run[WHOLE]) for run in means],
        "yardstick_ns_per_64_samples": report.across([run[REFERENCE] for run in means]),
        "blocks": [figures(size) for size in blocks],
        "variants_to_the_whole": {name: against(WHOLE, name) for name in VARIANTS},
        "whole_ns_per_64_samples": report.across([run[WHOLE] for run in means]),
        "stages_share_of_the_whole": {name: against(WHOLE, name) for name in drivers.STAGES},
        "sum_of_stages": against(WHOLE, *drivers.STAGES),
    }


def _tails(every_ns: Spent, size: int, rate_hz: int) -> dict[str, Any]:
    deadline_ns = 1e9 * size / rate_hz
    tail = dict(zip(("p50", "p99", "p99.9"), np.percentile(every_ns, (50.0, 99.0, 99.9)), strict=True))
    tail["max"] = every_ns.max()
    return {
        "block_samples": size,
        "blocks": len(every_ns),
        "deadline_us": 1e-3 * deadline_ns,
        "us": {name: 1e-3 * float(value) for name, value in tail.items()},
        "share_of_deadline": {name: float(value) / deadline_ns for name, value in tail.items()},
    }


def prove_latency(rate_hz: int, lookahead: bool) -> dict[str, Any]:
    """At amount 0 the output is the input, late: by how many samples, and how far from it at worst."""
    settings: dict[str, Any] = {"master.amount": 0.0, "limiter.lookahead": lookahead}
    engine = Engine(Config().with_overrides(**settings))
    engine.prepare(rate_hz, LARGEST_BLOCK)
    rng = np.random.default_rng(4)
    heard = rng.uniform(-0.25, 0.25, (2, round(NULL_S * rate_hz))).astype(np.float32)
    out, start = np.empty_like(heard), 0
    while start < heard.shape[1]:
        stop = start + int(rng.integers(1, LARGEST_BLOCK))
        out[:, start:stop] = engine.process(heard[:, start:stop].copy())
        start = stop
    errors = [float(np.abs(out[:, d:] - heard[:, : heard.shape[1] - d]).max()) for d in range(2 * at.DELAY_SAMPLES)]
    found = int(np.argmin(errors))
    return {
        "sample_rate_hz": rate_hz,
        "lookahead": lookahead,
        "latency_samples": engine.latency_samples,
        "found_samples": found,
        "found_ms": 1e3 * found / rate_hz,
        "worst_error_lin": errors[engine.latency_samples],
        "a_sample_off_lin": min(error for delay, error in enumerate(errors) if delay != found),
        "is_proven": found == engine.latency_samples and errors[found] < NULL_LIMIT_LIN,
    }


def clock_ns() -> float:
    """What the clock around a block adds to it."""
    spent_ns = np.zeros(10_000, np.int64)
    drivers.timed_nothing(spent_ns, np.zeros(2, np.int64))
    return float(np.median(spent_ns))


def run(rates_hz: list[int], blocks: list[int], seconds: float, processes: int, out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    core = report.pin_to_one_core()
    ticks = host.processor_ticks()
    results = {
        "rates": measure(rates_hz, blocks, seconds, processes),
        "null_tests": [prove_latency(rate_hz, lookahead) for rate_hz in rates_hz for lookahead in (True, False)],
        "clock_ns": clock_ns(),
        "steal_percent": host.steal_percent(ticks, host.processor_ticks()),
    }
    settings = {
        "seconds_per_rate": seconds,
        "processes": processes,
        "core": core,
        "realtime_priority": host.may_be_realtime(),
        "turn_samples": TURN_SAMPLES,
        "suggestion_every_samples": SUGGESTION_SAMPLES,
        "yardstick": f"{drivers.REFERENCE_STAGES} second-order filters in a row, stereo, float64",
    }
    _print(results)
    report.save("latency", out, settings, results, latency_picture.draw(results))


def _print(results: dict[str, Any]) -> None:
    _print_blocks(results["rates"])
    _print_stages(results["rates"])
    table = Table("rate, Hz", "limiter", "said", "found", "ms", "worst error", "", title_justify="left",
                  title="Amount 0: the output is the input, late", box=box.SIMPLE_HEAD)  # fmt: skip
    for null in results["null_tests"]:
        table.add_row(
            f"{null['sample_rate_hz']}",
            "looks ahead" if null["lookahead"] else "direct",
            f"{null['latency_samples']}",
            f"{null['found_samples']}",
            f"{null['found_ms']:.2f}",
            f"{null['worst_error_lin']:.1e}",
            "proven" if null["is_proven"] else "NOT PROVEN",
        )
    report.console.print(table)


def _print_blocks(rates: list[dict[str, Any]]) -> None:
    names = ("p50, us", "p99", "p99.9", "max", "p50, % of deadline", "p99.9", "max", "x yardstick (spread)")
    table = Table("rate, Hz", "block", *names, title="Time per block in compiled code, parameters moving",
                  title_justify="left", box=box.SIMPLE_HEAD)  # fmt: skip
    for rate in rates:
        for row in rate["blocks"]:
            share = row["share_of_deadline"]
            table.add_row(
                f"{rate['sample_rate_hz']}",
                f"{row['block_samples']}",
                *(f"{value:.1f}" for value in row["us"].values()),
                *(f"{100.0 * share[name]:.2f}" for name in ("p50", "p99.9", "max")),
                report.spread(row["ratio_to_the_yardstick"]),
            )
        table.add_section()
    report.console.print(table)


def _print_stages(rates: list[dict[str, Any]]) -> None:
    title = f"Share of the whole chain's time, in blocks of {STAGE_BLOCK}: median (spread)"
    columns = [f"{rate['sample_rate_hz']} Hz" for rate in rates]
    table = Table("alone", *columns, title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in rates[0]["stages_share_of_the_whole"]:
        table.add_row(name, *(report.spread(rate["stages_share_of_the_whole"][name]) for rate in rates))
    table.add_row("sum of the stages", *(report.spread(rate["sum_of_stages"]) for rate in rates), end_section=True)
    for name in VARIANTS:
        table.add_row(f"whole, {name}", *(report.spread(rate["variants_to_the_whole"][name]) for rate in rates))
    report.console.print(table)
