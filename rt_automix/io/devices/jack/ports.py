"""JACK's ports by their names: which ones to play through, of what is asked for and what there is. Plain data.

The flag "physical" does not tell: under PipeWire a virtual microphone's feeding ports have it, and its capture
ports have not. Their names do: `capture_` and `playback_` are devices, `monitor_` is what a sink plays,
`input_` is what a virtual microphone is fed with.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rt_automix.config import Audio
from rt_automix.errors import DeviceChoiceError
from rt_automix.io.devices.choice import channel_indices, check_feedback

_DEVICES = ("capture_", "playback_", "monitor_", "input_")

Link = tuple[str, str]
"""One of our ports by its short name, such as "in_1", and the whole name of the one that it is joined to."""


@dataclass(frozen=True)
class Port:
    """Another's port; one that `gives` is where we may listen, else where we may play to."""

    name: str
    gives: bool
    is_physical: bool = False

    @property
    def client(self) -> str:
        return self.name.partition(":")[0]

    @property
    def is_set_aside(self) -> bool:
        """Whether it is joined only where it is asked for: a monitor, or what feeds a virtual microphone."""
        return self.name.rpartition(":")[2].startswith("monitor_" if self.gives else "input_")

    @property
    def is_device(self) -> bool:
        """Whether it belongs to something that one hears or plays through."""
        is_called_so = self.name.rpartition(":")[2].startswith("capture_" if self.gives else "playback_")
        return not self.is_set_aside and (self.is_physical or is_called_so)


def choose_ports(there: Sequence[Port], selection: Audio) -> tuple[list[str], list[str]]:
    """Names of the ports to listen to and to play to, two at most on a side, or those of a surround programme.

    There are none where there is no device.

    Raises
    ------
    DeviceChoiceError
        What was asked for is not there, or howls.

    Thread: main. Allocates: yes.
    """
    sides = (
        ("in", True, selection.in_device or selection.device, selection.in_channels),
        ("out", False, selection.out_device or selection.device, selection.out_channels),
    )
    sources, sinks = (_side([port for port in there if port.gives == gives], word, wanted, channels, selection.channels)
                      for word, gives, wanted, channels in sides)  # fmt: skip
    if sources and sinks and not selection.allow_feedback:
        check_feedback(sources[0].client, sinks[0].client)
        if sources[0].is_set_aside and sources[0].client == sinks[0].client:
            raise DeviceChoiceError(
                f'"{sources[0].name}" into "{sinks[0].name}" would howl: it hears what it plays. Choose another with '
                "--in-device or --out-device, or say --allow-feedback."
            )
    return [port.name for port in sources], [port.name for port in sinks]


def beside(selection: Audio, channels: str) -> Audio:
    """What to ask for the ports of an output beside the main one, in these channels. Thread: main. Allocates: yes."""
    return replace(selection, layout="stereo", in_channels="", out_channels=channels)


def _side(there: list[Port], word: str, wanted: str, channels: str, count: int) -> list[Port]:
    """The ports to join on a side."""
    found = _named(there, word, wanted) if wanted else _device(there)
    if not found and not channels:
        return []
    if not found:
        raise DeviceChoiceError(
            f'--{word}-channels "{channels}": no device has {word}put ports. Connect one, or leave it out and patch '
            "by hand."
        )
    return [found[index] for index in channel_indices(channels or None, found[0].client, len(found), word, count)]


def _device(there: list[Port]) -> list[Port]:
    """The first device, as the server lists them; hardware comes before what only calls itself so."""
    devices = sorted((port for port in there if port.is_device), key=lambda port: not port.is_physical)
    return [port for port in devices if port.client == devices[0].client]


def _named(there: list[Port], word: str, wanted: str) -> list[Port]:
    """The ports of the one client that is called so; its monitors if it has no other, or they are named."""
    words = wanted.casefold().split()
    found = [port for port in there if port.client.casefold() == wanted.casefold()]
    found = found or [port for port in there if all(part in port.name.casefold() for part in words)]
    found = [port for port in found if not port.is_set_aside] or found
    clients = tuple(dict.fromkeys(port.client for port in found))
    if len(clients) == 1:
        return found
    listed = ", ".join(f'"{client}"' for client in clients or dict.fromkeys(port.client for port in there)) or "none"
    if clients:
        raise DeviceChoiceError(f'"{wanted}": {len(clients)} are called so: {listed}. Give more of the name.')
    raise DeviceChoiceError(f'"{wanted}": nothing of that name has {word}put ports. There are: {listed}.')


def makes_circle(joined: Collection[Link], ins: Sequence[str], outs: Sequence[str]) -> bool:
    """Whether a program hears us and is heard by us: then each latency that is told makes the next one longer."""

    def programs(own: Sequence[str]) -> set[str]:
        others = [name.rpartition(":") for port, name in joined if port in own]
        return {client for client, _, short in others if not short.startswith(_DEVICES)}

    return bool(programs(ins) & programs(outs))


def joined_in_pairs(ins: Sequence[str], outs: Sequence[str], sources: Sequence[str], sinks: Sequence[str]) -> set[Link]:
    """Our ports and those chosen, side by side; a single source goes to both of ours."""
    from_sources = {(ins[k], sources[k % len(sources)]) for k in range(len(ins)) if sources}
    return from_sources | set(zip(outs, sinks, strict=False))
