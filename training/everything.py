"""The whole pipeline, from nothing to judged bundles. Each step keeps what is there: stopped, it goes on."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import click

QUICK_PACKAGES = ("singularity-music", "frozen-bubble-data", "fretsonfire-songs-sectoid")
"""One for each use."""
EPOCHS, QUICK_EPOCHS = 10, 2
QUICK_RENDERS = 8


def steps(music: Path, work: Path, models: Path, quick: bool, is_own: bool) -> list[list[str]]:
    """The commands of the pipeline, as arguments to `python -m training`."""
    epochs = QUICK_EPOCHS if quick else EPOCHS
    workers = str(os.cpu_count() or 1)
    brief = ["--quick"] * quick
    fetch = ["fetch", "--music", str(music), *(part for name in QUICK_PACKAGES * quick for part in ("--only", name))]
    label = ["label", "--music", str(music), "--work", str(work), *brief]
    train = ["train", "all", "--work", str(work), "--epochs", str(epochs), "--threads", workers]
    if not quick:
        train += ["--widened", str(work / "data/widened")]
    renders = ["--workers", workers, *(["--renders", str(QUICK_RENDERS)] * quick)]
    tables = ["--work", str(work), "--tables", str(models)]
    return [
        *([] if is_own else [fetch]),
        ["rows", "--music", str(music), "--work", str(work)],
        ["masters", *tables],
        ["examples", "--work", str(work), "--both"],
        ["correct", *tables, "--both"],
        ["evaluate", *tables, "--use", "test", "--out", str(models / "results")],
        ["waveforms", *tables, "--use", "test", "--out", str(models / "results"), *renders],
        label,
        *([] if quick else [[*label, "--widened"]]),
        train,
        ["export", "all", "--work", str(work), "--models", str(models)],
        ["judge", "--work", str(work), "--models", str(models), *brief],
    ]


@click.command(name="all", epilog="Example: python -m training all --quick")
@click.option("--music", type=click.Path(path_type=Path), help="Your own music; by default it is fetched.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--models", type=click.Path(path_type=Path), help="Where bundles go.  [default: WORK/models]")
@click.option("--quick", is_flag=True, help="A small set, to try the pipeline: ten minutes on two cores.")
def command(music: Path | None, work: Path, models: Path | None, quick: bool) -> None:
    """Fetch, measure masters, train, judge; then label, train, export and judge what a reference is gone to by."""
    began = time.monotonic()

    def spent() -> str:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        minutes = (time.monotonic() - began) / 60.0
        return f"{minutes:.1f} min, {(used.ru_utime + used.ru_stime) / 60.0:.1f} min of processors"

    work = work / "quick" if quick else work
    for step in steps(music or work / "music", work, models or work / "models", quick, music is not None):
        click.echo(f"\n{spent()}: {' '.join(step)}")
        done = subprocess.run([sys.executable, "-m", "training", *step], check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)
    click.echo(f"\nDone: {spent()}.")
