"""All compiled functions of the package, wherever they are."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from rt_automix import dsp
from rt_automix.dsp import jit


def compile_missing() -> Iterator[tuple[int, int]]:
    """Compile what has not been on this machine; yields (done, total), nothing where all is there.

    Thread: main. Allocates: yes.
    """
    if jit.is_warm():
        return
    for module in pkgutil.iter_modules(dsp.__path__, f"{dsp.__name__}."):
        import_module(module.name)
    import_module("rt_automix.io.callbacks")
    yield from jit.compile_all()
