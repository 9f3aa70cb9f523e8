"""Between the loop that watches the sound and the thread that serves pages: neither ever waits for the other.

Commands go one way, through a box that holds so many; the newest picture of the session the other.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.errors import ConfigError
from rt_automix.panel.api import Command

MOST_COMMANDS = 64
"""So few that all of them fit into the pipe to a process that has stopped reading it."""


@dataclass(frozen=True)
class Picture:
    """How a session is. `status` is the document of the process that plays, None until it has answered."""

    state: str = "starting"
    text: str = ""
    status: dict[str, Any] | None = None
    starts: int = 0
    takes: list[dict[str, Any]] = field(default_factory=list)
    profiles: tuple[str, ...] = ()


BUSY = "The process that plays does not answer. Try again."
"""What to tell whose commands do not fit any more."""


class Deck:
    """What pages want done, the newest picture, and the profiles that it names.

    Parameters
    ----------
    profiles : tuple of str
        Those there are from the start.
    reference : Profile, optional
        A song measured before.
    """

    def __init__(self, profiles: tuple[str, ...], reference: Profile | None) -> None:
        self.profiles = profiles
        self.picture = Picture(profiles=profiles)
        self._styles: dict[str, Profile | None] = {reference.name: reference} if reference else {}
        self._lock = threading.Lock()
        self._commands: list[Command] = []

    def offer(self, *commands: Command) -> bool:
        """Have commands done soon, all or none; False if too many wait already. Thread: any.

        A value that replaces one that nobody has taken yet takes its place.
        """
        with self._lock:
            kept = list(self._commands)
            for command in commands:
                if command.verb == "set" and command.value is not None:
                    kept = [old for old in kept if old[:2] != command[:2] or old.value is None]
                kept.append(command)
            if len(kept) > MOST_COMMANDS:
                return False
            self._commands = kept
            return True

    def take(self) -> list[Command]:
        """Everything that waits. Thread: main."""
        with self._lock:
            taken, self._commands = self._commands, []
        return taken

    def keep(self, style: Profile) -> None:
        """Know the profile of a song from now on. Thread: the server's."""
        self._styles[style.name] = style

    def style(self, name: str) -> Profile | None:
        """The profile of a name in the picture; None if it does not load. Thread: the server's."""
        if name not in self._styles:
            try:
                self._styles[name] = profile.load(name)
            except ConfigError:
                self._styles[name] = None
        return self._styles[name]
