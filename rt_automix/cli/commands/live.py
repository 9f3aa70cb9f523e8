"""`rt-automix live`: master what comes in and send it out, until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rt_automix.cli import live_settings, settings, terminal
from rt_automix.errors import AutomixError, ConfigError

if TYPE_CHECKING:
    from rt_automix.config import Config
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.setup import Setup
    from rt_automix.live.takes.takes import Takes

DEFAULT_NAME = "rt_automix"

STEP_S = 0.05
"""How often the parent looks after its child, and the view is renewed."""

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@click.command()
@settings.options(
    click.option("--device", metavar="NAME|N", help="Device for both sides, by number or part of its name."),
    click.option("--in-device", metavar="NAME|N", help="Device to listen to."),
    click.option("--out-device", metavar="NAME|N", help="Device to play through."),
    click.option("--host-api", metavar="NAME", help="System to reach it by, such as jack, alsa, wasapi, asio."),
    click.option("--backend", type=click.Choice(["portaudio", "jack"]),
                 help="jack: a client of our own, which outlives the server."),
    click.option("--name", metavar="NAME", help="What others see on JACK and PipeWire; a second session needs one."),
    click.option("--no-connect", "connect", flag_value=False, default=None,
                 help="JACK, PipeWire: leave all patching to you."),
    click.option("--layout", type=click.Choice(["auto", "stereo", "5.0", "5.1", "7.1"]),
                 help="What comes in; auto: stereo, unless --in-channels or --play have as many channels."),
    settings.pairs,
    click.option("--in-channels", metavar="A[,B]", help="Input channels from 1, such as 3,4 or 1-6; one: both sides."),
    click.option("--out-channels", metavar="A[,B]", help="Output channels from 1."),
    click.option("--rate", "sample_rate_hz", type=int, metavar="HZ", help="Sample rate; otherwise the device's."),
    click.option("--block", "block_samples", type=int, metavar="N",
                 help="Samples per block; 0 takes the system's own, which is best on JACK."),
    click.option("--exclusive", is_flag=True, default=None, help="WASAPI: have the device alone, for less latency."),
    click.option("--allow-feedback", is_flag=True, default=None, help="Open a microphone into loudspeakers, too."),
    click.option("--callback", type=click.Choice(["native", "python"]),
                 help="python: through the interpreter, where the native one does not work."),
    settings.profile,
    settings.reference,
    settings.amount,
    settings.fine_tone,
    settings.boldness,
    settings.style_strength,
    settings.target_lufs,
    settings.ceiling_dbtp,
    settings.night,
    settings.suggester,
    click.option("--output", "outputs", multiple=True, metavar='"NAME: SETTING=VALUE ..."',
                 help="An output with channels, file or program, target, ... of its own; see docs/outputs.md."),
    click.option("--phones", is_flag=False, flag_value="", metavar="[channels=A[,B]]",
                 help="Hear one of the outputs there; which one, you choose while it plays."),
    click.option("--config", "config_path", type=settings.FILE, metavar="TOML", help="Settings file."),
    click.option("--state", type=settings.FILE, metavar="FILE", help="Where controls and what was learned are kept."),
    click.option("--replace", is_flag=True, help="End the session that runs with this state, and take its place."),
    click.option("--fresh", is_flag=True, help="Start from the settings, not from what was kept."),
    click.option("--record", type=settings.FILE, metavar="FILE", help="Keep what goes out: a .flac or .wav file."),
    click.option("--record-input", type=settings.FILE, metavar="FILE", help="Keep what comes in."),
    click.option("--record-bits", type=click.Choice(["24", "32"]), default="24", show_default=True,
                 help="32 is floating point, for .wav."),
    click.option("--log", type=settings.FILE, metavar="FILE",
                 help="Loudness of each output, a line a second, a file a day: .csv or .jsonl."),
    click.option("--play", type=settings.FILE, metavar="FILE", help="Play a file, over and over, without a device."),
    click.option("--panel", is_flag=True, help="Serve a page to see and steer it, on this machine."),
    click.option("--panel-port", type=click.IntRange(0, 65535), default=8765, show_default=True, metavar="N",
                 help="Port of the page; 0 takes any that is free."),
    click.option("--panel-host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
                 help="Address of the page; 0.0.0.0 lets a tablet in, with the token that is shown."),
    click.option("--panel-origin", default="", metavar="ORIGIN",
                 help="Where pages are opened behind a proxy, such as https://mix.example; see docs/panel-https.md."),
    click.option("--osc", metavar="[HOST:]PORT",
                 help="Be steered by Open Sound Control, from this machine unless HOST is another address of it."),
    click.option("--osc-reply", default="", metavar="[HOST:]PORT",
                 help="Tell what changes there; otherwise to whoever has sent something."),
    click.option("--wait", is_flag=True, help="Wait for a device that is not there yet."),
    click.option("--quiet", is_flag=True, help="Say only what happens, on stderr; for services."),
    click.option("--json-lines", is_flag=True, help="JSON, a document a line: what happens, and how it is."),
)  # fmt: skip
def live(**options: Any) -> None:
    """Master live: from an audio interface, through the engine, back to it. Ctrl-C ends it with a fade.

    \b
    Examples:
      rt-automix live
      rt-automix live --device scarlett --in-channels 3,4 --amount 0.7
      rt-automix live --record gig.flac
      rt-automix live --config gig.toml --quiet --wait
    """
    from rt_automix.live.lock import alone_with

    try:
        config = live_settings.config_of(options)
        state = _state_path(options, config.audio.name)
        with alone_with(state, options["replace"]) if state is not None else contextlib.nullcontext():
            _play(options, config, state)
    except KeyboardInterrupt:  # asked to end before it plays, which is no more of a failure than later
        click.echo("Stopped before it played.", err=True)


def _play(options: dict[str, Any], config: Config, state: Path | None) -> None:
    """Be the only session with this state, until its end."""
    from rt_automix.cli.views.views import Together
    from rt_automix.io.files.take import check
    from rt_automix.live.lock import successor
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.takes.takes import INPUT, OUTPUT, Takes
    from rt_automix.live.watching.loudlog import LoudnessLog
    from rt_automix.live.watching.service import Service
    from rt_automix.panel.pads import Pads

    several = list(enumerate(config.output, OUTPUT))
    paths = {side: Path(output.file) for side, output in several if output.file}
    paths |= {side: options[name] for side, name in ((INPUT, "record_input"), (OUTPUT, "record")) if options[name]}
    programs = {side: output.command for side, output in several if output.program}
    for side, path in paths.items():
        check(path, int(options["record_bits"]), config.audio.channels if side in (INPUT, OUTPUT) else 2)
    setup = _setup(options, config, state)
    service = Service()
    view = Together(_view(options, setup), service)
    if config.venue.spl_calibration_db is not None:
        from rt_automix.live.watching.venue import Venue

        view = Together(view, Venue(config.venue))
    if options["log"]:
        view = Together(view, LoudnessLog(options["log"], view.remark))

    pads = Pads(view.remark)

    is_first = not options["wait"]

    def hear(document: dict[str, Any]) -> None:
        nonlocal is_first
        if document["type"] == "asked":
            pads.hear(document)
            return
        view.hear(document)
        if is_first and document["type"] == "compiling":
            _check_device(setup)
        is_first = False
        if document["type"] == "learned" and options["config_path"]:
            view.remark(_written(options["config_path"], document["mappings"][-1]))

    supervisor = Supervisor(setup, hear)
    bits, wide = int(options["record_bits"]), (setup.channels, config.audio.is_paired)
    takes = Takes(supervisor.board, paths, bits, view.remark, programs, setup.names, *wide)
    ending: list[int] = []
    before = {
        name: signal.signal(getattr(signal, name), lambda number, frame: ending.append(number))
        for name in _ENDING
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN  # as nohup has it
    }
    try:
        with view:
            while not ending and not view.wants_end and supervisor.step():
                if supervisor.is_playing:
                    takes.follow(supervisor.sample_rate_hz)
                _show(pads, supervisor, takes, view.remark)
                _show(view, supervisor, takes, view.remark)
                time.sleep(STEP_S)
            if state is not None and ending and (other := successor(state)):
                view.remark(f"Another session (process {other}, started with --replace) takes the place of this one.")
            service.stopping()
            supervisor.stop()
    finally:
        supervisor.stop()
        takes.close()
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _check_device(setup: Setup) -> None:
    """Say at once what would otherwise be said after a minute of compiling. Raises AutomixError."""
    from rt_automix.cli.asking import asked
    from rt_automix.cli.commands.devices import ANSWER_S
    from rt_automix.live.playing.session_entry import fault_of

    if (fault := asked(functools.partial(fault_of, setup), ANSWER_S, "The sound system")) is not None:
        raise fault


def _show(one: Any, supervisor: Supervisor, takes: Takes, remark: Callable[[str], None]) -> None:
    """Have a view do what it does; one that lacks descriptors for it tries again, and the sound goes on."""
    try:
        one.show(supervisor, takes)
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        remark(f"{error.strerror}: what is shown waits; the sound goes on.")
        time.sleep(1.0)  # no more of that than one can read


def _setup(options: dict[str, Any], config: Config, state: Path | None) -> Setup:
    """Check everything that can be checked before a device opens."""
    from rt_automix.analysis.aim import profile
    from rt_automix.live.setup import Setup

    if options["profile"] and options["reference"]:
        raise ConfigError("--profile and --reference: only one can be the style. Leave one out.")
    styles = (config.master.profile, *(output.profile for output in config.output if output.profile))
    for style in styles:
        profile.load(style)
    with terminal.progress() as progress:
        reference = settings.measured(options["reference"], progress) if options["reference"] else None
    if state is not None and options["fresh"] and state.exists():
        state.unlink()
    named = ("amount", "fine_tone", "boldness", "style_strength", "target_lufs", "ceiling_dbtp", "night", "profile")
    said = {name: options[name] for name in named}
    if reference is not None:
        said["profile"] = reference.name
    return Setup(
        config=config,
        profiles=tuple(dict.fromkeys((*styles, *profile.shipped()))),
        reference=reference,
        controls={name: value for name, value in said.items() if value is not None},
        state_path=state,
        wait=options["wait"],
        play=options["play"],
    )


def _written(path: Path, mapping: dict[str, Any]) -> str:
    """Keep a mapping that was learned while playing in the settings file; what came of it."""
    from rt_automix import config
    from rt_automix.cli import mapfile
    from rt_automix.midimap import MidiMapping

    try:
        mapfile.write(path, config.load(path), MidiMapping(**mapping), None)
    except AutomixError as error:
        return f"The mapping holds for this session only. {error}"
    return f"Written to {path}."


def _state_path(options: dict[str, Any], name: str) -> Path | None:
    """Where the session keeps its state; a file that is played, to look at it, is no session to remember."""
    return options["state"] or (None if options["play"] else default_state_path(name))


def default_state_path(name: str = DEFAULT_NAME) -> Path:
    """Where a session keeps its state unless it is told otherwise; one with a name of its own in its own file."""
    import platformdirs

    folder = platformdirs.user_state_path("rt_automix", appauthor=False)
    return folder / ("live.json" if name == DEFAULT_NAME else f"live-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.json")


def _view(options: dict[str, Any], setup: Setup) -> Any:
    from rt_automix.cli.views import views

    view = _terminal_view(options)
    if options["osc"]:
        from rt_automix.panel.osc import Osc

        osc = Osc(setup, options["osc"], options["osc_reply"], view.remark)
        view.remark(f"OSC: listening on port {osc.port}.")
        view = views.Together(view, osc)
    if not options["panel"]:
        return view
    from rt_automix.panel import security
    from rt_automix.panel.view import Panel

    where = options["panel_host"], options["panel_port"]
    panel = Panel(setup, *where, view.remark, origin=options["panel_origin"])
    view.remark(f"Panel: {panel.url}")
    if panel.proxied_url:
        view.remark(f"Panel through the proxy: {panel.proxied_url}")
    if not panel.is_local and not options["json_lines"]:
        click.echo(security.picture(panel.url), err=True)
    return views.Together(view, panel)


def _terminal_view(options: dict[str, Any]) -> Any:
    from rt_automix.cli.views import views

    if options["json_lines"]:
        return views.JsonLines()
    if options["quiet"] or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return views.Quiet()
    from rt_automix.cli.views.screen import Screen

    return Screen()
