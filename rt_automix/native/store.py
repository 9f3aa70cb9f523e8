"""Where objects lie: shipped in the package, compiled into a cache of the user's, or into one for all of the machine.

An object is used where all that it depends on is the same: its sources and what made it of them (the hash in its
name), and in its folder's name the processor's level, the system, and the LLVM whose loader reads what its
assembler writes. Of numba nothing is left in it: kernels are called as C (`abi`), so any that is installed will do.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from functools import lru_cache
from pathlib import Path

import platformdirs

from rt_automix.native.levels import Level, host
from rt_automix.native.sources import Source, Unit

SHIPPED = Path(__file__).resolve().parent / "objects"
"""What an installation fills."""

_OLD_S = 30 * 86400.0


@lru_cache(maxsize=1)
def cache() -> Path:
    """A folder that this user may write: the cache, or one of a fixed name where temporary files lie.

    Every process of a user comes to the same one; what is in it is found by what it was made of.

    Raises
    ------
    OSError
        Not even there.

    Thread: main. Allocates: yes.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    temporary = Path(tempfile.gettempdir()) / f"rt_automix-{user}"
    folder = _home()
    with contextlib.suppress(OSError):
        if folder.is_absolute():  # a user without a home has "~" for one
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    temporary.mkdir(mode=0o700, exist_ok=True)
    if not _is_ours(temporary):
        raise PermissionError(
            f"{temporary} belongs to another user, and {folder} cannot be written: there is no place for compiled "
            "code. Make one of them yours, or set XDG_CACHE_HOME to a folder that is."
        )
    return temporary


def _home() -> Path:
    """The user's cache, which may be there to be read only."""
    return platformdirs.user_cache_path("rt_automix", appauthor=False) / "objects"


def _is_ours(folder: Path) -> bool:
    """Whether nobody but this user and the system's can put code there."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.lstat()
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid in (os.getuid(), 0)
    return mine and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _places() -> list[Path]:
    """Where objects are looked for, first to last."""
    system = platformdirs.site_cache_path("rt_automix", appauthor=False) / "objects"
    places = [SHIPPED, cache()]
    for place in (_home(), system):
        with contextlib.suppress(OSError):
            if place not in places and place.is_absolute() and _is_ours(place):
                places.append(place)
    return places


def object_of(unit: Unit, level: Level | None = None) -> Path | None:
    """A unit's object, None where it has not been compiled.

    Thread: main. Allocates: yes.
    """
    name = Path(folder_of(level or host()), f"{unit.file_name}.o")
    return next((place / name for place in _places() if (place / name).is_file()), None)


def folder_of(level: Level) -> str:
    """The name of the folder that objects for a level lie in.

    Thread: main. Allocates: yes.
    """
    import llvmlite.binding as llvm

    return f"{level.name}-llvm{llvm.llvm_version_info[0]}"


def ir_of(source: Source, doors: bool = False) -> Path:
    """Where the IR of a module's kernels lies, or shall: of doors, or of those that others take in.

    Between kernels, numba's way of calling is its own affair.
    """
    made_by = f"ir-numba{_version('numba')}-llvmlite{_version('llvmlite')}"
    return cache() / made_by / f"{Unit(source, doors).file_name}.bc"


@lru_cache(maxsize=4)
def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "-missing"


def new_object_of(unit: Unit, level: Level) -> Path:
    """Where a unit's object for a level shall lie."""
    return cache() / folder_of(level) / f"{unit.file_name}.o"


def keep(path: Path, content: bytes) -> None:
    """Write a file whole: who finds it finds all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)


def note_use(path: Path) -> None:
    """Let a file that is used not grow old."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _OLD_S / 30.0:
            os.utime(path)


def forget_old() -> None:
    """Remove what nobody has used for a month."""
    for path in cache().glob("*/*-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink()
