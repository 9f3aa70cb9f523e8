"""What every suggester offers: the closed-form matcher, and networks."""

from __future__ import annotations

from typing import Protocol

from rt_automix import params
from rt_automix.listening import Listener
from rt_automix.profile import Profile


class Suggester(Protocol):
    """Decides the ten parameters from what has been heard and what it should measure like."""

    name: str

    def suggest(self, listener: Listener, profile: Profile) -> params.Values:
        """Parameters inside their ranges, always finite: float64, shape (params.COUNT,).

        Neutral until there is enough music to judge. Thread: worker. Allocates: yes.
        """
        ...
