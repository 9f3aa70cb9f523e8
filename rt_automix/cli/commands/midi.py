"""`rt-automix midi`: which controllers there are, what they send, and learning a knob by turning it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rt_automix.cli import settings, terminal
from rt_automix.errors import DeviceError

if TYPE_CHECKING:
    from rt_automix.config import Config
    from rt_automix.io.midi.ports import MidiPorts, Survey
    from rt_automix.live.midi.messages import Event
    from rt_automix.midimap import MidiMapping

ANSWER_S = 10.0
"""How long the MIDI systems may take to say what they have."""

_POLL_S = 0.001
_CHECK_S = 0.3

_port = click.option("--port", metavar="NAME", help="Part of a port's name; otherwise that of the settings, or all.")


@click.group(invoke_without_command=True)
@settings.as_json
@click.pass_context
def midi(context: click.Context, as_json: bool) -> None:
    """List MIDI ports; learn which knob or button sets what.

    \b
    Examples:
      rt-automix midi
      rt-automix midi learn amount -o gig.toml
      rt-automix midi monitor
    """
    if context.invoked_subcommand is None:
        _show(_survey(), as_json)


def _show(found: Survey, as_json: bool) -> None:
    if as_json:
        sides = {"inputs": found.inputs, "outputs": found.outputs}
        ports = {side: [{"name": name, "api": api} for api, name in rows] for side, rows in sides.items()}
        terminal.show_json({**ports, "missing": found.notes})
        return
    rows = [(name, "in", api) for api, name in found.inputs] + [(name, "out", api) for api, name in found.outputs]
    if rows:
        terminal.show_table("MIDI ports", ("Port", "direction", "system"), rows)
    else:
        click.echo("No MIDI ports. Plug a controller in, or start the program that sends.")
    for note in found.notes:
        terminal.remark(note)


@midi.command()
@click.argument("control")
@click.option("-o", "--out", required=True, type=settings.FILE, metavar="X.toml",
              help="Settings file to write into; made if there is none.")  # fmt: skip
@_port
@click.option("--timeout", "timeout_s", type=click.FloatRange(1.0, 3600.0), default=30.0, show_default=True,
              metavar="S", help="Seconds to wait for the first message.")  # fmt: skip
@settings.as_json
def learn(control: str, out: Path, port: str | None, timeout_s: float, as_json: bool) -> None:
    """Turn a knob or press a button; the settings file remembers that it sets CONTROL.

    CONTROL is amount, fine_tone, boldness, style_strength, target_lufs, output_trim_db, trim.PARAMETER or profile
    for a knob; bypass, compare, freeze, night, panic, record, profile, preset, preset/NAME or phones (the next output
    there) for a button. Program changes choose among all profiles or presets, too.
    output/NAME/CONTROL is that of one of several outputs.
    Turn a knob to and fro; press a button once. What the file had for that control, or for that knob, is replaced.

    \b
    Examples:
      rt-automix midi learn amount -o gig.toml
      rt-automix midi learn bypass -o gig.toml --port nanoKONTROL
      rt-automix midi learn "preset/Second half" -o gig.toml
    """
    from rt_automix import config
    from rt_automix.cli import mapfile
    from rt_automix.live.midi.learn import recognise
    from rt_automix.midimap import named

    of_kind, preset, output = named(control)
    before = config.load(out) if out.exists() else config.Config()
    with _listening(port, before) as ports:
        terminal.remark(
            f"Listening to {', '.join(ports.inputs)}. Turn the knob for {control} slowly, to and fro; "
            "or press the button once."
        )
        mapping = replace(recognise(of_kind, _events(ports, timeout_s)), preset=preset, output=output)
    replaced = mapfile.write(out, before, mapping, port)
    if as_json:
        terminal.show_json(
            {"file": str(out), "mapping": asdict(mapping), "replaced": [asdict(old) for old in replaced]}
        )
        return
    for old in replaced:
        click.echo(f"Replaced: {_told(old)}.")
    click.echo(f"Learned: {_told(mapping)}. Written: {out}. Use it with: rt-automix live --config {out}")


@midi.command()
@_port
def monitor(port: str | None) -> None:
    """Show what the controllers send, until Ctrl-C.

    \b
    Example:
      rt-automix midi monitor --port nanoKONTROL
    """
    from rt_automix.config import Config
    from rt_automix.live.midi.messages import Decoder

    with _listening(port, Config()) as ports:
        terminal.remark(f"Listening to {', '.join(ports.inputs)}. Ctrl-C ends it.")
        decoder = Decoder()
        try:
            _attend(ports, lambda message, name: click.echo(f"{name}: {_described(decoder.feed(message), message)}"))
        except KeyboardInterrupt:
            terminal.remark("Stopped.")


def _survey() -> Survey:
    from rt_automix.cli.asking import asked
    from rt_automix.io.midi.ports import survey

    found: Survey = asked(survey, ANSWER_S, "MIDI")
    return found


def _listening(port: str | None, config: Config) -> MidiPorts:
    """The inputs to listen to; there is one at least."""
    from rt_automix.io.midi.ports import MidiPorts

    _survey()  # so that a server that hangs is met where it can be left
    ports = MidiPorts(config.midi.port if port is None else port, config.midi.api, feedback=False)
    if not ports.inputs:
        ports.close()
        raise DeviceError(ports.note)
    return ports


def _attend(
    ports: MidiPorts, hear: Callable[[tuple[int, ...], str], Any], until: Callable[[], bool] | None = None
) -> None:
    """Pass messages on, and follow ports that come and go."""
    check_at = time.monotonic() + _CHECK_S
    while until is None or not until():
        for message, name in ports.poll():
            hear(message, name)
        if time.monotonic() >= check_at:
            check_at += _CHECK_S
            for text in ports.check():
                terminal.remark(text)
        time.sleep(_POLL_S)


def _events(ports: MidiPorts, timeout_s: float) -> list[Event]:
    """Everything from the first message until the knob rests."""
    from rt_automix.live.midi.learn import LIMIT_S, QUIET_S
    from rt_automix.live.midi.messages import Decoder

    decoder = Decoder()
    start = time.monotonic()
    found: list[tuple[float, Event]] = []

    def hear(message: tuple[int, ...], _: str) -> None:
        event = decoder.feed(message)
        if event is not None:
            found.append((time.monotonic(), event))

    def is_enough() -> bool:
        now = time.monotonic()
        if not found:
            return now > start + timeout_s
        return now > found[-1][0] + QUIET_S or now > found[0][0] + LIMIT_S

    _attend(ports, hear, is_enough)
    if not found:
        raise DeviceError(
            f"Nothing came within {timeout_s:g} s from {', '.join(ports.inputs) or 'any port'}. Check with "
            "`rt-automix midi monitor` that the knob sends, and give it longer with --timeout."
        )
    return [event for _, event in found]


def _told(mapping: MidiMapping) -> str:
    return f"{mapping.sets} from {mapping.heard} ({mapping.kind})"


def _described(event: Event | None, message: tuple[int, ...]) -> str:
    return event.words if event is not None else " ".join(f"{byte:02X}" for byte in message)
