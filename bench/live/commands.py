"""The commands of this room: how it behaves on a server."""

from __future__ import annotations

from pathlib import Path

import click

from bench import options


@click.command()
@click.option("--block", type=click.IntRange(32, 1024), default=64, show_default=True, help="The server's period.")
@click.option("--seconds", type=click.FloatRange(0.1, 600.0), default=5.0, show_default=True, help="Per run.")
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="Runs of each row.")
@options.out
def jitter(block: int, seconds: float, rounds: int, out: Path) -> None:
    """The live callback beside busy Python in the same process: native, and through the interpreter.

    Needs a JACK server (no sound card): sudo apt install jackd2 libportaudio2

    \b
    Example:
      python -m bench jitter --block 64 --seconds 10
    """
    from bench.live import jitter as command

    command.run(block, seconds, rounds, out)


@click.command()
@click.option("--blocks", type=options.blocks, default="64,128,256", show_default=True, help="The server's periods.")
@click.option("--messages", type=click.IntRange(2, 5000), default=200, show_default=True, help="Turns of the knob.")
@click.option("--stream", type=click.IntRange(1, 10000), default=1000, show_default=True, help="Dense messages.")
@options.out
def roundtrip(blocks: list[int], messages: int, stream: int, out: Path) -> None:
    """In to out, and knob to sound, measured by another program on a real server.

    Needs a JACK server (no sound card): sudo apt install jackd2 libportaudio2

    \b
    Example:
      python -m bench roundtrip --blocks 64
    """
    from bench.live import roundtrip as command

    command.run(blocks, messages, stream, out)


@click.command()
@click.option("--hours", type=click.FloatRange(0.001, 1000.0), default=8.0, show_default=True, help="Of sound.")
@click.option("--block", type=click.IntRange(32, 1024), default=256, show_default=True, help="The server's period.")
@click.option("--music", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of songs to use.")
@options.out
def soak(hours: float, block: int, music: Path | None, out: Path) -> None:
    """Hours of sound through the live program in minutes: every sample looked at, memory, drift.

    Needs a JACK server (no sound card): sudo apt install jackd2 libportaudio2

    \b
    Example:
      python -m bench soak --hours 8 --music ~/Music
    """
    from bench.live import soak as command

    command.run(hours, block, music, out)


@click.command()
@click.option("--times", type=click.IntRange(1, 1000), default=10, show_default=True, help="Each.")
@click.option("--backend", type=click.Choice(["jack", "portaudio", "both"]), default="both", show_default=True)
@click.option("--server", type=click.Choice(["pipewire", "jackd", "both"]), default="both", show_default=True)
@click.option("--only", default="", metavar="WORD,...", help="Only what has one of these words in its name.")
@options.out
def recovery(times: int, backend: str, server: str, only: str, out: Path) -> None:
    """A device, a server, a program is taken away and given back: until there is sound again, as it was.

    Needs PipeWire and jackd (no sound card):
      sudo apt install pipewire pipewire-bin pipewire-jack wireplumber dbus-daemon jackd2 libportaudio2

    \b
    Example:
      python -m bench recovery --times 3 --only sink,owner
    """
    from bench.live import recovery as command

    backends = command.BACKENDS if backend == "both" else (backend,)
    servers = command.SERVERS if server == "both" else (server,)
    command.run(times, backends, servers, [word for word in only.split(",") if word], out)


COMMANDS = (jitter, roundtrip, soak, recovery)
