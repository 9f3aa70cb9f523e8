"""The command of this room."""

from __future__ import annotations

from pathlib import Path

import click

from bench import options


@click.command()
@click.option("--plugins", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="A folder that `rt-automix plugin build` has filled; else they are built for it.")  # fmt: skip
@click.option("--block", type=click.IntRange(16, 4096), default=64, show_default=True, help="Samples.")
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=20.0, show_default=True, help="Of each part.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=9, show_default=True, help="Of runs in ffmpeg.")
@click.option("--repeats", type=click.IntRange(1, 100), default=9, show_default=True, help="Of loading.")
@options.out
def plugin(folder: Path | None, block: int, seconds: float, rounds: int, repeats: int, out: Path) -> None:
    """What the plug-ins cost per block, beside the engine's chain, pedalboard, LSP, x42 and Calf; worker, load, size.

    \b
    Example:
      python -m bench plugin --plugins plugins --rounds 3
    """
    from bench.plugin import command

    try:
        command.run(folder, block, seconds, rounds, repeats, out)
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from error


COMMANDS = (plugin,)
