"""Which processor an object is for: a level that many share, or exactly this one."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from functools import lru_cache

_V2 = {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cx16"}
_V3 = _V2 | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_X86 = (("x86-64-v4", _V4), ("x86-64-v3", _V3), ("x86-64-v2", _V2))


@dataclass(frozen=True)
class Level:
    """What LLVM needs to know of a processor and its system; `name` names a folder."""

    name: str
    triple: str
    cpu: str
    features: str = ""


def _linux(name: str, machine: str, cpu: str) -> Level:
    return Level(f"linux-{name}", f"{machine}-unknown-linux-gnu", cpu)


SHIPPED = (
    *(_linux(name, "x86_64", name) for name, _ in reversed(_X86)),
    _linux("aarch64", "aarch64", "generic"),
)
"""The levels that a wheel brings along."""

ELSEWHERE = (
    Level("windows-x86_64", "x86_64-pc-windows-gnu", "x86-64-v2"),
    Level("macos-arm64", "arm64-apple-macosx11.0.0", "apple-m1"),
)
"""Levels of systems that nothing of Python is compiled for here: a plug-in alone."""


@lru_cache(maxsize=1)
def host() -> Level:
    """The level of the machine that this runs on: one that is shipped where that fits, else one of its own.

    Thread: main. Allocates: yes.
    """
    import llvmlite.binding as llvm

    machine = platform.machine().lower()
    if sys.platform == "linux" and machine in ("aarch64", "arm64"):
        return SHIPPED[-1]
    features = llvm.get_host_cpu_features()
    if sys.platform == "linux" and machine in ("x86_64", "amd64"):
        for name, needed in _X86:
            if all(features.get(feature) for feature in needed):
                return _linux(name, "x86_64", name)
    triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
    if sys.platform == "win32":
        triple += "-elf"  # what LLVM's own loader reads there
    return Level(f"{sys.platform}-{machine}-{cpu}", triple, cpu, features.flatten())
