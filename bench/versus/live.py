"""The rows about `rt-automix live`: what its processes hold in memory and take of a core, on a real server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.common import host, jackd
from bench.common.program import Program
from bench.versus.trees import CannotRun, Tree
from bench.versus.turns import Figures, Part, Target

PERIOD_SAMPLES = 128
HEARD_S = 12.0
"""Of music, before anything is read: the network is asked, and a second process stands by."""
WATCHED_S, QUICK_WATCHED_S = 10.0, 3.0
_FEEDER = Path(__file__).parent / "drivers" / "feeder.py"

ROWS = (
    Target("pss_mb", "memory of live, all its processes (PSS)", "MB", True, 0.5, 0.3),
    Target("parent_pss_mb", "   the parent, which watches", "MB", True),
    Target("player_pss_mb", "   the process that plays", "MB", True),
    Target("standby_pss_mb", "   those that stand by", "MB", True),
    Target("private_mb", "   of all: theirs alone (USS)", "MB", True),
    Target("live_percent", "live, all its processes, share of a core", "%", True),
)


class Live:
    """The part on the live program.

    Parameters
    ----------
    heard : path
        Music for it, as drivers/feeder.py takes it.
    quick : bool
    """

    def __init__(self, heard: Path, quick: bool) -> None:
        self._heard, self._watched_s = heard, QUICK_WATCHED_S if quick else WATCHED_S

    def turn(self, tree: Tree) -> Figures:
        """Start it, let it hear, read, end it."""
        if jackd.is_missing("versus, live"):
            raise CannotRun("there is no JACK server: sudo apt install jackd2 libportaudio2")
        with (
            tempfile.TemporaryDirectory(dir=tree.home) as state,
            jackd.running(PERIOD_SAMPLES, synchronous=False) as server,
            Program(
                server,
                Path(state),
                "--backend",
                "jack",
                environment=tree.environment(),
                root=tree.root,
                python=tree.python,
            ) as program,
        ):
            try:
                program.wait_until_playing()
            except RuntimeError as error:
                raise CannotRun(f"{tree.name}: {error}") from error
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            feeder = subprocess.Popen([sys.executable, str(_FEEDER), str(self._heard)], env=server.environment, **pipes)
            try:
                return self._read(program, feeder)
            finally:
                feeder.communicate()  # its input closed, it ends

    def _read(self, program: Program, feeder: subprocess.Popen[bytes]) -> Figures:
        assert feeder.stdout is not None
        if not feeder.stdout.readline():
            raise CannotRun("the music did not reach the program")
        time.sleep(HEARD_S)
        parent, player = program.process.pid, int(program.status["pid"])
        standby = [pid for pid in host.descendants(parent) if pid != player]
        everybody = [parent, player, *standby]
        found = {
            "parent_pss_mb": host.shared_out_megabytes(parent)[0],
            "player_pss_mb": host.shared_out_megabytes(player)[0],
            "standby_pss_mb": sum(host.shared_out_megabytes(pid)[0] for pid in standby),
            "private_mb": sum(host.shared_out_megabytes(pid)[1] for pid in everybody),
        }
        found["pss_mb"] = found["parent_pss_mb"] + found["player_pss_mb"] + found["standby_pss_mb"]
        before_s, start_s = sum(map(host.processor_s, everybody)), time.perf_counter()
        time.sleep(self._watched_s)
        busy_s = sum(map(host.processor_s, everybody)) - before_s
        return {**found, "live_percent": 100.0 * busy_s / (time.perf_counter() - start_s)}

    def part(self) -> Part:
        """It, for the table."""
        return Part("live", self.turn, ROWS, 5, 1)
