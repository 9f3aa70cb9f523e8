"""Live audio as a JACK client of our own. It survives the server's death."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from rt_automix.config import Audio
from rt_automix.errors import AutomixError, DeviceChoiceError, DeviceError
from rt_automix.io.devices.choice import RATES_HZ, listed
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.io.devices.jack.patchbay import Patchbay
from rt_automix.io.devices.jack.ports import Link, beside, choose_ports, joined_in_pairs, makes_circle
from rt_automix.io.devices.jack.server import Server


class JackStream:
    """A client of the running server, joined to what is asked for, or to what it was joined to before.

    Parameters
    ----------
    selection : config.Audio
    links : collection of Link, optional
        What an earlier stream was joined to; None: choose.
    others : pairs of str
        Of each output beside the main one, and of the phones: what its two ports are called but for _1 and _2, and the
        channels that they are joined to, where it has some.

    Raises
    ------
    DeviceError, DeviceChoiceError
        No library, no server, or not what was asked for.
    """

    bridging = None

    def __init__(
        self, selection: Audio, links: Collection[Link] | None = None, others: Sequence[tuple[str, str]] = ()
    ) -> None:
        pairs = [(f"{name}_1", f"{name}_2") for name, _ in others]
        self.in_width = self.out_width = width = selection.channels
        self._ins = tuple(f"in_{number}" for number in range(1, width + 1))
        self._main = tuple(f"out_{number}" for number in range(1, width + 1))
        self._outs: tuple[str, ...] = sum(pairs, self._main)
        self.other_channels: tuple[tuple[int, ...], ...] = tuple(
            (0, 1) if "," in channels else (0,) if channels else () for _, channels in others
        )
        self._server = server = Server(selection.name)
        try:
            self.sample_rate_hz = server.rate_hz
            _check_rate(self.sample_rate_hz, selection)
            if links is None and selection.connect:
                sources, sinks = choose_ports(server.ports(), selection)
                links = joined_in_pairs(self._ins, self._main, sources, sinks)
                if width == 2 and len(sinks) == 1:  # kept, also where it is patched otherwise by hand later
                    selection = replace(selection, out_channels=selection.out_channels or "1")
                for (_, channels), pair in zip(others, pairs, strict=True):
                    if channels:
                        _, sinks = choose_ports(server.ports(), beside(selection, channels))
                        _check_free(sinks, links, channels)
                        links |= joined_in_pairs((), pair, (), sinks)
        except AutomixError:
            server.close()
            raise
        self.selection, self._links = selection, links or ()
        self.description = server.description
        self.in_channels = tuple(range(width))
        self.out_channels = (0,) if width == 2 and selection.out_channels.strip().isdigit() else tuple(range(width))

    def start(self, wiring: Wiring) -> None:
        """Let callbacks come, and join the ports.

        Raises
        ------
        DeviceError
            The server does not let the client in.

        Thread: main. Allocates: yes.
        """
        server = self._server
        self._wiring, self._told = wiring, (-1, -1)
        server.activate(wiring, self._ins, self._outs)
        self._patchbay = Patchbay(server, server.name, self._ins + self._outs, self._links, self.selection.connect)
        self._patchbay.tend(0.0)

    def tend(self, now: float) -> None:
        """Keep the ports joined, and the server informed."""
        self._patchbay.tend(now)
        latencies = self._wiring.latencies, self._wiring.latency_samples
        if latencies != self._told and not makes_circle(self._patchbay.joined, self._ins, self._outs):
            self._told = latencies
            self._server.tell_latency(self._ins, self._outs, self._wiring.latency_samples)

    @property
    def links(self) -> Collection[Link]:
        """What the ports are joined to, or are to be."""
        return self._patchbay.links

    @property
    def joined(self) -> Collection[Link]:
        """What of that is joined now."""
        return self._patchbay.joined

    @property
    def note(self) -> str:
        """That something is not connected."""
        return self._patchbay.note

    @property
    def is_alive(self) -> bool:
        """Whether the server has not said that it ends, and runs at the rate of before."""
        return not self._server.has_ended and self._server.rate_hz == self.sample_rate_hz

    @property
    def device_latency_samples(self) -> int:
        """As the server tells it, of what the ports are joined to."""
        return self._patchbay.latency_samples

    def close(self) -> None:
        """Leave the server, also a dead one."""
        self._server.close()


def _check_free(sinks: Sequence[str], links: Collection[Link], channels: str) -> None:
    """Two outputs at one loudspeaker would be summed there, behind the limiter of each."""
    if set(sinks) & {sink for _, sink in links}:
        raise DeviceChoiceError(f'channels = "{channels}": another output plays there. Choose others.')


def _check_rate(rate_hz: int, selection: Audio) -> None:
    if rate_hz not in RATES_HZ:
        raise DeviceError(f"The JACK server runs at {rate_hz} Hz. Set it to one of {listed(RATES_HZ)}.")
    if selection.sample_rate_hz not in (None, rate_hz):
        raise DeviceChoiceError(
            f"--rate {selection.sample_rate_hz}: the JACK server runs at {rate_hz} Hz. "
            "Leave --rate out, or start the server at that rate."
        )
