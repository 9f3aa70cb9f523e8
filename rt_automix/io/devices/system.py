"""Which sound server runs on this machine, without asking it. Light to import."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

_ANSWER_S = 0.2
_MOST_TRIES = 7
_PAUSE_S = 0.03

NO_MODULE = "The JACK backend needs the package JACK-Client. Install it: pip install rt-automix[jack]"


def server_name() -> str:
    """Which of several JACK servers is meant."""
    return os.environ.get("JACK_DEFAULT_SERVER", "default")


def jack_runs() -> bool:
    """Whether a jackd of that name runs for this user, by its socket; it is not asked for a place."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX) as there:
        there.settimeout(_ANSWER_S)
        try:
            there.connect(f"/dev/shm/jack_{server_name()}_{os.getuid()}_0")
        except OSError:  # also a name that is too long for one
            return False
    return True


def tries() -> Iterator[int]:
    """Attempts to become a client: one, and a few more while a jackd runs that should take it.

    A client's socket is called after the client and not its server, and a second one of that name, on another server
    of this user, takes it away while the first is still opening (JACK 1.9.21). And a server that others keep busy lets
    nobody in who does not run within 20 of its blocks, as PortAudio must when it starts.
    """
    yield 0
    for attempt in range(1, _MOST_TRIES):
        if not jack_runs():
            return
        time.sleep(_PAUSE_S * attempt * (1.0 + os.getpid() % 7 / 7.0))  # or both would come again at once
        yield attempt


def pipewire_runs() -> bool:
    """Whether PipeWire runs on this machine, for this user."""
    return bool(pipewire_server())


def pipewire_server() -> str:
    """Which PipeWire runs for this user, so that one started anew is told from the one before; "" if none does."""
    place = _place("PIPEWIRE_RUNTIME_DIR", os.environ.get("PIPEWIRE_REMOTE") or "pipewire-0")
    try:
        found = place.stat() if place else None
    except OSError:
        return ""
    return f"{found.st_ino} {found.st_mtime_ns}" if found else ""


def pulseaudio_runs() -> bool:
    """Whether PulseAudio runs, or PipeWire in its place."""
    places = _place("PULSE_RUNTIME_PATH", "native"), _place("", "pulse/native")
    return any(place and place.exists() for place in places)


def _place(folder: str, name: str) -> Path | None:
    """Where a server's socket would be."""
    found = os.environ.get(folder) or os.environ.get("XDG_RUNTIME_DIR") or ""
    return Path(found, name) if found else None


def reaches_pipewire() -> bool:
    """Whether `pw-jack` has made PipeWire the JACK server of this program."""
    return "pipewire" in os.environ.get("LD_LIBRARY_PATH", "")


def sound_servers(reaches_jack: bool) -> list[str]:
    """What the programs of this machine share the sound hardware through, in words.

    Parameters
    ----------
    reaches_jack : bool
        A JACK server answers.
    """
    found = []
    if pipewire_runs():
        how = "" if reaches_jack and reaches_pipewire() else " (as JACK with pw-jack before the command)"
        found.append(f"PipeWire{how}")
    elif pulseaudio_runs():
        found.append("PulseAudio")
    if reaches_jack and not reaches_pipewire():
        found.append(f'JACK "{server_name()}"')
    return found


def no_server(is_pipewire: bool | None = None) -> str:
    """That there is no JACK server, and how to get one; `is_pipewire`: it would be PipeWire's."""
    if reaches_pipewire() if is_pipewire is None else is_pipewire:
        return "PipeWire does not answer. Start it: systemctl --user start pipewire wireplumber"
    if pipewire_runs():
        return "JACK: PipeWire runs, and is its own JACK server. Put `pw-jack` before the command to reach it."
    if jack_runs():
        return f'JACK: the server named "{server_name()}" takes no further client. End another of its programs.'
    return (
        f'JACK: no server named "{server_name()}" is running. Start one: `jackd -d alsa -d hw:0 -r 48000 -p 64`, or '
        "QjackCtl; with PipeWire put `pw-jack` before the command."
    )
