"""`rt-automix plugin`: the engine as a plug-in for hosts, built here and put where they look."""

from __future__ import annotations

from pathlib import Path

import click

from rt_automix.cli import terminal
from rt_automix.errors import ConfigError, nearest

_FORMATS = ("lv2", "clap", "vst3")
_PLACES = {"lv2": ".lv2", "clap": ".clap", "vst3": ".vst3"}
"""Where hosts look, in a user's home."""

_formats = click.option("--format", "formats", default=",".join(_FORMATS), show_default=True, metavar="NAME,...",
                        help="Formats: lv2, clap, vst3.")  # fmt: skip
_target = click.option("--target", metavar="NAME,...", help="Systems and processors to build for; by default this one.")


@click.group()
def plugin() -> None:
    """Build the engine as LV2, CLAP and VST3, with nothing of Python inside.

    \b
    Example:
      rt-automix plugin install
    """


@plugin.command()
@_formats
@_target
@click.option("-o", "--out", "folder", default="plugins", show_default=True, metavar="DIR", help="Folder to fill.",
              type=click.Path(path_type=Path, file_okay=False))  # fmt: skip
def build(formats: str, target: str | None, folder: Path) -> None:
    """Build plug-ins into a folder.

    \b
    Examples:
      rt-automix plugin build
      rt-automix plugin build --format clap,vst3 -o dist
      rt-automix plugin build --target linux-x86-64-v2 -o dist
    """
    from rt_automix.plugin import build as builder

    names, levels = _known(formats), builder.levels_of(target)
    for level in levels:
        place = folder if len(levels) == 1 else folder / level.name
        for made in builder.build(dict.fromkeys(names, place), level, terminal.remark):
            click.echo(made)


@plugin.command()
@_formats
def install(formats: str) -> None:
    """Build plug-ins for this machine and put them where hosts look for a user's own.

    \b
    Examples:
      rt-automix plugin install
      rt-automix plugin install --format lv2
    """
    from rt_automix.plugin import build as builder

    folders = {name: Path.home() / _PLACES[name] for name in _known(formats)}
    for made in builder.build(folders, None, terminal.remark):
        click.echo(made)


def _known(formats: str) -> list[str]:
    """The formats that a list names."""
    names = [name.strip() for name in formats.split(",") if name.strip()]
    for name in names:
        if name not in _FORMATS:
            raise ConfigError(f'format "{name}" is unknown.{nearest(name, _FORMATS)} Known: {", ".join(_FORMATS)}.')
    return names
