"""Loads objects into this process, with LLVM's linker in memory: no compiler, no linker of the system."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from rt_automix.native.symbols import undefined

_LOCK = threading.Lock()
_LOADED: set[Path] = set()
_ENGINE: Any = None


class LoadError(Exception):
    """An object that cannot run here."""


def load(path: Path) -> None:
    """Make the functions of an object callable; once is enough, more often is no harm.

    Raises
    ------
    LoadError
        It needs a function that this process does not have: loaded all the same, it would crash when it called it.

    Thread: main. Allocates: yes.
    """
    global _ENGINE
    with _LOCK:
        if path in _LOADED:
            return
        import llvmlite.binding as llvm

        if _ENGINE is None:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine()
            _ENGINE = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        content = path.read_bytes()
        missing = sorted(name for name in undefined(content) if not _is_here(name))
        if missing:
            raise LoadError(f"{path} needs {', '.join(missing)}, which this system does not have. Delete the file.")
        _ENGINE.add_object_file(llvm.ObjectFileRef.from_data(content))
        _ENGINE.finalize_object()
        _LOADED.add(path)


def _is_here(name: str) -> bool:
    """Whether this process has a function, or an object that was loaded."""
    import llvmlite.binding as llvm

    return llvm.address_of_symbol(name) is not None or _ENGINE.get_function_address(name) != 0


def address_of(symbol: str) -> int:
    """Where a function of a loaded object is; 0 where there is none of that name."""
    with _LOCK:
        return int(_ENGINE.get_function_address(symbol)) if _ENGINE is not None else 0
