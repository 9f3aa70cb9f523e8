"""Which of the outputs is heard on the phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rt_automix.errors import ConfigError, nearest


class Phones:
    """The choice; the main output to begin with.

    Parameters
    ----------
    names : sequence of str
        Of the outputs, the main one first.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.heard = self.names[0]

    @property
    def number(self) -> int:
        """The place of the one that is heard, 0 for the main one."""
        return self.names.index(self.heard)

    def choose(self, name: Any) -> None:
        """Hear an output by its name, None for the next one. Raises ConfigError where there is no such output."""
        if name is None:
            self.step(1)
        elif name in self.names:
            self.heard = name
        else:
            near = nearest(str(name), self.names)
            raise ConfigError(f'phones = "{name}": there is no such output.{near} There are: {", ".join(self.names)}.')

    def switch(self, name: str, on: bool | None) -> None:
        """Hear an output, or no longer and the main one again; None changes it over. Raises ConfigError."""
        is_heard = name == self.heard
        if not is_heard and on is not False:
            self.choose(name)
        elif is_heard and not on:
            self.heard = self.names[0]

    def step(self, steps: int) -> None:
        """Go on by so many outputs, round and round."""
        self.heard = self.names[(self.number + steps) % len(self.names)]
