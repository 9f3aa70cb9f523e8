"""Mutated files of every format, read as `analyze` and the panel read them: no crash, no hang, nothing left behind.

The reading is done by a process of its own, which is watched: what ends it, or keeps it, is a fault of ours.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from bench.files import cases

LONGEST_S, LONGEST_BY_THE_CLOCK_S = 5.0, 60.0
"""Of processor time, where the system tells that of another process, and in any case: a busy machine is no hang."""
MOST_MEMORY_MB = 400.0
_SEED_GROUPS = 3
"""Files of each format that are mutated."""


@dataclass
class Found:
    """What became of the files: how many were read, refused and worse; and the most memory that the reader took."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    memory_mb: float = 0.0


def seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Some whole files of every format: (name, content), none longer than 60 kB."""
    taken: Counter[str] = Counter()
    found = []
    for case in cases.all_cases():
        if taken[case.group] < _SEED_GROUPS and case.group not in ("WAV refused", "no audio"):
            taken[case.group] += 1
            path = folder / case.file_name
            case.make(path)
            found.append((case.file_name, path.read_bytes()[:60_000]))
    return found


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, mostly near the start; a stretch cut out, doubled or zeroed; or the end cut off."""
    data = bytearray(content)
    for _ in range(rng.integers(0, 6)):
        reach = len(data) if rng.random() < 0.3 else min(len(data), 200)
        if reach:
            data[rng.integers(reach)] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
    start = int(rng.integers(len(data) + 1))
    stretch = slice(start, start + int(rng.integers(1, 2000)))
    match rng.integers(6):
        case 0:
            del data[stretch]
        case 1:
            data[start:start] = data[stretch]
        case 2:
            data[stretch] = bytes(len(data[stretch]))
        case 3:
            del data[start:]
    return bytes(data)


def files(made: Sequence[tuple[str, bytes]], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many mutated files; the same for the same seed."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        name, content = made[number % len(made)]
        yield name, mutated(content, rng)


def _most_memory_mb() -> float:
    """The most memory this process has held. On Linux `ru_maxrss` will not do: it begins with the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return float(re.findall(r"VmHWM:\s*(\d+)", status.read_text())[0]) / 1024.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _read_all(pipe: Connection) -> None:
    """The reading process: a path comes in, what became of it goes out."""
    from rt_automix.analysis.hearing.listener import Listener
    from rt_automix.analysis.recordings.measure import Meter
    from rt_automix.dsp.samples import mix
    from rt_automix.errors import AutomixError
    from rt_automix.io.files.audio import AudioReader

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders complain there
    while path := pipe.recv():
        try:
            with AudioReader(Path(path)) as reader:
                meter = Meter(reader.sample_rate_hz, reader.channels)
                listener = Listener(reader.sample_rate_hz, reader.channels, math.inf)
                for block in reader.blocks():
                    mix.guard(block[0], block[-1])
                    meter.push(block)
                    listener.push(block)
                meter.result()
            said = "read"
        except AutomixError as error:
            is_clear = "\n" not in str(error)
            said = "refused" if is_clear else f"not one line: {error}"
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        pipe.send((said, _most_memory_mb()))


class _Reader:
    """The reading process, started anew when it has ended."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_read_all, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._is_warm = False

    def read(self, path: Path) -> tuple[str, float]:
        try:
            self._pipe.send(str(path))
            if self._is_answered():
                self._is_warm = True
                said, memory_mb = self._pipe.recv()
                return str(said), float(memory_mb)
            return f"longer than {LONGEST_S:g} s", 0.0
        except (EOFError, OSError):
            self._process.join()
            return f"ended with {self._process.exitcode}", 0.0

    def _is_answered(self) -> bool:
        """Whether it has answered before its time was up."""
        if not self._is_warm:
            return self._pipe.poll(300.0)
        started_s, worked_s = time.monotonic(), self._worked_s()
        while not self._pipe.poll(0.5):
            if time.monotonic() - started_s > LONGEST_BY_THE_CLOCK_S or self._worked_s() - worked_s > LONGEST_S:
                return False
        return True

    def _worked_s(self) -> float:
        """Processor time it has taken; by the clock where the system does not tell."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        if not stat.exists():
            return time.monotonic()
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def run(count: int, seed: int = 1, kept: Path | None = None) -> Found:
    """Read so many files; what was a fault is kept in a folder, if there is one."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="rt_automix-fuzz-") as name:
        folder, temporary = Path(name) / "files", Path(name) / "temporary"
        folder.mkdir()
        temporary.mkdir()
        made = seeds(folder)
        for path in folder.iterdir():
            path.unlink()
        os.environ["TMPDIR"] = str(temporary)  # for the reader: what it leaves is seen
        reader = _Reader()
        for number, (file_name, content) in enumerate(files(made, count, seed)):
            path = folder / file_name
            path.write_bytes(content)
            said, memory_mb = reader.read(path)
            found.memory_mb = max(found.memory_mb, memory_mb)
            path.unlink()
            left = [*folder.iterdir(), *temporary.iterdir()]
            if said in ("read", "refused") and not left:
                found.counts[said] += 1
                continue
            found.counts["fault"] += 1
            found.faults.append(f"{number} {file_name}: {said} {' '.join(each.name for each in left)}".strip())
            if kept is not None:
                kept.mkdir(parents=True, exist_ok=True)
                (kept / f"{number}-{file_name}").write_bytes(content)
            if said.startswith(("longer", "ended")):
                reader.close()
                reader = _Reader()
        reader.close()
        del os.environ["TMPDIR"]
    return found
