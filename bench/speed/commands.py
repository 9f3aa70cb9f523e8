"""The commands of this room: what work costs in time, and how much of it there is."""

from __future__ import annotations

from pathlib import Path

import click

from bench import options


@click.command()
@click.option(
    "--blocks", type=options.blocks, default="64,128,256,512", show_default=True, help="Block sizes in samples."
)
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=10.0, show_default=True, help="Per block size.")
@options.out
def chain(blocks: list[int], seconds: float, out: Path) -> None:
    """Time per block of the whole chain, beside pedalboard's.

    \b
    Example:
      python -m bench chain --blocks 32,64,128,256,512,1024 --seconds 20
    """
    from bench.speed.chain import chain as command

    command.run(blocks, seconds, out)


@click.command()
@click.option(
    "--rates", type=options.rates, default="44100,48000,88200,96000", show_default=True, help="Sample rates in Hz."
)
@click.option("--blocks", type=options.blocks, default="32,64,128,256,512,1024", show_default=True, help="In samples.")
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=20.0, show_default=True, help="Per rate.")
@click.option("--processes", type=click.IntRange(1, 100), default=8, show_default=True, help="To repeat it in.")
@options.out
def latency(rates: list[int], blocks: list[int], seconds: float, processes: int, out: Path) -> None:
    """Time per block in compiled code at every size and rate, each stage's share, and the latency proven.

    \b
    Example:
      python -m bench latency --rates 48000 --seconds 60
    """
    from bench.speed.chain import latency as command

    command.run(rates, blocks, seconds, processes, out)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option(
    "--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Runs to take the median of."
)
@options.out
def render(file: Path | None, repeats: int, out: Path) -> None:
    """How fast FILE, or else the demo song, is mastered, and where the time goes, before and now.

    \b
    Examples:
      python -m bench render
      python -m bench render song.flac --repeats 9
    """
    from bench.speed.songs import render as command

    command.run(file, repeats, out)


@click.command()
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=16.0, show_default=True, help="For the ratios.")
@click.option(
    "--minutes", type=options.minutes, default="1,10,60", show_default=True, help="Lengths of files to render."
)
@options.out
def scale(seconds: float, minutes: list[float], out: Path) -> None:
    """What more channels, rates, engines at once and longer files cost, and where real time ends.

    \b
    Example:
      python -m bench scale --minutes 1,5
    """
    from bench.speed.chain import scale as command

    command.run(seconds, minutes, out)


@click.command()
@click.option("--songs", type=click.IntRange(2, 1000), default=60, show_default=True, help="Of 46 s each.")
@click.option("--rounds", type=click.IntRange(1, 100), default=6, show_default=True, help="To take turns in.")
@options.out
def batch(songs: int, rounds: int, out: Path) -> None:
    """How long many songs take together, beside `render` one after the other.

    \b
    Example:
      python -m bench batch --songs 12 --rounds 2
    """
    from bench.speed.songs import batch as command

    command.run(songs, rounds, out)


@click.command()
@click.option("--files", type=click.IntRange(3, 1000), default=50, show_default=True, help="How many.")
@options.out
def watched(files: int, out: Path) -> None:
    """A watched folder into which files are copied slowly, moved, and written over.

    \b
    Example:
      python -m bench watched --files 9
    """
    from bench.speed.songs import watched as command

    command.run(files, out)


@click.command()
@click.option("--songs", type=click.IntRange(2, 1000), default=20, show_default=True, help="Of 46 s each.")
@click.option("--units", type=click.IntRange(2000), default=100_000, show_default=True, help="Of no work at all.")
@options.out
def cluster(songs: int, units: int, out: Path) -> None:
    """A batch on a Dask cluster of this machine: one and two workers, and what the scheduler keeps of many units.

    \b
    Example:
      python -m bench cluster --songs 6 --units 5000
    """
    from bench.speed.songs import cluster as command

    command.run(songs, units, out)


@click.command()
@click.option("--files", type=click.IntRange(20, 100_000), default=5000, show_default=True, help="How many.")
@click.option("--bad", type=click.IntRange(0, 1000), default=20, show_default=True, help="How many of them are bad.")
@click.option("--kills", type=click.IntRange(0, 100), default=10, show_default=True, help="How often it is killed.")
@click.option("--seconds", type=click.FloatRange(0.5, 60.0), default=1.0, show_default=True, help="Of each file.")
@options.out
def many(files: int, bad: int, kills: int, seconds: float, out: Path) -> None:
    """A batch of thousands of short files, killed at random moments and begun again: what is there at the end.

    \b
    Example:
      python -m bench many --files 500 --kills 3
    """
    from bench.speed.songs import many as command

    command.run(files, bad, kills, seconds, out)


@click.command()
@click.option("--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Warm runs of each command.")
@click.option("--cold/--no-cold", default=True, show_default=True, help="Also the first run, which compiles (minutes).")
@options.out
def startup(repeats: int, cold: bool, out: Path) -> None:
    """Time from command to result, first run and later ones, and the size of the install.

    \b
    Example:
      python -m bench startup --repeats 9
    """
    from bench.speed import startup as command

    command.run(repeats, cold, out)


@click.command()
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=20.0, show_default=True, help="All by turns.")
@click.option("--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Starts of each.")
@options.models
@options.out
def model(seconds: float, repeats: int, models: Path | None, out: Path) -> None:
    """What deciding costs: every network in both precisions beside the matcher, and who is chosen.

    \b
    Example:
      python -m bench model --models models
    """
    from bench.speed.model import model as command

    command.run(models, seconds, repeats, out)


@click.command()
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=30.0, show_default=True, help="All by turns.")
@options.out
def outputs(seconds: float, out: Path) -> None:
    """What 2, 4 and 16 outputs of one input cost beside one, in the callback and in the worker.

    \b
    Example:
      python -m bench outputs --seconds 60
    """
    from bench.speed.chain import outputs as command

    command.run(seconds, out)


@click.command()
@click.option("--write", "is_to_write", is_flag=True, help="Let tests/work_counts.json say so from now on.")
def count(is_to_write: bool) -> None:
    """Work counted, not timed, against what tests/work_counts.json says: fails where it has risen.

    \b
    Examples:
      python -m bench count
      python -m bench count --write
    """
    from bench.speed.chain import count as command

    command.run(is_to_write)


COMMANDS = (chain, latency, render, batch, many, watched, cluster, scale, startup, model, outputs, count)
