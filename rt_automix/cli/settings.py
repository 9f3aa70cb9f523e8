"""From options to settings: the same checks for a file and for the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rt_automix import platforms

if TYPE_CHECKING:
    from rt_automix.analysis.aim.profile import Profile
    from rt_automix.config import Config
    from rt_automix.io.lossy.codecs import Format

Progress = Callable[[str, float], None]

FILE = click.Path(path_type=Path)


def options(*several: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several click options as one decorator, shown in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(several):
            command = option(command)
        return command

    return decorate


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
profile = click.option("--profile", metavar="NAME|FILE", help="Style to master towards; see: rt-automix profile list.")
reference = click.option("--reference", type=FILE, metavar="SONG", help="Master towards what a song measures like.")
platform = click.option(
    "--for", "platform", metavar="NAME", help="Loudness and ceiling of a place: spotify, podcast, ..."
)
target_lufs = click.option("--target-lufs", type=float, metavar="X", help="Loudness to reach; otherwise the style's.")
ceiling_dbtp = click.option("--ceiling-dbtp", type=float, metavar="X", help="True-peak ceiling.")
amount = click.option("--amount", type=float, metavar="0..1", help="How much mastering: 0 leaves the sound untouched.")
fine_tone = click.option(
    "--fine-tone",
    type=float,
    metavar="0..1",
    help="How much the 31 fine bands of the equaliser do: 0 leaves the tone to the five.",
)
boldness = click.option(
    "--boldness",
    type=float,
    metavar="0..1",
    help="How boldly what is heard is corrected towards its own master: 0 not at all.",
)
style_strength = click.option(
    "--style-strength",
    type=float,
    metavar="0..1",
    help="How far a style is leaned to; a reference is gone to whatever this says.",
)
night = click.option(
    "--night/--no-night", default=None,
    help="Keep what is quiet and what is loud within a few LU: late at night, and films in which one talks.",
)  # fmt: skip
suggester = click.option(
    "--suggester",
    metavar="NAME[:fp32]",
    help="Who decides: auto, matcher, or a model, such as baseline_cnn or weighted_ensemble.",
)

mono = click.option(
    "--mono",
    type=click.Choice(["dual", "single"]),
    default="dual",
    show_default=True,
    help="A mono file's loudness: as it sounds from two loudspeakers, or as one channel, 3 LU less.",
)
mastering = (
    profile, reference, amount, fine_tone, boldness, style_strength, platform, target_lufs, ceiling_dbtp, night,
    suggester,
)  # fmt: skip
"""What whoever masters a file or a stream may be asked for."""
lookahead = click.option(
    "--lookahead", type=click.Choice(["live", "song"]), default="song", show_default=True,
    help="song: hear it all first, then hold settled parameters. live: what a live stream would get.",
)  # fmt: skip
bits = click.option(
    "--bits", type=click.Choice(["16", "24", "32"]), default="24", show_default=True, help="32 is float."
)
config_path = click.option("--config", "config_path", type=FILE, metavar="FILE", help="Settings to start from.")


def asked_for(
    platform: str | None, target_lufs: float | None, ceiling_dbtp: float | None
) -> tuple[float | None, float | None]:
    """Loudness and ceiling of the place that `--for` names, under what is said of each."""
    if platform is None:
        return target_lufs, ceiling_dbtp
    place = platforms.named(platform)
    return (
        place.target_lufs if target_lufs is None else target_lufs,
        place.ceiling_dbtp if ceiling_dbtp is None else ceiling_dbtp,
    )


def formats_of(deliver: str | None) -> tuple[Format, ...]:
    """The lossy formats that `--deliver` names, once it is sure that they can be made; none without it."""
    if deliver is None:
        return ()
    from rt_automix.io.lossy import codecs, ffmpeg

    formats = codecs.parse(deliver)
    ffmpeg.check(formats)
    return formats


pairs = click.option("--pairs", type=click.Choice(["no", "own", "linked"]),
                     help="Up to 16 channels as pairs; own: each a programme of its own, linked: one.")  # fmt: skip


def config_from(path: Path | None, **overrides: object) -> Config:
    """The settings of a file, or the defaults, under what the command line says (None says nothing)."""
    from rt_automix import config
    from rt_automix.analysis.deciding.suggester import check

    dotted: dict[str, Any] = {name.replace("__", "."): value for name, value in overrides.items()}
    settings = config.load(path).with_overrides(**dotted)
    check(settings.master.suggester)
    return settings


def style_of(config: Config, reference: Path | None, progress: Progress) -> Profile:
    """The profile that the settings name, or that of a reference song."""
    from rt_automix.analysis.aim import profile

    return profile.load(config.master.profile) if reference is None else measured(reference, progress)


def measured(song: Path, progress: Progress) -> Profile:
    """The profile of a song."""
    from rt_automix.render.figures import profile_of

    return profile_of(song, progress)
