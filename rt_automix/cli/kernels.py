"""The first run on a machine compiles the audio engine, where no object was shipped; this says so while it does."""

from __future__ import annotations

import sys

from rt_automix.cli import terminal

DOING = "compiling the audio engine for this processor, first run only"


def ensure_compiled(user: str) -> None:
    """Compile every kernel that a module needs and that has not been on this machine, with progress on stderr."""
    from rt_automix.native import build

    if build.is_warm(user):
        return
    if not sys.stderr.isatty():
        terminal.remark(f"{DOING.capitalize()} ...")
    with terminal.progress() as show:
        for done, total in build.compile_missing(user):
            show(DOING, done / total)
