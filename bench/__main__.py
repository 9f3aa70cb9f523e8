"""The command line: `python -m bench COMMAND`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_out = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("bench-out"), show_default=True,
    help="Folder for figures (JSON) and picture (PNG).",
)  # fmt: skip


class _Numbers(click.ParamType):
    """Numbers of a range, separated by commas."""

    name = "N,N,..."

    def __init__(self, kind: type[int] | type[float], least: float, most: float, example: str) -> None:
        self._kind, self._least, self._most, self._example = kind, least, most, example

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        try:
            numbers = [self._kind(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers. Use for example {self._example}.", param, ctx)
        for number in numbers:
            if not self._least <= number <= self._most:
                self.fail(f"{number} is outside [{self._least}, {self._most}]. Use numbers in that range.", param, ctx)
        return numbers


_blocks = _Numbers(int, 32, 1024, "64,256")
_rates = _Numbers(int, 44_100, 96_000, "44100,48000")
_minutes = _Numbers(float, 0.01, 600, "1,10")


@click.group()
def main() -> None:
    """Measure what rt_automix costs and holds on this machine, beside other tools.

    Each command prints a table and writes its figures (with machine, versions and commit) and a picture.
    """


@main.command()
@click.option("--blocks", type=_blocks, default="64,128,256,512", show_default=True, help="Block sizes in samples.")
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=10.0, show_default=True, help="Per block size.")
@_out
def chain(blocks: list[int], seconds: float, out: Path) -> None:
    """Time per block of the whole chain, beside pedalboard's.

    \b
    Example:
      python -m bench chain --blocks 32,64,128,256,512,1024 --seconds 20
    """
    from bench.speed import chain as command

    command.run(blocks, seconds, out)


@main.command()
@click.option("--rates", type=_rates, default="44100,48000,88200,96000", show_default=True, help="Sample rates in Hz.")
@click.option("--blocks", type=_blocks, default="32,64,128,256,512,1024", show_default=True, help="In samples.")
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=20.0, show_default=True, help="Per rate.")
@click.option("--processes", type=click.IntRange(1, 100), default=8, show_default=True, help="To repeat it in.")
@_out
def latency(rates: list[int], blocks: list[int], seconds: float, processes: int, out: Path) -> None:
    """Time per block in compiled code at every size and rate, each stage's share, and the latency proven.

    \b
    Example:
      python -m bench latency --rates 48000 --seconds 60
    """
    from bench.speed import latency as command

    command.run(rates, blocks, seconds, processes, out)


@main.command()
@click.option("--music", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of songs to use.")
@click.option("--seconds", type=click.FloatRange(0.5, 60.0), default=8.0, show_default=True, help="Per signal.")
@_out
def limiter(music: Path | None, seconds: float, out: Path) -> None:
    """Distortion, true peak and loudness of the limiter, beside pedalboard's and ffmpeg's.

    \b
    Example:
      python -m bench limiter --music ~/Music
    """
    from bench.quality import limiter as command

    command.run(music, seconds, out)


@main.command()
@click.option(
    "--music", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True,
    help="Folder with a folder of songs for each album.",
)  # fmt: skip
@click.option("--songs", type=click.IntRange(1, 1000), default=12, show_default=True, help="How many, of 90 s or more.")
@_out
def loudness(music: Path, songs: int, out: Path) -> None:
    """How soon songs streamed live reach -14 LUFS and how well they stay there, beside ffmpeg's loudnorm.

    \b
    Example:
      python -m bench loudness --music ~/Music
    """
    from bench.quality import loudness as command

    command.run(music, songs, out)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option(
    "--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Runs to take the median of."
)
@_out
def render(file: Path | None, repeats: int, out: Path) -> None:
    """How much faster than real time FILE, or else the demo song, is mastered on one core.

    \b
    Examples:
      python -m bench render
      python -m bench render song.flac --repeats 9
    """
    from bench.speed import render as command

    command.run(file, repeats, out)


@main.command()
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=16.0, show_default=True, help="For the ratios.")
@click.option("--minutes", type=_minutes, default="1,10,60", show_default=True, help="Lengths of files to render.")
@_out
def scale(seconds: float, minutes: list[float], out: Path) -> None:
    """What more channels, rates, engines at once and longer files cost, and where real time ends.

    \b
    Example:
      python -m bench scale --minutes 1,5
    """
    from bench.speed import scale as command

    command.run(seconds, minutes, out)


@main.command()
@click.option("--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Warm runs of each command.")
@click.option("--cold/--no-cold", default=True, show_default=True, help="Also the first run, which compiles (minutes).")
@_out
def startup(repeats: int, cold: bool, out: Path) -> None:
    """Time from command to result, first run and later ones, and the size of the install.

    \b
    Example:
      python -m bench startup --repeats 9
    """
    from bench.speed import startup as command

    command.run(repeats, cold, out)


@main.command()
@click.option("--block", type=click.IntRange(32, 1024), default=64, show_default=True, help="The server's period.")
@click.option("--seconds", type=click.FloatRange(0.1, 600.0), default=5.0, show_default=True, help="Per run.")
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="Runs of each row.")
@_out
def jitter(block: int, seconds: float, rounds: int, out: Path) -> None:
    """The live callback beside busy Python in the same process: native, and through the interpreter.

    Needs a JACK server (no sound card): sudo apt install jackd2 libportaudio2

    \b
    Example:
      python -m bench jitter --block 64 --seconds 10
    """
    from bench.live import jitter as command

    command.run(block, seconds, rounds, out)


@main.command()
@click.option("--blocks", type=_blocks, default="64,128,256", show_default=True, help="The server's periods.")
@click.option("--messages", type=click.IntRange(2, 5000), default=200, show_default=True, help="Turns of the knob.")
@click.option("--stream", type=click.IntRange(1, 10000), default=1000, show_default=True, help="Dense messages.")
@_out
def roundtrip(blocks: list[int], messages: int, stream: int, out: Path) -> None:
    """In to out, and knob to sound, measured by another program on a real server.

    Needs a JACK server (no sound card): sudo apt install jackd2 libportaudio2

    \b
    Example:
      python -m bench roundtrip --blocks 64
    """
    from bench.live import roundtrip as command

    command.run(blocks, messages, stream, out)


@main.command()
@click.option("--hours", type=click.FloatRange(0.001, 1000.0), default=8.0, show_default=True, help="Of sound.")
@click.option("--block", type=click.IntRange(32, 1024), default=256, show_default=True, help="The server's period.")
@click.option("--music", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of songs to use.")
@_out
def soak(hours: float, block: int, music: Path | None, out: Path) -> None:
    """Hours of sound through the live program in minutes: every sample looked at, memory, drift.

    Needs a JACK server (no sound card): sudo apt install jackd2 libportaudio2

    \b
    Example:
      python -m bench soak --hours 8 --music ~/Music
    """
    from bench.live import soak as command

    command.run(hours, block, music, out)


_models = click.option(
    "--models", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of networks, instead of the shipped ones.",
)  # fmt: skip


@main.command()
@click.option("--seconds", type=click.FloatRange(0.01, 600.0), default=20.0, show_default=True, help="All by turns.")
@click.option("--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Starts of each.")
@_models
@_out
def model(seconds: float, repeats: int, models: Path | None, out: Path) -> None:
    """What deciding costs: every network in both precisions beside the matcher, and who is chosen.

    \b
    Example:
      python -m bench model --models models
    """
    from bench.speed import model as command

    command.run(models, seconds, repeats, out)


@main.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True,
                type=click.Path(exists=True, file_okay=False, path_type=Path))  # fmt: skip
@click.option("--songs", type=click.IntRange(2, 1000), default=12, show_default=True, help="How many, in all.")
@click.option("--seconds", type=click.FloatRange(6.0, 600.0), default=60.0, show_default=True, help="Of each song.")
@click.option("--quick", is_flag=True, help="At most 3 songs of 20 s, and few systems.")
@_models
@_out
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


@main.command(name="all")
@click.option("--quick", is_flag=True, help="Short forms, in less than five minutes.")
@click.option("--music", type=click.Path(exists=True, file_okay=False, path_type=Path), envvar="RT_AUTOMIX_MUSIC",
              help="Folder with a folder of songs for each album.")  # fmt: skip
@click.option("--only", default="", metavar="NAME,...", help="These commands instead of all.")
@_out
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


@main.command()
@click.option("--write", "is_to_write", is_flag=True, help="Let tests/work_counts.json say so from now on.")
def count(is_to_write: bool) -> None:
    """Work counted, not timed, against what tests/work_counts.json says: fails where it has risen.

    \b
    Examples:
      python -m bench count
      python -m bench count --write
    """
    from bench.speed import count as command

    command.run(is_to_write)


if __name__ == "__main__":
    main(prog_name="python -m bench")
