"""What the two ways to an audio device have in common: PortAudio's streams, and JACK's client."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rt_automix.config import Audio
    from rt_automix.io.devices.edge.wiring import Wiring
    from rt_automix.io.devices.jack.ports import Link


class Stream(Protocol):
    """An opened device: found first, started with a wiring, gone at some time."""

    sample_rate_hz: int
    description: str
    in_width: int
    out_width: int
    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]
    other_channels: tuple[tuple[int, ...], ...]
    """Of each output beside the main one, and of the phones; none where it does not go to the device."""

    @property
    def selection(self) -> Audio:
        """What to ask for to come back to the same device by the same system, and no other."""

    def start(self, wiring: Wiring) -> None:
        """Let callbacks come. Raises DeviceError."""

    def tend(self, now: float) -> None:
        """Do what a running stream needs, a few dozen times a second."""

    @property
    def links(self) -> Collection[Link] | None:
        """What our ports are joined to, or are to be; None where there are none to join."""

    @property
    def joined(self) -> Collection[Link]:
        """What of that is joined now."""

    @property
    def note(self) -> str:
        """What the user should know of a stream that runs, such as that nothing is connected."""

    @property
    def is_alive(self) -> bool:
        """Whether the system still says that it runs (a dead one may go on saying so)."""

    @property
    def device_latency_samples(self) -> int | None:
        """What lies outside the engine from in to out, as the system tells it; None: one block."""

    @property
    def bridging(self) -> dict[str, Any] | None:
        """How the clocks of two devices are kept together; None for one device."""

    def close(self) -> None:
        """End it, after `start` or not. May hang where the server has died: call it with a limit."""
