"""One session for one state: a lock that the system lets go of, however the session ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rt_automix.errors import UserError

REPLACE_LIMIT_S = 10.0
"""How long the other session may take to end, with its fade and its last words, before it is killed."""

_FAR = 1 << 30  # Windows locks a byte and keeps others from reading it: one that nobody reads


@contextlib.contextmanager
def alone_with(state: Path, replace: bool = False) -> Iterator[None]:
    """Be the only session that keeps its state in a file.

    Parameters
    ----------
    state : path
    replace : bool
        End the one that is there.

    Raises
    ------
    UserError
        There is another, which goes on; the message says what to do.

    Thread: main. Allocates: yes.
    """
    path = _path(state)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # no child inherits it
    except OSError:
        yield  # where no state can be kept, none is shared
        return
    try:
        if not _take(descriptor):
            _make_way(descriptor, state, replace)
        with contextlib.suppress(OSError):  # a full disk has no room for whose it is; it is held all the same
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def successor(state: Path) -> str:
    """The number of the process that ends the session with this state to take its place; empty if none does.

    Thread: main. Allocates: yes.
    """
    try:
        return "".join(_path(state).read_text(errors="replace").split()[1:][-1:])
    except OSError:
        return ""


def _path(state: Path) -> Path:
    """Holds the number of the process whose state it is, and of one that ends it, if one does."""
    return state.with_name(state.name + ".lock")


def _make_way(descriptor: int, state: Path, replace: bool) -> None:
    """Have the other session end, if that is wanted, and take its place."""
    owner = "".join(os.read(descriptor, 32).decode(errors="replace").split()[:1])
    if not replace or not owner.isdecimal():
        raise UserError(
            f"A session runs already (process {owner or 'unknown'}) and keeps its state in {state}. Give this one "
            "a name of its own, and with it a state: --name SECOND (and --state FILE). Or end the other: --replace."
        )
    with contextlib.suppress(OSError):
        os.write(descriptor, f"\n{os.getpid()}".encode())  # so that it can say who ended it
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(owner), number)
        until = time.monotonic() + REPLACE_LIMIT_S
        while time.monotonic() < until:
            if _take(descriptor):
                return
            time.sleep(0.05)
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, len(owner))  # whoever ends it later is somebody else
    raise UserError(f"The session of process {owner} does not end, and keeps {state}. End it by hand.")


if sys.platform == "win32":

    def _take(descriptor: int) -> bool:
        import msvcrt

        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:

    def _take(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
