"""The view of a live session for a performer: a full screen of meters, and keys.

The loop that watches the audio process calls `show` and must never wait for a terminal, which may
stop taking what is written to it for any time. So a thread of its own draws the picture (`painter`);
`show` only hands over what there is to draw and reads the keys that came.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from rt_automix.cli.views import frame
from rt_automix.cli.views.keys import Keyboard
from rt_automix.cli.views.painter import Painter
from rt_automix.cli.views.views import Quiet
from rt_automix.outputs import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.takes.takes import Takes

HOLD_S = 2.0
"""How long a peak, and the mark of one that is too high, stays."""

HOT_DBFS = -1.0
"""Readings may be a twentieth of a second old and fall by 15 dB a second: from here on an input may have clipped."""

OVER_DB = 0.1
QUIT_S = 2.0
"""Within this a second q ends the session."""

ACTIONS: dict[str, tuple[str, str, Any]] = {
    "up": ("nudge", "amount", 1),
    "+": ("nudge", "amount", 1),
    "=": ("nudge", "amount", 1),
    "down": ("nudge", "amount", -1),
    "-": ("nudge", "amount", -1),
    "right": ("nudge", "output_trim_db", 1),
    "left": ("nudge", "output_trim_db", -1),
    "]": ("nudge", "target_lufs", 1),
    "[": ("nudge", "target_lufs", -1),
    ">": ("nudge", "fine_tone", 1),
    "<": ("nudge", "fine_tone", -1),
    "b": ("set", "bypass", None),
    "c": ("set", "compare", None),
    "f": ("set", "freeze", None),
    "p": ("nudge", "profile", 1),
    "P": ("nudge", "profile", -1),
    "0": ("set", "panic", None),
}
"""What a key does: to the session, to which control, how much."""


class Screen(Quiet):
    """Shows a session on the whole terminal and takes keys.

    Parameters
    ----------
    clock : function, optional
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.wants_end = False
        self._clock = clock
        self._scene = frame.Scene()
        self._keyboard = Keyboard()
        self._painter = Painter(lambda width, height: frame.draw(self._scene, width, height))
        self._events: deque[tuple[str, str]] = deque(maxlen=100)
        self._state, self._text = "starting", ""
        self._compiling: tuple[int, int] | None = None
        self._told: dict[str, Any] | None = None
        self._status: dict[str, Any] | None = None
        self._status_at = 0.0
        self._in, self._out, self._hot, self._over = Hold(), Hold(), Hold(), Hold()
        self._quit_until = 0.0
        self._has_help = False
        self._output = 0
        self._signals: dict[int, Any] = {}

    def __enter__(self) -> Screen:
        for name, handler in (
            ("SIGTSTP", self._step_aside),
            ("SIGCONT", self._step_forward),
            ("SIGTTOU", signal.SIG_IGN),  # neither may stop the process that watches
            ("SIGTTIN", signal.SIG_IGN),
        ):
            if hasattr(signal, name):
                self._signals[getattr(signal, name)] = signal.signal(getattr(signal, name), handler)
        self._painter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._painter.stop([f"{at}  {text}" for at, text in self._events])
        self._keyboard.close()
        for number, handler in self._signals.items():
            signal.signal(number, handler)

    def hear(self, document: dict[str, Any]) -> None:
        """Take note of what the session says."""
        if document["type"] == "compiling":
            self._state, self._compiling = "compiling", (document["done"], document["total"])
            return
        if document["type"] == "state":
            self._state, self._text = document["state"], document["text"]
        self._events.append((time.strftime("%H:%M:%S"), document["text"]))

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Do what the keys say, and hand over what there is to draw."""
        now = self._clock()
        self._keyboard.open()
        for key in self._keyboard.read():
            self.press(key, supervisor, now)
        if supervisor.status is not self._told:
            self._told, self._status_at = supervisor.status, now
        self._status = self._chosen(self._told)
        is_hot, is_over = self._watch_peaks(now)
        quits = now < self._quit_until
        self._scene = frame.Scene(
            state=self._state,
            text=self._text,
            status=self._status,
            unheard_s=now - self._status_at,
            clock=time.strftime("%H:%M:%S"),
            in_hold_dbfs=self._in.level,
            out_hold_dbtp=self._out.level,
            is_hot=is_hot,
            is_over=is_over,
            restarts=max(supervisor.starts - 1, 0),
            compiling=self._compiling if self._state == "compiling" else None,
            takes=takes.status(),
            programs=takes.programs(),
            events=tuple(self._events)[-50:],
            notice="Press q again to end the session; the sound fades out." if quits else "",
            has_help=self._has_help,
        )

    def press(self, key: str, supervisor: Supervisor, now: float) -> None:
        """Do what a key says."""
        key = key if key in ACTIONS else key.lower()  # Caps Lock
        if key == "q":
            self.wants_end |= now < self._quit_until
            self._quit_until = now + QUIT_S
            return
        self._quit_until = 0.0
        if key == "?":
            self._has_help = not self._has_help
        elif key == "o" and self._told is not None:
            self._output += 1
            self._status = self._chosen(self._told)
        elif key == "h" and self._status is not None:
            supervisor.set("phones", frame.shown(self._status))
        elif key in ACTIONS:
            verb, name, value = ACTIONS[key]
            output = self._status.get("name") if self._status is not None else None
            if output is not None and name != "panic":  # which is for all
                name = f"{PREFIX}{output}/{name}"
            {"set": supervisor.set, "nudge": supervisor.nudge}[verb](name, value)

    def _chosen(self, told: dict[str, Any] | None) -> dict[str, Any] | None:
        """The session's status, the output that was chosen in the main one's place; with its name, if not the main."""
        outputs = told.get("outputs", ()) if told is not None else ()
        place = self._output % len(outputs) if outputs else 0
        return {**told, **outputs[place]} if told is not None and place else told

    def _watch_peaks(self, now: float) -> tuple[bool, bool]:
        """Hold peaks; whether the input is hot and the output over."""
        if self._status is None or self._state != "playing":
            self._in, self._out, self._hot, self._over = Hold(), Hold(), Hold(), Hold()
            return False, False
        meters, ceiling_dbtp = self._status["meters"], self._status["controls"]["ceiling_dbtp"]
        in_dbfs, out_dbtp = meters["in_peak_dbfs"], meters["out_true_peak_dbtp"]
        self._in.follow(in_dbfs, now)
        self._out.follow(out_dbtp, now)
        self._hot.follow(float(in_dbfs >= HOT_DBFS), now)
        self._over.follow(float(out_dbtp > ceiling_dbtp + OVER_DB), now)
        return self._hot.level > 0.0, self._over.level > 0.0

    # Ctrl-Z and fg: the process that plays has a session of its own and is not stopped -----------------

    def _step_aside(self, number: int, _: object) -> None:
        """Give the terminal back as it was, and stop."""
        self._painter.pause()
        self._keyboard.close()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._step_aside)  # here after SIGCONT
        self._painter.resume()

    def _step_forward(self, *_: object) -> None:
        """Somebody else had the terminal: set it and draw everything anew."""
        self._keyboard.forget()
        self._painter.resume()


class Hold:
    """The highest of what came in within HOLD_S."""

    def __init__(self) -> None:
        self.level = -200.0
        self._at = 0.0

    def follow(self, level: float, now: float) -> None:
        """Take in another level."""
        if level >= self.level or now - self._at > HOLD_S:
            self.level, self._at = level, now
