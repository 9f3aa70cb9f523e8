"""`bench versus`: what this checkout costs against a commit, row by row of the engine's targets.

Everything is measured through command lines and small drivers that import what each tree has, interleaved; this
process holds no library that the measured ones share until all is measured.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.versus import files, inside, live, trees, turns

PART_NAMES = ("cold", "warm", "song", "suggestion", "worker", "chain", "live")


def run(commit: str, song: Path | None, names: list[str], quick: bool, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    started_s = time.perf_counter()
    with trees.pair(commit) as (old, new), tempfile.TemporaryDirectory(prefix="rt_automix-versus-") as name:
        folder = Path(name)
        new.driver("material", str(folder), str(files.SONG_S), *([str(song.resolve())] if song else []))
        parts = _parts(folder, quick)
        wanted = [part for part in parts if part.name in names]
        with _progress() as progress:
            if set(names) != {"cold"}:
                _compile(old, new, folder / "second.wav", progress)
            found = _measure(wanted, old, new, quick, progress)
        settings = {
            "against": trees.git("rev-parse", commit),
            "song": str(song) if song else "built-in",
            "quick": quick,
        }
    settings["seconds_taken"] = time.perf_counter() - started_s
    from bench.versus import table  # numpy and more: only now

    table.show(parts, found, settings, out)


def _parts(folder: Path, quick: bool) -> list[turns.Part]:
    """All, in the order of PART_NAMES."""
    heard = folder / "heard.f32"
    return [*files.Files(folder).parts(), *inside.Inside(heard, quick).parts(), live.Live(heard, quick).part()]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))


def _compile(old: trees.Tree, new: trees.Tree, second: Path, progress: Progress) -> None:
    """Run both once, so that what is compiled at a first run is compiled."""
    task = progress.add_task("compiling", total=2)
    for tree in (old, new):
        tree.automix("render", str(second), str(tree.home / "first.wav"), "--lookahead", "live")
        progress.advance(task)


def _measure(
    parts: list[turns.Part], old: trees.Tree, new: trees.Tree, quick: bool, progress: Progress
) -> dict[str, turns.Found]:
    """Each part's figures by its name; what could not be run is said at once."""
    found = {}
    for part in parts:
        found[part.name] = turns.interleaved(part, old, new, part.count(quick), progress)
        for note in found[part.name].notes:
            progress.console.print(note, markup=False)
    return found
