"""Blocks that went missing and nobody was told, from how far a server is ahead of what was played. Plain data."""

from __future__ import annotations

from collections import deque

_LOOKS = 16
"""The server may be a block ahead, or two, when it is looked at; not each of so many times."""

_FRAMES = 1 << 32
_MOST_SAMPLES = 1 << 16
"""What is beyond is another clock than before, as when another device leads the graph."""


class Skips:
    """Tells from counts that are read now and then, in no order, whether blocks have gone missing.

    PipeWire tells PortAudio's client of none, while its count of frames goes on.
    """

    def __init__(self) -> None:
        self._leads: deque[int] = deque(maxlen=_LOOKS)
        self._least: int | None = None

    def look(self, cycle: int, samples: int, block_samples: int) -> bool:
        """Whether blocks have gone missing since it was last said.

        Parameters
        ----------
        cycle : int
            The frame at which the server's newest cycle began, modulo 2 ** 32.
        samples : int
            Played so far.
        block_samples : int
            Of the last block.
        """
        self._leads.append(cycle - samples + block_samples)
        if len(self._leads) < _LOOKS or not samples:
            return False
        newest = self._leads[-1]
        least = newest + min(_difference(lead, newest) for lead in self._leads)
        more = 0 if self._least is None else _difference(least, self._least)
        if self._least is None or abs(more) > block_samples // 2:
            self._least = least
        return block_samples // 2 < more < _MOST_SAMPLES


def _difference(one: int, other: int) -> int:
    """Of two counts that begin anew."""
    return (one - other + _FRAMES // 2) % _FRAMES - _FRAMES // 2
