"""What a kernel is: a function of plain arrays that runs as machine code, for exactly one signature.

A kernel is compiled ahead, by a process of its own (`native`), into an object of its module; called for
the first time, it loads that. Its source stays Python: with ``NUMBA_DISABLE_JIT=1`` it runs as such.

A kernel comes into every kernel that calls it. One that is a door is compiled once, and called by all others:
what Python or C calls in production, and large ones that many kernels call, but none of them often.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from rt_automix.native import abi, build, loader, sources, store, symbols
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
    door : bool
    """

    def __init__(self, function: Callable[..., Any], signature: str, door: bool) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.signature, self.door = abi.parse(signature), door
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
        _load(sources.Unit(source, self.door))
        return loader.address_of(abi.symbol(source.name, self.py_func.__name__))

    def __repr__(self) -> str:
        return f"<kernel {self.py_func.__module__}.{self.py_func.__name__}: {self.signature}>"


def kernel(signature: str, *, door: bool = False) -> Callable[[_Function], _Function]:
    """Make a function a kernel.

    Parameters
    ----------
    signature : str
        C-contiguous arrays and scalars, such as ``"void(float32[::1], float64[:, ::1], int64)"``. A call
        with any other dtype or layout raises TypeError.
    door : bool
        It is called from outside; written out here, as it is read without running.

    Thread: main. Allocates: yes.
    """

    def made(function: _Function) -> _Function:
        if COMPILES:
            from rt_automix.native.frontend import declare

            return cast(_Function, declare(function, signature, door))
        return cast(_Function, Kernel(function, signature, door)) if JIT_ENABLED else function

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
def _load(unit: sources.Unit) -> None:
    """Load a unit's object, and before it those of the doors that it calls."""
    path = _object_of(unit)
    wanted = symbols.undefined(path.read_bytes())
    for called in unit.calls:
        if any(abi.symbol(called.source.name, door) in wanted for door in called.source.doors):
            _load(called)
    loader.load(path)


def _object_of(unit: sources.Unit) -> Path:
    """A unit's object; compiled now if it has not been."""
    found = store.object_of(unit)
    if found is None:
        imported = (other for function in _IMPORTED.values() for other in source_of(function).units)
        try:
            # What else has been imported will be wanted as well: better all at once than one after another.
            for _ in build.build({unit, *(other for other in imported if other.doors or not unit.doors)}, [host()]):
                pass
        except build.BuildError as error:
            failure = error
        found = store.object_of(unit)
        if found is None:
            raise failure
    store.note_use(found)
    return found
