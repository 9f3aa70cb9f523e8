"""Instructions of a kernel, counted by valgrind's callgrind on the very objects that are shipped: the same every time.

A small C program loads the arguments from files and calls the kernel once. Counted is what the objects do themselves,
and how often they call C's library; not what that does then, which differs from one system to the next. They are those
for processors of the level LEVEL, whatever machine this is.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rt_automix.dsp import jit
from rt_automix.native import abi, build, levels, sources, store

LEVEL = next(level for level in levels.SHIPPED if level.name == "linux-x86-64-v3")
TOOLS = ("valgrind", "gcc")


class Work(NamedTuple):
    """What a call did."""

    instructions: int
    """Of the object itself."""

    calls: int
    """Of functions of C's library."""


def missing() -> str:
    """What is not there that counting needs, with the cure; empty where all is."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"{' and '.join(absent)} missing. Install: sudo apt install valgrind gcc libc6-dev" if absent else ""


def count(kernel: Callable[..., Any], *arguments: Any) -> Work:
    """The work of one call with these arguments, which it does not change.

    Raises
    ------
    RuntimeError
        A tool failed; its words.
    """
    source, function = jit.source_of(kernel.py_func), kernel.py_func.__name__  # type: ignore[attr-defined]
    unit = sources.Unit(source, kernel.door)  # type: ignore[attr-defined]
    for _ in build.build([unit], [LEVEL]):
        pass
    objects = [str(store.object_of(each, LEVEL)) for each in (unit, *unit.calls)]
    symbol = abi.symbol(source.name, function)
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        folder = Path(name)
        program, out = folder / "run", folder / "callgrind.out"
        (folder / "main.c").write_text(_program(symbol, kernel.signature, arguments, folder), encoding="utf-8")  # type: ignore[attr-defined]
        # Bound at the start, or the first call of each function would be one of the linker, too.
        _must(["gcc", "-O1", "-Wl,-z,now", "-o", str(program), str(folder / "main.c"), *objects, "-lm"])
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--toggle-collect={symbol}"]
        _must([*tool, "--compress-strings=no", "--compress-pos=no", str(program)])
        found = work_in(out.read_text(encoding="utf-8"), str(program))
    if found.instructions == 0:
        raise RuntimeError(f"callgrind saw no call of {symbol}")
    return found


def work_in(report: str, program: str) -> Work:
    """What callgrind's file says that a program did itself, and how often it called others.

    A line of numbers is a place and its instructions; behind a line `calls=` it is what the one that was called took.
    """
    instructions = calls = 0
    caller = called = ""
    is_of_call = False
    for line in report.splitlines():
        key, _, value = line.partition("=")
        if key == "ob":
            caller = called = value
        elif key == "cob":
            called = value
        elif key == "calls":
            is_of_call = True
            if caller == program != called:
                calls += int(value.split()[0])
            called = caller
        elif line[:1].isdigit():
            if caller == program and not is_of_call:
                instructions += int(line.split()[-1])
            is_of_call = False
    return Work(instructions, calls)


def _program(symbol: str, signature: abi.Signature, arguments: tuple[Any, ...], folder: Path) -> str:
    """C that calls the kernel once; arrays are written to files beside it."""
    takes, given, loads = [], [], []
    for place, (kind, value) in enumerate(zip(signature.takes, arguments, strict=True)):
        if not kind.dimensions:
            takes.append(abi.SCALARS[kind.name][0])
            given.append(repr(value))
            continue
        array = np.ascontiguousarray(value, kind.dtype)
        path = folder / f"{place}.bin"
        array.tofile(path)
        loads.append(f'  void *a{place} = load("{path}", {array.nbytes});')
        takes += ["void*", *["int64_t"] * kind.dimensions]
        given += [f"a{place}", *map(str, array.shape)]
    returns = abi.SCALARS[signature.returns][0] if signature.returns else "void"
    return "\n".join(
        [
            "#include <stdint.h>",
            "#include <stdio.h>",
            "#include <stdlib.h>",
            f"extern {returns} {symbol}({', '.join(takes)});",
            "static void *load(const char *path, size_t size) {",
            "  void *to = aligned_alloc(64, (size + 127) / 64 * 64);",
            '  FILE *file = fopen(path, "rb");',
            "  if (!to || !file || fread(to, 1, size, file) != size) exit(1);",
            "  fclose(file);",
            "  return to;",
            "}",
            "int main(void) {",
            *loads,
            f"  {symbol}({', '.join(given)});",
            "  return 0;",
            "}",
            "",
        ]
    )


def _must(command: list[str]) -> None:
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} ...: {run.stderr.strip()[-600:]}")
