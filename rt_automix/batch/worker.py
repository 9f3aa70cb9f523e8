"""A process that masters one file after the other.

Jobs come in on stdin, rows go out on stdout, both pickled. When the other side has gone, stdin ends, and
with it the process, in the middle of a song if need be: what it was writing lies in a folder that the next run
clears.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from rt_automix.batch.item import Item, Row, hash_of
from rt_automix.batch.url import Place
from rt_automix.errors import AudioFileError, AutomixError

CHANGED = "it was changed while it was mastered. Run it again once it is whole."


class Work(Protocol):
    """What a process can be given to do: it goes there pickled, and so does what comes of it."""

    @property
    def scratch(self) -> Path:
        """A folder of the process's own, made when it is needed, for what is not yet whole."""

    def do(self) -> Any:
        """Do it. Whatever is wrong with a file is an answer, and never raised."""

    def died(self, how: str) -> Any:
        """The answer where the processes that did it died."""

    def has_failed(self, answer: Any) -> bool:
        """Whether an answer is one that another machine might not give."""


@dataclass(frozen=True)
class Job:
    """An item, where to put it, and what is known of it.

    Parameters
    ----------
    item : Item
    key : str
        `How.key`.
    folder : Path
        Of the masters.
    scratch : Path
        A folder of the process's own among them, made when it is needed, for what is not yet whole.
    before : Row, optional
        Of an earlier run.
    must_be_whole : bool
        A file whose container breaks off is not a failure but unfinished: None is the answer.
    """

    item: Item
    key: str
    folder: Path
    scratch: Path
    before: Row | None = None
    must_be_whole: bool = False

    def do(self) -> Row | None:
        """Master it: see `master`."""
        return master(self)

    def died(self, how: str) -> Row:
        """The row of a file whose processes died."""
        return Row(str(self.item.path), self.item.target, self.key, "failed", reason=f"{self.item.path}: {how}")

    def has_failed(self, answer: Row | None) -> bool:
        """Whether it was not mastered."""
        return answer is not None and answer.status == "failed"


def is_done(before: Row | None, source_hash: str, key: str, target: Place) -> bool:
    """Whether an earlier run made this very target of this very source. Thread: any but audio. Allocates: yes."""
    if before is None or before.status != "done" or (before.source_hash, before.settings) != (source_hash, key):
        return False
    try:
        return target.stat().st_size == before.target_bytes
    except OSError:
        return False


def master(job: Job) -> Row | None:
    """Master a file, unless an earlier run has.

    Returns
    -------
    Row : with the reason where it failed, or None where the file is still being written.

    Thread: main. Allocates: yes.
    """
    started = time.perf_counter()
    item = job.item
    seen, source_hash = state_of(item.path), ""
    with contextlib.suppress(OSError):  # what is wrong with it the reader says better
        source_hash = hash_of(item.path)
    row = Row(str(item.source), item.target, job.key, "failed", source_hash)
    try:
        row = _mastered(job, row, seen)
    except _UnfinishedError:
        return None
    except Exception as error:
        row = replace(row, reason=why(error, item.path, job.scratch, (job.folder / item.target).parent))
    return replace(row, seconds=round(time.perf_counter() - started, 3)) if row.is_new else row


def why(error: Exception, source: Path, scratch: Path | None = None, folder: Path | None = None) -> str:
    """What to say of an error with a file: one line, which names `folder` for the `scratch` that is gone afterwards.

    Thread: any but audio. Allocates: yes.
    """
    if isinstance(error, AutomixError):
        said = str(error)
    elif isinstance(error, MemoryError):
        said = f"{source}: the memory does not suffice. Use fewer --jobs."
    elif isinstance(error, OSError):
        said = f"{error.filename or source}: {error.strerror}. Look at folder and file."
    else:
        what = f"{source}: {type(error).__name__}: {error}"
        said = f"{what} This should not happen: report it, with the file if you can."
    if scratch is not None:
        said = said.replace(str(scratch), str(folder))
    return " ".join(said.split())


class _UnfinishedError(Exception):
    """Somebody is still writing the file."""


def _mastered(job: Job, row: Row, seen: tuple[int, int] | None) -> Row:
    """The row of a file that was in the state `seen` before it was read."""
    from rt_automix.render import render

    source, how, target = job.item.path, job.item.how, job.folder / job.item.target
    if is_done(job.before, row.source_hash, job.key, target):
        assert job.before is not None
        return replace(job.before, source=row.source, is_new=False)
    if job.must_be_whole:
        _check_whole(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    job.scratch.mkdir(exist_ok=True)
    made = job.scratch / target.name
    options: dict[str, Any] = {"config": how.config, "style": how.style, "bits": how.bits}
    result = render(source, made, lookahead=how.lookahead, mono=how.mono, force=True, **options)
    if state_of(source) != seen:
        made.unlink()
        if job.must_be_whole:
            raise _UnfinishedError
        raise AudioFileError(f"{source}: {CHANGED}")
    made_bytes = made.stat().st_size
    made.replace(target)
    faults = f"{source}: {result.faults} samples were not sane audio; silence took their place."
    notes = [result.missed, *result.source_notes, *result.suggester_notes, result.tags_note]
    return replace(
        row,
        status="done",
        notes=tuple(filter(None, [*notes, faults if result.faults else ""])),
        input_lufs=round(result.input.integrated_lufs, 2),
        output_lufs=round(result.output.integrated_lufs, 2),
        output_dbtp=round(result.output.true_peak_dbtp, 2),
        duration_s=round(result.duration_s, 3),
        target_bytes=made_bytes,
    )


def state_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _check_whole(source: Path) -> None:
    from rt_automix.io.files.containers import containers

    try:
        container = containers.inspect(source)
    except AudioFileError:
        raise _UnfinishedError from None
    if container.notes:  # its last bytes are missing
        raise _UnfinishedError


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Do what comes in until nothing does. Thread: main. Allocates: yes."""
    waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()

    def read() -> None:
        while True:
            try:
                waiting.put(pickle.load(jobs))
            except Exception:
                os._exit(1)  # nobody is there to take what is under way

    threading.Thread(target=read, name="rt_automix jobs", daemon=True).start()
    while (job := waiting.get()) is not None:
        pickle.dump(job.do(), answers)
        answers.flush()


def main() -> None:
    """Be such a process; what libraries print goes nowhere near the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    answers = os.fdopen(os.dup(1), "wb")
    if os.environ.get("RT_AUTOMIX_DEBUG") != "1":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
