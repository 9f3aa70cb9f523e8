"""How a kernel is called as C: a pointer and its lengths for each array, scalars as they are.

Only C-contiguous arrays and plain scalars have a place in a signature, so that any language can call a kernel.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import _cffi_backend
import numpy as np

# By the name in a signature: in C, in LLVM.
SCALARS = {
    "float64": ("double", "double"),
    "float32": ("float", "float"),
    "int64": ("int64_t", "i64"),
    "uint64": ("uint64_t", "i64"),
    "int32": ("int32_t", "i32"),
    "uint32": ("uint32_t", "i32"),
    "int16": ("int16_t", "i16"),
    "uint16": ("uint16_t", "i16"),
    "int8": ("int8_t", "i8"),
    "uint8": ("uint8_t", "i8"),
    "boolean": ("_Bool", "i8"),
}
_ITEMS = {**{name: name for name in SCALARS}, "boolean": "bool", "complex64": "complex64", "complex128": "complex128"}

RAISED = "rt_raised."
"""Begins the name of what an object would call if a kernel could raise: where optimising leaves it, it can."""

_FFI = _cffi_backend.FFI()  # the part of cffi that needs no parser of C
_BYTES = _FFI.typeof("uint8_t[]")


_SIGNATURE = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_ARGUMENT = re.compile(r"[^,\[\]]+(?:\[[^\]]*\])?")


@dataclass(frozen=True)
class Kind:
    """One argument: a scalar (`dimensions` 0) or a C-contiguous array."""

    name: str
    dimensions: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its items."""
        return np.dtype(_ITEMS[self.name])

    def __str__(self) -> str:
        return f"{self.name}[{'::1' if self.dimensions == 1 else ':, ' * (self.dimensions - 1) + '::1'}]" if (
            self.dimensions
        ) else self.name  # fmt: skip


@dataclass(frozen=True)
class Signature:
    """What a kernel takes and gives; `returns` is empty for nothing."""

    returns: str
    takes: tuple[Kind, ...]

    def __str__(self) -> str:
        return f"{self.returns or 'void'}({', '.join(map(str, self.takes))})"

    @property
    def pointer(self) -> str:
        """C's type of a pointer to it."""
        takes: list[str] = []
        for kind in self.takes:
            takes += ["void*", *["int64_t"] * kind.dimensions] if kind.dimensions else [SCALARS[kind.name][0]]
        return f"{SCALARS[self.returns][0] if self.returns else 'void'}(*)({', '.join(takes)})"


def parse(text: str) -> Signature:
    """Read a signature such as ``"void(float32[:, ::1], int64)"``.

    Raises
    ------
    TypeError
        Something in it cannot be called as C.
    """
    whole = _SIGNATURE.fullmatch(text)
    if not whole:
        raise TypeError(f"{text!r} is no signature of a kernel. Write it like 'void(float32[::1], int64)'.")
    returns, inside = whole.groups()
    if returns != "void" and returns not in SCALARS:
        raise TypeError(f"A kernel returns void or one of {', '.join(SCALARS)}, not {returns} ({text}).")
    takes = _ARGUMENT.findall(inside)
    try:
        return Signature("" if returns == "void" else returns, tuple(map(_kind, takes)))
    except TypeError as error:
        raise TypeError(f"{text}: {error}") from None


@cache
def _kind(text: str) -> Kind:
    found = re.fullmatch(r"\s*(\w+)\s*(?:\[((?:\s*:\s*,)*)\s*::1\s*\])?\s*", text)
    if not found or found[1] not in (_ITEMS if "[" in text else SCALARS):
        raise TypeError(
            f"A kernel takes C-contiguous arrays such as float32[:, ::1] and scalars ({', '.join(SCALARS)}), "
            f"not {text.strip()!r}."
        )
    return Kind(found[1], found[2].count(",") + 1 if "[" in text else 0)


