"""Which sound server runs on this machine, without asking it. Light to import."""

from __future__ import annotations

import os
from pathlib import Path

NO_MODULE = "The JACK backend needs the package JACK-Client. Install it: pip install rt-automix[jack]"


def server_name() -> str:
    """Which of several servers is meant."""
    return os.environ.get("JACK_DEFAULT_SERVER", "default")


def pipewire_runs() -> bool:
    """Whether PipeWire answers on this machine, for this user."""
    folder = os.environ.get("PIPEWIRE_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR") or ""
    return bool(folder) and Path(folder, os.environ.get("PIPEWIRE_REMOTE") or "pipewire-0").exists()


def reaches_pipewire() -> bool:
    """Whether JACK is PipeWire's for this program, as `pw-jack` has it, or as a system may."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "")
    return "pipewire" in libraries


def no_server() -> str:
    """That there is no JACK server, and how to get one."""
    if reaches_pipewire():
        return "PipeWire does not answer. Start it: systemctl --user start pipewire wireplumber"
    if pipewire_runs():
        return "JACK: PipeWire runs, and is its own JACK server. Put `pw-jack` before the command to reach it."
    return (
        f'JACK: no server named "{server_name()}" is running. Start one: `jackd -d alsa -d hw:0 -r 48000 -p 64`, or '
        "QjackCtl; with PipeWire put `pw-jack` before the command."
    )
