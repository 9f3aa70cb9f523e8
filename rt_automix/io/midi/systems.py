"""The MIDI systems of a machine, and our ports in each: rtmidi's, or on JACK those of a client of our own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rt_automix.io.devices.jack.jacklib import has_jack
from rt_automix.io.devices.mask import mask_kept
from rt_automix.io.devices.system import no_server, pipewire_runs, reaches_pipewire
from rt_automix.io.midi import host
from rt_automix.io.midi.jackmidi import JackMidi

try:
    import rtmidi
except ImportError as error:  # a system without its libraries: live goes on without MIDI, and says so
    rtmidi = None
    _WHY_NO_RTMIDI = str(error)

OWN_PORTS = ("in", "out")
"""What ports of our own are called, which other programs may join to theirs: for what is heard, and for lights."""

_APIS = {"alsa": "alsa", "jack": "jack", "coremidi": "core", "windows": "winmm"}  # ours: rtmidi's
_QUEUE = 4096
_ABANDONED: list[Any] = []


class Missing(Exception):
    """A MIDI system is not there; the text says what is missing and how to get it."""


class System:
    """A MIDI system of the machine, and our ports in it: rtmidi's, or on JACK those of a client of our own."""

    inputs: Any
    outputs: Any

    def __init__(self, api: str, with_outputs: bool, with_own: bool = False) -> None:
        self.api, self._with_outputs, self._with_own = api, with_outputs, with_own
        self._own: list[Any] = []
        self.own_names: list[str] = []
        self._server = host.jack_server() if api == "jack" else ""
        self._client: JackMidi | None = None
        if api == "alsa" and not Path("/dev/snd/seq").exists():
            raise Missing("alsa: no sequencer (/dev/snd/seq). Load it with: sudo modprobe snd-seq.")
        if self._server == host.NO_JACK and (reaches_pipewire() or pipewire_runs()):
            raise Missing(f"jack: {no_server()}")
        if self._server == host.NO_JACK:
            raise Missing("jack: no server is running. Start one, for example with: jackd -d alsa.")
        if api == "jack" and has_jack():
            self._join_jack()
            return
        number = compiled()[api]
        try:
            with host.quiet_stderr(), mask_kept():
                self.inputs = _Side(lambda: rtmidi.MidiIn(number, host.CLIENT, _QUEUE), "in")
                self.outputs = _Side(lambda: rtmidi.MidiOut(number, host.CLIENT), "out", with_outputs)
                if with_own and api != "windows":  # which has no such ports
                    self._own = [rtmidi.MidiIn(number, host.CLIENT, _QUEUE), rtmidi.MidiOut(number, host.CLIENT)]
                    for client, name in zip(self._own, OWN_PORTS, strict=True):
                        client.open_virtual_port(name)
                        self.own_names.append(f"{host.CLIENT}:{name}")
        except Exception as error:
            raise Missing(f"{api}: {reason(error)}.") from None

    def _join_jack(self) -> None:
        try:
            with host.quiet_stderr():
                self._client = client = JackMidi(host.CLIENT)
                if self._with_own:
                    self._own = [client.inputs.own(OWN_PORTS[0]), client.outputs.own(OWN_PORTS[1])]
                    self.own_names = [port.name for port in self._own]
        except Exception as error:
            raise Missing(f"jack: {no_server() if reaches_pipewire() else f'{reason(error)}.'}") from None
        self.inputs, self.outputs = client.inputs, client.outputs

    def heard(self) -> list[tuple[str, Any]]:
        """What may have heard something, with its name: controllers, and the port that others may join to theirs."""
        own = [(self.own_names[0], self._own[0])] if self._own else []
        return [*self.inputs.open.items(), *own]

    def lit(self) -> list[Any]:
        """Where lights go."""
        return [*self.outputs.open.values(), *(self._own[1:] if self._with_outputs else ())]

    def is_joined(self) -> bool:
        """Whether another program is known to be joined to a port of our own; ALSA does not tell."""
        return self._client is not None and any(port.is_joined for port in self._own)

    def is_alive(self) -> bool:
        """Whether the server is still the one that our clients belong to."""
        if self._client is not None and self._client.has_ended:
            return False
        return self.api != "jack" or self._server == host.jack_server()

    def follow(self, is_input: Callable[[str], bool], is_output: Callable[[str], bool], is_current: bool) -> list[str]:
        """Let go of ports that went, take up those that came; remarks on those that refuse."""
        refused = self.inputs.follow(lambda name: is_current and is_input(name))
        return refused + self.outputs.follow(lambda name: is_current and self._with_outputs and is_output(name))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            return
        self.inputs.close()
        if self.is_alive():
            self.outputs.close()
            for client in self._own:
                client.close_port()
                client.delete()
        else:
            # Closing would wait a second for the dead server, and hold up the whole interpreter.
            _ABANDONED.append((self.outputs, self._own))


class _Side:
    """Our clients of one direction: one for each open port, and those that wait for one to come back.

    A client is kept and used again: each that comes or goes makes JACK rebuild its graph.
    """

    def __init__(self, make: Callable[[], Any], label: str, is_wanted: bool = True) -> None:
        self._make, self._label = make, label
        self._waiting = [make()] if is_wanted else []
        self.open: dict[str, Any] = {}

    def names(self) -> list[str]:
        """The ports of all programs in this direction."""
        client = next(iter((*self.open.values(), *self._waiting)), None)
        return [] if client is None else client.get_ports()

    def follow(self, wanted: Callable[[str], bool]) -> list[str]:
        names = self.names()
        for name in [name for name in self.open if name not in names or not wanted(name)]:
            client = self.open.pop(name)
            self._waiting.append(client)
            client.close_port()
        refused = []
        for place, name in enumerate(names):
            if name in self.open or not wanted(name):
                continue
            client = self._waiting.pop() if self._waiting else self._make()
            try:
                client.open_port(place, self._label)
                self.open[name] = client
            except Exception as error:
                self._waiting.append(client)
                refused.append(f"MIDI: {name} cannot be opened ({reason(error)}). Does another program hold it?")
        return refused

    def close(self) -> None:
        for client in (*self.open.values(), *self._waiting):
            with contextlib.suppress(Exception):
                client.close_port()
                client.delete()
        self.open, self._waiting = {}, []


def compiled() -> dict[str, int]:
    """The MIDI systems that this build of rtmidi knows, by our name, the best first."""
    if rtmidi is None:
        return {}
    numbers = {rtmidi.get_api_name(number): number for number in rtmidi.get_compiled_api()}
    return {ours: numbers[theirs] for ours, theirs in _APIS.items() if theirs in numbers}


def systems(api: str) -> list[str]:
    """The MIDI systems to look into, the best first: rtmidi's, and JACK, which needs none."""
    there = [*compiled()]
    if "jack" not in there and has_jack():
        there.append("jack")
    return [name for name in there if api in ("auto", name)]


def nothing_to_use(api: str) -> str:
    """Why there is no such system here."""
    if rtmidi is None:
        return (
            f"python-rtmidi cannot be loaded ({_WHY_NO_RTMIDI}). Install it: pip install rt-automix[midi]. From Python "
            "3.13 on it is built from source: sudo apt install g++ python3-dev libasound2-dev libjack-jackd2-dev first."
        )
    return f"{api}: not on this system. Here: {', '.join(compiled())}."


def reason(error: Exception) -> str:
    """A library's error as part of a sentence."""
    return " ".join(str(error).split()).rstrip(".?!") or type(error).__name__
