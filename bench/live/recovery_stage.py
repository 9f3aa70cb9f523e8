"""Where `bench recovery` takes things away and gives them back: on PipeWire, and on jackd."""

from __future__ import annotations

import itertools
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.jackd import JackServer
from bench.common.pipewired import PipeWire, wait_for
from bench.common.program import Program
from bench.live.recovery_client import Client
from rt_automix.io.devices.jack.patching import GRACE_S

SINK = "Main"
BLOCK_SAMPLES = 1024
"""So large that the programs around ours, which are Python, are in time on a busy machine."""

NULL_LIN = 1e-6
MOST_SECONDS = 20
"""So often a second is listened to again."""

SETTLE_S = 1.0
"""What was taken away is believed to be so."""

SET = {"amount": 0.0, "target_lufs": -17.5, "trim.air_db": 1.5}

Links = set[tuple[str, str]]


class Stage(ABC):
    """Server, program, the one that plays and the one that hears.

    Parameters
    ----------
    backend : str
    folder : path
    server : PipeWire or JackServer
    """

    def __init__(self, backend: str, folder: Path, server: Any) -> None:
        self.backend, self.server, self._folder = backend, server, folder
        self._rates_hz = itertools.cycle((44_100, 48_000))

    # What a server is like ------------------------------------------------------------------------------

    sinks: tuple[str, str]
    """Two ports of a device to play to."""

    @abstractmethod
    def begin(self) -> None:
        """Start the server, with the device."""

    @property
    @abstractmethod
    def heard(self) -> tuple[str, str]:
        """What the one that hears is joined to."""

    # ----------------------------------------------------------------------------------------------------

    @property
    def outs(self) -> list[str]:
        """Our outputs: JACK's numbers begin at 1, PortAudio's at 0."""
        return [f"rt_automix:out_{k}" for k in ((1, 2) if self.backend == "jack" else (0, 1))]

    @property
    def links(self) -> Links:
        """What is to be joined."""
        ins = [out.replace("out", "in") for out in self.outs]
        links = {("player:out_1", port) for port in ins} | {(self.outs[0], sink) for sink in self.sinks}
        return links | {(port, f"ears:in_{k}") for k, port in enumerate(self.heard, 1)}

    def set_up(self) -> None:
        """Everything plays, patched by hand."""
        self.begin()
        self.program = Program(self.server, self._folder, "--backend", self.backend)
        self.program.wait_until_playing()
        for name, value in SET.items():
            self.program.command(set={name: value})
        self.player = Client(self.server.environment, "player").wait()
        self.ears = Client(self.server.environment, "ears").wait()
        right = self.outs[1]
        wait_for(lambda: (right, self.sinks[1]) in self.server.links(), "our links")
        for pair in self.server.links() - self.links:
            self.server.run("jack_disconnect", *pair)
        for pair in self.links:
            self.server.run("jack_connect", *pair)
        self.listen()
        wait_for(self.is_patched, "links")
        self.ears.first_sound_at()
        time.sleep(SETTLE_S)

    def listen(self) -> None:
        """Have the one that hears hear what is played."""
        self.ears.hear(*self.heard)

    def is_patched(self) -> bool:
        """Whether all links are what they were, and no others are there."""
        return bool(self.server.links() == self.links)

    def has_kept(self) -> bool:
        """Whether the controls are what they were."""
        controls = self.program.status["controls"]
        found = {**controls, **{f"trim.{name}": value for name, value in controls["trims"].items()}}
        return all(found.get(name) == value for name, value in SET.items())

    def null(self) -> tuple[float, int]:
        """The residual of a second that is heard, linear, and how many were listened to until one was whole."""
        count, residual_lin = 0, np.inf
        while count < MOST_SECONDS and residual_lin >= NULL_LIN:
            count, residual_lin = count + 1, max(self.ears.second())
        return residual_lin, count

    def close(self) -> None:
        """End everything that was begun."""
        for name in ("player", "ears"):
            if hasattr(self, name):
                getattr(self, name).kill()
        if hasattr(self, "program"):
            self.program.__exit__()

    # What happens ---------------------------------------------------------------------------------------

    def server_is_killed(self) -> float:
        """The server is killed and started again, and everybody else, too."""
        self.server.stop(signal.SIGKILL)
        return self._all_return()

    def owner_is_killed(self) -> float:
        """The program that plays into ours is killed and started again."""
        self.player.kill()
        self.program.wait_for(lambda status: "player:out_1" in status["text"])
        self.player = Client(self.server.environment, "player").wait()
        return self._sound_from(time.monotonic())

    @abstractmethod
    def set_block(self, samples: int) -> None:
        """Have blocks be so long."""

    def block_changes(self) -> float:
        """Blocks of 32 samples, of 2048, and of what they were: the slowest of the three."""
        times_s = []
        for samples in (32, 2048, BLOCK_SAMPLES):
            block = samples if self.backend == "jack" else min(samples, 1024)  # PortAudio cuts longer ones
            began = time.monotonic()
            self.set_block(samples)
            self.program.wait_for(lambda status, block=block: status["timing"]["block_samples"] == block)
            times_s.append(self._sound_from(began))
        return max(times_s)

    def _all_return(self) -> float:
        """The server has gone, the others go, and all come back."""
        self.player.kill()
        self.ears.kill()
        self.program.wait_for(lambda status: status["state"] != "playing")
        # Interpreters that load here, so that their start does not count.
        self.player, self.ears = (Client(self.server.environment, name) for name in ("player", "ears"))
        self.begin()
        self.player.wait()
        began = time.monotonic()
        self.ears.wait()
        return self._sound_from(began)

    def _sound_from(self, began: float) -> float:
        self.listen()
        return self.ears.first_sound_at() - began


