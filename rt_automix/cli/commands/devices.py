"""`rt-automix devices`: what there is to play through, what live would take, and what is missing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rt_automix.cli import settings, terminal
from rt_automix.cli.asking import asked
from rt_automix.errors import AutomixError

if TYPE_CHECKING:
    from rt_automix.io.devices.choice import Choice
    from rt_automix.io.devices.streams.survey import Survey

ANSWER_S = 20.0
"""How long the sound systems may take to say what they have."""


@click.command()
@settings.as_json
def devices(as_json: bool) -> None:
    """List audio devices by number, with the systems they are reached by; say what is missing and how to get it.

    A name or a number from here is what `live --device` takes.

    \b
    Examples:
      rt-automix devices
      rt-automix live --device 3
      rt-automix live --in-device scarlett --in-channels 3,4
    """
    found = survey_within(ANSWER_S)
    if as_json:
        terminal.show_json(_document(found))
        return
    if found.devices:
        head = ("Number, device", "system", "in", "out", "rates Hz", "latency in/out ms", "default")
        terminal.show_table("Audio devices", head, _rows(found))
        try:
            click.echo(_taken(_chosen(found)))
        except AutomixError as error:
            terminal.remark(str(error))
    click.echo(f"Devices by system: {_systems(found)}.")
    if found.servers:
        click.echo(f"Sound server: {', '.join(found.servers)}.")
    for lack in found.missing:
        terminal.remark(lack)


def survey_within(limit_s: float) -> Survey:
    """What there is. Raises DeviceError if no answer came in time. Thread: main. Allocates: yes."""
    found: Survey = asked(_survey, limit_s, "The sound system")
    return found


def _survey() -> Survey:
    from rt_automix.io.devices.streams.survey import shut_down, survey

    try:
        return survey(with_rates=True)
    finally:
        shut_down()


def _chosen(found: Survey) -> Choice:
    from rt_automix.io.devices.choice import choose

    return choose(found.devices, found.host_apis)


def _taken(chosen: Choice) -> str:
    source, sink = (f'{side.index} "{side.name}"' for side in (chosen.input, chosen.output))
    what = f"uses {source}" if source == sink else f"listens to {source} and plays to {sink}"
    return f"Without options live {what} at {chosen.rate_hz} Hz."


def _systems(found: Survey) -> str:
    """The host APIs, and how many devices each has."""
    owners = [device.host_api for device in found.devices]
    return ", ".join(f"{api.name} {owners.count(api.index)}" for api in found.host_apis) or "none"


def _rows(found: Survey) -> list[tuple[str, ...]]:
    """The table, system by system, in PortAudio's order."""
    rows: list[tuple[str, ...]] = []
    for api in found.host_apis:
        for device in (device for device in found.devices if device.host_api == api.index):
            sides = (
                ("in", device.in_channels, device.in_latency_s, api.default_input),
                ("out", device.out_channels, device.out_latency_s, api.default_output),
            )
            latency = " / ".join(f"{1e3 * latency_s:.1f}" if channels else "-" for _, channels, latency_s, _ in sides)
            default = ", ".join(word for word, _, _, index in sides if index == device.index)
            rates = " ".join(map(str, device.rates_hz)) or "none of ours"
            width = str(device.in_channels), str(device.out_channels)
            rows.append((f"{device.index}  {device.name}", api.name, *width, rates, latency, default))
    return rows


def _document(found: Survey) -> dict[str, Any]:
    """The same for machines; `live` is what it would take without options, null if it could not start."""
    try:
        chosen = _chosen(found)
        live = {"input": chosen.input.index, "output": chosen.output.index, "rate_hz": chosen.rate_hz}
    except AutomixError:
        live = None
    return {**asdict(found), "live": live}
