"""Keeps the state of a session in a file: whole at any moment, and without making anybody wait."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rt_automix.io.files import whole

_CLOSE_LIMIT_S = 1.0


def load(path: Path, complain: Callable[[str], None]) -> dict[str, Any]:
    """What was kept; nothing where there is nothing that can be read, which is put aside and named.

    Thread: main. Allocates: yes.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        complain(f"{path}: cannot be read ({error.strerror}). This session starts anew.")
        return {}
    except (ValueError, RecursionError):
        kept = None
    if isinstance(kept, dict):
        return kept
    aside = path.with_name(f"{path.name}.unreadable")
    try:
        path.replace(aside)
        where = f"It is {aside.name} now"
    except OSError as error:
        where = f"It cannot be put aside ({error.strerror})"
    complain(f"{path}: is no saved state, or a damaged one. {where}; this session starts anew.")
    return {}


class Keeper:
    """Writes the newest state behind everybody's back.

    Parameters
    ----------
    path : path
        Replaced as a whole each time; folders are made as needed.
    complain : function of a str
        Told once if it cannot be written.
    """

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self._path, self._complain = path, complain
        self._has_complained = False
        self._newest: dict[str, Any] | None = None
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="rt_automix state", daemon=True)
        self._thread.start()

    def put(self, state: dict[str, Any]) -> None:
        """Have a state written soon. Thread: any. Allocates: yes."""
        self._newest = state
        self._wake.set()

    def close(self) -> None:
        """Write what is left; waits no longer than a second."""
        self._closing = True
        self._wake.set()
        self._thread.join(_CLOSE_LIMIT_S)

    def _work(self) -> None:
        closing = False
        while not closing:
            self._wake.wait()
            self._wake.clear()
            closing = self._closing
            state, self._newest = self._newest, None
            if state is not None:
                self._write(state)

    def _write(self, state: dict[str, Any]) -> None:
        try:
            whole.write_text(self._path, json.dumps(state))
        except OSError as error:
            if not self._has_complained:
                self._has_complained = True
                why = f"cannot be written ({error.strerror})"
                self._complain(f"{self._path}: {why}. A restart goes on from what was last written, if anything.")
        else:
            if self._has_complained:
                self._has_complained = False
                self._complain(f"{self._path}: is written again.")
