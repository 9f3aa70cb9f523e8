"""What a blind correction comes to on waveforms: damaged songs through the real engine, as it plays.

Everything is judged by a minute of a song against the same minute of its own master. `first` is the minute in which
the engine hears it for the first time, corrects what it has understood and moves; `again` is the same minute once
more, now that it knows it.

The tone of a minute is mostly that of its loudest moments, and a rider, a compressor and what was done to the levels
change which those are. So it is judged a second time with each moment as loud as in the master: what is left then is
the equalisers' alone.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.aim import masters
from rt_automix.analysis.aim.matching import MONO_DB
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.analysis.features import LOUDNESS_ROW, ROW_FLOOR_POWER
from rt_automix.analysis.hearing.listener import FeatureStream, Listener
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS, VECTOR_SIZE
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.errors import ConfigError, ModelError
from rt_automix.units import db_from_power, lin_from_db, power_from_db
from training.correction import baselines
from training.correction.comparison import interval
from training.correction.evaluate import errors_db
from training.correction.masters import TABLES
from training.correction.masters import use as judge_by
from training.judging import outcome
from training.labels.shards import write_whole
from training.music import corpus
from training.music.damage import Audio, Kind, damage
from training.pool import processes

KINDS: tuple[Kind, ...] = ("usual", "hard")
RENDERS, SECONDS, SEED = 200, 60.0, 60
RATE_HZ, BLOCK = outcome.RATE_HZ, 4096
GOALS = {"usual": -0.04, "hard": -0.14}
"""Share of the untouched's error that is to be gone."""
NUMBERS = VECTOR_SIZE + TONE_BANDS
_LOUDNESS, _PLR, _SIDE_MID, _DYNAMICS = TONE_BANDS, TONE_BANDS + 1, TONE_BANDS + 2, TONE_BANDS + 4
_MOST_DB = 40.0


@dataclass(frozen=True)
class Job:
    """A song, a kind of damage, and which of several of both."""

    song: corpus.Song
    kind: Kind
    version: int


def jobs(songs: Sequence[corpus.Song], count: int) -> list[Job]:
    """So many, songs by their number, which is chance, and kinds in turn: those of a smaller count are among them."""
    in_turn = sorted(songs, key=lambda song: song.id)
    found: list[Job] = []
    for version in range(count):
        found += [Job(song, kind, version) for song in in_turn for kind in KINDS]
        if len(found) >= count:
            break
    return sorted(found[:count], key=lambda job: (job.song.id, job.kind, job.version))


@lru_cache(maxsize=1)
def _song(song: corpus.Song) -> Audio:
    return corpus.decode(song, RATE_HZ)


def minutes(job: Job) -> tuple[Audio, Audio]:
    """A stretch of a song's master, and the same damaged."""
    audio = _song(job.song)
    rng = np.random.default_rng([SEED, int(job.song.id, 16), KINDS.index(job.kind), job.version])
    length = round(SECONDS * RATE_HZ)
    start = int(rng.integers(0, max(audio.shape[1] - length, 1)))
    own = np.ascontiguousarray(audio[:, start : start + length])
    return own, damage(own, RATE_HZ, rng, job.kind)


def played(suggester: str, audio: Audio) -> tuple[Audio, Audio]:
    """Through the engine with its default settings, listening while it plays, twice."""
    engine = Engine(Config(), suggester=choose(suggester, _refuse), analysis="inline")
    engine.prepare(RATE_HZ, BLOCK, 2)
    first, again = (
        np.concatenate(
            [
                engine.process(np.ascontiguousarray(audio[:, start : start + BLOCK]))
                for start in range(0, audio.shape[1], BLOCK)
            ],
            axis=1,
        )
        for _ in range(2)
    )
    engine.close()
    return first, again


def _refuse(problem: str) -> None:
    """A suggester that cannot be had is not judged as if it had answered."""
    raise ModelError(problem)


@dataclass(frozen=True)
class Master:
    """A stretch of a master as it is held against: how loud it is, and what a listener sees of it."""

    loudness_lufs: float
    rows: NDArray[np.float32]

    @classmethod
    def of(cls, own: Audio) -> Master:
        return cls(outcome.measured(own).loudness_lufs, FeatureStream(RATE_HZ, 2).push(own))


