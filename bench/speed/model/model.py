"""What deciding costs: every network in both precisions beside the matcher, one thread, and how good each is.

All take turns in one process, in a new order each round; ratios are taken within a round. Then the same
again while another thread runs the compiled chain in real time, and each of them alone in its place: once in
an interval, with everything else gone from the caches. Start and memory are measured in processes of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.progress import track
from rich.table import Table

from bench.common import bundles, material, report
from bench.speed.model import model_picture, model_turns
from bench.speed.model.model_turns import PARTS, RATE_HZ, Times, Worker
from rt_automix.analysis.bundles import bundle
from rt_automix.analysis.deciding import suggester
from rt_automix.analysis.deciding.analyst import DELAY_S
from rt_automix.errors import ModelError

LIVE_SHARE = 0.25
"""Seconds of each alone in its place, against seconds of all by turns."""


def choice(models: Path | None) -> dict[str, str]:
    """Whom the program takes when it starts, and why."""
    asked = suggester.AUTO if models is None else str(models / bundle.NAMES[0])
    complaints: list[str] = []
    chosen = suggester.choose(asked, complaints.append).name
    why = " ".join(complaints) or (
        f"{bundle.NAMES[0]} is the first of the shipped networks; it is whole, made for this version, "
        "and gives its golden answer on this machine."
    )
    return {"asked": asked, "chosen": chosen, "why": why}


def accuracy(places: dict[str, Any], models: Path | None) -> dict[str, dict[str, float]]:
    """Mean absolute errors, normalised, as far as they are known: by system on validation and on test music."""
    found: dict[str, dict[str, float]] = {}
    for name, place in places.items():
        try:
            folder = bundle.inspect(place).folder
        except ModelError:
            continue
        table = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        for who, errors in table.get("figures", {}).get("validation", {}).items():
            title = who if who == suggester.MATCHER else f"{name} {who}"
            found.setdefault(title, {})["validation"] = float(np.mean(errors["heard"]))
    for folder in [models] if models else bundle.FOLDERS:
        results = folder / "results" / "results.json"
        if results.is_file():
            systems = json.loads(results.read_text(encoding="utf-8"))["accuracy"]["systems"]
            for who, figures in systems.items():
                title = f"{who} fp32" if who in places else who
                found.setdefault(title, {})["test"] = float(figures["mae"])
    return found


def starts(places: dict[str, tuple[Any, bundle.Precision]], repeats: int) -> dict[str, dict[str, dict[str, float]]]:
    """Start and memory of each in processes of its own, by turns."""
    found: dict[str, list[dict[str, float]]] = {title: [] for title in places}
    jobs = [job for _ in range(repeats) for job in places.items()]
    for title, (place, precision) in track(jobs, "starting", console=report.console, transient=True):
        command = [sys.executable, "-m", "bench.speed.model.model_child", str(place), precision]
        run = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(command[1:])} failed: {run.stderr[-400:]}")
        found[title].append(json.loads(run.stdout.splitlines()[-1]))
    return {
        title: {name: report.quartiles([row[name] for row in rows]) for name in rows[0]}
        for title, rows in found.items()
    }


def _tail(seconds: Any, unit: float) -> dict[str, float]:
    p50, p99 = np.percentile(np.ravel(seconds), (50, 99))
    return {"p50": unit * float(p50), "p99": unit * float(p99), "max": unit * float(np.max(seconds))}


def _by_turns(times: dict[str, Times]) -> dict[str, Any]:
    """Figures of turns: of single runs in microseconds, of suggestions in milliseconds, and ratios within rounds."""
    medians = {name: np.array([np.median(runs) for runs in found.runs]) for name, found in times.items()}
    busy = {name: np.array(found.work)[:, 1] for name, found in times.items()}
    return {
        name: {
            "run_us": _tail(found.runs, 1e6),
            "run_to_matcher": report.over_time(medians[name] / medians[suggester.MATCHER]),
            "suggestion_ms": _tail(np.array(found.work)[:, 0], 1e3),
            "suggestion_processor_ms": report.quartiles(1e3 * busy[name]),
            "suggestion_to_matcher": report.over_time(busy[name] / busy[suggester.MATCHER]),
        }
        for name, found in times.items()
    }


def _live(workers: dict[str, Worker], audio: Any, seconds: float) -> dict[str, Any]:
    """Each alone in its place."""
    interval_s, found = model_turns.interval_samples() / RATE_HZ, {}
    for name, worker in track(workers.items(), "live", console=report.console, transient=True):
        run = model_turns.live(worker, audio, seconds)
        found[name] = {
            "suggestions": len(run["work_s"]),
            "suggestion_ms": _tail(run["work_s"], 1e3),
            "ready_after_ms": _tail(run["age_s"], 1e3),
            "late": run["late"],
            "share_of_a_core": float(np.median(run["busy_s"])) / interval_s,
            "blocks_played": run["played"],
        }
    return found


def measure(models: Path | None, seconds: float, repeats: int) -> dict[str, Any]:
    """Everything the table and the picture show."""
    places = bundles.find(models)
    refused: list[str] = []
    audio = material.loud_song(RATE_HZ)
    workers, origins = model_turns.networks(places, audio, refused.append)
    if not places:
        refused.append(_nobody(models))
    parts = model_turns.Parts(audio)
    quiet, stages = model_turns.interleaved(workers, parts, seconds)
    with model_turns.background(audio).playing() as player:
        busy, _ = model_turns.interleaved(workers, parts, seconds)
    interval_ms = 1e3 * model_turns.interval_samples() / RATE_HZ
    return {
        "choice": choice(models),
        "refused": refused,
        "quiet": _by_turns(quiet),
        "while_audio_runs": _by_turns(busy) | {"blocks_played": player.share_played},
        "parts_ms": {
            name: report.quartiles(1e3 * column) for name, column in zip(PARTS, np.array(stages).T, strict=True)
        },
        "live": _live(workers, audio, LIVE_SHARE * seconds),
        "suggestion_age_ms": {"acts_after": 1e3 * DELAY_S, "oldest": 1e3 * DELAY_S + interval_ms},
        "start": starts({title: (places[name], precision) for title, (name, precision) in origins.items()}, repeats),
        "error_norm": accuracy(places, models),
    }


def _nobody(models: Path | None) -> str:
    where = "the package" if models is None else str(models)
    return f"Networks are skipped: there are none in {where}. Make some with: python -m training all"


def run(models: Path | None, seconds: float, repeats: int, out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    results = measure(models, seconds, repeats)
    settings = {
        "seconds": seconds,
        "repeats": repeats,
        "threads": 1,
        "sample_rate_hz": RATE_HZ,
        "block_samples": model_turns.BLOCK,
        "interval_s": model_turns.interval_samples() / RATE_HZ,
    }
    _print(results, settings)
    report.save("model", out, settings, results, model_picture.draw(results))


def _print(results: dict[str, Any], settings: dict[str, Any]) -> None:
    for words in results["refused"]:
        report.console.print(words)
    for title, rows in (("Time, one thread", _times(results)), ("In its place", _in_place(results))):
        rows = {words: cells for words, cells in rows.items() if cells}
        table = Table("", *rows, title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in results["quiet"]:
            table.add_row(name, *(cells.get(name, "-") for cells in rows.values()))
        report.console.print(table)
    parts = ", ".join(f"{name} {figures['median']:.2f}" for name, figures in results["parts_ms"].items())
    age = results["suggestion_age_ms"]
    report.console.print(
        f"Of every suggestion, ms: {parts}. A suggestion comes every {1e3 * settings['interval_s']:.0f} ms and acts "
        f"{age['acts_after']:.0f} ms after the newest sample it has heard; the next one acts when it is "
        f"{age['oldest']:.0f} ms old."
    )
    report.console.print(f"At the start {results['choice']['chosen']} is chosen: {results['choice']['why']}")


def _two(figures: dict[str, float], digits: int) -> str:
    return f"{figures['p50']:.{digits}f} / {figures['p99']:.{digits}f}"


def _times(results: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Cells as text, by column and system: all by turns."""
    quiet = results["quiet"]
    busy = {name: results["while_audio_runs"][name] for name in quiet}
    return {
        "a run, us: p50 / p99": {name: _two(row["run_us"], 0) for name, row in quiet.items()},
        "while audio runs": {name: _two(row["run_us"], 0) for name, row in busy.items()},
        "x matcher": {name: report.spread(row["run_to_matcher"], 2) for name, row in quiet.items()},
        "suggestion, ms of the processor": {
            name: report.spread(row["suggestion_processor_ms"], 2) for name, row in quiet.items()
        },
        "by the clock: p50 / p99": {name: _two(row["suggestion_ms"], 2) for name, row in quiet.items()},
        "while audio runs ": {name: _two(row["suggestion_ms"], 2) for name, row in busy.items()},
    }


def _in_place(results: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Cells as text, by column and system: each alone; start, memory and accuracy."""
    live, start = results["live"], results["start"]
    return {
        "suggestion, ms: p50 / p99": {name: _two(row["suggestion_ms"], 2) for name, row in live.items()},
        "of a core": {name: f"{100.0 * row['share_of_a_core']:.2f} %" for name, row in live.items()},
        "ready after, ms": {name: _two(row["ready_after_ms"], 1) for name, row in live.items()},
        "too late": {name: f"{row['late']} of {row['suggestions']}" for name, row in live.items()},
        "start, s": {name: report.spread(row["start_s"], 2) for name, row in start.items()},
        "runtime + network, MB": {
            name: f"{row['runtime_megabytes']['median']:.0f} + {row['bundle_megabytes']['median']:.0f}"
            for name, row in start.items()
        },
        "error, test": _known(results["error_norm"], "test"),
        "error, validation": _known(results["error_norm"], "validation"),
    }


def _known(errors: dict[str, dict[str, float]], music: str) -> dict[str, str]:
    return {name: f"{row[music]:.4f}" for name, row in errors.items() if music in row}
