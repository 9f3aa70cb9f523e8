"""Which source files a module's kernels are made of: it and all that it imports, and a hash over them.

Read from the import statements, not by importing: the hash is needed before anything is compiled, and
by processes that import no compiler.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

PACKAGE = "rt_automix"
ROOT = Path(__file__).resolve().parents[2]

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)|import[ \t]+([^\n#]*))", re.M)
_KERNEL = re.compile(r"^[ \t]*@kernel\(((?:[^()]|\([^()]*\))*)\)[^\n]*\n(?:[ \t]*#[^\n]*\n)*[ \t]*def (\w+)", re.M)
_COMPILER = ("native.abi", "native.frontend", "native.passes", "native.access", "native.emit")
"""Beside what a module imports: what its machine code is made by."""


@dataclass(frozen=True, eq=False)
class Source:
    """A module's file; `name` is dotted, as it is imported. `at` makes one of each, so that they need no comparing."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def kernels(self) -> dict[str, bool]:
        """The names of its kernels, and whether each is a door."""
        if "@kernel(" not in self.text:
            return {}
        return {name: "door=True" in arguments for arguments, name in _KERNEL.findall(self.text)}

    @property
    def has_kernels(self) -> bool:
        """Whether there is something to compile in it."""
        return bool(self.kernels)

    @property
    def doors(self) -> tuple[str, ...]:
        """The kernels that are called from outside of what they are compiled into."""
        return tuple(name for name, is_door in self.kernels.items() if is_door)

    @property
    def units(self) -> tuple[Unit, ...]:
        """All that it can be compiled into."""
        kinds = dict.fromkeys(self.kernels.values())
        return tuple(Unit(self, doors) for doors in kinds)

    @cached_property
    def imports(self) -> tuple[Source, ...]:
        """The modules that it imports and that change with it: not the standard library, not what pip installed."""
        found: dict[str, Source] = {}
        for base, names, plain in _IMPORT.findall(self.text):
            if base:
                base = self._absolute(base)
                listed = [name.split()[0] for name in names.strip("() \n\\").split(",") if name.strip(" \n()\\")]
                wanted = [self._find(f"{base}.{name}") or self._find(base) for name in listed]
            else:
                wanted = [self._find(name.split()[0]) for name in plain.split(",") if name.strip()]
            found |= {source.name: source for source in wanted if source}
        return tuple(found.values())

    @cached_property
    def root(self) -> Path:
        """The folder that its name starts from."""
        return self.path.parents[self.name.count(".") + (self.path.stem == "__init__")]

    def _find(self, name: str) -> Source | None:
        # The package imports itself and what is installed: its hash is the same wherever it and they lie.
        top = name.partition(".")[0]
        return None if top != PACKAGE and self.name.partition(".")[0] == PACKAGE else find(name, self.root)

    def _absolute(self, base: str) -> str:
        level = len(base) - len(base.lstrip("."))
        parents = self.name.split(".")[: -level or None]
        return ".".join([*parents, base.lstrip(".")]).strip(".") if level else base

    @cached_property
    def closure(self) -> tuple[Source, ...]:
        """It and everything that it imports, directly or not, in the order of names."""
        seen: dict[str, Source] = {}
        waiting: list[Source] = [self]
        while waiting:
            source = waiting.pop()
            if source.name not in seen:
                seen[source.name] = source
                waiting += source.imports
        return tuple(seen[name] for name in sorted(seen))

    @cached_property
    def digest(self) -> str:
        """Changes whenever anything changes that the module's machine code is made of."""
        digest = hashlib.sha256(_compiler_digest())
        for source in self.closure:
            digest.update(source.own_digest)
        return digest.hexdigest()[:16]

    @cached_property
    def own_digest(self) -> bytes:
        return hashlib.sha256(f"{self.name}\0{self.text}".encode()).digest()


@dataclass(frozen=True)
class Unit:
    """What becomes one object: the doors of a module, or the rest of its kernels, each for a caller from Python.

    A program needs doors only, and a kernel that is none lives inside of those; the rest is for tests and benchmarks.
    """

    source: Source
    doors: bool = True

    @property
    def file_name(self) -> str:
        """What its object is called: it changes with what it is made of."""
        return f"{self.source.name}-{'' if self.doors else 'rest-'}{self.source.digest}"

    @property
    def calls(self) -> tuple[Unit, ...]:
        """Units that it may call: the doors of all that it imports."""
        parts = (part for part in self.source.closure if part.doors)
        return tuple(unit for unit in (Unit(part) for part in parts) if unit != self)


@cache
def find(name: str, root: Path = ROOT) -> Source | None:
    """A module by its dotted name; None for the standard library and for what pip installed."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return None
    if top == PACKAGE:
        path = _own().get(name)
        return at(name, path) if path else None
    for folder in dict.fromkeys((ROOT, root, *_own_folders())):
        if _holds(folder, top):
            path = folder.joinpath(*name.split("."))
            for candidate in (path.with_suffix(".py"), path / "__init__.py"):
                if candidate.is_file():
                    return at(name, candidate)
    return None


@lru_cache(maxsize=1)
def _own() -> dict[str, Path]:
    """The files of the package by their dotted names, in the order of paths: looked for once."""
    paths = sorted((ROOT / PACKAGE).rglob("*.py"))
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths)
    return dict(zip(names, paths, strict=True))


@cache
def at(name: str, path: Path) -> Source:
    """A module by its dotted name and its file, read once."""
    return Source(name, path)


@cache
def _holds(folder: Path, top: str) -> bool:
    # A folder that pip installs into holds the package, and nothing else of ours.
    if folder == ROOT and top != PACKAGE and folder.name in ("site-packages", "dist-packages"):
        return False
    return (folder / f"{top}.py").is_file() or (folder / top).is_dir()


@lru_cache(maxsize=1)
def _own_folders() -> tuple[Path, ...]:
    """Folders of the path that neither Python nor pip fills."""
    theirs = {str(Path(place).resolve()) for place in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    folders = [Path(entry or ".").resolve() for entry in sys.path if not entry.endswith(".zip")]
    return tuple(folder for folder in folders if not any(str(folder).startswith(f"{place}/lib") for place in theirs))


@lru_cache(maxsize=1)
def _compiler_digest() -> bytes:
    made_by = [find(f"{PACKAGE}.{name}") for name in _COMPILER]
    return "".join(source.text for source in made_by if source).encode()


def with_kernels() -> list[Source]:
    """Every module of the package that has kernels.

    Thread: main. Allocates: yes.
    """
    found = [at(name, path) for name, path in _own().items()]
    return [source for source in found if source.has_kernels]


def with_doors(user: str | None = None) -> list[Unit]:
    """All that the package's programs call, or what a module of it and all that this imports do.

    Thread: main. Allocates: yes.
    """
    top = find(user) if user else None
    return [Unit(source) for source in (top.closure if top else with_kernels()) if source.doors]
