"""What our JACK ports are joined to, remembered by name while the others come and go. Plain data, no library."""

from __future__ import annotations

from collections.abc import Collection

from rt_automix.io.devices.jack.ports import Link

GRACE_S = 1.0
"""Links go before the ports that they end at. A link that is missing for longer was taken away by hand."""


def side_of(port: str) -> str:
    """What a port of ours is one channel of: "in", "out", or "out_stream" of an output that is called stream."""
    return port.rpartition("_")[0]


class Patching:
    """Tells what was taken away by hand from what went away by itself; the one stays away, the other is restored.

    Parameters
    ----------
    links : collection of Link
        What is to be joined as soon as it is there.
    """

    def __init__(self, links: Collection[Link]) -> None:
        self.links = set(links)
        self.joined: set[Link] = set()
        self._away = set(links)
        self._missing_since: dict[Link, float] = {}

    def look(self, now: float, joined: set[Link], there: Collection[str], came: Collection[str]) -> set[Link]:
        """Take in how it is; what is to be joined.

        Parameters
        ----------
        now : float, s
            By a clock that runs while the server does.
        joined : set of Link
            Our ports, and what they are joined to.
        there : names of all ports
        came : names of those that came since the last look
        """
        self.joined = joined
        self.links |= joined
        self._away -= joined
        for link in self.links - joined:
            if link[1] not in there or link[1] in came:
                self._away.add(link)
            elif link not in self._away and now - self._missing_since.get(link, now) >= GRACE_S:
                self.links.discard(link)
        absent = self.links - joined
        self._missing_since = {link: self._missing_since.get(link, now) for link in absent - self._away}
        return {link for link in self._away if link[1] in there}

    def note_joined(self, link: Link) -> None:
        """A link that `look` gave has been made: whoever takes it away now does so by hand."""
        self._away.discard(link)
        self.joined = self.joined | {link}

    def awaited(self, side: str) -> list[str]:
        """Names of ports that are to come back to those of ours that `side_of` calls so."""
        return sorted({name for port, name in self._away if side_of(port) == side})
