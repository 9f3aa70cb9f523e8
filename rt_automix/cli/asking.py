"""Questions to drivers, asked in a process of their own: a server that hangs holds whoever asks it for ever."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rt_automix.errors import DeviceError
from rt_automix.io.devices.mask import start

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def asked(function: Callable[[], Any], limit_s: float, whom: str) -> Any:
    """What a function of a module returns, which must be picklable.

    Raises
    ------
    DeviceError
        No answer came in time, or the process died over it.

    Thread: main. Allocates: yes.
    """
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    answer, question = context.Pipe(duplex=False)
    asker = context.Process(target=_ask, args=(question, function), daemon=True)
    start(asker)
    question.close()
    try:
        if not answer.poll(limit_s):
            raise DeviceError(f"{whom} does not answer ({limit_s:g} s): a server, such as jackd, hangs. Restart it.")
        return answer.recv()
    except EOFError:
        raise DeviceError(f"{whom} crashed when it was asked. Restart it.") from None
    finally:
        asker.join(1.0)
        asker.kill()
        asker.join()


def _ask(question: Connection, function: Callable[[], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    question.send(function())
