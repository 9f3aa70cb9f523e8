"""What is taken away comes back: how long until there is sound again, and whether all is as it was.

The real `rt-automix live` beside a real PipeWire of this command's own. Another program plays a known noise into one
side of it and is joined to both; one of our outputs goes to both sides of a sink, the other to nothing: as nobody but
a user would patch it. A third program listens to what the sink plays. Then a thing is taken away and given back, again
and again. Time runs from the moment at which all of it is back, as its owner sees it, until sound is heard; links and
controls must be what they were; and a second of what is heard before and after is compared with the engine's, which at
amount 0 is what came in, sample for sample. A second that a busy machine has torn is listened to again.
"""

from __future__ import annotations

import itertools
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.progress import Progress
from rich.table import Table

from bench.common import jackd, pipewired, report
from bench.common.pipewired import PipeWire, wait_for
from bench.common.program import Program
from bench.live import recovery_picture
from bench.live.recovery_client import LIMIT_S, Client

BACKENDS = ("jack", "portaudio")
SINK = "Main"
QUANTUM = 1024
"""So large that the programs around ours, which are Python, are in time on a busy machine."""

NULL_LIN = 1e-6
MOST_SECONDS = 20
"""So often a second is listened to again."""

SETTLE_S = 1.0
"""What was taken away is believed to be so."""

GOAL_MEDIAN_S, GOAL_WORST_S = 2.0, 4.0
SET = {"amount": 0.0, "target_lufs": -17.5, "trim.air_db": 1.5}


class Stage:
    """Server, program, the one that plays and the one that hears.

    Parameters
    ----------
    backend : str
    folder : path
    """

    def __init__(self, backend: str, folder: Path) -> None:
        self.backend = backend
        self.server = PipeWire()
        self._folder = folder
        self._rates_hz = itertools.cycle((44_100, 48_000))

    @property
    def outs(self) -> list[str]:
        """Our outputs: JACK's numbers begin at 1, PortAudio's at 0."""
        return [f"rt_automix:out_{k}" for k in ((1, 2) if self.backend == "jack" else (0, 1))]

    def set_up(self) -> None:
        """Everything plays, patched by hand."""
        self.server.start()
        self.server.create(SINK)
        self.server.quantum(QUANTUM)
        self.program = Program(self.server, self._folder, "--backend", self.backend)  # type: ignore[arg-type]
        self.program.wait_until_playing()
        for name, value in SET.items():
            self.program.command(set={name: value})
        self.player = Client(self.server.environment, "player")
        self.ears = Client(self.server.environment, "ears")
        left, right = self.outs
        ins = [out.replace("out", "in") for out in self.outs]
        wait_for(lambda: (right, f"{SINK}:playback_FR") in self.server.links(), "our links")
        self.server.run("jack_disconnect", right, f"{SINK}:playback_FR")
        self.links = {("player:out_1", port) for port in ins}
        self.links |= {(left, f"{SINK}:playback_F{side}") for side in "LR"}
        for pair in self.links:
            self.server.run("jack_connect", *pair)
        self.listen()
        self.links |= {(f"{SINK}:monitor_F{side}", f"ears:in_{k}") for k, side in enumerate("LR", 1)}
        wait_for(self.is_patched, "links")
        self.ears.first_sound_at()
        time.sleep(SETTLE_S)

    def listen(self) -> None:
        """Have the one that hears hear what the sink plays."""
        self.ears.hear(f"{SINK}:monitor_FL", f"{SINK}:monitor_FR")

    def is_patched(self) -> bool:
        """Whether all links are what they were, and no others are there."""
        return self.server.links() == self.links

    def has_kept(self) -> bool:
        """Whether the controls are what they were."""
        controls = self.program.status["controls"]
        found = {**controls, **{f"trim.{name}": value for name, value in controls["trims"].items()}}
        return all(found.get(name) == value for name, value in SET.items())

    def null(self) -> tuple[float, int]:
        """The residual of a second at the sink, linear, and how many were listened to until one was whole."""
        count, residual_lin = 0, np.inf
        while count < MOST_SECONDS and residual_lin >= NULL_LIN:
            count, residual_lin = count + 1, max(self.ears.second())
        return residual_lin, count

    def close(self) -> None:
        """End everything that was begun."""
        for name in ("player", "ears"):
            if hasattr(self, name):
                getattr(self, name).kill()
        if hasattr(self, "program"):
            self.program.__exit__()
        self.server.close()

    # What happens; each gives the seconds until there is sound ------------------------------------------

    def sink_returns(self) -> float:
        """The sink is destroyed and made again."""
        self.server.destroy(SINK)
        self.program.wait_for(lambda status: "nothing" in status["text"])
        self.server.create(SINK)
        return self._sound_from(time.monotonic())

    def server_is_killed(self) -> float:
        """PipeWire is killed and started again, and everybody else, too."""
        self.server.stop(signal.SIGKILL)
        self.player.kill()
        self.ears.kill()
        self.program.wait_for(lambda status: status["state"] != "playing")
        self.server.start()
        self.server.create(SINK)
        self.server.quantum(QUANTUM)
        self.player = Client(self.server.environment, "player")
        began = time.monotonic()
        self.ears = Client(self.server.environment, "ears")
        return self._sound_from(began)

    def quantum_changes(self) -> float:
        """Blocks of 32 samples, of 2048, and of what they were: the slowest of the three."""
        times_s = []
        for samples in (32, 2048, QUANTUM):
            block = samples if self.backend == "jack" else min(samples, 1024)  # PortAudio cuts longer ones
            began = time.monotonic()
            self.server.quantum(samples)
            self.program.wait_for(lambda status, block=block: status["timing"]["block_samples"] == block)
            times_s.append(self._sound_from(began))
        return max(times_s)

    def rate_changes(self) -> float:
        """44.1 kHz and 48 kHz, in turn."""
        rate_hz = next(self._rates_hz)
        began = time.monotonic()
        self.server.rate(rate_hz)
        self.program.wait_for(lambda status: status["sample_rate_hz"] == rate_hz and status["state"] == "playing")
        return self._sound_from(began)

    def owner_is_killed(self) -> float:
        """The program that plays into ours is killed and started again."""
        self.player.kill()
        self.program.wait_for(lambda status: "player:out_1" in status["text"])
        self.player = Client(self.server.environment, "player")
        return self._sound_from(time.monotonic())

    def _sound_from(self, began: float) -> float:
        self.listen()
        return self.ears.first_sound_at() - began


