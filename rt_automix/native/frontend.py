"""Kernels in Python to IR, with numba: only in a process that compiles (`RT_AUTOMIX_COMPILES=1`).

Of numba only the front half is used: it types and lowers each kernel, into IR for no processor in
particular. A call of one kernel by another needs nothing but the other's signature, so each module is
translated by itself. No kernel becomes a function that Python could call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import sigutils
from numba.core.codegen import CPUCodeLibrary, JITCPUCodegen
from numba.core.funcdesc import FunctionDescriptor

from rt_automix.native import abi, access, passes

# No `nnan`/`ninf`: under them `abs(x) <= limit` no longer catches a NaN. No `reassoc`: a loop's
# remainder could then round differently from its body, and the sound would depend on the block size.
FLAGS = frozenset({"contract", "nsz"})

# `_nrt=False`: kernels own no arrays, so numba need not count references to the callers' (an atomic
# operation for every slice, a fifth of the chain's time), and one that allocates does not compile.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": False,
    "fastmath": set(FLAGS),
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": passes.Pipeline,
}

_KERNELS: dict[str, list[_Kernel]] = {}
"""By the module that they are in."""


class CompileError(Exception):
    """Something in a module cannot become machine code without Python."""


class _Library(CPUCodeLibrary):  # type: ignore[misc]
    """Keeps the text of what numba lowers; links, optimises and runs nothing."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.texts: list[str] = []

    def add_ir_module(self, ir_module: Any) -> None:
        self.texts.append(str(ir_module))

    def add_linking_library(self, library: Any) -> None:
        self._linking_libraries.append(library)

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 1  # never called

    def everything(self) -> Iterator[str]:
        """Its own text and that of all it refers to."""
        seen: list[Any] = []
        waiting: list[Any] = [self]
        while waiting:
            library = waiting.pop()
            if library not in seen:
                seen.append(library)
                waiting += library._linking_libraries
                yield from library.texts


_CODEGEN: Any = JITCPUCodegen
_CODEGEN._library_class = _Library
_CODEGEN.set_env = lambda *_: None
passes.remember()
access.register()


class _Kernel:
    """A kernel as other kernels see it: a signature and a name.

    Where it is a door they find a stub there that calls it as C does, whatever object it is in.
    """

    def __init__(self, function: Callable[..., Any], signature: str, door: bool) -> None:
        self.function, self.signature, self.door = function, abi.parse(signature), door
        self.symbol = f"{function.__module__}:{function.__name__}"
        self.body = f"{self.symbol}.body" if door else self.symbol
        jit: Any = numba.njit
        self.dispatcher = jit(**OPTIONS)(function)
        self.dispatcher.compile = self._declare
        self.dispatcher._compile_for_args = self._refuse
        self._takes, self._returns = sigutils.normalize_signature(signature)

    def _declare(self, _: Any) -> None:
        """What numba calls where another kernel calls this one."""
        if self._takes in self.dispatcher.overloads:
            return
        symbol, dispatcher = self.symbol, self.dispatcher
        descriptor = FunctionDescriptor(
            True, self.function.__module__, self.function.__qualname__, symbol, "", {}, self._returns, {},
            [f"a{k}" for k in range(len(self._takes))], None, argtypes=self._takes,
            mangler=lambda *_, **__: symbol,
        )  # fmt: skip
        dispatcher.targetctx.insert_user_function(symbol, descriptor, ())
        dispatcher.overloads[self._takes] = SimpleNamespace(
            signature=self._returns(*self._takes), entry_point=symbol, objectmode=False, interpmode=False
        )

    def _refuse(self, *_: Any) -> None:
        """What numba calls where Python calls this one."""
        raise CompileError(f"{self.symbol} is called while a module is imported. Nothing can run while it is compiled.")

    def texts(self) -> Iterator[str]:
        """The IR of its body, and of all that numba needs for it."""
        try:
            result = self.dispatcher._compiler.compile(self._takes, self._returns)
        except (numba.core.errors.NumbaError, TypeError) as error:
            raise CompileError(f"{self.symbol} does not compile: {error}") from error
        name = result.fndesc.mangled_name
        if result.signature.return_type != self._returns:
            raise CompileError(f"{self.symbol} returns {result.signature.return_type}, not {self._returns}.")
        for text in result.library.everything():
            yield text.replace(f'@"{name}"', f'@"{self.body}"').replace(f"@{name}(", f'@"{self.body}"(')


def declare(function: Callable[..., Any], signature: str, door: bool) -> Any:
    """Note a kernel of the module under way; what other kernels call it by."""
    made = _Kernel(function, signature, door)
    _KERNELS.setdefault(function.__module__, []).append(made)
    return made.dispatcher


def module_ir(name: str, path: Path) -> tuple[bytes, bytes]:
    """The bitcode of a module's kernels, for any processor, with the functions that C calls them by.

    Returns
    -------
    Doors, and what other kernels may take in: a door that came along would be there twice.

    Raises
    ------
    CompileError

    Thread: main. Allocates: yes.
    """
    _import(name, path)
    kernels = _KERNELS.get(name, [])
    doors, others = (_together(name, [kernel for kernel in kernels if kernel.door == door]) for door in (True, False))
    return doors, others


def _together(name: str, kernels: list[_Kernel]) -> bytes:
    whole = llvm.parse_assembly("")
    whole.name = name
    for kernel in kernels:
        whole.link_in(_alone(kernel))
        inner_types = [str(argument.type) for argument in whole.get_function(kernel.body).arguments]
        text = abi.wrapper(name, kernel.function.__name__, kernel.signature, kernel.body, inner_types)
        declared = f'declare i32 @"{kernel.body}"({", ".join(inner_types)})\n'
        whole.link_in(llvm.parse_assembly(declared + text))
    _link_doors(whole)
    whole.verify()
    bitcode: bytes = whole.as_bitcode()
    return bitcode


def _link_doors(whole: Any) -> None:
    """Give it the stubs of the doors that it calls."""
    doors = {kernel.symbol: kernel for kernels in _KERNELS.values() for kernel in kernels if kernel.door}
    for value in [value for value in whole.functions if value.is_declaration and value.name in doors]:
        door, types = doors[value.name], [str(argument.type) for argument in value.arguments]
        module, name = door.function.__module__, door.function.__name__
        whole.link_in(llvm.parse_assembly(abi.stub(module, name, door.signature, door.symbol, types)))
        whole.get_function(door.symbol).linkage = "internal"


def _alone(kernel: _Kernel) -> Any:
    """A kernel and what numba needs for it, of which nobody else sees anything."""
    whole = llvm.parse_assembly("")
    for text in kernel.texts():
        whole.link_in(llvm.parse_assembly(re.sub(r"^target (triple|datalayout).*$", "", text, flags=re.M)))
    for value in (*whole.functions, *whole.global_variables):
        if not value.is_declaration and value.name != kernel.body:
            value.linkage = "internal"
    return whole


def _import(name: str, path: Path) -> None:
    """A module by its name, or by its file where that name is another's or nobody's."""
    if name in _KERNELS:
        return
    try:
        module = import_module(name)
        if Path(str(module.__file__)).resolve() == path.resolve():
            return
    except ImportError:
        pass
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(module_from_spec(spec))
