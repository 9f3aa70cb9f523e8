"""What is taken away comes back: how long until there is sound again, and whether all is as it was.

The real `rt-automix live` beside a real PipeWire and a real jackd of this command's own. Another program plays a known
noise into one side of it and is joined to both; one of our outputs goes to both sides of a sink, the other to nothing:
as nobody but a user would patch it. A third program listens to what is played. Then a thing is taken away and given
back, again and again. Time runs from the moment at which all of it is back, as its owner sees it, until sound is heard;
links and controls must be what they were; and a second of what is heard before and after is compared with the engine's,
which at amount 0 is what came in, sample for sample. A second that a busy machine has torn is listened to again.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.progress import Progress
from rich.table import Table

from bench.common import jackd, pipewired, report
from bench.common.pipewired import wait_for
from bench.live import recovery_picture
from bench.live.recovery_client import LIMIT_S
from bench.live.recovery_stage import BLOCK_SAMPLES, EVENTS, NULL_LIN, STAGES, Stage

BACKENDS = ("jack", "portaudio")
SERVERS = tuple(STAGES)
GOAL_MEDIAN_S, GOAL_WORST_S = 2.0, 4.0


@contextlib.contextmanager
def _stage(server: str, backend: str) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        stage = STAGES[server](backend, Path(name))
        try:
            stage.set_up()
            yield stage
        finally:
            stage.close()


def measure(stage: Stage, happen: Callable[[Stage], float]) -> dict[str, Any]:
    """One thing taken away and given back. Where that went wrong, a stage in an unknown state is left."""
    found: dict[str, Any] = {"wrong": "", "seconds": LIMIT_S, "is_patched": False, "has_kept": False}
    found |= {"null_before_lin": 1.0, "null_after_lin": 1.0, "seconds_heard": [], "links_astray": []}
    try:
        found["null_before_lin"], before_count = stage.null()
        found["seconds"] = happen(stage)
        with contextlib.suppress(AssertionError):
            wait_for(stage.is_patched, "links", GOAL_WORST_S)
            found["is_patched"] = True
        found["null_after_lin"], after_count = stage.null()
        found["seconds_heard"] = [before_count, after_count]
        found["has_kept"] = stage.has_kept()
        found["links_astray"] = sorted(map(list, stage.server.links() ^ stage.links))
    except (RuntimeError, AssertionError) as error:
        found["wrong"] = str(error)
    return found


def run(times: int, backends: tuple[str, ...], servers: tuple[str, ...], only: list[str], out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    if "pipewire" in servers and not pipewired.is_there():
        report.console.print(f"bench recovery is skipped. It needs {pipewired.CURE}", markup=False)
        return
    if jackd.is_missing("recovery"):
        return
    rows: list[dict[str, Any]] = []
    wanted = {
        (server, backend): {
            name: happen for name, happen in EVENTS[server].items() if not only or any(word in name for word in only)
        }
        for server in servers
        for backend in backends
    }
    with Progress(console=report.console, transient=True) as progress:
        task = progress.add_task("", total=times * sum(map(len, wanted.values())))
        for (server, backend), events in wanted.items():
            with contextlib.ExitStack() as stages:
                stage = stages.enter_context(_stage(server, backend))
                for name, happen in events.items():
                    progress.update(task, description=f"{name}, {backend}")
                    row: dict[str, Any] = {"event": name, "server": server, "backend": backend, "runs": []}
                    rows.append(row)
                    for _ in range(times):
                        row["runs"].append(measure(stage, happen))
                        progress.advance(task)
                        if wrong := row["runs"][-1]["wrong"]:
                            progress.console.print(f"{name}, {backend}: {wrong}; begun anew", markup=False)
                            stages.close()
                            stage = stages.enter_context(_stage(server, backend))
    results = {"rows": [_summed(row) for row in rows]}
    _print(results["rows"])
    settings = {"times": times, "backends": backends, "servers": servers}
    settings |= {"block_samples": BLOCK_SAMPLES, "null_lin": NULL_LIN}
    report.save("recovery", out, settings, results, recovery_picture.draw(results["rows"]))


def _summed(row: dict[str, Any]) -> dict[str, Any]:
    runs = row["runs"]
    seconds = [run["seconds"] for run in runs]
    return {
        **row,
        "median_s": float(np.median(seconds)),
        "worst_s": max(seconds),
        "patched": sum(run["is_patched"] for run in runs),
        "kept": sum(run["has_kept"] for run in runs),
        "nulls": sum(max(run["null_before_lin"], run["null_after_lin"]) < NULL_LIN for run in runs),
        "at_once": sum(run["seconds_heard"] == [1, 1] for run in runs),
        "worst_null_lin": max(max(run["null_before_lin"], run["null_after_lin"]) for run in runs),
    }


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("what happens", "on", "by way of", "times", "median s", "worst s", "links", "controls", "null",
                  "at once", title="Until there is sound again, and what is as it was", title_justify="left",
                  box=box.SIMPLE_HEAD)  # fmt: skip
    for row in rows:
        counts = (str(row[name]) for name in ("patched", "kept", "nulls", "at_once"))
        times = len(row["runs"])
        table.add_row(
            row["event"],
            row["server"],
            row["backend"],
            str(times),
            f"{row['median_s']:.2f}",
            f"{row['worst_s']:.2f}",
            *counts,
        )
    report.console.print(table)
    worst_lin = max(row["worst_null_lin"] for row in rows)
    report.console.print(
        f"null: a second before and a second after differ from the engine's by less than {NULL_LIN:g} of full scale "
        f"(worst {worst_lin:.1e}); at once: the first seconds that were listened to did. "
        f"Goal: median at most {GOAL_MEDIAN_S:g} s, worst {GOAL_WORST_S:g} s."
    )
