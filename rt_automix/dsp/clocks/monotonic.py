"""The monotonic clock for compiled code, so that a callback can time itself."""

from __future__ import annotations

import sys
import time

from rt_automix.dsp.jit import COMPILES, JIT_ENABLED, kernel

_MONOTONIC = 6 if sys.platform == "darwin" else 1
_IS_WINDOWS = sys.platform == "win32"

if COMPILES:
    from numba import types

    # Found by name in the running process, so that the compiled code may be cached.
    _clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uintp))
    _counter = types.ExternalFunction("QueryPerformanceCounter", types.int32(types.uintp))
    _frequency = types.ExternalFunction("QueryPerformanceFrequency", types.int32(types.uintp))


if not JIT_ENABLED:

    @kernel("int64(int64[::1])")
    def now_ns(scratch):
        """Monotonic time in nanoseconds. Thread: audio. Allocates: no."""
        return time.monotonic_ns()

elif _IS_WINDOWS:

    @kernel("int64(int64[::1])")
    def now_ns(scratch):
        """Monotonic time in nanoseconds; `scratch` is int64, shape (2,). Thread: audio. Allocates: no."""
        _counter(scratch.ctypes.data)
        ticks = scratch[0]
        _frequency(scratch.ctypes.data)
        per_s = scratch[0]
        return (ticks // per_s) * 1_000_000_000 + (ticks % per_s) * 1_000_000_000 // per_s

else:

    @kernel("int64(int64[::1])")
    def now_ns(scratch):
        """Monotonic time in nanoseconds; `scratch` is int64, shape (2,). Thread: audio. Allocates: no."""
        _clock_gettime(_MONOTONIC, scratch.ctypes.data)
        return scratch[0] * 1_000_000_000 + scratch[1]
