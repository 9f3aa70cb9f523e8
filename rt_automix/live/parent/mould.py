"""A process that has all loaded and is copied for each that plays (Linux): ready at once, and in memory but once.

A copy shares every page with its mould until one of them writes to it. The mould plays nothing and opens no device, so
that whatever happens to a copy happens to it alone; a mould that dies takes no copy along.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe, reduction
from pathlib import Path
from typing import Any

from rt_automix.io.devices.edge.board import Board
from rt_automix.live.parent.player import Player
from rt_automix.live.setup import Setup

UNKNOWN = -9
"""What a copy is said to have ended with whose mould did not live to tell."""

_TOLD_S = 0.5
_COMMAND = "from rt_automix.live.playing.session_entry import be_copied; be_copied({board}, {pipe})"
_FOR_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""A process with threads cannot be copied; numpy starts some, and nothing here needs them."""


def is_possible() -> bool:
    """Whether this system can copy a process and watch the copy.

    Thread: main. Allocates: yes.
    """
    if sys.platform != "linux" or not hasattr(os, "memfd_create"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # a kernel before 5.3
        return False
    return True


class Mould:
    """The mould, as its parent sees it.

    It says ("compiling", done, total) while that lasts, ("event", text); ("plays", pid) for each copy, or for itself,
    where it cannot be copied after all: then it is used up. And ("ended", pid, code).

    Parameters
    ----------
    board : Board
    """

    def __init__(self, board: Board) -> None:
        self._pipe, theirs = Pipe()
        folders = dict.fromkeys(str(Path(entry or ".").absolute()) for entry in sys.path)
        environment = {**_FOR_ONE_THREAD, **os.environ, "PYTHONPATH": os.pathsep.join(folders)}
        handles = board.handle, theirs.fileno()
        command = [sys.executable, "-P", "-c", _COMMAND.format(board=handles[0], pipe=handles[1])]
        self._process = subprocess.Popen(
            command, env=environment, pass_fds=handles, stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        self._said: list[tuple[Any, ...]] = []
        self._newest: Copy | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        return self._process.poll()

    @property
    def is_there(self) -> bool:
        return self.exitcode is None and (self._newest is None or self._newest.pid != self.pid)

    def play(self, setup: Setup, resumed: bool) -> Player:
        """Have a copy made, which begins a session once the mould is ready.

        Raises
        ------
        OSError
            There are no more descriptors.
        """
        ours, theirs = Pipe()
        self._newest = Copy(self)
        try:
            self._pipe.send(("play", setup, resumed))
            reduction.send_handle(self._pipe, theirs.fileno(), self.pid)
        except OSError as error:  # it has ended: whoever asks will see
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._process.kill()  # it would wait for the handle
                raise
        finally:
            theirs.close()
        return Player(self._newest, ours)

    def listen(self) -> None:
        """Take in what it has said."""
        with contextlib.suppress(EOFError, OSError):
            while self._pipe.poll():
                match message := self._pipe.recv():
                    case ("plays", pid) if self._newest is not None:
                        self._newest.begin(pid)
                    case ("ended", pid, code):
                        if self._newest is not None and self._newest.pid == pid:
                            self._newest.code = code
                    case _:
                        self._said.append(message)

    def wait_for_word(self) -> None:
        """Take in what it is about to say of a copy that has just ended."""
        with contextlib.suppress(OSError):
            if self.exitcode is None:
                self._pipe.poll(_TOLD_S)
        self.listen()

    def heard(self) -> Iterator[tuple[Any, ...]]:
        """What it has said since the last time that is of interest to others."""
        self.listen()
        said, self._said = self._said, []
        return iter(said)

    def kill(self) -> None:
        """End it at once; a copy goes on."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask for its end."""
        self._process.terminate()

    def close(self) -> None:
        """End it, unless it plays itself."""
        if self._newest is None or self._newest.pid != self.pid:
            self._process.kill()
            self._process.wait()
            self._pipe.close()


class Copy:
    """A copy of a mould: a `player.Process`. Before there is one, its mould stands for it.

    Parameters
    ----------
    mould : Mould
    """

    def __init__(self, mould: Mould) -> None:
        self._mould = mould
        self._handle, self._is_gone = -1, False
        self.pid: int | None = None
        self.code: int | None = None

    def begin(self, pid: int) -> None:
        """Be told which process it is."""
        self.pid = pid
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._is_gone = True
        except OSError:  # out of descriptors: its mould tells of its end
            pass

    @property
    def exitcode(self) -> int | None:
        self._mould.listen()
        if self.pid is None or self.pid == self._mould.pid:
            return self._mould.exitcode
        if self.code is None and self._has_ended(0.0):
            self._mould.wait_for_word()
            self.code = UNKNOWN if self.code is None else self.code
        return self.code

    def _has_ended(self, limit_s: float) -> bool:
        if self._is_gone or self.code is not None:
            return True
        if self._handle < 0:
            return False
        waiting = select.poll()
        waiting.register(self._handle, select.POLLIN)
        return bool(waiting.poll(1e3 * limit_s))

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._handle >= 0:
                signal.pidfd_send_signal(self._handle, number)
            elif self.pid is not None and not self._is_gone and self.code is None:
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask for its end."""
        self._mould.listen()
        self._mould.terminate() if self.pid is None else self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._mould.listen()
        self._mould.kill() if self.pid is None else self._signal(signal.SIGKILL)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        self._mould.listen()
        if self.pid is not None:
            self._has_ended(timeout or 0.0)
        if self.exitcode is not None and self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