def caller(
    function: Callable[..., Any], signature: Signature, address: int, bound: Sequence[Any] = ()
) -> Callable[..., Any]:
    """A Python function that checks its arguments and calls the compiled one, without the interpreter's lock.

    Parameters
    ----------
    function : the kernel in Python, for names
    signature : Signature
    address : int
        Of what `signature.pointer` describes.
    bound : sequence
        The last arguments, where they are always the same: checked here, once.
    """
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    open_count = len(names) - len(bound)
    scope: dict[str, Any] = {
        "_call": _FFI.cast(signature.pointer, address),
        "_view": _FFI.from_buffer,
        "_bytes": _BYTES,
        "_whole": operator.index,
    }
    unpack, tests, views, passed = [], [], [], []
    for name, kind in zip(names[:open_count], signature.takes, strict=False):
        if not kind.dimensions:
            # cffi would take numpy.float32(2.7) for the integer 2.
            passed.append(f"_whole({name})" if np.issubdtype(kind.dtype, np.integer) else name)
            continue
        scope[f"_{kind.name}"] = kind.dtype
        lengths = [f"_{name}_{axis}" for axis in range(kind.dimensions)]
        unpack.append(f"{', '.join(lengths)}, = {name}.shape")
        tests.append(f"{name}.dtype is not _{kind.name}")
        views.append(f"_{name} = _view(_bytes, {name}, True)")
        passed += [f"_{name}", *lengths]
    for name, kind, value in zip(names[open_count:], signature.takes[open_count:], bound, strict=True):
        passed.append(f"_{name}")
        if kind.dimensions:
            _demand(f"{function.__name__}: {name}", kind, value)
            scope[f"_{name}"] = _FFI.from_buffer(_BYTES, value, True)
            passed += map(str, value.shape)
        else:
            scope[f"_{name}"] = operator.index(value) if np.issubdtype(kind.dtype, np.integer) else value

    taken = ", ".join(names[:open_count])

    def refuse(*arguments: Any) -> None:
        for name, kind, value in zip(names, signature.takes, arguments, strict=False):
            if kind.dimensions:
                _demand(f"{function.__name__}({', '.join(names)}): {name}", kind, value)

    scope["_refuse"] = refuse
    lines = [f"def {function.__name__}({taken}):"]
    if views:
        lines += [
            "    try:",
            *(f"        {line}" for line in unpack),
            f"        if {' or '.join(tests)}:",
            f"            _refuse({taken})",
            *(f"        {line}" for line in views),
            "    except (AttributeError, ValueError, BufferError, TypeError):",
            f"        _refuse({taken})",
            "        raise",
        ]
    lines.append(f"    return _call({', '.join(passed)})")
    exec("\n".join(lines), scope)  # what is written out by hand costs a third of a loop over the arguments
    made: Callable[..., Any] = scope[function.__name__]
    return made


