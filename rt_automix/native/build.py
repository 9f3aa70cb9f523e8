"""Compiles what has not been, on all cores: first each module's kernels to IR, then units of them to objects.

The processes that compile hold the compiler; this one never imports it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from rt_automix.errors import AutomixError
from rt_automix.native import abi, store
from rt_automix.native.levels import Level, host
from rt_automix.native.sources import ROOT, Source, Unit, with_doors

if TYPE_CHECKING:
    from concurrent.futures import Future

MOST_BUILDERS = 8

_NEUTRAL = {
    "RT_AUTOMIX_COMPILES": "1",
    "NUMBA_OPT": "0",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NUMBA_DISABLE_INTEL_SVML": "1",
    "NUMBA_DISABLE_JIT": "0",
}
"""IR for no processor in particular: what suits one comes when an object is made."""


class BuildError(AutomixError):
    """A module's kernels could not be compiled."""


@dataclass(frozen=True)
class Task:
    """Make one file, from others that must be there before."""

    module: str
    result: Path
    order: str
    needs: frozenset[Path] = frozenset()
    weight: int = field(default=0, compare=False)


def _ir_task(source: Source) -> Task:
    result = store.ir_of(source)
    doors = str(store.ir_of(source, doors=True))
    order = {"module": source.name, "source": str(source.path), "doors": doors, "result": str(result)}
    return Task(source.name, result, json.dumps(order), weight=len(source.text))


def _object_task(unit: Unit, level: Level) -> Task:
    source = unit.source
    inside = [part for part in source.closure if part.has_kernels or part == source]
    result = store.new_object_of(unit, level)
    order = {
        "bitcode": str(store.ir_of(source, unit.doors)),
        "bitcodes": {part.name: str(store.ir_of(part)) for part in inside},
        "doors": [abi.symbol(part.name, door) for part in inside for door in part.doors],
        "level": asdict(level),
        "result": str(result),
    }
    needs = frozenset(map(store.ir_of, inside))
    return Task(source.name, result, json.dumps(order), needs, sum(len(part.text) for part in inside))


def tasks(units: Iterable[Unit], levels: Iterable[Level]) -> list[Task]:
    """What is to be done until each of these units, and all that it calls, has an object for each level."""
    wanted = {called for unit in units for called in (unit, *unit.calls)}
    objects = {(unit, level) for unit in wanted for level in levels if store.object_of(unit, level) is None}
    sources = {unit.source for unit, _ in objects}
    parts = {part for source in sources for part in source.closure if part.has_kernels or part == source}
    missing = [_ir_task(part) for part in parts if not store.ir_of(part).is_file()]
    return missing + [_object_task(unit, level) for unit, level in objects]


class _Builder:
    """A process that compiles: `builder`."""

    def __init__(self) -> None:
        folders = dict.fromkeys(str(Path(entry or ".").resolve()) for entry in (str(ROOT), *sys.path))
        environment = {**os.environ, **_NEUTRAL, "PYTHONPATH": os.pathsep.join(folders)}
        command = [sys.executable, "-m", "rt_automix.native.builder"]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                command, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=nothing
            )
        except OSError as error:
            raise BuildError(
                f"No process to compile the audio engine in: {error}. Is {sys.executable!r} Python?"
            ) from error

    def do(self, task: Task) -> str | None:
        """Have a task done; what went wrong."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(task.order + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            if answer:
                failure: str | None = json.loads(answer)["failure"]
                return failure
        code = self._process.wait()
        return f"the process that compiled it ended with {code}; is there enough memory?"

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()


def is_warm(user: str | None = None) -> bool:
    """Whether every door of the package, or every one that a module of it may call, has its object or needs none.

    Thread: main. Allocates: yes.
    """
    return _runs_as_python() or all(map(store.object_of, with_doors(user)))


def compile_missing(user: str | None = None) -> Iterator[tuple[int, int]]:
    """Compile what the package, or a module of it and all that this imports, lacks for this processor: `build`.

    Thread: main. Allocates: yes.
    """
    if not _runs_as_python():
        yield from build(with_doors(user), [host()])


def ship(folder: Path, levels: Sequence[Level]) -> Iterator[tuple[int, int]]:
    """Compile every door for some levels, and put the objects into a folder; yields as `build`.

    Thread: main. Allocates: yes.
    """
    units = with_doors()
    yield from build(units, levels)
    for level in levels:
        for unit in units:
            made = store.object_of(unit, level)
            assert made is not None
            store.keep(folder / store.folder_of(level) / made.name, made.read_bytes())


def _runs_as_python() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def build(units: Iterable[Unit], levels: Iterable[Level]) -> Iterator[tuple[int, int]]:
    """Compile what has not been; yields (done, total) after each step, nothing where all is there.

    Raises
    ------
    BuildError
        Once all that could be done is: what could not, and why.

    Thread: main. Allocates: yes.
    """
    waiting = sorted(tasks(units, levels), key=lambda task: task.weight)
    if not waiting:
        return
    total, failures = len(waiting), dict[str, str]()
    for done, (task, failure) in enumerate(_in_parallel(waiting), start=1):
        if failure:
            failures.setdefault(task.module, failure)
        yield done, total
    store.forget_old()
    if failures:
        raise BuildError("\n".join(f"{module}: {failure}" for module, failure in failures.items()))


def _in_parallel(waiting: list[Task]) -> Iterator[tuple[Task, str | None]]:
    """Do all tasks, the heaviest of those that can begin first; what went wrong with each."""
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    made_here = {task.result for task in waiting}
    given_up: set[Path] = set()
    idle: SimpleQueue[_Builder] = SimpleQueue()
    running: dict[Future[str | None], Task] = {}
    count = min(_cores(), MOST_BUILDERS, len(waiting))

    def run(task: Task) -> str | None:
        builder = idle.get()
        try:
            return builder.do(task)
        finally:
            idle.put(builder)

    with ThreadPoolExecutor(count) as threads, contextlib.ExitStack() as at_the_end:
        for _ in range(count):
            builder = _Builder()
            at_the_end.callback(builder.close)
            idle.put(builder)
        while waiting or running:
            for task in reversed(list(waiting)):
                if task.needs & given_up:
                    waiting.remove(task)
                    given_up.add(task.result)
                    yield task, "what it calls could not be compiled"
                elif len(running) < count and not task.needs & made_here:
                    waiting.remove(task)
                    running[threads.submit(run, task)] = task
            finished, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            for future in finished:
                task, failure = running.pop(future), future.result()
                made_here.discard(task.result)
                if failure:
                    given_up.add(task.result)
                yield task, failure


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
