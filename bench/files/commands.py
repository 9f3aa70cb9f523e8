"""The command of this room: is every file read right, or refused with a word?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from bench import options


@click.command()
@click.option("--fuzz", type=click.IntRange(0, 1_000_000), default=0, metavar="N", help="Read N mutated files instead.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the mutations.")
@options.out
def files(fuzz: int, seed: int, out: Path) -> None:
    """Read some five hundred made files and hold each against what went in, or another decoder.

    \b
    Examples:
      python -m bench files
      python -m bench files --fuzz 20000
    """
    out.mkdir(parents=True, exist_ok=True)
    sys.exit(_fuzz(fuzz, seed, out) if fuzz else _sweep(out))


def _sweep(out: Path) -> int:
    from rich.table import Table

    from bench.common.here import console
    from bench.files import cases, sweep

    results = sweep.run(cases.all_cases())
    table = Table("format", "files", *sweep.VERDICTS)
    rows = sweep.table(results)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    wrong = [(case, verdict, said) for case, verdict, said in results if verdict in sweep.WRONG]
    for case, verdict, said in wrong:
        console.print(f"{verdict}: {case.group}, {case.name}: {said}", markup=False)
    console.print(f"{len(results)} files, {len(wrong)} not as they should be.")
    listed = [[case.group, case.name, verdict, said] for case, verdict, said in results]
    (out / "files.json").write_text(json.dumps({"table": rows, "files": listed}, indent=1))
    return 1 if wrong else 0


def _fuzz(count: int, seed: int, out: Path) -> int:
    from bench.common.here import console
    from bench.files import fuzz

    found = fuzz.run(count, seed, out / "fuzz")
    for fault in found.faults:
        console.print(fault, markup=False)
    console.print(f"{dict(found.counts)}; most memory {found.memory_mb:.0f} MB of {fuzz.MOST_MEMORY_MB:.0f}.")
    return 1 if found.faults or found.memory_mb > fuzz.MOST_MEMORY_MB else 0


COMMANDS = (files,)
