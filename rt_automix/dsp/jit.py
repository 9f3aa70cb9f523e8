"""How every kernel is compiled: one set of flags, one cache that a source edit anywhere invalidates.

Numba's cache watches only the file that holds a function, so an edit in a file it calls would go
unnoticed. The cache folder therefore carries a hash of all the package's sources.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding
import numba
import platformdirs

_Function = TypeVar("_Function", bound=Callable[..., Any])

# No `nnan`/`ninf`: under them `abs(x) <= limit` no longer catches a NaN. No `reassoc`: a loop's
# remainder could then round differently from its body, and the sound would depend on the block size.
FLAGS = frozenset({"contract", "nsz"})

_PACKAGE = Path(__file__).resolve().parent.parent


def _source_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for folder in ("dsp", "engine"):
        for path in sorted((_PACKAGE / folder).glob("*.py")):
            digest.update(path.name.encode())
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


def is_warm() -> bool:
    """Whether every kernel has been compiled and cached for this source and processor.

    Thread: main. Allocates: yes.
    """
    return _WARM.exists() or not JIT_ENABLED


def mark_warm() -> None:
    """Say so, once every kernel module has been imported.

    Thread: main. Allocates: yes.
    """
    with contextlib.suppress(OSError):
        _WARM.touch()


def kernel(signature: str) -> Callable[[_Function], _Function]:
    """Compile a function for the audio thread, for exactly one signature.

    Parameters
    ----------
    signature : str
        Numba's notation, such as ``"void(float32[::1], float64[::1])"``. A call with any other
        dtype or layout raises instead of compiling anew.

    Notes
    -----
    With ``NUMBA_DISABLE_JIT=1`` the function stays plain Python.
    Thread: main. Allocates: yes.
    """
    jit: Any = numba.njit
    compiled: Callable[[_Function], _Function] = jit(
        signature, cache=True, nogil=True, error_model="numpy", boundscheck=False, fastmath=set(FLAGS)
    )
    return compiled