def numbers(audio: Audio, master: Master) -> NDArray[np.float64]:
    """What a stretch measures like, and its tone with each moment as loud as in the master: shape (NUMBERS,).

    As loud as its master: in what is softer the floor of the spectra would fill what is empty.
    """
    louder_db = master.loudness_lufs - outcome.measured(audio).loudness_lufs
    audio = audio * np.float32(lin_from_db(louder_db))
    rows = FeatureStream(RATE_HZ, 2).push(audio)
    count = min(len(rows), len(master.rows))
    moment_db = np.clip(master.rows[:count, LOUDNESS_ROW] - rows[:count, LOUDNESS_ROW], -_MOST_DB, _MOST_DB)
    power = np.maximum(power_from_db(rows[:count]) - ROW_FLOOR_POWER, 0.0) * power_from_db(moment_db)[:, None]
    statistics = Statistics(math.inf)
    statistics.add(db_from_power(power + ROW_FLOOR_POWER).astype(np.float32))
    return np.concatenate([outcome.measured(audio).vector(), statistics.vector()[:TONE_BANDS]])


def auto_030(audio: Audio, before: Profile) -> Audio:
    """Where 0.3.0's aim settles once the whole minute is known, through today's chain."""
    listener = Listener(RATE_HZ, 2)
    listener.push(audio)
    heard = before.vector()[baselines.LEVEL_FREE]
    aim = baselines.auto_030(heard[None])[0]
    wanted = baselines.with_level_free(before, aim)
    return outcome.master(audio, Matcher().suggest(listener, wanted))


SYSTEMS = {"Wiener": "matcher", "networks and Wiener": "auto"}
"""Their suggesters by name."""


def table_of(suggester: str) -> str:
    """A number for what a suggester knows of masters, so that what is kept is not of another."""
    return f"{zlib.crc32(masters.table(suggester != 'matcher').tobytes()):08x}"


def measure(job: Job, folder: Path, systems: Sequence[str] = tuple(SYSTEMS)) -> dict[str, list[float]]:
    """The numbers of one render: of the master, untouched, and of each system; what is there is kept.

    Parameters
    ----------
    folder : Path
        A file for each job comes to be in it.
    systems : of SYSTEMS
    """
    file = folder / f"{job.song.id}-{job.kind}-{job.version}.json"
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if kept and len(kept["alone"]["own"]) != NUMBERS:  # of a version that told less
        kept = {}
    missing = [name for name in systems if kept.get(name, {}).get("table") != table_of(SYSTEMS[name])]
    if missing or not kept:
        own, audio = minutes(job)
        master = Master.of(own)
    if not kept:
        before = outcome.measured(audio)
        alone = {"own": numbers(own, master), "untouched": numbers(audio, master)}
        alone["`auto` of 0.3.0, again"] = numbers(auto_030(audio, before), master)
        kept["alone"] = {name: values.tolist() for name, values in alone.items()}
    for name in missing:
        first, again = (numbers(heard, master).tolist() for heard in played(SYSTEMS[name], audio))
        kept[name] = {"table": table_of(SYSTEMS[name]), "first": first, "again": again}
    if missing:
        write_whole(file, lambda opened: opened.write(json.dumps(kept).encode()))
    return kept["alone"] | {f"{name}, {when}": kept[name][when] for name in systems for when in ("first", "again")}


def judge(done: Sequence[tuple[Job, dict[str, list[float]]]]) -> dict[str, Any]:
    """Figures by kind and system, with intervals by song."""
    ids = sorted({job.song.id for job, _ in done})
    report: dict[str, Any] = {"renders": len(done), "songs": len(ids), "seconds": SECONDS, "kinds": {}}
    for kind in KINDS:
        chosen = [(job, found) for job, found in done if job.kind == kind]
        if not chosen:
            continue
        song = np.array([ids.index(job.song.id) for job, _ in chosen])
        own = np.array([found["own"] for _, found in chosen])
        before = _errors(np.array([found["untouched"] for _, found in chosen]), own)
        report["kinds"][kind] = {
            name: _figures(_errors(np.array([found[name] for _, found in chosen]), own), before, song)
            for name in chosen[0][1]
            if name != "own"
        }
    return report


