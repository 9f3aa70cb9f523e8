"""Which signals a thread lets through: those that it starts, and the programs, inherit that."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from multiprocessing.process import BaseProcess


@contextlib.contextmanager
def mask_kept() -> Iterator[None]:
    """Let the same signals through afterwards as before.

    Whoever opens a client of JACK, PortAudio and RtMidi included, finds SIGPIPE blocked afterwards, for itself, which
    ignores it anyway, and for all programs that it starts.

    Thread: any but audio. Allocates: yes.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no such masks
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(process: BaseProcess) -> None:
    """Start a process that Ctrl-C does not reach, not even while it loads: its parent ends it.

    Thread: any but audio. Allocates: yes.
    """
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # started along with the process, it would let Ctrl-C through again
    with mask_kept():
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        process.start()
