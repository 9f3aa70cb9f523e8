"""What a process that plays does before there is a session: compile, load all, wait to be told; or be copied then."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rt_automix.analysis.deciding.suggester import AUTO, choose
from rt_automix.dsp.jit import address_of
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge import callbacks
from rt_automix.io.devices.edge.board import Board
from rt_automix.live.playing.session import FIRST_RATE_HZ, MAX_BLOCK_SAMPLES, Session
from rt_automix.native.build import compile_missing, is_warm

_SESSIONS: list[Session] = []
"""The one of this process, once it has begun."""


def main(board: Board, pipe: Any) -> None:
    """Be the process that plays. Called in a new interpreter; does not return.

    It compiles and warms up, waits for ("play", setup, resumed), and begins.
    """
    _be_alone()
    with _ended_well(pipe):
        _get_ready(pipe)
        _, setup, resumed = pipe.recv()
        _play(board, pipe, setup, resumed)


def be_copied(board: Board, control: Any) -> None:
    """Be what those that play are copied from; see `mould`. Called in a new interpreter; does not return.

    For each ("play", setup, resumed), and the pipe that comes after it, a copy plays.
    """
    from multiprocessing import reduction
    from multiprocessing.connection import Connection

    _be_alone()
    with _ended_well(control):
        _get_ready(control)
        gc.collect()
        gc.freeze()  # so that the collector of a copy does not write to every object
        signal.signal(signal.SIGCHLD, lambda *_: _tell_ends(control))
        while True:
            _, setup, resumed = control.recv()
            pipe = Connection(reduction.recv_handle(control))
            is_copied = _has_one_thread()
            pid = os.fork() if is_copied else 0
            if pid == 0:
                break
            control.send(("plays", pid))
            pipe.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if is_copied:
            control.close()
        else:
            control.send(("plays", os.getpid()))
        with _ended_well(pipe):
            _play(board, pipe, setup, resumed)


def _be_alone() -> None:
    if hasattr(os, "setsid") and os.getsid(0) != os.getpid():
        os.setsid()  # what is typed in the terminal is the parent's affair
    if os.environ.get("RT_AUTOMIX_DEBUG") != "1":
        nothing = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):  # libraries print there, over the performer's screen
            os.dup2(nothing, number)

    def stop(*_: Any) -> None:
        if not _SESSIONS:
            os._exit(0)
        _SESSIONS[0].stop()

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)


@contextlib.contextmanager
def _ended_well(pipe: Any) -> Iterator[None]:
    """The last thing that this process does: it ends with it, and where that fails, says why."""
    code = 0
    try:
        yield
    except EOFError:
        pass  # nobody needs it any more
    except Exception as error:
        if os.environ.get("RT_AUTOMIX_DEBUG") == "1":
            raise
        with contextlib.suppress(OSError):
            pipe.send(("event", f"The audio process failed: {type(error).__name__}: {error}"))
        code = 1
    os._exit(code)


def _get_ready(pipe: Any) -> None:
    """Compile what has not been, telling how far that is, and load all that the first session would wait for."""
    if not is_warm(__name__):
        pipe.send(("compiling", 0, 1))  # the first step may take long
    for done, total in compile_missing(__name__):
        pipe.send(("compiling", done, total))
    choose(AUTO, lambda _: None)  # whoever decides in the end, this is what takes long
    Engine(analysis="off").prepare(FIRST_RATE_HZ, MAX_BLOCK_SAMPLES)
    address_of(callbacks.jack_callback)


def _play(board: Board, pipe: Any, setup: Any, resumed: bool) -> None:
    """Be a session; does not return."""
    _SESSIONS.append(Session(setup, board, pipe, resumed))
    code = _SESSIONS[0].run()
    pipe.close()
    os._exit(code)  # a sound system that hangs cannot hold this process


def _tell_ends(control: Any) -> None:
    """Tell of the copies that have ended, and how."""
    with contextlib.suppress(ChildProcessError, OSError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            control.send(("ended", pid, os.waitstatus_to_exitcode(status)))


def _has_one_thread() -> bool:
    """Whether this process can be copied: of several threads a copy has but one, and all the locks of the others."""
    return len(list(Path("/proc/self/task").iterdir())) == 1
