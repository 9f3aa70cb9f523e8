"""How every kernel is compiled: one set of flags, one cache that a source edit anywhere invalidates.

Numba's cache watches only the file that holds a function, so an edit in a file it calls would go
unnoticed. The cache folder therefore carries a hash of all the package's sources.
"""

from __future__ import annotations

import contextlib
import dis
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import llvmlite.binding
import numba
import platformdirs
from numba import types
from numba.core import sigutils

_Function = TypeVar("_Function", bound=Callable[..., Any])

# No `nnan`/`ninf`: under them `abs(x) <= limit` no longer catches a NaN. No `reassoc`: a loop's
# remainder could then round differently from its body, and the sound would depend on the block size.
FLAGS = frozenset({"contract", "nsz"})

# `_nrt=False`: kernels own no arrays, so numba need not count references to the callers' (an atomic
# operation for every slice, a fifth of the chain's time), and one that allocates does not compile.
OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": set(FLAGS),
    "_nrt": False,
}

_OLD_S = 30 * 86400.0
_FOLDERS = ("dsp", "analysis")
_BEYOND = (
    "params.py",
    "units.py",
    "engine/layout.py",
    "engine/steering.py",
    "engine/chain.py",
    "io/devices/board.py",
    "io/devices/edge.py",
    "io/devices/callbacks.py",
)
"""What else kernels are made of, tables that they freeze included."""

_PACKAGE = Path(__file__).resolve().parent.parent


def _source_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    folders = [path for name in _FOLDERS for path in sorted((_PACKAGE / name).glob("*.py"))]
    sources = [*folders, *(_PACKAGE / name for name in _BEYOND)]
    for path in sources:
        # Numba's own index goes by place and time: another installation starts another folder.
        digest.update(f"{path} {path.stat().st_mtime_ns}".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    """A writable folder of the user's, or a temporary one where there is none."""
    folder = platformdirs.user_cache_path("rt_automix", appauthor=False) / f"kernels-{_source_hash()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="rt_automix-"))


CACHE_FOLDER = _cache_folder()
if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(CACHE_FOLDER)

_WARM = CACHE_FOLDER / f"compiled-{llvmlite.binding.get_host_cpu_name()}"

JIT_ENABLED = not numba.config.DISABLE_JIT

_KERNELS: dict[str, tuple[Any, tuple[types.Type, ...]]] = {}
"""What `compile` is called on, and with what, for each kernel by the name of its module and its own."""


def is_warm() -> bool:
    """Whether every kernel has been compiled and cached for this source and processor.

    Thread: main. Allocates: yes.
    """
    return _WARM.exists() or not JIT_ENABLED


def kernel(signature: str) -> Callable[[_Function], _Function]:
    """Compile a function for the audio thread, for exactly one signature, when it is first needed.

    Parameters
    ----------
    signature : str
        Numba's notation, such as ``"void(float32[::1], float64[::1])"``. A call with any other
        dtype or layout raises TypeError instead of compiling anew.

    Notes
    -----
    With ``NUMBA_DISABLE_JIT=1`` the function stays plain Python.
    Thread: main. Allocates: yes.
    """

    def compiled(function: _Function) -> _Function:
        jit: Any = numba.njit
        dispatcher = jit(**OPTIONS)(function)
        if JIT_ENABLED:
            _hold_to(dispatcher, signature)
        return cast(_Function, dispatcher)

    return compiled


class Callback:
    """A function compiled for C to call, when its address is first asked for.

    Parameters
    ----------
    function : callable
    signature : str or numba signature
    """

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        # Arrays made from addresses are counted like any other: no `_nrt=False` here.
        self.options = {name: value for name, value in OPTIONS.items() if name not in ("nogil", "_nrt")}
        self.py_func, self._signature = function, signature
        self._compiled: Any = None

    def compile(self, signature: Any = None) -> None:
        """Compile, or load from the cache."""
        if self._compiled is None:
            self._compiled = numba.cfunc(self._signature, **self.options)(self.py_func)

    @property
    def address(self) -> int:
        """Where C finds it."""
        self.compile()
        return int(self._compiled.address)


def callback(signature: Any) -> Callable[[Callable[..., Any]], Callback]:
    """Compile a function for C to call from the audio thread; as lazily as `kernel` does.

    Thread: main. Allocates: yes.
    """

    def compiled(function: Callable[..., Any]) -> Callback:
        made = Callback(function, signature)
        if JIT_ENABLED:
            _KERNELS[_name(function)] = made, ()
        return made

    return compiled


def _hold_to(dispatcher: Any, signature: str) -> None:
    """Let a dispatcher compile for one signature only, and list it for `compile_all`."""
    declared, _ = sigutils.normalize_signature(signature)
    compile_for = dispatcher.compile

    def compile_declared(given: Any) -> Any:
        arguments, _ = sigutils.normalize_signature(given)
        arrays_differ = any(
            mine != theirs and types.Array in (type(mine), type(theirs))
            for mine, theirs in zip(declared, arguments, strict=False)
        )
        if arrays_differ or len(arguments) != len(declared):
            raise TypeError(f"{dispatcher.__name__} takes {declared}, not {tuple(arguments)}")
        return compile_for(signature)

    dispatcher.compile = compile_declared
    _KERNELS[_name(dispatcher.py_func)] = dispatcher, declared


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__name__}"


def _mentioned(function: Callable[..., Any]) -> Iterator[Any]:
    """What a function's code finds by a global name, or in a module by such a name."""
    for instruction, after in pairwise(dis.get_instructions(function)):
        if instruction.opname == "LOAD_GLOBAL":
            value = function.__globals__.get(instruction.argval)
            yield getattr(value, str(after.argval), None) if isinstance(value, ModuleType) else value


def callees() -> dict[str, set[str]]:
    """Of each kernel of the modules imported so far, by name, the kernels that it may call.

    Thread: main. Allocates: yes.
    """
    names = {id(compiled): name for name, (compiled, _) in _KERNELS.items()}
    return {
        name: {names[id(value)] for value in _mentioned(compiled.py_func) if id(value) in names}
        for name, (compiled, _) in _KERNELS.items()
    }


def compile_one(name: str) -> None:
    """Compile a kernel, or load it from the cache.

    Thread: main. Allocates: yes.
    """
    compiled, declared = _KERNELS[name]
    compiled.compile(declared)


def compile_all(are_cached: Collection[str] = ()) -> Iterator[tuple[int, int]]:
    """Compile every kernel of the modules imported so far, or load it from the cache.

    Parameters
    ----------
    are_cached : names of kernels that need neither: another process has put them there

    Yields
    ------
    (done, total) after each kernel, for a progress bar.

    Thread: main. Allocates: yes.
    """
    missing = [name for name in _KERNELS if name not in are_cached]
    for number, name in enumerate(missing, start=1):
        compile_one(name)
        yield len(_KERNELS) - len(missing) + number, len(_KERNELS)
    with contextlib.suppress(OSError):
        _WARM.touch()
    _forget_old_caches()


def _forget_old_caches() -> None:
    """Remove what other versions compiled and have not touched for a month."""
    for folder in CACHE_FOLDER.parent.glob("kernels-*"):
        with contextlib.suppress(OSError):
            if folder != CACHE_FOLDER and time.time() - folder.stat().st_mtime > _OLD_S:
                shutil.rmtree(folder)
