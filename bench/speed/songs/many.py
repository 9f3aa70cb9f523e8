"""Thousands of short files, some of them bad, and a batch that is killed again and again: what is there at the end."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from rt_automix.batch.journal import Journal
from rt_automix.batch.session import SCRATCH
from rt_automix.io.files.audio import AudioWriter
from rt_automix.render import render

RATE_HZ = 48_000
DIFFERENT = 25
"""So many contents; the rest are copies, which must come out with the same bits."""


def song(path: Path, seed: int, seconds: float, channels: int = 2) -> bytes:
    """Write chords and a beat in noise; what is in the file."""
    random_ = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = sum(np.sin(2.0 * np.pi * hz * time_s) for hz in random_.uniform(80.0, 900.0, 4))
    beat = random_.standard_normal((channels, time_s.size)) * np.exp(-8.0 * (time_s % 0.5))
    with AudioWriter(path, RATE_HZ, channels, 24, True) as writer:
        writer.write(np.ascontiguousarray(0.04 * tones + 0.1 * beat, np.float32))
    return path.read_bytes()


def _wav(rate_hz: int, channels: int, frames: int) -> bytes:
    """Silence in 16 bit."""
    frame_bytes, data_bytes = 2 * channels, 2 * channels * frames
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16)
    return head + form + struct.pack("<4sI", b"data", data_bytes) + bytes(data_bytes)


def _bad(whole: bytes, flac: bytes) -> dict[str, tuple[str, Callable[[Path], object]]]:
    """Ten kinds of bad files: what is said of each, and how it is made."""
    seven, slow, none = _wav(RATE_HZ, 7, 8_000), _wav(4_000, 1, 4_000), _wav(RATE_HZ, 2, 0)
    hole = flac[: len(flac) // 2] + bytes(2000) + flac[len(flac) // 2 + 2000 :]
    return {
        "empty.wav": ("is empty", lambda path: path.touch()),
        "cut.wav": ("Copy it again", lambda path: path.write_bytes(whole[: len(whole) // 3])),
        "text.mp3": ("not audio", lambda path: path.write_text("These are words.\n" * 40)),
        "folder.wav": ("a folder", lambda path: path.mkdir()),
        "seven.wav": ("7 channels", lambda path: path.write_bytes(seven)),
        "slow.wav": ("4000 Hz", lambda path: path.write_bytes(slow)),
        "none.wav": ("no audio found", lambda path: path.write_bytes(none)),
        "head.wav": ("damaged|cut off", lambda path: path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4, b"WAVE"))),
        "link.wav": ("no such file", lambda path: path.symlink_to(path.with_name("nowhere.wav"))),
        "hole.flac": ("decoded|breaks off|damaged", lambda path: path.write_bytes(hole)),
    }


def prepare(folder: Path, count: int, bad: int, seconds: float) -> tuple[dict[str, str], dict[str, str]]:
    """Write the files; for each good one the hash its master must have, for each bad one what must be said of it."""
    kinds_folder = folder.parent / "kinds"
    kinds_folder.mkdir(parents=True)
    songs = [song(kinds_folder / f"{n}.wav", n, seconds) for n in range(min(DIFFERENT, count - bad))]
    flac = song(kinds_folder / "whole.flac", 99, seconds)
    hashes = []
    for n in range(len(songs)):
        render(kinds_folder / f"{n}.wav", kinds_folder / "made.wav", lookahead="song", force=True)
        hashes.append(_hash(kinds_folder / "made.wav"))
    good = {}
    for number in range(count - bad):
        path = folder / f"{number // 100:02d}" / f"{number:04d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(songs[number % len(songs)])
        good[str(path.relative_to(folder))] = hashes[number % len(songs)]
    wrong = {}
    kinds = list(_bad(songs[0], flac).items())
    for number in range(bad):
        name, (said, make) = kinds[number % len(kinds)]
        path = folder / f"bad {number // len(kinds)}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        wrong[str(path.relative_to(folder))] = said
    return good, wrong


def _hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes()).hexdigest()


def _start(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(report.ROOT)}
    command = [sys.executable, "-m", "rt_automix", "batch", str(folder), "-o", str(out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _done(out: Path) -> dict[str, int]:
    """What is written down as done, and when each master was put there."""
    rows = Journal(out).rows.values() if out.is_dir() else ()
    return {row.target: (out / row.target).stat().st_mtime_ns for row in rows if row.status == "done"}


def trial(folder: Path, count: int, bad: int, kills: int, seconds: float, seed: int = 16) -> dict[str, Any]:
    """Have it killed so many times, let it end, and look at what is there. Everything that should be 0 is."""
    good, wrong = prepare(folder / "in", count, bad, seconds)
    out, dice = folder / "out", random.Random(seed)
    found: dict[str, Any] = {"done_at_kills": [], "done_twice": 0, "half_written": 0}
    kept: dict[str, int] = {}
    started = time.perf_counter()
    marks = sorted(dice.randrange(count) for _ in range(kills))
    for mark in marks:
        process = _start(folder / "in", out)
        while process.poll() is None and _lines(out) < mark:
            time.sleep(0.2)
        time.sleep(dice.uniform(0.0, 1.5))
        process.kill()
        process.wait()
        _wait_for_workers(out)
        found["half_written"] += sum(
            _hash(path) != good.get(str(path.relative_to(out)))
            for path in out.rglob("*.wav")
            if SCRATCH not in path.parts
        )
        now = _done(out)
        found["done_twice"] += sum(now.get(name) != at for name, at in kept.items())
        kept = now
        found["done_at_kills"].append(len(kept))
    code = _start(folder / "in", out).wait()
    found["seconds"], found["exit_code"] = time.perf_counter() - started, code
    now = _done(out)
    found["done_twice"] += sum(now.get(name) != at for name, at in kept.items())
    rows = [json.loads(line) for line in (out / "batch.jsonl").read_text().splitlines()]
    failed = {os.path.relpath(row["source"], folder / "in"): row["reason"] for row in rows if row["status"] == "failed"}
    found["masters"] = sum(row["status"] == "done" for row in rows)
    found["other_bits"] = sum(_hash(out / name) != wanted for name, wanted in good.items())
    found["without_reason"] = sum(not re.search(said, failed.get(name, "")) for name, said in wrong.items())
    page = (out / "summary.html").read_text()
    found["not_on_page"] = sum(Path(name).name not in page for name in wrong)
    found["failed_wrongly"] = len(failed.keys() - wrong.keys())
    found["left_behind"] = len(list(out.rglob("*.part"))) + (out / SCRATCH).exists()
    return found


def _read(out: Path) -> bytes:
    return (out / "batch.jsonl").read_bytes()


def _lines(out: Path) -> int:
    """How far it is; cheap, as it is asked often."""
    try:
        return len(set(re.findall(rb'"target": ("[^"]*"), "settings": "[^"]*", "status": "done"', _read(out))))
    except OSError:
        return 0


def _wait_for_workers(out: Path) -> None:
    """Nothing but the end of their parent tells them."""
    until = time.monotonic() + 20.0
    scratch = out / SCRATCH
    pids = [path.name for path in scratch.iterdir()] if scratch.is_dir() else []
    while time.monotonic() < until and any(Path("/proc", pid).exists() for pid in pids):
        time.sleep(0.05)


def run(count: int, bad: int, kills: int, seconds: float, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        results = trial(Path(name), count, bad, kills, seconds)
    table = Table("", "", title=f"{count} files, {bad} of them bad, killed {kills} times", title_justify="left")
    for key, value in results.items():
        table.add_row(key.replace("_", " "), f"{value:.1f}" if isinstance(value, float) else str(value))
    report.console.print(table)
    settings = {"files": count, "bad": bad, "kills": kills, "seconds": seconds}
    report.save("many", out, settings, results, draw(results, count))


def draw(results: dict[str, Any], count: int) -> Figure:
    """How far it was at each kill."""
    figure, axes = report.plot_size(6.0, 2.6, 1, 1)
    done = [*results["done_at_kills"], results["masters"]]
    bars = axes.barh(range(len(done)), done, 0.6, color=report.OURS)
    report.label_bars(axes, bars, [str(one) for one in done])
    axes.set(title=f"Masters of {count} files at each SIGKILL, and at the end", xlabel="masters", ylabel="start")
    axes.invert_yaxis()
    return figure
