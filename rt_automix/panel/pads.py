"""What MIDI buttons ask for that no desk does: takes that begin and end, presets that are recalled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_automix.errors import ConfigError
from rt_automix.panel.presets import Presets, default_path

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.takes.takes import Takes

_MOST_WAITING = 64


class Pads:
    """Does what a session asks its parent for, and lets it know.

    Parameters
    ----------
    tell : function of a str
        Hears what a user should know.
    presets_path : path, optional
        By default the user's own.
    """

    def __init__(self, tell: Callable[[str], None], presets_path: Path | None = None) -> None:
        self._tell = tell
        self._path = presets_path or default_path()
        self._waiting: deque[tuple[str, Any]] = deque(maxlen=_MOST_WAITING)
        self._answer: object = None
        self._recalled = ""

    def hear(self, document: dict[str, Any]) -> None:
        """Take note of what is asked for."""
        self._waiting.append((document["control"], document["value"]))

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Do it, and tell the session. Never waits."""
        wanted = []
        while self._waiting:
            control, value = self._waiting.popleft()
            if control == "record":
                takes.record(value)
            else:
                wanted.append(value)
        if wanted:
            self._recall(wanted, supervisor)
        supervisor.know("record", takes.is_recording)

    def _recall(self, wanted: list[str | int | None], supervisor: Supervisor) -> None:
        """Recall the last one wanted: each is many controls, and the pipe to the session holds so many."""
        status = supervisor.status
        try:
            presets = Presets(self._path)
            if presets.problem:
                raise ConfigError(presets.problem)
            for which in wanted:
                self._recalled = presets.chosen(which, self._recalled)
            commands, missing = presets.recalled(self._recalled, tuple(status["profiles"]) if status else ())
        except ConfigError as error:
            self._tell(f"MIDI: {error}")
            return
        for command in commands:
            supervisor.set(command.name, command.value)
        self._tell(missing or f'Preset "{self._recalled}".')
