"""The command line: `python -m bench COMMAND`. Each room has its commands."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from bench import options
from bench.files import commands as files
from bench.live import commands as live
from bench.plugin import commands as plugin
from bench.quality import commands as quality
from bench.speed import commands as speed
from bench.versus import commands as versus


@click.group()
def main() -> None:
    """Measure what rt_automix costs and holds on this machine, beside other tools.

    Each command prints a table and writes its figures (with machine, versions and commit) and a picture.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that servers and trees go with it


@main.command(name="all")
@click.option("--quick", is_flag=True, help="Short forms, in less than five minutes.")
@click.option("--music", type=click.Path(exists=True, file_okay=False, path_type=Path), envvar="RT_AUTOMIX_MUSIC",
              help="Folder with a folder of songs for each album.")  # fmt: skip
@click.option("--only", default="", metavar="NAME,...", help="These commands instead of all.")
@options.out
def everything(quick: bool, music: Path | None, only: str, out: Path) -> None:
    """Every command, into one folder: figures, pictures and a table; says what it skips.

    \b
    Examples:
      python -m bench all --quick
      python -m bench all --music ~/Music --out before
    """
    from bench import everything as command

    names = [name for name in only.split(",") if name]
    known = [part.name for part in command.PARTS]
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name} is not one of {', '.join(known)}.", param_hint="--only")
    sys.exit(command.run(quick, music, names, out))


@main.command()
@click.argument("first", metavar="A.json", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("second", metavar="B.json", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--all", "show_all", is_flag=True, help="Also what did not move.")
def compare(first: Path, second: Path, show_all: bool) -> None:
    """What moved between two runs by more than their own repetitions do.

    \b
    Example:
      python -m bench compare before/all.json bench-out/all.json
    """
    from bench import compare as command
    from rt_automix.errors import UserError

    try:
        command.run(first, second, show_all)
    except UserError as error:
        raise click.UsageError(str(error)) from error


for command in (
    *speed.COMMANDS,
    *quality.COMMANDS,
    *live.COMMANDS,
    *files.COMMANDS,
    *versus.COMMANDS,
    *plugin.COMMANDS,
):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="python -m bench")
