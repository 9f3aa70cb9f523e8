"""One run over a folder of masters: nobody else's meanwhile, written down as it goes, and able to go on."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rt_automix.batch.item import Item, Row
from rt_automix.batch.journal import Journal
from rt_automix.batch.pool import Pool, cores
from rt_automix.batch.remote import Elsewhere
from rt_automix.batch.url import Place, Url, place
from rt_automix.batch.worker import Job
from rt_automix.errors import UserError
from rt_automix.live.lock import alone_with

if TYPE_CHECKING:
    from rt_automix.batch.cluster import Cluster

SCRATCH = ".rt_automix-batch"
"""A folder among the masters, for what is not yet whole; cleared when a run begins and ends."""

PAGE_S = 60.0
"""So often the page is written while a run goes on."""


class Session:
    """Masters items into a folder, in processes of its own, and keeps `batch.jsonl` and `summary.html` there.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    jobs : int, optional
        How many processes; by default one for each core.
    force : bool
        Replace targets that were not made here.
    dask : str, optional
        Address of a Dask cluster that does the work, or "local": see `cluster`.
    masters : Url, optional
        Where the masters go instead, so that the folder has only journal and page.

    Attributes
    ----------
    pending : int
        Files under way or waiting.
    pool : Pool or Cluster
    journal : Journal

    Raises
    ------
    UserError
        The folder cannot be written to, or another run is on it.

    Thread: main. Allocates: yes.
    """

    def __init__(
        self,
        folder: str | Path,
        jobs: int | None = None,
        force: bool = False,
        dask: str | None = None,
        masters: Url | None = None,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise UserError(f"jobs = {jobs} is below 1. Use 1 or more.")
        self.folder, self.pending = Path(folder).absolute(), 0
        self.masters: Place = masters or self.folder
        self._jobs, self._dask = jobs or cores(), dask
        self.force = force
        self._targets: dict[str, str] = {}
        self._seen: set[str] = set()
        self._refused: list[tuple[Item, Row]] = []
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Session:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be made ({error.strerror}). Choose another folder.") from None
        with self._open as opened:
            opened.enter_context(_alone_in(self.folder))
            self.journal = Journal(self.folder)
            self.journal.open()
            opened.callback(self._write_down)
            scratch = self.folder / SCRATCH
            opened.callback(shutil.rmtree, scratch, ignore_errors=True)
            shutil.rmtree(scratch, ignore_errors=True)
            try:
                scratch.mkdir()
            except OSError as error:
                raise UserError(f"{scratch}: cannot be made ({error.strerror}). Choose another folder.") from None
            self.pool = self._new_pool(scratch)
            opened.callback(self.pool.close)
            self._open = opened.pop_all()
        self._page_at = time.monotonic() + PAGE_S
        return self

    def _new_pool(self, scratch: Path) -> Pool | Cluster:
        if self._dask is None:
            return Pool(self._jobs, scratch)
        from rt_automix.batch.cluster import Cluster

        return Cluster(self._dask, self._jobs, scratch)

    @property
    def jobs(self) -> int:
        """How many files are under way at once."""
        return self.pool.jobs

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def submit(self, item: Item, must_be_whole: bool = False) -> None:
        """Have a file mastered, unless an earlier run has with these settings and this content.

        Parameters
        ----------
        item : Item
        must_be_whole : bool
            As in `worker.Job`.

        Raises
        ------
        ConfigError
            There is no such profile.
        UserError
            The journal cannot be written.
        """
        before = self.journal.rows.get(item.target)
        row = Row(str(item.source), item.target, item.how.key(), "started")
        self.pending += 1
        if self._is_taken(item):
            other = self._targets[_same(item.target)]
            reason = f"{item.source}: its master would take the place of that of {other}. Rename one of them."
            self._refused.append((item, replace(row, target="", status="failed", reason=reason, is_ours=False)))
            return
        self._targets[_same(item.target)] = str(item.source)
        self._seen.add(row.name)
        if reason := refusal(item, self.masters, before, self.force):
            is_ours = before is not None and before.is_ours
            self._refused.append((item, replace(row, status="failed", reason=reason, is_ours=is_ours)))
            return
        if before is None or not before.is_ours or before.settings != row.settings:
            self.journal.add(row)
        scratch = self.folder / SCRATCH
        if isinstance(self.masters, Path) and isinstance(item.source, Path):
            self.pool.submit(Job(item, row.settings, self.masters, scratch, before, must_be_whole))
        else:
            self.pool.submit(Elsewhere(item, row.settings, self.masters, scratch, before))

    def _is_taken(self, item: Item) -> bool:
        """Whether another source of this run, which is still there, has this target."""
        other = self._targets.get(_same(item.target), str(item.source))
        return other != str(item.source) and place(other).exists()

    def wait(self, timeout_s: float | None = None) -> tuple[Item, Row | None] | None:
        """The next file that ended, and its row, written down; None if none has within the time.

        The row is None where a file that must be whole is not yet.
        """
        if self._refused:
            item, row = self._refused.pop(0)
            self._seen.add(row.name)
            self.journal.add(row)
            self.pending -= 1
            return item, row
        answer = self.pool.answer(timeout_s)
        if answer is None:
            return None
        job, found = answer
        self.pending -= 1
        if found is not None and (found.is_new or job.before != found):
            self.journal.add(found)
        if time.monotonic() > self._page_at:
            self._write_page()
        return job.item, found

    def note(self, row: Row) -> None:
        """Keep a row of this run. Raises UserError."""
        self.saw(row)
        self.journal.add(row)

    def saw(self, row: Row) -> None:
        """Have a row that is kept already count as one of this run."""
        self._seen.add(row.name)
        if time.monotonic() > self._page_at:
            self._write_page()

    def _write_down(self) -> None:
        self.journal.close(keep=self._seen)
        self._write_page()

    def _write_page(self) -> None:
        from rt_automix.batch import summary  # with the report, and all that it draws with

        there = "" if isinstance(self.masters, Path) else str(self.masters)
        summary.write(self.folder / summary.NAME, list(self.journal.rows.values()), there)
        self._page_at = time.monotonic() + PAGE_S


def _same(target: str) -> str:
    """What two names have in common that are one file."""
    return os.path.normcase(os.path.normpath(target))


def refusal(item: Item, folder: Place, before: Row | None, force: bool) -> str:
    """Why an item cannot even be tried, given an earlier run's row; empty if it can. Thread: any. Allocates: yes."""
    target = folder / item.target
    try:
        if not target.exists():
            return ""
    except Exception as error:  # a place elsewhere that cannot be reached
        return f"{target}: cannot be reached ({type(error).__name__}: {error})."
    if os.path.realpath(str(target)) == os.path.realpath(str(item.source)):
        return f"{item.source}: its master would take its own place. Choose another folder with -o."
    if not target.is_file():
        return f"{target}: a folder or a device stands where the master belongs. Choose another folder with -o."
    if not force and (before is None or not before.is_ours):
        return f"{target}: exists already and was not made here. Choose another folder, or replace it with --force."
    return ""


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Be the only run on a folder."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone_with(folder / SCRATCH))
        except UserError:
            raise UserError(
                f"{folder}: another batch is at work there. Wait for its end, or choose another folder with -o."
            ) from None
        yield
