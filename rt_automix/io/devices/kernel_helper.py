"""A process that compiles kernels for another, into the cache: a name a line comes in, and goes out when done."""

from __future__ import annotations

import sys

from rt_automix.dsp import jit
from rt_automix.io.devices.kernels import import_all


def main() -> None:
    """Compile until nothing more comes in. Thread: main. Allocates: yes."""
    import_all()
    _say(str(jit.CACHE_FOLDER))
    for line in sys.stdin:
        name = line.rstrip("\n")
        jit.compile_one(name)
        _say(name)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
