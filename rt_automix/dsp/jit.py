"""What a kernel is: a function of plain arrays that runs as machine code, for exactly one signature.

A kernel is compiled ahead, by a process of its own (`native`), into an object of its module; called for
the first time, it loads that. Its source stays Python: with ``NUMBA_DISABLE_JIT=1`` it runs as such.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from rt_automix.native import abi, build, loader, sources, store
from rt_automix.native.levels import host

_Function = TypeVar("_Function", bound=Callable[..., Any])

JIT_ENABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
"""Whether kernels run as machine code."""

COMPILES = os.environ.get("RT_AUTOMIX_COMPILES") == "1"
"""Whether this process makes machine code of kernels; only here may numba be imported."""

_IMPORTED: dict[str, Callable[..., Any]] = {}
"""A kernel of each module imported so far."""


class Kernel:
    """A compiled function: checks what it is given, and runs without the interpreter's lock.

    Parameters
    ----------
    function : callable
        The same in Python: `py_func`.
    signature : str
    """

    def __init__(self, function: Callable[..., Any], signature: str) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.signature = abi.parse(signature)
        self._call: Callable[..., Any] = self._load
        _IMPORTED[function.__module__] = function

    def __call__(self, *arguments: Any) -> Any:
        """Run it; TypeError where a dtype or a layout is not that of the signature."""
        return self._call(*arguments)

    def _load(self, *arguments: Any) -> Any:
        self._call = abi.caller(self.py_func, self.signature, self.address)
        return self._call(*arguments)

    @property
    def address(self) -> int:
        """Where C finds it; compiled and loaded if it is not yet."""
        source = source_of(self.py_func)
        loader.load(_object_of(source))
        return loader.address_of(abi.symbol(source.name, self.py_func.__name__))

    def __repr__(self) -> str:
        return f"<kernel {self.py_func.__module__}.{self.py_func.__name__}: {self.signature}>"


def kernel(signature: str) -> Callable[[_Function], _Function]:
    """Make a function a kernel.

    Parameters
    ----------
    signature : str
        C-contiguous arrays and scalars, such as ``"void(float32[::1], float64[:, ::1], int64)"``. A call
        with any other dtype or layout raises TypeError.

    Thread: main. Allocates: yes.
    """

    def made(function: _Function) -> _Function:
        if COMPILES:
            from rt_automix.native.frontend import declare

            return cast(_Function, declare(function, signature))
        return cast(_Function, Kernel(function, signature)) if JIT_ENABLED else function

    return made


def bound(made: Callable[..., Any], *last: Any) -> Callable[..., Any]:
    """A kernel with its last arguments given once and for all, so that a call costs a third.

    Parameters
    ----------
    made : kernel
    *last : arrays and scalars
        As many of its last arguments as there are; arrays are kept, not copied.

    Raises
    ------
    TypeError
        An array is not that of the signature.

    Thread: main. Allocates: yes.
    """
    if isinstance(made, Kernel):
        return abi.caller(made.py_func, made.signature, made.address, last)
    return lambda *first: made(*first, *last)


def address_of(made: Callable[..., Any]) -> int:
    """Where C finds a kernel; it is compiled and loaded if it is not yet.

    Thread: main. Allocates: yes.
    """
    if not isinstance(made, Kernel):
        raise TypeError(f"{made!r} is no compiled kernel: it has no address.")
    return made.address


def source_of(function: Callable[..., Any]) -> sources.Source:
    """The module that a kernel is in.

    Thread: main. Allocates: yes.
    """
    module = sys.modules[function.__module__]
    path = Path(str(module.__file__)).resolve()
    name = function.__module__
    if name == "__main__":  # run by its name or as a script
        spec = getattr(module, "__spec__", None)
        name = spec.name if spec else path.stem
    return sources.at(name, path)


@functools.cache
def _object_of(source: sources.Source) -> Path:
    """A module's object; compiled now if it has not been."""
    found = store.object_of(source)
    if found is None:
        try:
            # What else has been imported will be wanted as well: better all at once than one after another.
            for _ in build.build({source, *map(source_of, _IMPORTED.values())}, [host()]):
                pass
        except build.BuildError as error:
            failure = error
        found = store.object_of(source)
        if found is None:
            raise failure
    store.note_use(found)
    return found
