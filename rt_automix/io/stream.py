"""What the two ways to an audio device have in common: PortAudio's streams, and JACK's client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from rt_automix.io.wiring import Wiring

CallbackKind = Literal["native", "python"]


@dataclass(frozen=True)
class Selection:
    """Which device to use and how, as the user put it; None leaves a choice to us.

    `block_samples` 0 takes what the system runs at: on JACK anything else costs a block of latency.
    """

    backend: Literal["portaudio", "jack"] = "portaudio"
    device: str | None = None
    in_device: str | None = None
    out_device: str | None = None
    host_api: str | None = None
    in_channels: str | None = None
    out_channels: str | None = None
    rate_hz: int | None = None
    block_samples: int = 0
    allow_feedback: bool = False
    exclusive: bool = False
    callback: CallbackKind = "native"


class Stream(Protocol):
    """An opened device: found first, started with a wiring, gone at some time."""

    sample_rate_hz: int
    description: str
    in_width: int
    out_width: int
    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]

    def start(self, wiring: Wiring) -> None:
        """Let callbacks come. Raises DeviceError."""

    @property
    def is_alive(self) -> bool:
        """Whether the system still says that it runs (a dead one may go on saying so)."""

    @property
    def device_latency_samples(self) -> int | None:
        """What lies outside the engine from in to out; None: one block."""

    @property
    def bridging(self) -> dict[str, Any] | None:
        """How the clocks of two devices are kept together; None for one device."""

    def close(self) -> None:
        """End it, after `start` or not. May hang where the server has died: call it with a limit."""


Opener = Callable[[Selection], Stream]
"""Finds the device that a selection names. Raises DeviceChoiceError or DeviceError."""
