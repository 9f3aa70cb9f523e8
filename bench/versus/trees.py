"""Two checkouts to compare, both in a temporary place: a commit as a work tree, and a copy of this one as it is.

Both run with one interpreter and what is installed in it; each has its own caches. It is this one, or, where the
commit asks for packages that this one does not have, one beside it that has those, too. Nothing of this module or of
those that measure imports numpy: a page of a library that this process shared would be counted as half as large.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.common.here import ROOT

_LAST_WORDS = 600
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
_OF_WHO_MEASURES = ("NUMBA_CACHE_DIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
"""Variables that no side gets: without its bytecode a warm start would not be warm."""


class CannotRun(Exception):
    """A figure could not be had here; the text says why."""


@dataclass(frozen=True)
class Spent:
    """What a command took: by the clock, of all processors (its own children included), and what it said."""

    wall_s: float
    processor_s: float
    said: str


@dataclass(frozen=True)
class Tree:
    """One side: a tree of sources, and where its caches and files are.

    Parameters
    ----------
    name : str
    root : path
        Where the package is imported from.
    home : path
        A folder of its own: compiled kernels, files that it writes.
    python : path
        Who runs it.
    """

    name: str
    root: Path
    home: Path
    python: Path = Path(sys.executable)

    def environment(self, cache: Path | None = None) -> dict[str, str]:
        """In which its programs run; compiled code is kept in `cache`, by default in its home."""
        kept = {name: value for name, value in os.environ.items() if name not in _OF_WHO_MEASURES}
        cache = cache or self.home / "cache"
        places = {"XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache), "XDG_STATE_HOME": str(self.home / "state")}
        path = os.pathsep.join([str(Path(__file__).parent / "alone"), str(self.root)])
        return {**kept, **places, "PYTHONPATH": path, "COLUMNS": "200"}

    def run(self, arguments: Sequence[str], cache: Path | None = None) -> Spent:
        """Run the interpreter with these arguments in the tree.

        Raises
        ------
        CannotRun
            It did not end well.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as wrong:
            start = time.perf_counter()
            process = subprocess.Popen(
                [str(self.python), *arguments], cwd=self.root, env=self.environment(cache), stdout=out, stderr=wrong
            )
            try:
                _, status, used = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                raise
            wall_s = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            said, complained = (_text(file) for file in (out, wrong))
        if process.returncode != 0:
            last = complained[-_LAST_WORDS:]
            raise CannotRun(f"{self.name}: {' '.join(arguments)} ended with {process.returncode}: {last}")
        return Spent(wall_s, used.ru_utime + used.ru_stime, said)

    def automix(self, *arguments: str, cache: Path | None = None) -> Spent:
        """Run `rt-automix` of this tree."""
        return self.run(["-m", "rt_automix", *arguments], cache)

    def driver(self, name: str, *arguments: str) -> str:
        """Run a script of `drivers` with this tree's package; the last line it prints."""
        script = Path(__file__).parent / "drivers" / f"{name}.py"
        return self.run([str(script), *arguments]).said.splitlines()[-1]

    def forget_bytecode(self) -> None:
        """Remove what the interpreter has compiled of the tree: as after a fresh checkout."""
        for folder in [*self.root.glob("rt_automix/**/__pycache__")]:
            shutil.rmtree(folder)


def _text(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return str(file.read().decode(errors="replace"))  # type: ignore[attr-defined]


def git(*arguments: str) -> str:
    """What git says of this checkout.

    Raises
    ------
    CannotRun
        Git refuses.
    """
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if run.returncode != 0:
        raise CannotRun(f"git {' '.join(arguments)}: {run.stderr.strip()}")
    return run.stdout.strip()


@contextlib.contextmanager
def pair(commit: str) -> Iterator[tuple[Tree, Tree]]:
    """The tree of a commit and a copy of this one, in a temporary folder that is removed afterwards.

    Raises
    ------
    CannotRun
        There is no such commit, or what it asks for cannot be had.
    """
    try:
        full = git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    except CannotRun:
        raise CannotRun(f"{commit}: no commit that is here. Give one that `git log` shows, or fetch it.") from None
    with tempfile.TemporaryDirectory(prefix="rt_automix-versus-") as name:
        folder = Path(name)
        old, new = (Tree(side, folder / side, folder / f"{side}-home") for side in ("old", "new"))
        git("worktree", "add", "--detach", str(old.root), full)
        try:
            _copy_checkout(new.root)
            for tree in (old, new):
                tree.home.mkdir()
            python = python_for(old.root, folder / "venv")
            yield replace(old, python=python), replace(new, python=python)
        finally:
            git("worktree", "remove", "--force", str(old.root))


def _copy_checkout(target: Path) -> None:
    """This checkout as it is, changes and new files included, without what git ignores."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in dict.fromkeys(filter(None, names)):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def python_for(root: Path, fresh: Path) -> Path:
    """This interpreter, or one in a fresh environment that has what a tree asks for and this one lacks.

    Raises
    ------
    CannotRun
        It cannot be had.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    missing = [wanted for wanted in project["dependencies"] if not _has(wanted)]
    if not missing:
        return Path(sys.executable)
    python = _environment(fresh)
    _must([*_PIP, "--python", str(python), "install", *missing])
    return python


def _has(wanted: str) -> bool:
    """Whether a package is installed here, whatever its version; one that a marker may rule out is not missed."""
    try:
        return ";" in wanted or bool(version(re.split(r"[^\w.-]", wanted)[0]))
    except PackageNotFoundError:
        return False


def installed(tree: Tree, home: Path) -> Tree:
    """The tree's wheel in a fresh environment, which finds what it depends on where this interpreter does.

    Built like `pip install` does, with what this interpreter has instead of what would have to be fetched.
    """
    wheels = home / "wheels"
    _must([*_PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(tree.root)])
    python = _environment(home / "venv")
    (wheel,) = wheels.glob("*.whl")
    _must([*_PIP, "--python", str(python), "install", "--no-deps", str(wheel)])
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    return Tree(f"{tree.name}, installed", elsewhere, home, python)


def _environment(fresh: Path) -> Path:
    """The interpreter of a fresh environment, which finds what it does not have where this one does."""
    _must([sys.executable, "-m", "venv", "--without-pip", str(fresh)])
    (packages,) = fresh.glob("lib/python*/site-packages")
    here = Path(next(place for place in sys.path if place.endswith("site-packages")))
    (packages / "beside.pth").write_text(f"{here}\n", encoding="utf-8")  # after its own, so that those win
    return fresh / "bin" / "python"


def _must(command: list[str]) -> None:
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise CannotRun(f"{' '.join(command[:6])} ...: {run.stderr.strip()[-_LAST_WORDS:]}")
