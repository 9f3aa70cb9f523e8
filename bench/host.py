"""What else the machine does: figures that a timing has to be read against."""

from __future__ import annotations

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


def memory_megabytes(pid: int) -> float:
    """What a process holds in memory (VmRSS); NaN where it cannot be known."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmRSS")), float("nan"))
