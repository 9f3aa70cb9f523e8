"""The command line: `python -m training COMMAND`; a command's module is imported when it runs."""

from __future__ import annotations

import importlib
from typing import Any

import click

from rt_automix.errors import AutomixError

COMMANDS = {
    "fetch": (
        "training.music.fetch",
        "Get freely licensed music to learn from (Debian; 7 GB to download, 2 GB to keep).",
    ),
    "styles": ("training.correction.styles", "Group masters by what they measure like into the shipped profiles."),
    "rows": ("training.correction.rows", "Hear every master once and keep what a listener sees of it."),
    "examples": ("training.correction.examples", "Damage every master, and keep what a listener knows of it."),
    "masters": ("training.correction.masters", "Measure what masters are like, into the table behind the correction."),
    "speech": ("training.correction.speech", "Teach what tells talk from music, and measure what talk is like."),
    "label": ("training.labels.label", "Make training, validation and test examples; what is there is kept."),
    "train": ("training.networks.train", "Train the networks, or one of them."),
    "export": ("training.networks.export", "Write trained networks as bundles that the program runs."),
    "correct": ("training.correction.correct", "Train the networks behind the correction."),
    "evaluate": ("training.correction.evaluate", "Judge the correction on packages that it has not learned from."),
    "waveforms": (
        "training.judging.waveforms",
        "Judge it on damaged waveforms, through the engine as it plays.",
    ),
    "judge": (
        "training.judging.judge_bundles",
        "Judge the bundles, a reference given, on packages that none has seen.",
    ),
    "all": ("training.everything", "All of it; --quick in ten minutes."),
}
"""The module of each command, where it is called `command`, and what it does."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return importlib.import_module(COMMANDS[name][0]).command if name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands, in the order of the work"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AutomixError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Teach the networks that decide the mastering parameters.

    \b
    Example:
      python -m training fetch --music music
      python -m training label --music music
      python -m training train --help
    """


if __name__ == "__main__":
    main(prog_name="python -m training")
