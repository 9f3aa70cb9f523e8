"""Kernels that Python calls with nothing between: they take the array as an object, and look at it themselves.

To unfold an array costs Python and cffi a microsecond, a quarter of a block of 64 samples. A method of C in
CPython costs nothing, but must know where an array keeps its data: `PyArrayObject_fields` of numpy's C interface.
Whether that holds here is asked of an array whose data are known (`is_possible`); where it does not, there is cffi.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.foreign import call_for_pointer, int64_at
from rt_automix.dsp.jit import Kernel, kernel

# Where an object keeps its type, and an array its data, dimensions (and how many), dtype and flags.
_TYPE, _DATA, _DIMENSIONS, _SHAPE, _DTYPE, _FLAGS, _SIZE = 8, 16, 24, 32, 56, 64, 72
_LOW_HALF = 0xFFFFFFFF
_NEEDED_FLAGS = 0x0001 | 0x0100 | 0x0400
"""C-contiguous, aligned, writable."""

# What a kernel must know of the Python that calls it.
_NDARRAY, _FLOAT32, _NONE, _REFERENCE, _LET_GO, _TAKE_BACK = range(6)
PYTHON_SIZE = 6


@kernel("int64(int64)")
def data_of(array):
    """Where an array has its data; `array` is the address of the object.

    Thread: audio (from Python, its lock held). Allocates: no.
    """
    return int64_at(array + _DATA, 1)[0]


@kernel("int64(int64)")
def samples_of(array):
    """How long the rows of a two-dimensional array are.

    Thread: audio (from Python, its lock held). Allocates: no.
    """
    return int64_at(int64_at(array + _SHAPE, 1)[0], 2)[1]


@kernel("boolean(int64, int64[::1])")
def is_stereo(thing, python):
    """Whether an object is an array that a block of two channels can be mastered in.

    Thread: audio (from Python, its lock held). Allocates: no.
    """
    if int64_at(thing + _TYPE, 1)[0] != python[_NDARRAY]:
        return False
    array = int64_at(thing, _SIZE // 8)
    if array[_DTYPE // 8] != python[_FLOAT32] or array[_DIMENSIONS // 8] & _LOW_HALF != 2:
        return False
    return array[_FLAGS // 8] & _NEEDED_FLAGS == _NEEDED_FLAGS and int64_at(array[_SHAPE // 8], 1)[0] == 2


@kernel("int64(int64[::1])")
def let_go(python):
    """Give up the interpreter's lock; what `take_back` wants.

    Thread: audio (from Python, its lock held). Allocates: no.
    """
    return call_for_pointer(python[_LET_GO], 0, 0)


@kernel("void(int64[::1], int64)")
def take_back(python, thread):
    """Wait for the interpreter's lock.

    Thread: audio (from Python). Allocates: no.
    """
    call_for_pointer(python[_TAKE_BACK], thread, 0)


@kernel("int64(int64[::1])")
def none(python):
    """None, as a method of C returns it.

    Thread: audio (from Python, its lock held). Allocates: no.
    """
    call_for_pointer(python[_REFERENCE], python[_NONE], 0)
    return python[_NONE]


@kernel("int64(int64[::1], int64)")
def itself(python, thing):
    """Another object, as a method of C returns it.

    Thread: audio (from Python, its lock held). Allocates: no.
    """
    call_for_pointer(python[_REFERENCE], thing, 0)
    return thing


def python() -> NDArray[np.int64]:
    """What these kernels must know: int64, shape (PYTHON_SIZE,).

    Thread: main. Allocates: yes.
    """
    calls = (ctypes.pythonapi.Py_IncRef, ctypes.pythonapi.PyEval_SaveThread, ctypes.pythonapi.PyEval_RestoreThread)
    addresses = (ctypes.cast(call, ctypes.c_void_p).value for call in calls)
    return np.array([id(np.ndarray), id(np.dtype(np.float32)), id(None), *addresses])


@cache
def is_possible() -> bool:
    """Whether objects of this Python and arrays of this numpy are laid out as these kernels think.

    Thread: main. Allocates: yes.
    """
    if sys.implementation.name != "cpython" or sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    array = np.zeros((2, 7), np.float32)
    read = (ctypes.c_int64 * (_SIZE // 8)).from_address(id(array))
    here = read[_TYPE // 8], read[_DATA // 8], read[_DTYPE // 8], read[_DIMENSIONS // 8] & _LOW_HALF
    if here != (id(np.ndarray), array.ctypes.data, id(array.dtype), 2):
        return False
    shape = tuple((ctypes.c_int64 * 2).from_address(read[_SHAPE // 8]))
    return shape == array.shape and read[_FLAGS // 8] & _LOW_HALF == array.flags.num


class _Definition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


_ONE_ARGUMENT = 0x0008
_KEPT: dict[int, _Definition] = {}
"""Definitions, by what they are of: CPython refers to them as long as a method lives."""


def method(made: Callable[..., Any], held: NDArray[np.int64]) -> Callable[[Any], Any]:
    """A function of Python that is a kernel of two addresses: of `held`, and of the object it is called with.

    Parameters
    ----------
    made : kernel "int64(int64, int64)"
        Returns the address of an object to which it has counted a reference.
    held : int64
        Kept as long as the function is.

    Thread: main. Allocates: yes.
    """
    address = cast("Kernel", made).address
    definition = _KEPT.setdefault(address, _Definition(made.__name__.encode(), address, _ONE_ARGUMENT, None))
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    built: Callable[[Any], Any] = new(ctypes.addressof(definition), held, None)
    return built
