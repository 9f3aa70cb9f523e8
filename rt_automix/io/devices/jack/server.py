"""A JACK server, jackd or PipeWire, as a client of it sees it."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import re
import time
from typing import Any

from rt_automix.dsp.jit import address_of
from rt_automix.errors import DeviceError
from rt_automix.io.devices.edge import callbacks
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.io.devices.jack.jacklib import load, opened
from rt_automix.io.devices.jack.ports import Link, Port
from rt_automix.io.devices.system import no_server, server_name

_CAPTURE, _PLAYBACK = 0, 1
_PARTS = re.compile(r"(\d+)")

_MOST_SAMPLES = 1 << 15
"""No way is longer: what JACK says beyond that has been round a circle of programs."""

_LEAVING_S = 2.0
_ASK_AGAIN_S = 0.1
"""A client that was killed keeps its name for a moment."""


def name_taken(name: str) -> str:
    """That a session is called as this one would be, and what to do."""
    return (
        f'JACK: there is a client named "{name}" already. Give this session a name and a state of its own: '
        f"--name {name}-2. Or end the other."
    )


class Server:
    """A client of the running server, not yet active.

    Parameters
    ----------
    name : str
        Of the client; on this server nobody else may have it.

    Raises
    ------
    DeviceError
        No library, no server, or the name is taken.

    Notes
    -----
    Everything here is for the main thread. What the server notifies of is taken by compiled callbacks, which
    only count: whoever calls back into JACK from its notification thread stops it.
    """

    def __init__(self, name: str) -> None:
        self._jack = jack = load()
        self._library = ctypes.CDLL(jack._libname)
        self.is_pipewire = "PipeWire" in jack.version_string()
        until = time.monotonic() + _LEAVING_S
        while True:
            try:
                self._client = opened(jack, name)
            except jack.JackError:
                raise DeviceError(no_server(self.is_pipewire)) from None
            if not self.is_taken(name):
                break
            self._client.close()
            if time.monotonic() > until:
                raise DeviceError(name_taken(name))
            time.sleep(_ASK_AGAIN_S)
        self.has_ended = False
        self._client.set_shutdown_callback(self._note_end)
        self.name: str = self._client.name
        self._wiring: Wiring | None = None
        self._seen = 0

    def _note_end(self, status: Any, reason: str) -> None:
        self.has_ended = True

    @property
    def rate_hz(self) -> int:
        """As it is now: it may change at any time."""
        return int(self._client.samplerate)

    @property
    def cycle(self) -> int:
        """The frame at which its newest cycle began; it stays as it is while the server stands still."""
        return int(self._client.last_frame_time)

    @property
    def description(self) -> str:
        """What the user knows it by."""
        return "PipeWire (JACK)" if self.is_pipewire else f'JACK server "{server_name()}"'

    def is_taken(self, name: str) -> bool:
        """Whether somebody else has a name: jackd gives a second client another, PipeWire both the same."""
        return self._client.name != name or bool(self.own_names(name))

    # Ports ------------------------------------------------------------------------------------------

    def ports(self) -> list[Port]:
        """Everybody else's audio ports, in the server's order."""
        found = self._client.get_ports(is_audio=True)
        others = (port for port in found if port.name.partition(":")[0] != self.name)
        return [Port(port.name, port.is_output, port.is_physical) for port in others]

    def names(self) -> set[str]:
        """The names of all audio ports."""
        library, ffi = self._jack._lib, self._jack._ffi
        found = library.jack_get_ports(self._client._ptr, ffi.NULL, b"audio", 0)
        names, count = set(), 0
        while found != ffi.NULL and found[count] != ffi.NULL:
            names.add(ffi.string(found[count]).decode())
            count += 1
        if found != ffi.NULL:
            library.jack_free(found)
        return names

    def own_names(self, client: str) -> list[str]:
        """The short names of a client's audio ports, those of a side in their order: in_2 before in_10."""
        found = (name.partition(":")[2] for name in self.names() if name.startswith(f"{client}:"))
        return sorted(found, key=lambda name: [int(part) if part.isdigit() else part for part in _PARTS.split(name)])

    def came(self) -> set[str]:
        """The names of the ports that have been registered since the last question."""
        if self._wiring is None:
            return set()
        self._seen, numbers = self._wiring.registered(self._seen)
        library, ffi = self._jack._lib, self._jack._ffi
        found = (library.jack_port_by_id(self._client._ptr, number) for number in numbers)
        return {ffi.string(library.jack_port_name(port)).decode() for port in found if port != ffi.NULL}

    # Links ------------------------------------------------------------------------------------------

    def joined(self, client: str, own: tuple[str, ...]) -> set[Link]:
        """What the ports of a client are joined to."""
        links = set()
        for name in own:
            with contextlib.suppress(self._jack.JackError):
                port = self._client.get_port_by_name(f"{client}:{name}")
                links |= {(name, other.name) for other in self._client.get_all_connections(port)}
        return links

    def join(self, client: str, link: Link) -> bool:
        """Join two ports; False if that cannot be."""
        return self._do(self._client.connect, client, link)

    def part(self, client: str, link: Link) -> bool:
        """Take a link away; False if that cannot be."""
        return self._do(self._client.disconnect, client, link)

    def _do(self, action: Any, client: str, link: Link) -> bool:
        own, other = f"{client}:{link[0]}", link[1]
        try:
            action(*((other, own) if link[0].startswith("in") else (own, other)))
        except self._jack.JackError as error:
            return getattr(error, "code", 0) == errno.EEXIST  # somebody else was quicker
        return True

    # Time -------------------------------------------------------------------------------------------

    def latency_samples(self, client: str, own: tuple[str, ...]) -> int:
        """What lies outside the client from in to out: the longest way to an input and from an output."""
        worst = [0, 0]
        for name in own:
            side = _CAPTURE if name.startswith("in") else _PLAYBACK
            worst[side] = max(worst[side], self._range(f"{client}:{name}", side)[1])
        return sum(worst)

    def tell_latency(self, ins: tuple[str, ...], outs: tuple[str, ...], own_samples: int) -> None:
        """Have what goes out be as late as what comes in and our latency more, for those behind us; and back."""
        has_changed = False
        for side, known, told in ((_CAPTURE, ins, outs), (_PLAYBACK, outs, ins)):
            ranges = [self._range(f"{self.name}:{name}", side) for name in known]
            least, most = min(low for low, _ in ranges), max(high for _, high in ranges)
            wanted = min(least + own_samples, _MOST_SAMPLES), min(most + own_samples, _MOST_SAMPLES)
            for name in (f"{self.name}:{name}" for name in told):
                if self._range(name, side) != wanted:
                    self._call("jack_port_set_latency_range", self._port(name), side, (ctypes.c_uint32 * 2)(*wanted))
                    has_changed = True
        if has_changed:
            self._call("jack_recompute_total_latencies", self._pointer)

    def _range(self, name: str, side: int) -> tuple[int, int]:
        found, port = (ctypes.c_uint32 * 2)(), self._port(name)
        if port:
            self._call("jack_port_get_latency_range", port, side, found)
        return found[0], found[1]

    def _port(self, name: str) -> ctypes.c_void_p:
        port = self._jack._lib.jack_port_by_name(self._client._ptr, name.encode())
        return ctypes.c_void_p(int(self._jack._ffi.cast("intptr_t", port)))

    # Life -------------------------------------------------------------------------------------------

    def activate(self, wiring: Wiring, ins: tuple[str, ...] = (), outs: tuple[str, ...] = ()) -> None:
        """Begin: with callbacks that play through ports of ours, or only to be told of others' ports.

        Raises
        ------
        DeviceError
            The server does not let the client in.
        """
        self._wiring = wiring  # callbacks read it as long as the client lives
        self._seen = wiring.registered(0)[0]
        wanted: dict[str, Any] = {"port_registration": callbacks.jack_registration_callback}
        if outs:
            wanted |= {
                "process": callbacks.jack_callback,
                "xrun": callbacks.jack_xrun_callback,
                "latency": callbacks.jack_latency_callback,
            }
        try:
            ports = [self._client.inports.register(name) for name in ins]
            ports += [self._client.outports.register(name) for name in outs]
            if outs:
                places = [int(self._jack._ffi.cast("intptr_t", port._ptr)) for port in ports]
                wiring.plug(self._function("jack_port_get_buffer"), places)
                if self.is_pipewire:
                    wiring.count_frames(self._function("jack_last_frame_time"), self._pointer.value or 0)
            for name, callback in wanted.items():
                self._set(name, address_of(callback), wiring.address)
            self._client.activate()
        except self._jack.JackError as error:
            self.close()
            raise DeviceError(f"{self.description}: {error}. Restart the server.") from error

    def _set(self, name: str, address: int, user: int) -> None:
        if self._call(f"jack_set_{name}_callback", self._pointer, ctypes.c_void_p(address), ctypes.c_void_p(user)):
            raise self._jack.JackError(f"no {name} callback")

    # What JACK-Client does not pass on.

    @property
    def _pointer(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(int(self._jack._ffi.cast("intptr_t", self._client._ptr)))

    def _call(self, name: str, *arguments: Any) -> int:
        return int(getattr(self._library, name)(*arguments))

    def _function(self, name: str) -> int:
        return ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value or 0

    def close(self) -> None:
        """Leave the server, also a dead one."""
        for leave in (self._client.deactivate, self._client.close):
            with contextlib.suppress(self._jack.JackError):
                leave()