def _demand(place: str, kind: Kind, value: Any) -> None:
    """Raise TypeError unless a value is the array that a signature names."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{place} is {kind}, not {type(value).__name__}")
    found = f"{value.dtype}[{value.ndim}-d{'' if value.flags.c_contiguous else ', not C-contiguous'}"
    found += f"{'' if value.flags.writeable else ', read-only'}]"
    if value.dtype != kind.dtype or value.ndim != kind.dimensions or "," in found:
        raise TypeError(f"{place} is {kind}, not {found}")


def symbol(module: str, function: str) -> str:
    """The name that C knows a kernel by."""
    return f"{module}.{function}".replace(".", "_")


def wrapper(module: str, function: str, signature: Signature, inner: str, inner_types: Sequence[str]) -> str:
    """LLVM's text of the function that C calls: it unfolds each array for numba's way of calling.

    Parameters
    ----------
    inner : name of the function in numba's way of calling
    inner_types : LLVM's types of what that takes
    """
    takes, body, given = [], [], ["ptr %result", "ptr %failure"]
    result = SCALARS[signature.returns][1] if signature.returns else "ptr"
    for place, kind in enumerate(signature.takes):
        name = f"%a{place}"
        if not kind.dimensions:
            takes.append(f"{_extended(kind.name)} {name}")
            if inner_types[len(given)] == "i1":
                body.append(f"{name}.bit = trunc i8 {name} to i1")
                name = f"{name}.bit"
            given.append(f"{inner_types[len(given)]} {name}")
            continue
        lengths = [f"{name}.n{axis}" for axis in range(kind.dimensions)]
        takes += [f"ptr {name}", *(f"i64 {length}" for length in lengths)]
        strides, count = [str(kind.dtype.itemsize)], lengths[-1]
        for axis in range(kind.dimensions - 2, -1, -1):
            body.append(f"{name}.s{axis} = mul i64 {strides[0]}, {lengths[axis + 1]}")
            body.append(f"{name}.c{axis} = mul i64 {count}, {lengths[axis]}")
            strides, count = [f"{name}.s{axis}", *strides], f"{name}.c{axis}"
        given += ["ptr null", "ptr null", f"i64 {count}", f"i64 {kind.dtype.itemsize}", f"ptr {name}"]
        given += [f"i64 {value}" for value in (*lengths, *strides)]
    body = ["%failure = alloca ptr", f"%result = alloca {result}", *body]
    body += [
        f'%status = call i32 @"{inner}"({", ".join(given)})',
        "%raised = icmp ne i32 %status, 0",
        "br i1 %raised, label %bad, label %good",
        "bad:",
        f'call void @"{RAISED}{function}"()',
        "br label %good",
        "good:",
    ]
    body += [f"%value = load {result}, ptr %result", f"ret {result} %value"] if signature.returns else ["ret void"]
    returned = _extended(signature.returns) if signature.returns else "void"
    lines = "\n".join(f"  {line}" for line in body)
    head = f'declare void @"{RAISED}{function}"()\n'
    # Never inlined: whoever calls a door calls the one that there is.
    outer = f"{_last_first(returned)} @{symbol(module, function)}({', '.join(takes)})"
    return f"{head}define {outer} noinline {{\n{lines}\n}}\n"


def stub(module: str, function: str, signature: Signature, inner: str, inner_types: Sequence[str]) -> str:
    """LLVM's text of the opposite of `wrapper`: called in numba's way, it calls as C does."""
    names = [f"%p{place}" for place in range(len(inner_types))]
    body, given, place = [], [], 2  # behind the places of the result and of a failure
    for kind in signature.takes:
        if kind.dimensions:
            shape = names[place + 5 : place + 5 + kind.dimensions]
            given += [f"ptr {names[place + 4]}", *(f"i64 {length}" for length in shape)]
            place += 5 + 2 * kind.dimensions
            continue
        name = names[place]
        if inner_types[place] == "i1":
            body.append(f"{name}.byte = zext i1 {name} to i8")
            name = f"{name}.byte"
        given.append(f"{_extended(kind.name)} {name}")
        place += 1
    returned = _last_first(_extended(signature.returns)) if signature.returns else "void"
    outer = symbol(module, function)
    call = f"call {returned} @{outer}({', '.join(given)})"
    result = SCALARS[signature.returns][1] if signature.returns else ""
    body += [f"%value = {call}", f"store {result} %value, ptr %p0"] if result else [call]
    lines = "\n".join(f"  {line}" for line in [*body, "ret i32 0"])
    taken = ", ".join(f"{kind} {name}" for kind, name in zip(inner_types, names, strict=True))
    declared = f"declare {returned} @{outer}({', '.join(value.rpartition(' ')[0] for value in given)})\n"
    return f'{declared}define i32 @"{inner}"({taken}) alwaysinline {{\n{lines}\n}}\n'


def _extended(name: str) -> str:
    """LLVM's type of a scalar as C passes it."""
    kind = SCALARS[name][1]
    if kind in ("i8", "i16"):
        return f"{kind} {'signext' if name.startswith('int') else 'zeroext'}"
    return kind


def _last_first(returned: str) -> str:
    """Attributes of what is returned stand before its type."""
    return " ".join(reversed(returned.split()))
