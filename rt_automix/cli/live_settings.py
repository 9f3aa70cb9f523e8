"""The settings of a live session: what a file and the command line say, put together and checked."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_automix.cli import settings
from rt_automix.errors import AutomixError, ConfigError, DeviceError, nearest

if TYPE_CHECKING:
    from rt_automix.config import Config

MOST_NAME = 40

_AUDIO = (
    "backend", "name", "connect", "device", "in_device", "out_device", "host_api", "layout", "in_channels",
    "out_channels", "sample_rate_hz", "block_samples", "exclusive", "allow_feedback", "callback",
)  # fmt: skip
"""Options that stand for settings of [audio]."""

_REACHING = ("device", "in_device", "out_device", "host_api", "backend", "exclusive")
"""Those that say which device, and how."""


def config_of(options: dict[str, Any]) -> Config:
    """The settings, with what the command line says."""
    config = settings.config_from(
        options["config_path"],
        master__profile=options["profile"],
        master__amount=options["amount"],
        master__fine_tone=options["fine_tone"],
        master__boldness=options["boldness"],
        master__style_strength=options["style_strength"],
        master__target_lufs=options["target_lufs"],
        master__suggester=options["suggester"],
        limiter__ceiling_dbtp=options["ceiling_dbtp"],
        rider__night=options["night"],
        engine__pairs=options["pairs"],
        **{f"audio__{name}": options[name] for name in _AUDIO},
    )
    if config.engine.pairs != "no":
        config = _with_pairs(config, options["play"])
    elif config.audio.is_paired:
        raise ConfigError(
            'audio.layout = "pairs": are they programmes of their own? Say engine.pairs, "own" or "linked".'
        )
    elif options["play"] is not None and config.audio.layout == "auto":
        config = _with_layout_of(config, options["play"])
    config = _with_phones(_with_outputs(config, options["outputs"]), options["phones"])
    if config.venue.max_laeq_db is not None and config.venue.spl_calibration_db is None:
        raise ConfigError("venue.max_laeq_db: without venue.spl_calibration_db no sound level is known. Set that, too.")
    if options["play"] is not None and (named := [name for name in _REACHING if options[name]]):
        raise ConfigError(f"--play: a file is played without a device. Leave --{named[0].replace('_', '-')} out.")
    name = config.audio.name
    if len(name) > MOST_NAME or not re.fullmatch(r"[\w.+-]+( [\w.+-]+)*", name):
        raise ConfigError(f'audio.name = "{name}" cannot be used. Use up to {MOST_NAME} letters, digits, ., + and -.')
    if config.audio.backend == "jack" and importlib.util.find_spec("jack") is None:
        from rt_automix.io.devices.system import NO_MODULE

        raise DeviceError(NO_MODULE)
    return config


def _with_layout_of(config: Config, path: Path) -> Config:
    """The settings for a file's channels; what is wrong with the file is said where it is played."""
    from rt_automix.io.files.audio import AudioReader
    from rt_automix.surround import LAYOUTS

    with contextlib.suppress(AutomixError), AudioReader(path, surround=True) as reader:
        if reader.channels in LAYOUTS:
            return config.with_overrides(**{"audio.layout": LAYOUTS[reader.channels].name})
    return config


def _with_pairs(config: Config, path: Path | None) -> Config:
    """The settings for pairs: as many as there are input channels, or as the file has that is played."""
    from rt_automix.io.files.audio import AudioReader
    from rt_automix.surround import numbered, pairs_of

    audio = config.audio
    if audio.layout not in ("auto", "pairs"):
        raise ConfigError(f"--pairs {config.engine.pairs}: channels are pairs or {audio.layout}. Leave --layout out.")
    if path is not None:
        with AudioReader(path, pairs=True) as reader:
            channels = f"1-{reader.channels}"
    elif not (channels := audio.in_channels):
        raise ConfigError(f"--pairs {config.engine.pairs}: which channels? Say --in-channels, such as 1-8.")
    pairs_of(len(numbered(channels)))
    return config.with_overrides(**{"audio.layout": "pairs", "audio.in_channels": channels})


def _with_outputs(config: Config, said: tuple[str, ...]) -> Config:
    """The settings with what the command line says of outputs; the main one's channels are the device's."""
    from rt_automix.outputs import understood, with_pairs

    tables = {output.name: dataclasses.asdict(output) for output in config.output}
    for table in map(understood, said):
        tables[table["name"]] = {**tables.get(table["name"], {}), **table}
    if config.engine.pairs == "own":
        tables = with_pairs(tables, config.audio.channels // 2)
    for place, mapping in enumerate(config.midi.map, 1):
        if mapping.output and mapping.output not in tables:
            there = f"{nearest(mapping.output, tables)} There are: {', '.join(tables) or 'none'}."
            raise ConfigError(f'midi.map[{place}].output = "{mapping.output}": there is no such output.{there}')
    if not tables:
        return config
    config = config.with_overrides(output=list(tables.values()))
    if config.engine.pairs == "own":
        return config
    channels: Any = {"audio.out_channels": config.output[0].channels or None}
    return config.with_overrides(**channels)


def _with_phones(config: Config, said: str | None) -> Config:
    """The settings with what the command line says of phones."""
    from rt_automix.outputs import phones_understood

    if said is not None:
        config = config.with_overrides(**{f"phones.{name}": value for name, value in phones_understood(said).items()})
    if found := config.phones.problems(config.output):
        raise ConfigError("\n".join(f"phones.{problem}" for problem in found))
    return config
