"""A pool of processes: each with its engine warm; one that dies is replaced, and its file tried once more."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import rt_automix
from rt_automix.batch.worker import Work

ATTEMPTS = 2

_DIED = (
    "the process that worked on it ended {} times ({}). "
    "If the system ran out of memory, use fewer --jobs; else report it, with the file if you can."
)

_WAKE_S = 0.2
"""How long to sleep at a time: where the system does not wake a sleeper for Ctrl-C, it is heard then."""


def cores() -> int:
    """How many of the machine's cores this process may use. Thread: any. Allocates: yes."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """Some processes that take jobs in turn.

    Processes start with the first jobs; a thread stands by each and does nothing but wait for it.

    Parameters
    ----------
    jobs : int
        How many processes, 1 or more.
    scratch : Path
        A folder that is there; each process gets one of its own in it.

    Thread: main. Allocates: yes.
    """

    def __init__(self, jobs: int, scratch: Path) -> None:
        self.jobs, self._scratch = jobs, scratch
        self._coming: queue.Queue[Any] = queue.Queue()
        self._answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def submit(self, job: Work) -> None:
        """Have a job done, after those that came before."""
        if len(self._threads) < self.jobs:
            number = len(self._threads)
            thread = threading.Thread(target=self._tend, args=(number,), name=f"rt_automix worker {number}")
            thread.daemon = True
            self._threads.append(thread)
            thread.start()
        self._coming.put(job)

    def answer(self, timeout_s: float | None = None) -> tuple[Any, Any] | None:
        """A job and what became of it, in the order in which they end; None if none has within the time."""
        left_s = timeout_s
        while True:
            step_s = _WAKE_S if left_s is None else min(_WAKE_S, left_s)
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=max(step_s, 0.001))
            if left_s is not None:
                left_s -= step_s
                if left_s <= 0.0:
                    return None

    def close(self) -> None:
        """End all processes, whatever they do."""
        with self._lock:
            self._is_closed = True
            for process in self._running.values():
                process.kill()
        for _ in self._threads:
            self._coming.put(None)
        for thread in self._threads:
            thread.join()

    def _tend(self, number: int) -> None:
        """Stand by one process, and by those that take its place."""
        process: subprocess.Popen[bytes] | None = None
        while (job := self._coming.get()) is not None and not self._is_closed:
            answer: Any = None
            for _ in range(ATTEMPTS):
                try:
                    process = process or self._start(number)
                    answer = _ask(process, replace(job, scratch=self._scratch / str(process.pid)))
                    break
                except (OSError, EOFError, pickle.UnpicklingError) as error:
                    how = str(error) if process is None else _how_ended(self._end(number, process))
                    answer, process = job.died(_DIED.format(ATTEMPTS, how)), None
                if self._is_closed:
                    return
            self._answers.put((job, answer))
        if process is not None:
            self._end(number, process)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        """A new process. Raises OSError where there can be none."""
        root = str(Path(rt_automix.__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": surroundings}
        with self._lock:
            if self._is_closed:
                raise OSError("the pool is closed")
            self._running[number] = subprocess.Popen([sys.executable, "-P", "-m", "rt_automix.batch"], **pipes)
            return self._running[number]

    def _end(self, number: int, process: subprocess.Popen[bytes]) -> int:
        """See a process off; the code that it ended with."""
        with self._lock:
            process.kill()  # one that is dead already stays so, with its own code
            self._running.pop(number, None)
        with contextlib.suppress(OSError):
            process.communicate()
        return process.wait()


def _ask(process: subprocess.Popen[bytes], job: Work) -> Any:
    assert process.stdin is not None and process.stdout is not None
    pickle.dump(job, process.stdin)
    process.stdin.flush()
    return pickle.load(process.stdout)


def _how_ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
