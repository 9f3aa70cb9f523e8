"""Labelling: every shard that is missing is made, on all cores or on a cluster.

A shard that exists is not made again, so labelling can be stopped and goes on where it was.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rt_automix.analysis.aim import profile
from rt_automix.analysis.bundles import context
from rt_automix.errors import ConfigError, UserError
from training.labels.shards import PLANS, QUICK, SAMPLE_RATE_HZ, WIDENED, Plan, jobs, make, profile_table, write_whole
from training.music import corpus
from training.pool import processes


def measure(song: corpus.Song) -> dict[str, Any]:
    """The profile of a song as it was mastered, as plain numbers."""
    audio = corpus.decode(song, SAMPLE_RATE_HZ)
    return asdict(profile.measure([audio], SAMPLE_RATE_HZ, 2, song.title))


def write_profiles(songs: list[corpus.Song], folder: Path, run: Any, advance: Any) -> None:
    """Measure every song's own profile into one table for each use; what is there stays."""
    for use in corpus.USES:
        file = profile_table(folder, use)
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        wanted = [song for song in songs if song.use == use and song.id not in known]
        for song, found in run(measure, wanted):
            known[song.id] = found
            text = json.dumps({key: known[key] for key in sorted(known)}) + "\n"
            write_whole(file, lambda opened, text=text: opened.write(text.encode()))
            advance()


def _describe(songs: list[corpus.Song], folder: Path, plans: dict[str, Plan]) -> None:
    packages = sorted({song.package for song in songs})
    split = {use: sorted({song.package for song in songs if song.use == use}) for use in corpus.USES}
    titles = [{"id": song.id, "title": song.title, "package": song.package, "use": song.use} for song in songs]
    described = {
        "songs": titles,
        "packages": packages,
        "split": split,
        "plans": {use: asdict(plan) for use, plan in plans.items()},
        "context_version": context.VERSION,
    }
    (folder / "dataset.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def _on_cores(workers: int) -> Any:
    """Run a function over arguments on this machine's cores; pairs as they come."""

    def run(function: Any, arguments: list[Any]) -> Iterator[tuple[Any, Any]]:
        if workers <= 1:
            yield from ((one, function(one)) for one in arguments)
            return
        with processes(workers) as pool:
            waiting = {pool.submit(function, one): one for one in arguments}
            for done in as_completed(waiting):
                yield waiting[done], done.result()

    return run


@contextmanager
def _on_dask(address: str) -> Iterator[Any]:
    """The same on a Dask cluster that is there already; its workers see the same folders."""
    try:
        from dask.distributed import Client
        from dask.distributed import as_completed as as_dask_completed
    except ImportError:
        raise ConfigError("--dask needs Dask. Install it: pip install dask distributed") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise ConfigError(f"--dask {address}: no cluster answers ({error}). Start one, or leave --dask out.") from None

    def run(function: Any, arguments: list[Any]) -> Iterator[tuple[Any, Any]]:
        waiting = {client.submit(function, one, pure=False): one for one in arguments}
        for done, result in as_dask_completed(list(waiting), with_results=True):
            yield waiting[done], result

    with client:
        yield run


def label(music: Path, folder: Path, plans: dict[str, Plan], workers: int, dask: str | None = None) -> int:
    """Make every shard that is missing; how many examples were made.

    Raises
    ------
    ConfigError
        There is no music, or no cluster.
    """
    songs = corpus.find(music)
    folder.mkdir(parents=True, exist_ok=True)
    corpus.write_split(folder / "split.json", songs)
    if plans.keys() == set(corpus.USES):
        _describe(songs, folder, plans)
    made = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _on_dask(dask) if dask else nullcontext(_on_cores(workers)) as run, Progress(*columns) as bar:
        missing = [job for job in jobs(songs, folder, plans) if not job.shard.exists()]
        measuring = bar.add_task("measuring masters", total=len(songs))
        write_profiles(songs, folder, run, lambda: bar.advance(measuring))
        bar.update(measuring, completed=len(songs))
        labelling = bar.add_task("labelling", total=len(missing))
        for _, count in run(make, missing):
            made += count
            bar.advance(labelling)
    return made


@click.command(epilog="Example: python -m training label --music music --work training-out")
@click.option("--music", type=click.Path(path_type=Path), required=True, help="Folder with a folder for each album.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--workers", type=int, default=os.cpu_count() or 1, show_default="all cores")
@click.option("--dask", metavar="ADDRESS", help="Run on this Dask cluster, such as tcp://host:8786.")
@click.option("--quick", is_flag=True, help="A small set, to try the pipeline.")
@click.option("--widened", is_flag=True, help="More of the training songs, damaged harder, into WORK/data/widened.")
def command(music: Path, work: Path, workers: int, dask: str | None, quick: bool, widened: bool) -> None:
    """Make training, validation and test examples; what is there is kept."""
    began = time.monotonic()
    try:
        made = label(music, work / "data", WIDENED if widened else QUICK if quick else PLANS, workers, dask)
    except UserError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made} examples made in {time.monotonic() - began:.0f} s, in {work / 'data'}")
