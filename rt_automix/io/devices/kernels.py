"""All compiled functions of the package, wherever they are: compiled on all cores, before they are needed.

The machine code of a kernel holds that of all it calls, so what the callbacks consist of is compiled
anew for each floor of calls above it, one floor after another. Beside that long chain there is as
much again for other cores to do. They hand each other what is done by way of the cache on disk.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue

from rt_automix import dsp
from rt_automix.dsp import jit

MOST_HELPERS = 4
"""The long chain is a third of all work: more than this would wait for it."""

_ROOT = Path(__file__).resolve().parents[3]


class HelperError(Exception):
    """A helper could not be had, or has ended."""


def compile_missing() -> Iterator[tuple[int, int]]:
    """Compile what has not been on this machine; yields (done, total), nothing where all is there.

    Thread: main. Allocates: yes.
    """
    if jit.is_warm():
        return
    import_all()
    calls, cached = jit.callees(), set[str]()
    helpers = min(_cores(), MOST_HELPERS)
    if helpers > 1:
        # Whatever becomes of them: what they have not compiled is compiled here.
        with contextlib.suppress(HelperError):
            for name in in_parallel(calls, helpers):
                cached.add(name)
                yield len(cached), len(calls)
    yield from jit.compile_all(cached)


def import_all() -> None:
    """Import every module of the package that has kernels."""
    for module in pkgutil.iter_modules(dsp.__path__, f"{dsp.__name__}."):
        import_module(module.name)
    import_module("rt_automix.io.devices.callbacks")


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Helper:
    """A process that compiles what it is told to into the cache: `kernel_helper`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "rt_automix.io.devices.kernel_helper"]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(command, cwd=_ROOT, text=True, stdin=pipe, stdout=pipe, stderr=nothing)
        except OSError as error:
            raise HelperError from error
        self._has_begun = False

    def compile(self, name: str) -> None:
        """Have a kernel put into the cache."""
        if not self._has_begun:
            self._expect(str(jit.CACHE_FOLDER))  # of the same sources, then
            self._has_begun = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{name}\n")
            self._process.stdin.flush()
        except OSError as error:
            raise HelperError from error
        self._expect(name)

    def _expect(self, line: str) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline().rstrip("\n") != line:
            raise HelperError

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()


def in_parallel(calls: dict[str, set[str]], helpers: int) -> Iterator[str]:
    """Put kernels into the cache by several processes at once, callees first.

    Parameters
    ----------
    calls : which kernels each kernel calls, by name
    helpers : int
        How many processes.

    Yields
    ------
    Each name once that is done.

    Raises
    ------
    HelperError
        A process could not be had, or did not do its work.

    Thread: main. Allocates: yes.
    """
    order, floors = TopologicalSorter(calls), _floors_above(calls)
    order.prepare()
    idle: SimpleQueue[_Helper] = SimpleQueue()
    ready: list[str] = []
    running: set[Future[str]] = set()

    def compile_one(name: str) -> str:
        helper = idle.get()
        helper.compile(name)
        idle.put(helper)
        return name

    with ThreadPoolExecutor(helpers) as threads, contextlib.ExitStack() as at_the_end:
        for _ in range(helpers):
            helper = _Helper()
            at_the_end.callback(helper.close)
            idle.put(helper)
        while order.is_active():
            ready = sorted([*ready, *order.get_ready()], key=floors.__getitem__)
            while ready and len(running) < helpers:
                running.add(threads.submit(compile_one, ready.pop()))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                order.done(future.result())
                yield future.result()


def _floors_above(calls: dict[str, set[str]]) -> dict[str, int]:
    """Length of the longest chain of callers above each kernel: what has the longest is compiled first."""
    floors = dict.fromkeys(calls, 0)
    for name in reversed(list(TopologicalSorter(calls).static_order())):
        for callee in calls[name]:
            floors[callee] = max(floors[callee], floors[name] + 1)
    return floors