def _errors(found: NDArray[np.float64], own: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    level_free = baselines.LEVEL_FREE
    errors = {"tone_db": errors_db(np.zeros((len(own), len(level_free))), found[:, level_free], own[:, level_free])}
    moments = slice(VECTOR_SIZE, NUMBERS)
    errors["moments_db"] = errors_db(np.zeros((len(own), TONE_BANDS)), found[:, moments], own[:, moments])
    for name, column in (("side_mid_db", _SIDE_MID), ("dynamics_db", _DYNAMICS), ("plr_db", _PLR)):
        low = MONO_DB if column == _SIDE_MID else -np.inf  # mono is mono, however little is left of the side
        errors[name] = np.abs(np.maximum(found[:, column], low) - np.maximum(own[:, column], low))
    return errors


def _figures(
    after: dict[str, NDArray[np.float64]], before: dict[str, NDArray[np.float64]], song: NDArray[np.int64]
) -> dict[str, Any]:
    change = after["tone_db"] - before["tone_db"]
    untouched_db = float(before["tone_db"].mean())
    return {
        **{name: float(values.mean()) for name, values in after.items()},
        "change_share": float(change.mean()) / untouched_db,
        "moments_share": float(after["moments_db"].mean() / before["moments_db"].mean()) - 1.0,
        "by_song": [end / untouched_db for end in interval(change, song)],
        "made_worse": float((change > 0.3).mean()),
    }


def table(report: dict[str, Any]) -> str:
    """The report as markdown."""
    lines = [f"{report['renders']} renders of {report['seconds']:g} s, {report['songs']} songs.", ""]
    lines += [
        "| damage | system | tone, dB | against untouched | each moment as loud as the master's "
        "| worse by > 0.3 dB | side/mid, D, PLR |",
        "|---" * 7 + "|",
    ]
    for kind, systems in report["kinds"].items():
        for name, one in systems.items():
            low, high = one["by_song"]
            lines.append(
                f"| {kind} | {name} | {one['tone_db']:.2f} | {100 * one['change_share']:+.1f} % "
                f"[{100 * low:+.1f} {100 * high:+.1f}] | {one['moments_db']:.2f}: {100 * one['moments_share']:+.1f} % "
                f"| {100 * one['made_worse']:.0f} % | {one['side_mid_db']:.2f}, "
                f"{one['dynamics_db']:.2f}, {one['plr_db']:.2f} |"
            )
    return "\n".join(lines) + "\n"


@click.command(name="waveforms", epilog="Example: python -m training waveforms --work training-out --use validation")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--use", type=click.Choice(["validation", "test"]), default="validation", show_default=True,
              help="Which packages to judge on; test ones are looked at once per report.")  # fmt: skip
@TABLES
@click.option("--renders", type=click.IntRange(2), default=RENDERS, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write table and JSON into this folder.")
def command(work: Path, use: str, tables: Path, renders: int, workers: int, out: Path | None) -> None:
    """Damage waveforms, let the engine play them, hold what comes out against the masters; what is there is kept."""
    judge_by(tables)
    songs = [song for song in corpus.read_split(work / "split.json") if song.use == use and song.path.is_file()]
    if not songs:
        raise ConfigError(f"{work}: none of the {use} songs is there. Fetch them, then: python -m training rows")
    planned = jobs(songs, renders)
    with (
        processes(workers, judge_by, (tables,)) as pool,
        click.progressbar(length=len(planned), label="rendering") as bar,
    ):
        done = []
        folder = work / "waveforms"
        folder.mkdir(exist_ok=True)
        for job, found in zip(planned, pool.map(measure, planned, [folder] * len(planned)), strict=True):
            done.append((job, found))
            bar.update(1)
    report = judge(done)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "waveforms.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (out / "waveforms.md").write_text(f"# Waveforms, on {use} packages\n\n{table(report)}", encoding="utf-8")
    click.echo(table(report))
