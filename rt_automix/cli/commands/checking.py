"""`rt-automix check`: everything that is wrong with settings files, at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click

from rt_automix.cli.settings import FILE
from rt_automix.errors import AutomixError, ConfigError


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="CONFIG...")
def check(files: tuple[Path, ...]) -> None:
    """Check settings files and print every problem at once; exit code 2 if there is one.

    \b
    Example:
      rt-automix check gig.toml
    """
    found = [problem for path in files for problem in problems(path)]
    if found:
        raise ConfigError("\n".join(found))
    for path in files:
        click.echo(f"{path}: fine")


def problems(path: Path) -> list[str]:
    """What is wrong with the file, and with what it names."""
    from rt_automix import config
    from rt_automix.analysis.aim import profile
    from rt_automix.analysis.deciding import suggester

    found = config.problems(path)
    for setting, test in (("profile", profile.load), ("suggester", suggester.check_bundle)):
        value = _named(path, setting)
        try:
            if isinstance(value, str) and value:
                test(value)
        except AutomixError as error:
            found += [f"{path}: master.{setting}: {line}" for line in str(error).splitlines()]
    return found


def _named(path: Path, setting: str) -> object:
    """A setting of [master] as it stands in the file, whatever else is wrong there; None if it cannot be had."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))["master"][setting]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
