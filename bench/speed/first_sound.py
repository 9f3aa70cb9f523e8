"""From the command `rt-automix live` to its first sample, which another program hears on a real server."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.common import host, jackd
from bench.common.probe import Block, Probe
from bench.common.program import Program

PERIOD_SAMPLES = 128
STEADY_LIN = 0.25
LOOK_EVERY_S = 0.005
LIMIT_S = 300.0
RESERVE_S = 6.0
"""After so much playing a second process stands by."""


class _Ear:
    """Plays a steady level; knows when the first sample that is not silence has come back."""

    def __init__(self) -> None:
        self.heard_at_s = 0.0

    def turn(self, play: Block, hear: Block) -> None:
        play[:] = STEADY_LIN
        if not self.heard_at_s and hear.any():
            self.heard_at_s = time.monotonic()


def first_sample_s(cache: dict[str, str], memory_mb: dict[str, float] | None = None) -> dict[str, float]:
    """One start: seconds from the command to the first sample, and the processor time of all that took part.

    Parameters
    ----------
    cache : environment that says where compiled kernels are kept
    memory_mb : dict, optional
        Gets what each process of the program holds, once all are there.
    """
    import resource  # not on Windows, where there is no server either

    ear, before = _Ear(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with (
        tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name,
        jackd.running(PERIOD_SAMPLES, synchronous=False) as server,
        Probe(ear.turn) as probe,
    ):
        begun_at_s = time.monotonic()
        with Program(server, Path(name), "--backend", "jack", "--amount", "0", environment=cache) as program:
            probe.connect_when_there(begun_at_s + LIMIT_S)
            while not ear.heard_at_s:
                if time.monotonic() > begun_at_s + LIMIT_S or program.process.poll() is not None:
                    raise RuntimeError(f"rt-automix live was not heard within {LIMIT_S:g} s")
                time.sleep(LOOK_EVERY_S)
            if memory_mb is not None:
                program.wait_until_playing()
                time.sleep(RESERVE_S)
                memory_mb |= _memory_mb(program)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"first_sample_s": ear.heard_at_s - begun_at_s, "processor_s": processor_s}


def _memory_mb(program: Program) -> dict[str, float]:
    player = program.status["pid"]
    others = [pid for pid in host.children(program.process.pid) if pid != player]
    return {
        "the parent, which watches": host.memory_megabytes(program.process.pid),
        "the process that plays": host.memory_megabytes(player),
        "those that stand by": sum(host.memory_megabytes(pid) for pid in others),
    }
