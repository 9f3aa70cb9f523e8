"""What else the machine does: figures that a timing has to be read against."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_STAT = Path("/proc/stat")
_STEAL = 7


def processor_ticks() -> list[int]:
    """Time of all cores so far by kind (user, nice, system, idle, iowait, irq, softirq, steal); [] where unknown."""
    if not _STAT.exists():
        return []
    return [int(field) for field in _STAT.read_text(encoding="ascii").splitlines()[0].split()[1:9]]


def steal_percent(before: list[int], after: list[int]) -> float:
    """How much of the processor's time since `before` the host gave to others; 0 where it cannot be known."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return 100.0 * spent[_STEAL] / max(sum(spent), 1) if spent else 0.0


def memory_megabytes(pid: int, at_most: bool = False) -> float:
    """What a process holds in memory, or has held `at_most` (VmRSS, VmHWM); NaN where it cannot be known."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    name = "VmHWM" if at_most else "VmRSS"
    return next((int(line.split()[1]) / 1024.0 for line in lines if line.startswith(name)), float("nan"))


def children(pid: int) -> list[int]:
    """Processes that a process has started; [] where it cannot be known."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """Its children and theirs, nearest first; [] where it cannot be known."""
    nearest = children(pid)
    return nearest + [pid for child in nearest for pid in descendants(child)]


def shared_out_megabytes(pid: int) -> tuple[float, float]:
    """What a process holds with each page shared out among those that have it (PSS), and what is its alone (USS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kilobytes["Pss"] / 1024.0, (kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]) / 1024.0


def processor_s(pid: int) -> float:
    """Processor time of all threads of a process so far; of threads that have ended it knows nothing."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) * 1e-9


def free_memory_megabytes() -> float:
    """What is left for programs; infinite where it cannot be known."""
    path = Path("/proc/meminfo")
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return next((int(line.split()[1]) / 1024.0 for line in lines if line.startswith("MemAvailable")), float("inf"))


_PRIORITY = 60


def may_be_realtime() -> bool:
    """Whether this process may have the priority that audio callbacks run at."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except OSError:
        return False
    os.sched_setscheduler(0, *before)
    return True


@contextlib.contextmanager
def realtime(allowed: bool) -> Iterator[None]:
    """For a moment the priority of an audio callback, as far as that is `allowed`."""
    if not allowed:
        yield
        return
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
