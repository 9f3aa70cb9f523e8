"""`rt-automix pipe`: master what comes in on stdin, and write it to stdout."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rt_automix.cli import settings, terminal
from rt_automix.cli.kernels import ensure_compiled
from rt_automix.errors import AutomixError, UserError

if TYPE_CHECKING:
    from rt_automix.engine.engine import Engine
    from rt_automix.io.pipes.pcm import Format
    from rt_automix.live.desk.desk import Desk

STATUS_S = 1.0
"""Of audio, not of the clock."""

_ENCODINGS = ("s16le", "s24le", "s32le", "f32le")


@click.command()
@settings.options(
    click.option("--format", "encoding", type=click.Choice(["wav", *_ENCODINGS]), default="wav", show_default=True,
                 help="What comes in, and goes out: wav says itself what it is; the others are bare samples."),
    click.option("--rate", type=int, default=48_000, show_default=True, metavar="HZ", help="Of bare samples."),
    click.option("--channels", type=click.IntRange(1, 16), default=2, show_default=True,
                 help="Of bare samples: 1, 2, or 5 (5.0), 6 (5.1) or 8 (7.1) in a WAV's order; pairs: up to 16."),
    click.option("--to", type=click.Choice(_ENCODINGS), help="Samples that go out, if other than those that come in."),
    click.option("--low-delay", is_flag=True, help="Take what is there instead of waiting for 4096 samples."),
    click.option("--latency", type=click.Choice(["compensate", "keep"]), default="compensate", show_default=True,
                 help="compensate: aligned with the input. keep: later by what the chain needs, 64 samples."),
    *settings.mastering,
    settings.config_path,
    settings.pairs,
    click.option("--json-fd", type=click.IntRange(3), metavar="N",
                 help='Read commands from this file descriptor, such as {"set": {"amount": 0.5}}, one a line.'),
    click.option("--json-lines", is_flag=True, help="A line of JSON on stderr for each second of audio."),
)  # fmt: skip
def pipe(
    encoding: str, rate: int, channels: int, to: str | None, low_delay: bool, latency: str, profile: str | None,
    reference: Path | None, amount: float | None, fine_tone: float | None, boldness: float | None,
    style_strength: float | None, platform: str | None,
    target_lufs: float | None, ceiling_dbtp: float | None, night: bool | None, suggester: str | None,
    config_path: Path | None, pairs: str | None, json_fd: int | None, json_lines: bool,
) -> None:  # fmt: skip
    """Master sound from stdin to stdout, to the same bits as render --lookahead live.

    \b
    Examples:
      ffmpeg -i show.mp4 -f wav - | rt-automix pipe > master.wav
      sox mix.flac -t wav - | rt-automix pipe --for podcast | ffmpeg -i - talk.mp3
      arecord -f S24_3LE -r 48000 -c 2 -t raw | rt-automix pipe --format s24le --low-delay | aplay ...
    """
    if profile is not None and reference is not None:
        raise click.UsageError("--profile and --reference both name the style; give one of them.")
    target_lufs, ceiling_dbtp = settings.asked_for(platform, target_lufs, ceiling_dbtp)
    config = settings.config_from(
        config_path,
        master__profile=profile,
        master__amount=amount,
        master__fine_tone=fine_tone,
        master__boldness=boldness,
        master__style_strength=style_strength,
        master__target_lufs=target_lufs,
        master__suggester=suggester,
        limiter__ceiling_dbtp=ceiling_dbtp,
        rider__night=night,
        engine__pairs=pairs,
    )
    for stream, word in ((sys.stdin, "in"), (sys.stdout, "out")):
        if stream is None or stream.isatty():
            raise UserError(f"Sound goes {word} through a pipe or a file, not a terminal. See: rt-automix pipe --help.")
    commands = _Commands(json_fd)
    ensure_compiled("rt_automix.render.piped")
    from rt_automix.analysis.deciding.suggester import choose
    from rt_automix.engine.engine import Engine
    from rt_automix.io.pipes import pcm
    from rt_automix.live.desk.desk import Desk
    from rt_automix.live.setup import Setup
    from rt_automix.render import piped
    from rt_automix.render.pairs import Pairs
    from rt_automix.surround import pairs_of

    with terminal.progress() as progress:
        style = settings.style_of(config, reference, progress)
    pairing, decider = config.engine.pairs, choose(config.master.suggester, terminal.remark)
    with open(0, "rb", buffering=0, closefd=False) as source, open(1, "wb", buffering=0, closefd=False) as target:
        bare = None if encoding == pcm.WAV else pcm.Format(encoding, rate, channels)
        reader = pcm.PcmReader(source, bare, pairing != "no")
        count = pairs_of(reader.format.channels) if pairing != "no" else 1
        engines = [Engine(config, style, decider) for _ in range(count if pairing == "own" else 1)]
        engine = Pairs(engines) if pairing == "own" else engines[0]
        piped.prepare(engine, reader.format)
        setup = Setup(config, (config.master.profile,), style if reference else None)
        desks = [Desk(one, setup, terminal.remark) for one in engines]
        shown = _Shown(engines, json_lines)

        def tend(done: int) -> None:
            commands.obey(desks)
            shown.tend(done)

        writer = pcm.PcmWriter(target, _other(reader.format, to))
        how: dict[str, Any] = {"is_patient": not low_delay, "is_compensated": latency == "compensate"}
        try:
            passed = piped.play(reader, writer, engine, **how, tend=tend)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Stopped.") from None
    shown.end(passed.samples)
    if passed.faults:
        terminal.remark(f"{passed.faults} samples were not sane audio; silence took their place.")
    if passed.lost_bytes:
        terminal.remark(f"The last {passed.lost_bytes} bytes were no whole sample of all channels; they are left out.")


def _other(format: Format, encoding: str | None) -> Format:
    from dataclasses import replace

    return format if encoding is None else replace(format, encoding=encoding)


class _Commands:
    """Commands that come in on a file descriptor, taken between blocks."""

    def __init__(self, number: int | None) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        if number is None:
            return
        try:
            stream = os.fdopen(number, encoding="utf-8", errors="replace")
        except OSError:
            raise UserError(f"--json-fd {number}: no such file descriptor is open. Open it: {number}< FIFO.") from None
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self._lines.put(line)

    def obey(self, desks: Sequence[Desk]) -> None:
        """Do what has come in, at every desk."""
        while not self._lines.empty():
            line = self._lines.get()
            try:
                for verb, what in json.loads(line).items():
                    for name, value in what.items():
                        for desk in desks:
                            verbs: dict[str, Callable[[str, Any], None]] = {"set": desk.set, "nudge": desk.nudge}
                            verbs[verb](str(name), value)
            except AutomixError as error:
                terminal.remark(str(error))
            except (ValueError, KeyError, AttributeError, TypeError):
                terminal.remark(f'{line.strip()[:80]}: not a command. Write it like {{"set": {{"amount": 0.5}}}}.')


class _Shown:
    """How it goes, on stderr: a line that is renewed on a terminal, JSON lines, or only the end."""

    def __init__(self, engines: Sequence[Engine], json_lines: bool) -> None:
        self._engines, self._json_lines = engines, json_lines
        self._is_terminal = sys.stderr.isatty() and not json_lines
        self._rate_hz = engines[0].sample_rate_hz
        self._step_samples = round(STATUS_S * self._rate_hz)
        self._next = self._step_samples

    def tend(self, done: int) -> None:
        """Show meters, if it is time."""
        if done < self._next or not (self._json_lines or self._is_terminal):
            return
        self._next = done - done % self._step_samples + self._step_samples
        self._show(done)

    def _show(self, done: int) -> None:
        seconds = round(done / self._rate_hz, 3)
        if not self._json_lines:
            meters = self._engines[0].meters()
            texts = [terminal.level(engine.meters().short_term_lufs, "LUFS") for engine in self._engines]
            text = f"{terminal.clock(seconds)}  {', '.join(texts)}  gain {meters.gain_db:+.1f} dB"
            click.echo(f"\r{text}  limiter {-meters.limiting_db:.1f} dB   ", err=True, nl=False)
            return
        for number, engine in enumerate(self._engines, 1):
            meters = engine.meters()
            kept = ("short_term_lufs", "integrated_lufs", "loudness_range_lu", "gain_db", "compression_db")
            figures = {name: round(getattr(meters, name), 2) for name in (*kept, "limiting_db", "out_true_peak_dbtp")}
            controls = {name: engine.controls[name] for name in ("amount", "target_lufs", "ceiling_dbtp")}
            of = {"pair": number} if len(self._engines) > 1 else {}
            terminal.remark(json.dumps({"type": "status", **of, "seconds": seconds, **figures, **controls}))

    def end(self, done: int) -> None:
        """The last figures."""
        if self._json_lines:
            self._show(done)
            return
        texts = [terminal.level(engine.meters().integrated_lufs, "LUFS") for engine in self._engines]
        start = "\r" if self._is_terminal else ""
        terminal.remark(
            f"{start}Mastered {terminal.clock(done / self._rate_hz)}: {', '.join(texts)}.          ".rstrip()
        )