EVENTS: dict[str, Callable[[Stage], float]] = {
    "sink destroyed and returned": Stage.sink_returns,
    "PipeWire killed": Stage.server_is_killed,
    "quantum 32, 2048 and back": Stage.quantum_changes,
    "rate changed": Stage.rate_changes,
    "owner of the patched ports killed": Stage.owner_is_killed,
}


@contextmanager
def _stage(backend: str) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        stage = Stage(backend, Path(name))
        try:
            stage.set_up()
            yield stage
        finally:
            stage.close()


def measure(stage: Stage, happen: Callable[[Stage], float]) -> dict[str, Any]:
    """One thing taken away and given back."""
    before_lin, before_count = stage.null()
    try:
        seconds, wrong = happen(stage), ""
    except (RuntimeError, AssertionError) as error:
        seconds, wrong = LIMIT_S, str(error)
    try:
        wait_for(stage.is_patched, "links", GOAL_WORST_S)
        is_patched = True
    except AssertionError:
        is_patched = False
    after_lin, after_count = stage.null()
    return {
        "wrong": wrong,
        "seconds": seconds,
        "is_patched": is_patched,
        "has_kept": stage.has_kept(),
        "null_before_lin": before_lin,
        "null_after_lin": after_lin,
        "seconds_heard": [before_count, after_count],
        "links_astray": sorted(map(list, stage.server.links() ^ stage.links)),
    }


def run(times: int, backends: tuple[str, ...], only: list[str], out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    if not pipewired.is_there():
        report.console.print(f"bench recovery is skipped. It needs {pipewired.CURE}", markup=False)
        return
    if jackd.is_missing("recovery"):
        return
    events = {name: happen for name, happen in EVENTS.items() if not only or any(word in name for word in only)}
    rows: list[dict[str, Any]] = []
    with Progress(console=report.console, transient=True) as progress:
        task = progress.add_task("", total=len(backends) * len(events) * times)
        for backend in backends:
            with _stage(backend) as stage:
                for name, happen in events.items():
                    progress.update(task, description=f"{name}, {backend}")
                    row: dict[str, Any] = {"event": name, "backend": backend, "runs": []}
                    rows.append(row)
                    for _ in range(times):
                        row["runs"].append(measure(stage, happen))
                        progress.advance(task)
    results = {"rows": [_summed(row) for row in rows]}
    _print(results["rows"])
    settings = {"times": times, "backends": backends, "quantum_samples": QUANTUM, "null_lin": NULL_LIN}
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
    table = Table("what happens", "by way of", "times", "median s", "worst s", "links", "controls", "null", "at once",
                  title="Until there is sound again, and what is as it was", title_justify="left",
                  box=box.SIMPLE_HEAD)  # fmt: skip
    for row in rows:
        counts = (str(row[name]) for name in ("patched", "kept", "nulls", "at_once"))
        times = len(row["runs"])
        table.add_row(
            row["event"], row["backend"], str(times), f"{row['median_s']:.2f}", f"{row['worst_s']:.2f}", *counts
        )
    report.console.print(table)
    worst_lin = max(row["worst_null_lin"] for row in rows)
    report.console.print(
        f"null: a second before and a second after differ from the engine's by less than {NULL_LIN:g} of full scale "
        f"(worst {worst_lin:.1e}); at once: the first seconds that were listened to did. "
        f"Goal: median at most {GOAL_MEDIAN_S:g} s, worst {GOAL_WORST_S:g} s."
    )
