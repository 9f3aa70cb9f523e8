"""Hours of sound through the real `rt-automix live`, in minutes: the server freewheels, as fast as all can.

A JACK client of its own plays and looks at every sample that comes back: finite, under the ceiling. Now
and then it listens to the bypass, which must be the input to the last bit, as late as at the start; and
keeps a stretch of music, whose true peak is read at 32 times oversampling. Meanwhile the memory of the
process that plays is written down. The analysis runs in real time and may fall behind: that is counted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.progress import Progress
from rich.table import Table

from bench.common import host, jackd, report
from bench.common.probe import Block, Probe
from bench.common.program import Program
from bench.live import soak_picture
from bench.live.soak_material import Programme, sounds
from rt_automix.units import db_from_lin, lin_from_db

CEILING_DBTP = -1.0
LOOK_AHEAD_SAMPLES = 64
NULL_EVERY_S = 600.0
FADE_S = 1.0
"""After a change of what is listened to: long enough for every fade."""

NULL_S = 2.0
STRETCH_S = 2.0
LOUD_LIN = 0.01
SETTLED_S = 1800.0
GOAL_MEMORY_MB = 5.0
GOAL_OVER_DB = 0.02
OVERSAMPLING = 32
STEP_S = 0.1
STALL_S = 30.0


class Listener:
    """Plays a programme and looks at what comes back; `turn` is a probe's.

    What is counted: `samples` played, `not_finite` ones, those `over` the ceiling out of `judged`. While
    `judges` the master is heard; while `nulls` the bypass, which must be the input a period and the
    look-ahead late: `unequal` samples of `nulled`.
    """

    def __init__(self, programme: Programme, period_samples: int) -> None:
        self._programme = programme
        self.period_samples = period_samples
        self.goes = self.judges = self.nulls = False
        self.samples = self.not_finite = self.judged = self.over = self.nulled = self.unequal = 0
        self.loudest_lin = self.null_peak_lin = 0.0
        self._ceiling_lin = np.float32(lin_from_db(CEILING_DBTP))
        self._sent = np.zeros((2, 3 * period_samples), np.float32)
        self._stretch: list[Block] = []
        self._stretch_is_wanted = False

    @property
    def seconds(self) -> float:
        """How much has been played."""
        return self.samples / jackd.SAMPLE_RATE_HZ

    def keep_a_stretch(self) -> None:
        """Keep the next STRETCH_S of master made of music without a gap."""
        self._stretch = []
        self._stretch_is_wanted = True

    def take_stretch(self) -> NDArray[np.float32] | None:
        """The stretch, once it is whole."""
        if self._stretch_is_wanted or not self._stretch:
            return None
        stretch, self._stretch = np.concatenate(self._stretch, axis=1), []
        return stretch

    def turn(self, play: Block, hear: Block) -> None:
        """One period."""
        n = self.period_samples
        if not self.goes:
            play[:] = 0.0
            return
        self._look_at(hear)
        # What was played before lies at the end, for the null.
        self._sent[:, : 2 * n] = self._sent[:, n:]
        self._programme.next(play)
        self._sent[:, 2 * n :] = play
        self.samples += n

    def _look_at(self, hear: Block) -> None:
        largest = max(float(hear.max()), -float(hear.min()))
        if not np.isfinite(largest):
            self.not_finite += int(np.sum(~np.isfinite(hear)))
        if self.judges:
            self.judged += hear.size
            self.loudest_lin = max(self.loudest_lin, largest)
            if not largest <= self._ceiling_lin:
                self.over += int(np.sum(~(np.abs(hear) <= self._ceiling_lin)))
            if self._stretch_is_wanted:
                self._collect(hear)
        if self.nulls:
            # Played one period ago, and the look-ahead before that.
            n = self.period_samples
            expected = self._sent[:, 2 * n - LOOK_AHEAD_SAMPLES : 3 * n - LOOK_AHEAD_SAMPLES]
            self.nulled += hear.size
            self.unequal += int(np.sum(hear != expected))
            self.null_peak_lin = max(self.null_peak_lin, float(expected.max()))

    def _collect(self, hear: Block) -> None:
        if not self._programme.is_music:
            self._stretch = []
            return
        self._stretch.append(hear.copy())
        self._stretch_is_wanted = len(self._stretch) * self.period_samples < STRETCH_S * jackd.SAMPLE_RATE_HZ


def true_peak_lin(audio: NDArray[np.float32]) -> float:
    """The largest value between the samples, by the exact band-limited curve through them; ends faded."""
    edge = 512
    window = np.ones(audio.shape[1])
    window[:edge] = np.sin(0.5 * np.pi * np.arange(edge) / edge) ** 2
    window[-edge:] = window[:edge][::-1]
    count = OVERSAMPLING * audio.shape[1]
    curves = np.fft.irfft(np.fft.rfft(audio * window, axis=1), count, axis=1) * OVERSAMPLING
    return float(np.abs(curves).max())


class Soak:
    """A program, a listener on it, and what is written down meanwhile.

    Parameters
    ----------
    program : Program
        It plays.
    listener : Listener
    seconds : float
        How much is to be played.
    """

    def __init__(self, program: Program, listener: Listener, seconds: float) -> None:
        self._program, self._listener, self._seconds = program, listener, seconds
        self.memory: list[dict[str, float]] = []
        self.nulls: list[dict[str, float]] = []
        self.true_peaks_dbtp: list[float] = []
        self.trouble = ""
        self._memory_every_s = min(60.0, seconds / 60.0)
        self._null_every_s = min(NULL_EVERY_S, seconds / 4.0)

    def run(self, show: Callable[[float], None]) -> None:
        """Play it all; `show` is told the share that is done."""
        null_at_s = 0.5 * self._null_every_s
        self._listener.keep_a_stretch()
        self._listener.goes = True
        self._wait(FADE_S)
        self._listener.judges = True
        try:
            while self._listener.seconds < self._seconds:
                self._wait(self._memory_every_s / 4.0)
                if self._listener.seconds >= null_at_s:
                    null_at_s += self._null_every_s
                    self._null()
                show(self._listener.seconds / self._seconds)
        except (RuntimeError, OSError) as error:
            self.trouble = str(error)
        self._listener.goes = False

    def _wait(self, seconds: float) -> None:
        """Until so much more has been played. Raises RuntimeError when nothing moves any more."""
        until_s, moved_at, last = self._listener.seconds + seconds, time.monotonic(), self._listener.samples
        while self._listener.seconds < until_s:
            time.sleep(STEP_S if seconds > STEP_S else 0.01)
            self._write_down()
            if self._listener.samples != last:
                moved_at, last = time.monotonic(), self._listener.samples
            if self._program.process.poll() is not None or time.monotonic() - moved_at > STALL_S:
                raise RuntimeError(f"nothing moves at {self._listener.seconds:.0f} s: {self._program.remarks[-3:]}")

    def _write_down(self) -> None:
        now_s = self._listener.seconds
        if not self.memory or now_s >= self.memory[-1]["played_s"] + self._memory_every_s:
            audio_mb = host.memory_megabytes(self._program.status["pid"])
            parent_mb = host.memory_megabytes(self._program.process.pid)
            self.memory.append({"played_s": now_s, "audio_mb": audio_mb, "parent_mb": parent_mb})
        if (stretch := self._listener.take_stretch()) is not None:
            self.true_peaks_dbtp.append(float(db_from_lin(true_peak_lin(stretch))))

    def _listen(self, to: str) -> None:
        self._program.command(set={"listen": to})
        self._program.wait_for(lambda status: status["controls"]["listen"] == to, STALL_S)
        self._wait(FADE_S)

    def _null(self) -> None:
        """Hold the bypass against the input."""
        listener = self._listener
        listener.judges = False
        self._listen("bypass")
        listener.nulled = listener.unequal = 0
        listener.null_peak_lin = 0.0
        listener.nulls = True
        start_s = listener.seconds
        while listener.nulled < 2 * NULL_S * jackd.SAMPLE_RATE_HZ or listener.null_peak_lin < LOUD_LIN:
            self._wait(NULL_S)
        listener.nulls = False
        entry = {"played_s": start_s, "samples": listener.nulled, "unequal": listener.unequal}
        self.nulls.append({**entry, "peak_lin": listener.null_peak_lin})
        self._listen("master")
        listener.judges = True
        listener.keep_a_stretch()


def measure(hours: float, period_samples: int, music: Path | None) -> dict[str, Any]:
    """Play for so many hours and say what was found."""
    listener = Listener(Programme(*sounds(music), period_samples), period_samples)
    with (
        tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name,
        jackd.running(period_samples, synchronous=True) as server,
        Program(server, Path(name), "--ceiling-dbtp", str(CEILING_DBTP)) as program,
        Progress(console=report.console, transient=True) as progress,
        Probe(listener.turn) as probe,
    ):
        task = progress.add_task("playing", total=1.0)
        program.wait_until_playing()
        probe.connect()
        soak = Soak(program, listener, 3600.0 * hours)
        first = program.status
        start = time.monotonic()
        probe.freewheel(True)
        soak.run(lambda share: progress.update(task, completed=share))
        took_s = time.monotonic() - start
        probe.freewheel(False)
        time.sleep(1.0)
        last = program.status
        remarks = list(program.remarks)
    return {
        "played_s": listener.seconds,
        "took_s": took_s,
        "times_real_time": listener.seconds / took_s,
        "trouble": soak.trouble,
        "not_finite": listener.not_finite,
        "judged": listener.judged,
        "over_the_ceiling": listener.over,
        "loudest_dbfs": float(db_from_lin(listener.loudest_lin)),
        "true_peaks_dbtp": soak.true_peaks_dbtp,
        "nulls": soak.nulls,
        "memory": soak.memory,
        "memory_moved_mb": _moved_mb(soak.memory),
        "analysis_gaps": last["analysis_gaps"],
        "starts": last["starts"],
        "callbacks": last["timing"]["callbacks"] - first["timing"]["callbacks"],
        "periods_played": listener.samples // period_samples,
        "faults": last["meters"]["faults"],
        "remarks": remarks,
    }


def _moved_mb(memory: list[dict[str, float]]) -> dict[str, float]:
    """The most that memory lay away from what it was when it had settled."""
    settled_s = min(SETTLED_S, 0.25 * memory[-1]["played_s"])
    moved = {}
    for who in ("audio_mb", "parent_mb"):
        values = [entry[who] for entry in memory if entry["played_s"] >= settled_s]
        moved[who] = max(abs(value - values[0]) for value in values)
    return moved


def run(hours: float, period_samples: int, music: Path | None, out: Path) -> None:
    """Play, print the tables, write figures and picture."""
    if jackd.is_missing("soak"):
        return
    results = measure(hours, period_samples, music)
    settings = {
        "hours": hours,
        "period_samples": period_samples,
        "sample_rate_hz": jackd.SAMPLE_RATE_HZ,
        "server": jackd.JackServer(period_samples, synchronous=True).command + " (freewheeling)",
        "music": music is not None,
        "ceiling_dbtp": CEILING_DBTP,
        "null_every_s": NULL_EVERY_S,
    }
    _print(results)
    report.save("soak", out, settings, results, soak_picture.draw(results))


def _checks(results: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """What was looked at, what was found, and whether that is as it should be."""
    peak = max(results["true_peaks_dbtp"], default=float("nan"))
    unequal = sum(entry["unequal"] for entry in results["nulls"])
    moved = results["memory_moved_mb"]
    return [
        ("played to the end", results["trouble"] or f"{results['played_s'] / 3600.0:.2f} h", not results["trouble"]),
        ("samples that are not finite", f"{results['not_finite']:,}", results["not_finite"] == 0),
        (
            f"samples over {CEILING_DBTP:g} dBFS",
            f"{results['over_the_ceiling']:,} of {results['judged']:,} (loudest {results['loudest_dbfs']:.3f})",
            results["over_the_ceiling"] == 0,
        ),
        (
            f"true peak of {len(results['true_peaks_dbtp'])} stretches of music",
            f"{peak:.3f} dBTP at most",
            peak <= CEILING_DBTP + GOAL_OVER_DB,
        ),
        (
            f"bypass nulled against the input {len(results['nulls'])} times",
            f"{unequal:,} samples of {sum(entry['samples'] for entry in results['nulls']):,} differ",
            unequal == 0 and bool(results["nulls"]),
        ),
        ("memory of the process that plays", f"within {moved['audio_mb']:.1f} MB", moved["audio_mb"] <= GOAL_MEMORY_MB),
        ("memory of its parent", f"within {moved['parent_mb']:.1f} MB", moved["parent_mb"] <= GOAL_MEMORY_MB),
        ("starts of the process that plays", f"{results['starts']}", results["starts"] == 1),
        (
            "callbacks counted, periods played",
            f"{results['callbacks']:,}, {results['periods_played']:,}",
            results["callbacks"] >= results["periods_played"],
        ),
    ]


def _print(results: dict[str, Any]) -> None:
    title = f"{results['played_s'] / 3600.0:.2f} h played in {results['took_s'] / 60.0:.1f} min"
    title += f", {results['times_real_time']:.0f} x real time"
    table = Table("looked at", "found", "", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for what, found, is_well in _checks(results):
        table.add_row(what, found, "fine" if is_well else "NOT FINE")
    table.add_row("gaps of the analysis, which runs in real time", f"{results['analysis_gaps']:,}", "")
    report.console.print(table)

    table = Table("played, h", "audio process, MB", "parent, MB", title="Memory (VmRSS)", title_justify="left",
                  box=box.SIMPLE_HEAD)  # fmt: skip
    memory = results["memory"]
    for index in sorted({round(place) for place in np.linspace(0, len(memory) - 1, 17)}):
        row = memory[index]
        table.add_row(f"{row['played_s'] / 3600.0:.2f}", f"{row['audio_mb']:.1f}", f"{row['parent_mb']:.1f}")
    report.console.print(table)
