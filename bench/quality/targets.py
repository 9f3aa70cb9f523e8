"""How good it sounds, as far as that can be measured: songs brought to another song's measure, by many means.

Songs are damaged by chance (tone, width, level: the same for everybody, and the same every time) and
each is to become like the next song of the folder. What measures it is neither ours nor anybody's: loudness
by BS.1770, true peak at 32 times oversampling, the rest by the definitions in `measures`. Then
every song, undamaged, is to become like itself: who moves it does harm. Live systems hear a stream from
the start, so tone and loudness are judged once they have listened for some seconds; Matchering, the teacher
and pedalboard's gain know the whole song beforehand, and ffmpeg looks ahead by seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
import pedalboard
from rich import box
from rich.progress import track
from rich.table import Table

from bench.common import material, report
from bench.quality import measures, targets_picture
from bench.quality.limiter import SAMPLE_RATE_HZ
from bench.quality.measures import CEILING_DBTP, LIMITER_MEASURES, MEASURES, Audio
from bench.quality.systems import MATCHERING, PEERS, REFERENCES, System, Task, limiters, systems
from rt_automix.engine.engine import SAMPLE_RATES_HZ
from rt_automix.errors import ConfigError
from rt_automix.units import lin_from_db

SEED = 11
EQ_SD_DB, EQ_LIMIT_DB = 3.0, 8.0
SIDE_SD_DB, SIDE_LIMIT_DB = 2.5, 6.0
LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -15.0, -3.0
BANDS = (
    (pedalboard.LowShelfFilter, 120.0),
    (pedalboard.PeakFilter, 300.0),
    (pedalboard.PeakFilter, 1100.0),
    (pedalboard.PeakFilter, 3200.0),
    (pedalboard.HighShelfFilter, 8000.0),
)

JUDGED_FROM_S = 15.0
QUICK_SONGS, QUICK_SECONDS, TONE_S = 3, 20.0, 2.0


def damage(audio: Audio, rate_hz: int, seed: int) -> tuple[Audio, dict[str, Any]]:
    """A song that needs mastering, and what was done to it: five bands, the side's level, the level."""
    rng = np.random.default_rng(seed)
    gains_db = np.clip(rng.normal(0.0, EQ_SD_DB, len(BANDS)), -EQ_LIMIT_DB, EQ_LIMIT_DB).tolist()
    centres_hz = [centre_hz * 2.0 ** float(rng.uniform(-0.5, 0.5)) for _, centre_hz in BANDS]
    side_db = float(np.clip(rng.normal(0.0, SIDE_SD_DB), -SIDE_LIMIT_DB, SIDE_LIMIT_DB))
    gain_db = float(rng.uniform(LOWEST_GAIN_DB, HIGHEST_GAIN_DB))
    filters = [kind(hz, db, 0.8) for (kind, _), hz, db in zip(BANDS, centres_hz, gains_db, strict=True)]
    equalised = pedalboard.Pedalboard(filters)(audio, rate_hz) * np.float32(lin_from_db(gain_db))
    mid, side = 0.5 * (equalised[0] + equalised[1]), 0.5 * (equalised[0] - equalised[1])
    side *= np.float32(lin_from_db(side_db))
    done = {"seed": seed, "bands_hz": centres_hz, "bands_db": gains_db, "side_db": side_db, "gain_db": gain_db}
    return np.stack([mid + side, mid - side]), done


def _judged_from_s(seconds: float) -> float:
    return min(JUDGED_FROM_S, seconds / 3.0)


def tasks(folders: Sequence[Path], count: int, seconds: float) -> dict[str, Task]:
    """Songs of the folders, each asked to be like the next one; undamaged.

    Raises
    ------
    click.ClickException
        There are too few.
    """
    low, high = SAMPLE_RATES_HZ
    found: dict[str, Task] = {}
    for name, (audio, rate_hz) in material.songs(folders, count, seconds).items():
        if low <= rate_hz <= high:
            quietest = measures.steady(audio, rate_hz, _judged_from_s(seconds)) * lin_from_db(LOWEST_GAIN_DB)
            try:
                measures.measured(quietest.astype(np.float32), rate_hz)
                own = measures.measured(audio, rate_hz)
            except ConfigError as error:
                report.console.print(f"{name} is skipped: {error}")
            else:
                found[name] = Task(audio, rate_hz, own, audio, rate_hz)
    if len(found) < 2:
        where = ", ".join(map(str, folders))
        raise click.ClickException(
            f"{where}: {len(found)} stereo songs of {2 * seconds:.0f} s or more found, at least 2 needed. "
            "Give folders with more music, or a smaller --seconds."
        )
    return found


def judge(own: Task, other: Task, takers: dict[str, System], seed: int, from_s: float) -> dict[str, Any]:
    """One song: damaged and asked to be like the other one, then as it is and asked to be like itself."""
    damaged, done = damage(own.audio, own.rate_hz, seed)
    mend = replace(other, audio=damaged, rate_hz=own.rate_hz)
    figures: dict[str, measures.Figures] = {}
    for taker, system in takers.items():
        mended, left = system(mend), system(own)
        figures[taker] = {
            **measures.towards_target(damaged, mended, own.rate_hz, mend.wanted, from_s),
            **measures.harm(own.audio, left, own.rate_hz, from_s),
        }
    return {"rate_hz": own.rate_hz, "target_lufs": mend.wanted.loudness_lufs, "damage": done, "systems": figures}


