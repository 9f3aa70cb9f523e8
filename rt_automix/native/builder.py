"""A process that compiles for another: a line of JSON comes in for each task, and one goes out when it is done."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from rt_automix.native import store
from rt_automix.native.levels import Level


def main() -> None:
    """Work until nothing more comes in. Thread: main. Allocates: yes."""
    gc.disable()  # a compiler makes much and drops little: looking for it is a tenth of the time
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    with contextlib.redirect_stdout(sys.stderr):  # whatever a module prints while it is imported
        for line in sys.stdin:
            answers.write(json.dumps({"failure": _done(json.loads(line))}) + "\n")
            answers.flush()


def _done(task: dict[str, Any]) -> str | None:
    """Do a task; what went wrong."""
    try:
        if "level" in task:
            from rt_automix.native import emit

            places = {name: Path(path) for name, path in task["bitcodes"].items()}
            content = emit.object_code(Path(task["bitcode"]), places, Level(**task["level"]), set(task["doors"]))
        else:
            from rt_automix.native import frontend

            doors, content = frontend.module_ir(task["module"], Path(task["source"]))
            store.keep(Path(task["doors"]), doors)
        store.keep(Path(task["result"]), content)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    main()
