"""The commands of this room: how good it sounds."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench import options


@click.command()
@click.option("--music", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of songs to use.")
@click.option("--seconds", type=click.FloatRange(0.5, 60.0), default=8.0, show_default=True, help="Per signal.")
@options.out
def limiter(music: Path | None, seconds: float, out: Path) -> None:
    """Distortion, true peak and loudness of the limiter, beside pedalboard's and ffmpeg's.

    \b
    Example:
      python -m bench limiter --music ~/Music
    """
    from bench.quality import limiter as command

    command.run(music, seconds, out)


@click.command()
@click.option(
    "--music", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True,
    help="Folder with a folder of songs for each album.",
)  # fmt: skip
@click.option("--songs", type=click.IntRange(1, 1000), default=12, show_default=True, help="How many, of 90 s or more.")
@click.option("--voices", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with the packages of training/correction/talks.toml: talk, over songs, too.")  # fmt: skip
@options.out
def loudness(music: Path, songs: int, voices: Path | None, out: Path) -> None:
    """How soon songs streamed live reach -14 LUFS and how well they stay there, beside ffmpeg's loudnorm.

    \b
    Examples:
      python -m bench loudness --music ~/Music
      python -m bench loudness --music ~/.cache/rt_automix/music --voices ~/.cache/rt_automix/speech
    """
    from bench.quality import loudness as command

    command.run(music, songs, voices, out)


@click.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True,
                type=click.Path(exists=True, file_okay=False, path_type=Path))  # fmt: skip
@click.option("--songs", type=click.IntRange(1, 1000), default=12, show_default=True, help="How many, of 2 minutes.")
def fades(folders: tuple[Path, ...], songs: int) -> None:
    """How far the gain lifts fade-outs that are put on songs streamed live.

    \b
    Example:
      python -m bench fades ~/Music --songs 16
    """
    from bench.quality import fades as command

    command.run(list(folders), songs)


@click.command()
@click.option(
    "--music", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True,
    help="Folder with a folder of songs for each album.",
)  # fmt: skip
@click.option("--voices", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True,
              help="Folder with the packages of training/correction/talks.toml.")  # fmt: skip
@click.option("--songs", type=click.IntRange(1, 100), default=1, show_default=True, help="How many, and as many talks.")
def reach(music: Path, voices: Path, songs: int) -> None:
    """Whether live meets targets of -40 to -8 LUFS from inputs of -50 to -5, or says what it missed and why.

    \b
    Example:
      python -m bench reach --music ~/.cache/rt_automix/music --voices ~/.cache/rt_automix/speech
    """
    from bench.quality import reach as command

    sys.exit(command.run(music, voices, songs))


@click.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True,
                type=click.Path(exists=True, file_okay=False, path_type=Path))  # fmt: skip
@click.option("--songs", type=click.IntRange(2, 1000), default=12, show_default=True, help="How many, in all.")
@click.option("--seconds", type=click.FloatRange(6.0, 600.0), default=60.0, show_default=True, help="Of each song.")
@click.option("--quick", is_flag=True, help="At most 3 songs of 20 s, and few systems.")
@options.models
@options.out
def quality(folders: tuple[Path, ...], songs: int, seconds: float, quick: bool, models: Path | None, out: Path) -> None:
    """How near songs come to another song's measure, and what it costs them, beside other tools.

    They are judged from the sixteenth second on (of less than 45 s, the last two thirds): who listens live has
    listened by then. Matchering and libsonare take part if they are installed (pip install .[bench]), ffmpeg too.

    \b
    Examples:
      python -m bench quality ~/Music
      python -m bench quality ~/Music --quick
    """
    from bench.quality import targets as command

    command.run(folders, songs, seconds, models, quick, out)


@click.command()
@click.option(
    "--music", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True,
    help="Folder with a folder of songs for each record.",
)  # fmt: skip
@click.option("--songs", type=click.IntRange(2, 100), default=5, show_default=True, help="Of a record, at most.")
@click.option("--seconds", type=click.FloatRange(6.0, 600.0), default=40.0, show_default=True, help="Of each song.")
@options.out
def album(music: Path, songs: int, seconds: float, out: Path) -> None:
    """Records as albums: loudness, distances, joins and tone, beside what render alone makes of them.

    \b
    Example:
      python -m bench album --music ~/Music
    """
    from bench.quality import album as command

    command.run(music, songs, seconds, out)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--music", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="Folder of songs."
)
@click.option("--songs", type=click.IntRange(1, 26), default=8, show_default=True, help="How many.")
@click.option("--seconds", type=click.FloatRange(6.0, 600.0), default=60.0, show_default=True,
              help="Of each song that are mastered, from its middle.")  # fmt: skip
@click.option("--excerpt", type=click.FloatRange(2.0, 60.0), default=20.0, show_default=True,
              help="Seconds of that to listen to, where it is loudest.")  # fmt: skip
@click.option("--reference", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Also towards this song, by ours and by Matchering.")  # fmt: skip
def listen(folder: Path, music: Path, songs: int, seconds: float, excerpt: float, reference: Path | None) -> None:
    """Write a page to listen blind: untouched, 0.3.0, today's closed form, and with its networks, at one loudness.

    The page keeps what is answered, and saves it as answers.json; no server and no network is needed.

    \b
    Example:
      python -m bench listen blind --music ~/Mixes --songs 6
    """
    from bench.quality import listen as command

    command.run(folder, music, songs, seconds, excerpt, reference)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("answers", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.out
def heard(folder: Path, answers: tuple[Path, ...], out: Path) -> None:
    """Sum up what listeners answered on a page of `bench listen`.

    \b
    Example:
      python -m bench heard blind answers.json friend.json
    """
    from bench.quality import heard as command

    command.run(folder, list(answers), out)


COMMANDS = (limiter, loudness, fades, reach, quality, album, listen, heard)