def summary(songs: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Median and worst over the songs, by system and measure; None is never, and counted beside."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for taker in next(iter(songs.values()))["systems"]:
        found[taker] = {}
        for measure in MEASURES:
            values = [song["systems"][taker][measure] for song in songs.values()]
            numbers = np.array([np.inf if value is None else value for value in values])
            middle, worst = float(np.median(numbers)), float(numbers.max())
            found[taker][measure] = {
                "median": middle if np.isfinite(middle) else None,
                "worst": worst if np.isfinite(worst) else None,
                "never": values.count(None),
            }
    return found


def to_matchering(songs: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What each of ours leaves of the band balance against what Matchering 2 does: of the medians, and song by song."""
    takers = list(next(iter(songs.values()))["systems"])
    if MATCHERING not in takers:
        return {}
    left = {name: [song["systems"][name]["band_balance_db"] for song in songs.values()] for name in takers}
    theirs = np.array(left[MATCHERING])
    return {
        name: {"of_medians": float(np.median(left[name]) / np.median(theirs)), **report.quartiles(left[name] / theirs)}
        for name in takers
        if name not in (*PEERS, *REFERENCES)
    }


def measure(folders: Sequence[Path], count: int, seconds: float, models: Path | None, quick: bool) -> dict[str, Any]:
    """Everything the table and the picture show."""
    found, takers = tasks(folders, count, seconds), systems(models, quick)
    names = list(found)
    songs = {}
    pairs = list(pairwise([*names, names[0]]))
    for index, (name, other) in enumerate(track(pairs, "songs", console=report.console, transient=True)):
        figures = judge(found[name], found[other], takers, SEED + index, _judged_from_s(seconds))
        songs[name] = {"like": other, **figures}
    tones = {name: measures.limiter_figures(limit, SAMPLE_RATE_HZ, TONE_S) for name, limit in limiters(quick).items()}
    return {"songs": songs, "summary": summary(songs), "to_matchering": to_matchering(songs), "limiters": tones}


def run(folders: Sequence[Path], count: int, seconds: float, models: Path | None, quick: bool, out: Path) -> None:
    """Measure, print the tables, write figures, table and picture."""
    if quick:
        count, seconds = min(count, QUICK_SONGS), min(seconds, QUICK_SECONDS)
    started_s = time.perf_counter()
    results = measure(folders, count, seconds, models, quick)
    settings = {
        "songs": count,
        "seconds": seconds,
        "judged_from_s": _judged_from_s(seconds),
        "ceiling_dbtp": CEILING_DBTP,
        "first_seed": SEED,
        "quick": quick,
        "seconds_taken": time.perf_counter() - started_s,
    }
    _print(results)
    report.save("quality", out, settings, results, targets_picture.draw(results))
    (out / "quality.md").write_text(_markdown(results), encoding="utf-8")


def _cell(figures: dict[str, Any]) -> str:
    middle, worst = ("never" if figures[key] is None else f"{figures[key]:.2f}" for key in ("median", "worst"))
    return f"{middle} / {worst}"


def _rows(results: dict[str, Any]) -> dict[str, list[str]]:
    """Median and worst as text, by measure, for each system."""
    return {
        words: [_cell(figures[measure]) for figures in results["summary"].values()]
        for measure, words in MEASURES.items()
    }


def _print(results: dict[str, Any]) -> None:
    table = Table("median / worst song", *results["summary"], title_justify="left", box=box.SIMPLE_HEAD,
                  title=f"{len(results['songs'])} songs, each asked to be like the next one")  # fmt: skip
    for words, cells in _rows(results).items():
        table.add_row(words, *cells)
    report.console.print(table)
    table = Table("limiters", *results["limiters"], title_justify="left", box=box.SIMPLE_HEAD)
    for name, words in LIMITER_MEASURES.items():
        table.add_row(words, *(f"{figures[name]:.3f}" for figures in results["limiters"].values()))
    report.console.print(table)
    for line in _ratios(results):
        report.console.print(line)


def _ratios(results: dict[str, Any]) -> list[str]:
    """Ours beside Matchering 2, in words."""
    return [
        f"Band balance left, {name} / {MATCHERING}: {ratio['of_medians']:.2f} of the medians, "
        f"song by song {report.spread(ratio, 2)}"
        for name, ratio in results["to_matchering"].items()
    ]


def _markdown(results: dict[str, Any]) -> str:
    """The same two tables."""
    lines = [f"Median / worst of {len(results['songs'])} songs, each asked to be like the next one:", ""]
    lines += ["| | " + " | ".join(results["summary"]) + " |", "|---" * (1 + len(results["summary"])) + "|"]
    lines += [f"| {words} | " + " | ".join(cells) + " |" for words, cells in _rows(results).items()]
    limiting = results["limiters"]
    lines += ["", "| limiters | " + " | ".join(limiting) + " |", "|---" * (1 + len(limiting)) + "|"]
    for name, words in LIMITER_MEASURES.items():
        lines.append(f"| {words} | " + " | ".join(f"{figures[name]:.3f}" for figures in limiting.values()) + " |")
    return "\n".join([*lines, "", *(f"- {line}" for line in _ratios(results)), ""])
