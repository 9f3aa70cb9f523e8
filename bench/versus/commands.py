"""The command of this room."""

from __future__ import annotations

from pathlib import Path

import click

from bench import options


@click.command()
@click.argument("commit", default="2d8a98e")
@click.option("--quick", is_flag=True, help="Few turns: a look, no figure to keep.")
@click.option(
    "--rows", default="", metavar="NAME,...", help="These of cold, warm, song, suggestion, worker, chain, live."
)
@click.option("--song", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Music for the five minutes, instead of the built-in song.")  # fmt: skip
@options.out
def versus(commit: str, quick: bool, rows: str, song: Path | None, out: Path) -> None:
    """What this checkout costs against COMMIT, interleaved: every target of the engine in one table.

    On a quiet machine: memory that other programs share with it and time that they take would be counted.

    \b
    Examples:
      python -m bench versus
      python -m bench versus HEAD~5 --rows warm,song --quick
    """
    from bench.versus import command
    from bench.versus.trees import CannotRun

    names = [name for name in rows.split(",") if name] or list(command.PART_NAMES)
    for name in names:
        if name not in command.PART_NAMES:
            raise click.BadParameter(f"{name} is not one of {', '.join(command.PART_NAMES)}.", param_hint="--rows")
    try:
        command.run(commit, song, names, quick, out)
    except CannotRun as error:
        raise click.ClickException(str(error)) from error


COMMANDS = (versus,)
