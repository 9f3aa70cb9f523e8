"""The parent: starts the process that plays, watches it, and starts another when it is gone.

It makes no sound and imports no compiler, so there is little that could go wrong in it. What it
watches is the callback's own counter in shared memory: while that moves the sound is well, and
nothing is killed, whatever the interpreter over there is busy with.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rt_automix.errors import AutomixError, DeviceError, UserError
from rt_automix.io.devices.edge.board import CALLBACKS, Board
from rt_automix.live.parent.player import Player
from rt_automix.live.parent.ready import Ready, ready
from rt_automix.live.setup import LOST, Setup

if TYPE_CHECKING:
    from rt_automix.analysis.aim.profile import Profile

STALL_S = 1.5
"""A process that plays but whose callbacks have stopped for this long hangs."""

MUTE_S = 15.0
"""A process that does not play and has not answered for this long hangs; the next one may take twice as long, and so
on: a machine that is slow, or busy, must come to play at last."""

COMPILING_S = 300.0
"""The same while it compiles, where one step takes long on a small or a busy machine."""

DEAF_S = 5.0
"""A process that plays but has not answered for this long is left alone, and the performer told."""

STOP_LIMIT_S = 4.0
BACK_OFF_S = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Before the next start after so many that came to nothing."""

READY_S = 3.0
"""After so much playing another process is made ready to take over within a blink, unless one is."""

_READY_AGAIN_S = 10.0

Listener = Callable[[dict[str, Any]], None]


