"""Keys as they are pressed, without waiting for any: on POSIX terminals and on Windows consoles."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import time
from typing import Any

_SEQUENCES = {"A": "up", "B": "down", "C": "right", "D": "left"}
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*([@-~])|O([ -~]))")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O?)$")
_WINDOWS = {"H": "up", "P": "down", "M": "right", "K": "left"}

PATIENCE_S = 0.5
"""How long the rest of a key's sequence may take, as over a slow network."""


def decode(text: str) -> tuple[list[str], str]:
    """Keys in what a terminal sent, and the beginning of one whose rest is still to come.

    Arrows are "up", "down", "left" and "right"; a letter is itself. A sequence of any other key gives
    nothing, and so does a lone Escape: it begins every arrow, so that it can never be told in time.
    """
    keys: list[str] = []
    while text:
        if found := _ESCAPE.match(text):
            keys += [_SEQUENCES[end] for end in found.groups() if end in _SEQUENCES]
            text = text[found.end() :]
        elif _BEGUN.match(text):
            break
        else:
            keys += [text[0]] if text[0].isprintable() else []
            text = text[1:]
    return keys, text


class Keyboard:
    """The terminal's keyboard, key by key; nothing where standard input is no terminal.

    `open` and `close` may be called again and again: around a stop by Ctrl-Z, say. What the terminal
    was set to before the first `open` is what `close` goes back to. No call waits for the terminal.

    Thread: main.
    """

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else -1
        self._found: list[Any] | None = None
        self._is_open = False
        self._begun = ""
        self._begun_at = 0.0

    if sys.platform == "win32":

        def open(self) -> None:
            """Begin to hear keys."""
            self._is_open = self._fd >= 0

        def close(self) -> None:
            """Leave the keyboard as it was."""
            self._is_open = False

        def read(self) -> list[str]:
            """The keys pressed since the last call."""
            import msvcrt

            keys = []
            while self._is_open and msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in ("\x00", "\xe0"):
                    key = _WINDOWS.get(msvcrt.getwch(), "")
                keys += [key] if key.isprintable() and key else []
            return keys

    else:

        def open(self) -> None:
            """Begin to hear keys; neither echo nor Ctrl-S, which would stop the picture, works meanwhile."""
            import termios

            if self._fd < 0 or self._is_open or not is_in_front(self._fd):
                return
            with contextlib.suppress(termios.error, OSError):
                mode = termios.tcgetattr(self._fd)
                self._found = self._found or [*mode[:6], list(mode[6])]
                mode[0] &= ~termios.IXON
                mode[3] &= ~(termios.ICANON | termios.ECHO)
                mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
                termios.tcsetattr(self._fd, termios.TCSANOW, mode)
                self._is_open = True

        def close(self) -> None:
            """Leave the terminal as it was; keys not yet read are nobody's."""
            import termios

            if self._is_open and self._found is not None and is_in_front(self._fd):
                with contextlib.suppress(termios.error, OSError):
                    termios.tcflush(self._fd, termios.TCIFLUSH)
                    termios.tcsetattr(self._fd, termios.TCSANOW, self._found)
            self._is_open = False

        def read(self) -> list[str]:
            """The keys pressed since the last call."""
            now = time.monotonic()
            if self._begun and now > self._begun_at + PATIENCE_S:
                self._begun = ""
            came = self._take()
            if not came:
                return []
            keys, self._begun = decode(self._begun + came)
            self._begun_at = now
            return keys

    def forget(self) -> None:
        """Take it that somebody else has set the terminal, so that `open` sets it again."""
        self._is_open = False

    def _take(self) -> str:
        try:
            if not self._is_open or not is_in_front(self._fd) or not select.select([self._fd], [], [], 0)[0]:
                return ""
            came = os.read(self._fd, 1024)
        except OSError:
            came = b""
        if not came:
            self._fd, self._is_open = -1, False  # the terminal is gone
        return came.decode(errors="ignore")


def is_in_front(fd: int) -> bool:
    """Whether a terminal is ours: a job in the background may neither read from it nor set it."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except (AttributeError, OSError):  # Windows; no terminal; one without jobs
        return True
