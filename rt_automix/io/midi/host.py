"""What can be told of MIDI ports and servers without asking them: names, and whether a JACK server runs."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rt_automix.io.devices.system import pipewire_server, reaches_pipewire

CLIENT = "rt_automix_midi"
"""Our name among MIDI programs; the audio client has the plain one."""

NO_JACK = "none"

_OWN = re.compile(r"(^|[:\]]) *rt_automix")
"""Also where a bridge shows JACK the ports of ALSA: "Midi-Bridge:rt_automix_midi:(capture_0) out"."""

_ACCEPTS = "00010000"  # the flag of a listening socket in /proc/net/unix


def jack_server() -> str:
    """Which JACK server runs, so that one started anew is told from the one before; "" where it cannot be known.

    rtmidi goes on listing the ports of a dead server and says nothing. Asking by a client of our own
    would disturb the graph each time, so this looks for the socket where a jackd takes in clients.

    Thread: main. Allocates: yes.
    """
    if not sys.platform.startswith("linux"):
        return ""
    if reaches_pipewire():
        return pipewire_server() or NO_JACK
    try:
        sockets = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    name = f"/jack_{os.environ.get('JACK_DEFAULT_SERVER', 'default')}_"
    fields = [line.split() for line in sockets if name in line]
    return " ".join(sorted(inode for *_, flags, _, _, inode, _ in fields if flags == _ACCEPTS)) or NO_JACK


def is_own(port: str) -> bool:
    """Whether a port is one of this program's."""
    return _OWN.search(port) is not None


def bare_name(port: str) -> str:
    """A port's name in lower case, without the numbers that ALSA gives anew at each plugging in."""
    return re.sub(r" \d+:\d+$| \[\d+\]", "", port).lower().strip()


def device_name(port: str) -> str:
    """What the names of a controller's input and output have in common."""
    return re.sub(r"capture|playback|\b(in|out)(put)?\b", "", bare_name(port))


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep to itself what a library's C code writes about a system that is not there: that is ours to say."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