class Supervisor:
    """Keeps a session playing.

    Parameters
    ----------
    setup : Setup
    listener : callable
        Gets what happens as documents ready for JSON: {"type": "event" | "state" | "compiling", ...}.
    """

    def __init__(self, setup: Setup, listener: Listener) -> None:
        self.board = Board(others=len(setup.others), channels=setup.channels)
        self.status: dict[str, Any] | None = None
        self.beside: dict[str, Any] = {}
        """What is known here of how it is; it goes into the status."""
        self.starts = 0
        self.sample_rate_hz = 0
        self.setup = setup
        self._tell = listener
        self._player: Player | None = None
        self._ready: Ready | None = None
        self._ready_at = 0.0
        self._state, self._text = "starting", ""
        self._has_played = False
        self._failures = 0
        self._start_at = 0.0
        self._error: AutomixError | None = None
        self._known: dict[str, Any] = {}

    def start(self) -> None:
        """Let a process play, at once if one is ready."""
        try:
            if self._ready is None or not self._ready.is_there:
                self._ready = ready(self.board)
            self._player = self._ready.play(self.setup, self._has_played)
        except OSError as error:  # out of descriptors, processes or memory: that may pass
            self._put_off(f"No process can be started ({error.strerror}).")
            return
        self.starts += 1
        self._started_at = self._heard_at = self._moved_at = time.monotonic()
        self._callbacks = -1
        self._asked = self._is_deaf = self._plays_this_time = self._compiles = False
        self._state = "starting"
        self._known = {}

    def _put_off(self, wrong: str) -> None:
        """Try again after a while; say so once."""
        if not self._has_played:
            raise DeviceError(wrong)
        self._start_at = time.monotonic() + BACK_OFF_S[-1]
        text = f"{wrong} Trying again."
        if text != self._text:
            self._state, self._text = "starting", text
            self._tell({"type": "state", "state": "restarting", "text": text})

    def _keep_one_ready(self, now: float) -> None:
        """Have a process ready once all is well; one that died is replaced after a while."""
        if self._ready is not None and not self._ready.is_there:
            self._ready.close()
            self._ready = None
        if self._ready is None and self.is_playing and now >= max(self._started_at + READY_S, self._ready_at):
            self._ready_at = now + _READY_AGAIN_S
            with contextlib.suppress(OSError):  # as in `start`; meanwhile the sound goes on
                self._ready = ready(self.board)

    @property
    def state(self) -> dict[str, str]:
        """What it does, as a word and a sentence: newer than the status of a process that has ended."""
        return {"state": self._state, "text": self._text}

    @property
    def is_playing(self) -> bool:
        """Whether sound goes through."""
        return self._state == "playing"

    @property
    def pid(self) -> int | None:
        """Of the process that plays."""
        return self._player.pid if self._player is not None else None

    def step(self) -> bool:
        """Hear, watch, and start anew where that is due; False once it has ended by itself.

        Call it some twenty times a second.

        Raises
        ------
        AutomixError
            The session could not begin.
        """
        now = time.monotonic()
        player = self._player
        if player is None:
            if now >= self._start_at:
                self.start()
            return True
        self._hear(player, now)
        if player.exit_code is not None:
            return self._bury(player, player.exit_code, now)
        if not self._asked:
            player.send("ask")
            self._asked = True
        self._watch(player, now)
        self._keep_one_ready(now)
        return True

    def _hear(self, player: Player, now: float) -> None:
        for message in (*(self._ready.heard() if self._ready is not None else ()), *player.heard()):
            self._take(*message)
            self._heard_at = now

    def _take(self, what: str, *rest: Any) -> None:
        match what:
            case "status":
                self.status, self._asked = rest[0] | self.beside, False
            case "state":
                self._compiles = False
                self._state, self._text, self.sample_rate_hz = rest
                self._moved_at = time.monotonic()  # a new state gets its time
                self._plays_this_time |= self.is_playing
                self._has_played |= self.is_playing
                self._tell({"type": "state", "state": rest[0], "text": rest[1]})
            case "event":
                self._tell({"type": "event", "text": rest[0]})
            case "learned":
                midi = replace(self.setup.config.midi, map=rest[0])
                self.setup = replace(self.setup, config=replace(self.setup.config, midi=midi))
                self._tell({"type": "learned", "mappings": [asdict(mapping) for mapping in rest[0]]})
            case "asked":
                self._known = {}  # it waits to be told how that went
                self._tell({"type": "asked", "control": rest[0], "value": rest[1]})
            case "holds":
                config = replace(self.setup.config, audio=rest[0])
                self.setup = replace(self.setup, config=config, links=rest[1])
            case "compiling":
                self._compiles = True
                self._tell({"type": "compiling", "done": rest[0], "total": rest[1]})
            case "error":
                self._error = (UserError if rest[1] == UserError.exit_code else DeviceError)(rest[0])

    def _watch(self, player: Player, now: float) -> None:
        callbacks = int(self.board.stats[CALLBACKS])
        if callbacks != self._callbacks:
            self._callbacks, self._moved_at = callbacks, now
        is_deaf = self.is_playing and now - self._heard_at > DEAF_S
        if is_deaf and not self._is_deaf:
            self._tell({"type": "event", "text": "The controls do not answer; the sound goes on."})
        self._is_deaf = is_deaf
        stalled = self.is_playing and now - self._moved_at > STALL_S
        mute_s = COMPILING_S if self._compiles else MUTE_S * 2**self._failures
        mute = not self.is_playing and now - self._heard_at > mute_s
        if stalled or mute:
            self._tell({"type": "event", "text": "The audio process hangs. Starting another."})
            player.kill()

    def _bury(self, player: Player, code: int, now: float) -> bool:
        """Note the end of the process, and when the next may start."""
        self._hear(player, now)  # its last words
        player.bury()
        self._player = None
        if code == 0:
            return False
        if self._error is not None and not self._has_played:
            raise self._error
        if not self._has_played and self._failures + 1 >= len(BACK_OFF_S):
            raise DeviceError(f"The audio process ended {len(BACK_OFF_S)} times with code {code}. See its last words.")
        self._failures = 0 if self._plays_this_time else min(self._failures + 1, len(BACK_OFF_S) - 1)
        self._start_at = now + BACK_OFF_S[self._failures]
        self._state = "starting"
        gone = "The device is gone." if code == LOST else f"The audio process ended ({code})."
        self._text = f"{gone} Starting another process."
        self._tell({"type": "state", "state": "restarting", "text": self._text})
        return True

    def _send(self, *message: Any) -> None:
        if self._player is not None:
            self._player.send(*message)

    def set(self, name: str, value: Any) -> None:
        """Set a control of the session."""
        self._send("set", name, value)

    def nudge(self, name: str, steps: float) -> None:
        """Move a control of the session by so many steps."""
        self._send("nudge", name, steps)

    def lower(self, lowered_lu: float) -> None:
        """Have the main output aim so much below its target."""
        self._send("lower", lowered_lu)

    def learn(self, control: str | None) -> None:
        """Let a control wait for its MIDI knob; None calls it off."""
        self._send("learn", control)

    def know(self, name: str, value: Any) -> None:
        """Have the session's controllers show what is done here; said as often as it likes, sent when it is news."""
        if self._player is not None and (name not in self._known or self._known[name] != value):
            self._known[name] = value
            self._send("know", name, value)

    def use_reference(self, style: Profile) -> None:
        """Aim at what a song measures like."""
        self.setup = replace(self.setup, reference=style)
        self._send("use_reference", style)

    def stop(self) -> None:
        """End the session with a fade; waits no longer than STOP_LIMIT_S."""
        player, self._player = self._player, None
        if player is not None:
            self._end(player)
        if self._ready is not None:
            self._ready.close()
            self._ready = None

    def _end(self, player: Player) -> None:
        player.send("stop")
        if self._state == "starting":
            player.terminate()  # it does not listen yet
        deadline = time.monotonic() + STOP_LIMIT_S
        while player.exit_code is None and time.monotonic() < deadline:
            self._hear(player, time.monotonic())
            player.wait(0.02)
        if player.exit_code is None:
            player.kill()
        player.bury()
