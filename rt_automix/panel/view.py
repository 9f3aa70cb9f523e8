"""The panel as a view of a live session, beside the terminal's: hears and shows, and does what pages ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_automix.panel.api import Command
from rt_automix.panel.deck import Deck, Picture
from rt_automix.panel.presets import Presets, default_path
from rt_automix.panel.security import Limits, origin_of, reachable
from rt_automix.panel.server import Server

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.setup import Setup
    from rt_automix.live.takes.takes import Takes

_CALM = ("starting", "playing", "compiling")


class Panel:
    """Serves a session to pages.

    Parameters
    ----------
    setup : Setup
    host : str
    port : int
    tell : function of a str
        Hears what a user should know. Called from the thread that calls `show`.
    presets_path : path, optional
        By default the user's own.
    limits : Limits, optional
    origin : str
        Of pages that come through a proxy, such as https://mix.example; empty: there is none.

    Raises
    ------
    ConfigError
        The address cannot be served on, or the origin is none.
    """

    wants_end = False

    def __init__(
        self,
        setup: Setup,
        host: str,
        port: int,
        tell: Callable[[str], None],
        presets_path: Path | None = None,
        limits: Limits | None = None,
        origin: str = "",
    ) -> None:
        kept = Presets(presets_path or default_path())
        self._deck = Deck(setup.profiles, setup.reference)
        self._origin = origin_of(origin) if origin else ""
        self._server = Server(self._deck, kept, host, port, limits or Limits(), self._origin)
        self._host, self._tell = host, tell
        self._state, self._text = "starting", ""
        self._answer: object = None
        if kept.problem:
            tell(kept.problem)

    @property
    def url(self) -> str:
        """Where the page is; on a network with the token that lets in."""
        return self._with_token(f"http://{reachable(self._host)}:{self._server.port}")

    @property
    def proxied_url(self) -> str:
        """Where the page is through the proxy; empty where there is none."""
        return self._with_token(self._origin) if self._origin else ""

    def _with_token(self, origin: str) -> str:
        token = self._server.guard.token
        return f"{origin}/" + (f"?token={token}" if token else "")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return not self._server.guard.token

    def __enter__(self) -> Panel:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def hear(self, document: dict[str, Any]) -> None:
        """Take note of what the session says, and pass it on."""
        match document["type"]:
            case "compiling":
                self._state = "compiling"
                self._text = f"Compiling {document['done']} of {document['total']}, this once."
                return
            case "state":
                self._state, self._text = document["state"], document["text"]
            case "learned":
                return
        self._server.announce(document["text"], "info" if self._state in _CALM else "warning")

    def remark(self, text: str) -> None:
        """Take note of something a user should know."""
        self.hear({"type": "event", "text": text})

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Do what pages ask for, and hand over how things are. Never waits.

        The process that plays gets more to do only once it has answered since the last time, so
        that the pipe to one that has stopped reading cannot fill up and hold this loop.
        """
        if supervisor.status is not self._answer:
            self._answer = supervisor.status
            for command in self._deck.take():
                _do(command, supervisor, takes)
        self._server.watch(supervisor.board)
        self._server.programme.follow(supervisor)
        status = supervisor.status
        self._deck.picture = Picture(
            state=self._state,
            text=self._text,
            status=status,
            starts=supervisor.starts,
            takes=takes.status(),
            profiles=tuple(status["profiles"]) if status else self._deck.profiles,
        )
        self._server.publish()
        while self._server.remarks:
            self._tell(self._server.remarks.popleft())


def _do(command: Command, supervisor: Supervisor, takes: Takes) -> None:
    match command.verb:
        case "set":
            supervisor.set(command.name, command.value)
        case "nudge":
            supervisor.nudge(command.name, command.value)
        case "record":
            takes.record(command.value)
        case "learn":
            supervisor.learn(command.value)
        case "reference":
            supervisor.use_reference(command.value)