class PipeWireStage(Stage):
    """PipeWire with a sink; what it plays is heard at its monitors."""

    sinks = (f"{SINK}:playback_FL", f"{SINK}:playback_FR")

    def __init__(self, backend: str, folder: Path) -> None:
        super().__init__(backend, folder, PipeWire())

    @property
    def heard(self) -> tuple[str, str]:
        """See Stage."""
        return f"{SINK}:monitor_FL", f"{SINK}:monitor_FR"

    def begin(self) -> None:
        """See Stage."""
        self.server.start()
        self.server.create(SINK)
        self.server.quantum(BLOCK_SAMPLES)

    def close(self) -> None:
        """See Stage."""
        super().close()
        self.server.close()

    def set_block(self, samples: int) -> None:
        """See Stage."""
        self.server.quantum(samples)

    def sink_returns(self) -> float:
        """The sink is destroyed and made again."""
        self.server.destroy(SINK)
        self.program.wait_for(lambda status: "nothing" in status["text"])
        self.server.create(SINK)
        return self._sound_from(time.monotonic())

    def rate_changes(self) -> float:
        """44.1 kHz and 48 kHz, in turn."""
        rate_hz = next(self._rates_hz)
        began = time.monotonic()
        self.server.rate(rate_hz)
        self.program.wait_for(lambda status: status["sample_rate_hz"] == rate_hz and status["state"] == "playing")
        return self._sound_from(began)


class JackdStage(Stage):
    """A jackd. Nobody hears what its device plays: ours is heard at its own port.

    It waits for nobody: one that waits for whoever is late falls out of step now and then where several come at once.
    """

    sinks = ("system:playback_1", "system:playback_2")

    def __init__(self, backend: str, folder: Path) -> None:
        super().__init__(backend, folder, JackServer(BLOCK_SAMPLES, synchronous=False))
        self._is_by_hand = False
        self._has_begun = False

    @property
    def heard(self) -> tuple[str, str]:
        """See Stage."""
        return (self.outs[0],) * 2

    @property
    def links(self) -> Links:
        """See Stage; one less while it is taken away by hand."""
        links = super().links
        return links - {(self.outs[0], self.sinks[1])} if self._is_by_hand else links

    def begin(self) -> None:
        """See Stage."""
        self.server.start()
        self._has_begun = True

    def close(self) -> None:
        """See Stage."""
        super().close()
        if self._has_begun:
            self.server.stop()

    def set_block(self, samples: int) -> None:
        """See Stage."""
        self.server.run("jack_bufsize", str(samples))

    def server_returns_otherwise(self) -> float:
        """The server ends, and is started at the other of two rates."""
        self.server.stop()
        self.server.rate_hz = next(self._rates_hz)
        return self._all_return()

    def link_stays_away(self) -> float:
        """A link is taken away by hand, the server killed and started again; then the link is made by hand."""
        pair = self.outs[0], self.sinks[1]
        self.server.run("jack_disconnect", *pair)
        self._is_by_hand = True
        # What was taken away just before a crash is taken for the crash's.
        self.program.wait_for(lambda status: list(pair) not in status["links"])
        time.sleep(2 * GRACE_S)
        self.server.stop(signal.SIGKILL)
        took_s = self._all_return()
        wait_for(self.is_patched, "links without the one taken away by hand")
        time.sleep(SETTLE_S)
        stays = self.is_patched()
        self.server.run("jack_connect", *pair)
        self._is_by_hand = False
        if not stays:
            raise AssertionError("a link that was taken away by hand was made again")
        return took_s


STAGES: dict[str, type[PipeWireStage] | type[JackdStage]] = {"pipewire": PipeWireStage, "jackd": JackdStage}

EVENTS: dict[str, dict[str, Callable[[Any], float]]] = {
    "pipewire": {
        "sink destroyed and returned": PipeWireStage.sink_returns,
        "PipeWire killed": PipeWireStage.server_is_killed,
        "quantum 32, 2048 and back": PipeWireStage.block_changes,
        "rate changed": PipeWireStage.rate_changes,
        "owner of the patched ports killed": PipeWireStage.owner_is_killed,
    },
    "jackd": {
        "jackd killed": JackdStage.server_is_killed,
        "jackd back at another rate": JackdStage.server_returns_otherwise,
        "buffer 32, 2048 and back": JackdStage.block_changes,
        "owner of the patched ports killed": JackdStage.owner_is_killed,
        "jackd killed, a link by hand stays away": JackdStage.link_stays_away,
    },
}
"""What happens, by name; each gives the seconds until there is sound again."""
