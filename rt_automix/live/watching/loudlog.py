"""A log of loudness: a line a second for each output, in a file of its own for each day."""

from __future__ import annotations

import datetime
import json
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_automix.analysis.recordings import r128s1
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.errors import ConfigError
from rt_automix.live.watching.heard import MAIN, Heard

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.takes.takes import Takes

COLUMNS = (
    "momentary_lufs", "short_term_lufs", "integrated_lufs", "loudness_range_lu", "out_true_peak_dbtp", "gain_db",
)  # fmt: skip
"""Of the meters, behind time and output; the true peak is the highest that was seen within the second."""

SUFFIXES = (".csv", ".jsonl")
_NOTHING_DB = -120.0
"""What is less is silence, and has no number."""

_MOST_WAITING = 600
_CLOSE_S = 1.0


class LoudnessLog:
    """Writes down how loud each output is: a view of the session beside the others.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.jsonl``; the day is put before the ending: loudness-2026-11-30.csv. What is there goes on.
        Sound levels of a venue go into loudness-spl-2026-11-30.csv; at the end a line for each output, against
        EBU R 128 s1, into loudness-r128s1-2026-11-30.csv.
    tell : function of a str
        Told once if it cannot be written.
    now : function
        The local time.

    Raises
    ------
    ConfigError
        Another ending, or no such folder.
    """

    wants_end = False

    def __init__(
        self,
        path: Path,
        tell: Callable[[str], None],
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now().astimezone(),
    ) -> None:
        if path.suffix not in SUFFIXES:
            raise ConfigError(f'--log {path}: cannot write files ending in "{path.suffix}". Use .csv or .jsonl.')
        if not path.parent.is_dir():
            raise ConfigError(f"--log {path}: the folder {path.parent} does not exist. Make it, or choose another.")
        self._path, self._tell, self._now = path, tell, now
        self._second: datetime.datetime | None = None
        self._seen: object = None
        self._peaks: dict[str, float] = {}
        self._failed = ""
        self._heard, self._meters = Heard(), dict[str, Meter]()
        self._lines: queue.Queue[tuple[str, str, str] | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="rt_automix log", daemon=True)

    def __enter__(self) -> LoudnessLog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        end = self._now().replace(microsecond=0)
        for name, meter in self._meters.items():
            self._put_line("-r128s1", end, r128s1.report(name, meter.result()))
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return  # a disk that does not answer
        self._thread.join(_CLOSE_S)

    def hear(self, document: dict[str, Any]) -> None:
        """Nothing that is said is loud."""

    def remark(self, text: str) -> None:
        """Nor this."""

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Take in the newest meters; once a second, have a line written for each output. Never waits."""
        if self._failed:
            failed, self._failed = self._failed, ""
            self._tell(failed)
        self._measure(supervisor)
        status = supervisor.status
        if status is None or status is self._seen or not supervisor.is_playing:
            return
        self._seen = status
        second = self._now().replace(microsecond=0)
        outputs = {one["name"]: one["meters"] for one in status["outputs"]} or {"main": status["meters"]}
        if self._second is not None and second != self._second:
            for name, meters in outputs.items():
                self._put(self._second, name, meters)
            self._peaks.clear()
            if "venue" in status:
                self._put_line("-spl", self._second, status["venue"])
        self._second = second
        for name, meters in outputs.items():
            self._peaks[name] = max(self._peaks.get(name, _NOTHING_DB), meters["out_true_peak_dbtp"])

    def _measure(self, supervisor: Supervisor) -> None:
        """Hear what has gone out of each output, all the session: its programme, for a report at the end."""
        is_anew = self._heard.follow(supervisor)
        if not self._heard.sample_rate_hz:
            return
        names = [output.name for output in supervisor.setup.config.output] or ["main"]
        if is_anew:
            self._meters = {name: Meter(self._heard.sample_rate_hz, 2) for name in names}
        for ring, name in enumerate(names, MAIN):
            for block in self._heard.blocks(supervisor, ring):
                self._meters[name].push(block)
            self._meters[name].forget_curve()

    def _put(self, second: datetime.datetime, name: str, meters: dict[str, Any]) -> None:
        """Have a line written."""
        values = {column: meters[column] for column in COLUMNS}
        values["out_true_peak_dbtp"] = self._peaks.get(name, _NOTHING_DB)
        self._put_line("", second, {"output": name, **values})

    def _put_line(self, kind: str, second: datetime.datetime, values: dict[str, Any]) -> None:
        said = {name: _said(value) for name, value in values.items()}
        if self._path.suffix == ".csv":
            line = ",".join([second.isoformat(), *map(_written, said.values())])
        else:
            line = json.dumps({"time": second.isoformat(), **said})
        if not self._lines.full():
            self._lines.put_nowait((f"{kind}-{second.date().isoformat()}", f"time,{','.join(values)}", line))

    def _write(self) -> None:
        has_failed = False
        while (entry := self._lines.get()) is not None:
            ending, head, line = entry
            path = self._path.with_stem(f"{self._path.stem}{ending}")
            try:
                with path.open("a", encoding="utf-8") as file:
                    if file.tell() == 0 and path.suffix == ".csv":
                        file.write(f"{head}\n")
                    file.write(f"{line}\n")
                has_failed = False
            except OSError as error:
                if not has_failed:
                    self._failed = f"{path}: cannot be written ({error.strerror}). Loudness is not logged meanwhile."
                has_failed = True


def _said(value: Any) -> Any:
    """A level to a hundredth, None for silence; anything else as it is."""
    if not isinstance(value, float):
        return value
    return round(value, 2) if value > _NOTHING_DB else None


def _written(value: Any) -> str:
    """What a table has for it."""
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else str(value)
