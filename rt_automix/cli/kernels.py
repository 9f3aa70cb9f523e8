"""The first run on a machine compiles the audio engine; this says so while it does."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module


def ensure_compiled() -> None:
    """Compile every kernel that has not been on this machine, with progress on stderr."""
    from rt_automix import dsp
    from rt_automix.cli import terminal
    from rt_automix.dsp import jit

    if jit.is_warm():
        return
    doing = "compiling the audio engine for this processor, first run only"
    if not sys.stderr.isatty():
        terminal.remark(f"{doing.capitalize()} ...")
    for module in pkgutil.iter_modules(dsp.__path__, f"{dsp.__name__}."):
        import_module(module.name)
    import_module("rt_automix.engine.chain")
    with terminal.progress() as show:
        for done, total in jit.compile_all():
            show(doing, done / total)
