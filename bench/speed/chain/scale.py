"""What more of it costs: channels, sample rates, engines at once, longer files; and where real time ends.

More than two channels are several stereo engines, one after another in one callback on one core. Rows
take turns on the same audio in a new order each round, in several processes, as in `bench latency`; a
ratio is taken within a round. How many engines one core masters at once is found by doubling their
number until a callback in a hundred is late, then by halving the gap. Files of growing length are
rendered each in a process of its own, whose memory is looked at.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.progress import Progress
from rich.table import Table

from bench.common import host, material, report
from bench.speed.chain import drivers, scale_picture
from bench.speed.chain.chain import Ours
from bench.speed.chain.latency_turns import WARM_UP_S, Audio, Found, Spent, Turn, blocks_of, chain_at, interleaved
from rt_automix.demo.song import render_song
from rt_automix.io.files.audio import AudioWriter
from rt_automix.render import render

RATE_HZ = 48_000
BLOCK = 64
RATES_HZ = (44_100, 48_000, 88_200, 96_000)
CHANNELS = (1, 2, 4, 6, 8, 10, 12, 14, 16)
LIMITS = ((48_000, 64), (48_000, 256), (96_000, 64))
"""Rates and blocks for which the most engines are looked for."""

LATE_PERCENT = 1.0
MOST_ENGINES = 4096
MEMORY_SHARE = 0.3
CALLBACKS = 20
FILE_RATE_HZ = 44_100
BYTES_PER_FRAME = 2 * (2 + 3)
"""Of source (16 bits) and target (24 bits), stereo."""


class Engines:
    """Several engines as one callback holds them, all with the past of one that has heard some music."""

    def __init__(self, audio: Audio, rate_hz: int, count: int, channels: int = 2) -> None:
        one = Ours(rate_hz)
        one.engine.prepare(rate_hz, BLOCK, channels)
        one.warm_up(audio[:, : round(WARM_UP_S * rate_hz)])
        f64, f32, i64 = one.arrays
        self._arrays = (np.tile(f64, (count, 1)), np.tile(f32, (count, 1)), np.tile(i64, (count, 1)))
        self._clock = np.zeros(2, np.int64)
        self._count, self._is_mono, self._is_realtime = count, channels == 1, host.may_be_realtime()

    def turn(self, stretch: Audio, block_samples: int = BLOCK) -> Spent:
        """Nanoseconds of each callback over a stretch of audio, which every engine gets."""
        blocks = blocks_of(stretch[:1].repeat(2, axis=0) if self._is_mono else stretch, block_samples)
        callbacks = np.ascontiguousarray(blocks[:, np.newaxis].repeat(self._count, axis=1))
        spent_ns = np.zeros(len(callbacks), np.int64)
        with host.realtime(self._is_realtime):
            drivers.timed_engines(callbacks, spent_ns, self._clock, *self._arrays)
        return spent_ns.astype(np.float64)


def _turns(audio: Audio) -> dict[Any, Turn]:
    """One engine at each rate, then channels by name."""
    turns: dict[Any, Turn] = {rate_hz: chain_at(audio, rate_hz, BLOCK) for rate_hz in RATES_HZ}
    for channels in CHANNELS:
        turns[_name(channels)] = Engines(audio, RATE_HZ, max(1, channels // 2), min(channels, 2)).turn
    return turns


def _name(channels: int) -> str:
    return f"{channels} channels"


def _in_a_process(task: tuple[float, int]) -> Found:
    seconds, seed = task
    audio = material.loud_song(RATE_HZ)
    return interleaved(_turns(audio), audio, seconds, seed)


def measure_ratios(seconds: float, processes: int) -> dict[str, Any]:
    """Cost of channels against stereo, and of a second at each rate against one at RATE_HZ."""
    tasks = [(seconds / processes, seed) for seed in range(processes)]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        runs = [{name: np.array([turn.mean() for turn in rounds]) for name, rounds in found.items()}
                for found in pool.imap(_in_a_process, tasks)]  # fmt: skip
    deadline_ns = 1e9 * BLOCK / RATE_HZ
    stereo = _name(2)
    return {
        "channels": [
            {
                "channels": channels,
                "to_stereo": report.across([run[_name(channels)] / run[stereo] for run in runs]),
                "share_of_deadline": report.across([run[_name(channels)] / deadline_ns for run in runs]),
            }
            for channels in CHANNELS
        ],
        "rates": [
            {
                "sample_rate_hz": rate_hz,
                "second_to_second": report.across([run[rate_hz] / run[RATE_HZ] * rate_hz / RATE_HZ for run in runs]),
                "share_of_real_time": report.across([run[rate_hz] * 1e-9 * rate_hz / BLOCK for run in runs]),
            }
            for rate_hz in RATES_HZ
        ],
    }


def is_real_time(audio: Audio, rate_hz: int, block_samples: int, count: int, seconds: float) -> dict[str, Any]:
    """Whether so many engines keep up with a stream for `seconds`, and by how much."""
    engines, spent_ns = Engines(audio, rate_hz, count), []
    stretch = CALLBACKS * block_samples
    callbacks = max(2, round(seconds * rate_hz / stretch))
    for k in range(callbacks + 1):
        start = k * stretch % (audio.shape[1] - stretch)
        turn = engines.turn(audio[:, start : start + stretch], block_samples)
        spent_ns += [turn] if k else []  # the first one has the arrays to fetch
    shares = np.concatenate(spent_ns) * 1e-9 * rate_hz / block_samples
    late_percent = 100.0 * float(np.mean(shares > 1.0))
    return {
        "engines": count,
        "median_share_of_deadline": float(np.median(shares)),
        "late_percent": late_percent,
        "is_real_time": late_percent <= LATE_PERCENT,
    }


def find_limit(rate_hz: int, block_samples: int, seconds: float, most: int) -> dict[str, Any]:
    """The most engines that are real time, at most `most`: by doubling, then by halving the gap."""
    audio = material.loud_song(rate_hz)
    tried: dict[int, dict[str, Any]] = {}

    def keeps_up(count: int) -> bool:
        tried[count] = is_real_time(audio, rate_hz, block_samples, count, seconds)
        return bool(tried[count]["is_real_time"])

    good = 0
    bad = 1
    while bad <= most and keeps_up(bad):
        good, bad = bad, 2 * bad
    bad = min(bad, most + 1)
    while bad - good > max(1, good // 32):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if keeps_up(middle) else (good, middle)
    return {
        "sample_rate_hz": rate_hz,
        "block_samples": block_samples,
        "most_engines": good,
        "ends_there": bad <= most,
        "tried": [tried[count] for count in sorted(tried)],
    }


def _most() -> int:
    """How many engines there may be memory for."""
    each_mb = sum(array.nbytes for array in Ours().arrays) / 1e6
    return int(min(MOST_ENGINES, MEMORY_SHARE * host.free_memory_megabytes() / each_mb))


def _render(task: tuple[Path, Path]) -> dict[str, float]:
    """Render a file in this process."""
    started = time.perf_counter()
    result = render(*task, force=True)
    return {
        "times_real_time": result.duration_s / (time.perf_counter() - started),
        "memory_mb": host.memory_megabytes(os.getpid(), at_most=True),
    }


def _write(song: NDArray[np.float32], path: Path, minutes: float) -> None:
    """The song over and over."""
    missing = round(60.0 * minutes * FILE_RATE_HZ)
    with AudioWriter(path, FILE_RATE_HZ, 2, 16, force=True) as writer:
        while missing > 0:
            writer.write(np.ascontiguousarray(song[:, :missing]))
            missing -= song.shape[1]


def measure_files(minutes: list[float]) -> list[dict[str, float]]:
    """Speed and memory of renders of growing length; what the disk has no room for is left out, with a word."""
    song, rows = render_song(FILE_RATE_HZ), []
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        source, target = Path(name) / "long.wav", Path(name) / "mastered.wav"
        for length in minutes:
            needed = round(60.0 * length * FILE_RATE_HZ * BYTES_PER_FRAME)
            if shutil.disk_usage(name).free < 1.2 * needed:
                report.console.print(f"No room for a file of {length:g} min ({needed / 1e6:.0f} MB): it is skipped.")
                continue
            _write(song, source, length)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows.append({"minutes": length, **pool.apply(_render, ((source, target),))})
    return rows


def _processes(seconds: float) -> int:
    """In how many the ratios are measured: two seconds each, but more than one."""
    return max(2, round(seconds / 2.0))


def run(seconds: float, minutes: list[float], out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    core, processes, most = report.pin_to_one_core(), _processes(seconds), _most()
    with Progress(console=report.console, transient=True) as progress:
        task = progress.add_task("measuring", total=2 + len(LIMITS))
        results = measure_ratios(seconds, processes)
        progress.advance(task)
        results["limits"] = []
        for rate_hz, block_samples in LIMITS:
            results["limits"].append(find_limit(rate_hz, block_samples, 0.02 * seconds, most))
            progress.advance(task)
        results["files"] = measure_files(minutes)
    settings = {
        "seconds": seconds,
        "processes": processes,
        "core": core,
        "realtime_priority": host.may_be_realtime(),
        "block_samples": BLOCK,
        "late_percent_allowed": LATE_PERCENT,
    }
    _print(results)
    report.save("scale", out, settings, results, scale_picture.draw(results))


def _print(results: dict[str, Any]) -> None:
    table = Table("channels", "x stereo (spread)", "% of the deadline", title_justify="left", box=box.SIMPLE_HEAD,
                  title=f"Stereo engines in one callback of {BLOCK} samples at {RATE_HZ} Hz, one core")  # fmt: skip
    for row in results["channels"]:
        share = row["share_of_deadline"]["median"]
        table.add_row(f"{row['channels']}", report.spread(row["to_stereo"]), f"{100.0 * share:.2f}")
    report.console.print(table)

    table = Table("rate, Hz", f"x {RATE_HZ} Hz (spread)", "% of real time", title_justify="left", box=box.SIMPLE_HEAD,
                  title="A second of stereo at each rate")  # fmt: skip
    for row in results["rates"]:
        share = row["share_of_real_time"]["median"]
        table.add_row(f"{row['sample_rate_hz']}", report.spread(row["second_to_second"]), f"{100.0 * share:.2f}")
    report.console.print(table)

    for limit in results["limits"]:
        words = "It stops being real time after" if limit["ends_there"] else "It is still real time with"
        report.console.print(
            f"{words} {limit['most_engines']} stereo engines at once on one core, in blocks of "
            f"{limit['block_samples']} at {limit['sample_rate_hz']} Hz ({LATE_PERCENT:g} % late allowed)."
        )
    table = Table("minutes", "x real time", "memory, MB", title="Files rendered", title_justify="left",
                  box=box.SIMPLE_HEAD)  # fmt: skip
    for row in results["files"]:
        table.add_row(f"{row['minutes']:g}", f"{row['times_real_time']:.0f}", f"{row['memory_mb']:.0f}")
    report.console.print(table)
