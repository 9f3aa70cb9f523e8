"""Keeps JACK ports joined as they were: whoever comes back is joined again, what was taken away by hand stays so."""

from __future__ import annotations

import time
from collections.abc import Collection

from rt_automix.io.devices.jack.patching import Patching, side_of
from rt_automix.io.devices.jack.ports import Link
from rt_automix.io.devices.jack.server import Server

_SIDES = {"in": "input", "out": "output", "phones": "pair of the phones"}

LOOK_S = 0.1
"""How often it is looked at."""

_LONGEST_LOOK_S = 2 * LOOK_S
"""Who comes back from a longer absence, as a busy machine makes it, has not watched all the while."""


class Patchbay:
    """The ports of a client, and what they are joined to.

    Parameters
    ----------
    server : Server
        Active.
    client : str
        Whose ports.
    own : names of these ports, inputs first
    links : collection of Link
        What is to be joined.
    connects : bool
        Or leave all of it to the user.
    """

    def __init__(
        self, server: Server, client: str, own: tuple[str, ...], links: Collection[Link], connects: bool
    ) -> None:
        self._server, self._client, self._own, self._connects = server, client, own, connects
        self._patching = Patching(links if connects else ())
        self._look_at = self._looked_at = self._watched_s = 0.0
        self._cycle = -1

    def tend(self, now: float) -> None:
        """Look whether something came or went, and join what is to be joined. Thread: main. Allocates: yes."""
        if now < self._look_at:
            return
        self._watch(now)
        server = self._server
        came, joined, there = server.came(), self._joined(), server.names()
        if not there.issuperset(f"{self._client}:{name}" for name in self._own):
            return  # a server that ends throws its clients out first: nobody has taken a link away by hand
        for link in self._patching.look(self._watched_s, joined, there, came):
            if self._connects and server.join(self._client, link):
                self._patching.note_joined(link)

    def _watch(self, now: float) -> None:
        """Count how long links have been seen as they are: a server that stands still undoes nobody's patching."""
        cycle = self._server.cycle
        if cycle != self._cycle:
            self._watched_s += min(now - self._looked_at, _LONGEST_LOOK_S)
        self._cycle, self._looked_at, self._look_at = cycle, now, now + LOOK_S

    def take_over(self, limit_s: float = 1.0) -> None:
        """Undo what PortAudio has joined, each port of its own, and join what is to be joined instead."""
        until = time.monotonic() + limit_s
        while len({name for name, _ in self._joined()}) < len(self._own) and time.monotonic() < until:
            time.sleep(0.01)  # PipeWire tells each client in its own time
        for link in self._joined() - self._patching.links:
            self._server.part(self._client, link)
        while self._joined() - self._patching.links and time.monotonic() < until:
            time.sleep(0.01)
        self.tend(time.monotonic())

    def _joined(self) -> set[Link]:
        return self._server.joined(self._client, self._own)

    @property
    def links(self) -> frozenset[Link]:
        """What is joined, or will be as soon as it is there."""
        return frozenset(self._patching.links)

    @property
    def joined(self) -> frozenset[Link]:
        """What is joined now."""
        return frozenset(self._patching.joined)

    @property
    def latency_samples(self) -> int:
        """What lies outside, from in to out."""
        return self._server.latency_samples(self._client, self._own)

    @property
    def note(self) -> str:
        """Which sides nothing is joined to, and what is waited for; empty if all is well."""
        joined = {side_of(name) for name, _ in self._patching.joined}
        sides: dict[str, list[str]] = {}
        for side in dict.fromkeys(side_of(name) for name in self._own):
            word = _SIDES.get(side, f"output {side.removeprefix('out_')}")
            is_open = side not in joined
            awaited = ", ".join(self._patching.awaited(side)) if self._connects else ""
            if is_open:
                cure = f"waiting for {awaited} to come back" if awaited else "patch its ports"
                sides.setdefault(f"connected to nothing: {cure}.", []).append(word)
            elif awaited:
                sides.setdefault(f"waiting for {awaited} to come back.", []).append(word)
        return " ".join(
            f"The {' and the '.join(words)} {'are' if words[1:] else 'is'} {what}" for what, words in sides.items()
        )
