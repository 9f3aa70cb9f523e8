"""Songs and masters that lie elsewhere: ``s3://``, ``gs://``, ``sftp://``, ``http://``, whatever fsspec can reach.

A worker brings a song to its own disk, masters it there, and puts the master where it belongs.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rt_automix.batch.item import Item, Row, hash_of
from rt_automix.batch.url import Place, Url
from rt_automix.batch.worker import CHANGED, Job, is_done, why
from rt_automix.errors import AudioFileError


def mark_of(source: Place) -> str:
    """What tells a song from what it will be once it is changed, as rows keep it in `source_hash`. Raises OSError."""
    return source.mark() if isinstance(source, Url) else hash_of(source)


@contextlib.contextmanager
def brought(source: Place) -> Iterator[Path]:
    """A song on this machine's disk, for as long as it is needed. Raises OSError, UserError."""
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="rt_automix-") as folder:
        yield source.get(Path(folder))


@dataclass(frozen=True)
class Elsewhere:
    """Master a song that lies elsewhere, or whose master belongs there.

    Parameters
    ----------
    item : Item
    key : str
        `How.key`.
    masters : Path or Url
    scratch : Path
        As of `worker.Job`.
    before : Row, optional
        Of an earlier run; its `source_hash` is `Url.mark`.
    """

    item: Item
    key: str
    masters: Place
    scratch: Path
    before: Row | None = None

    def do(self) -> Row:
        """Bring it, master it, put it there."""
        started = time.perf_counter()
        source, target = self.item.source, self.masters / self.item.target
        row = Row(str(source), self.item.target, self.key, "failed")
        try:
            mark = mark_of(source)
            if is_done(self.before, mark, self.key, target):
                assert self.before is not None
                return replace(self.before, source=str(source), is_new=False)
            with brought(source) as here, tempfile.TemporaryDirectory(prefix="rt_automix-") as made:
                row = self._mastered(here, Path(made), target, mark)
        except Exception as error:
            row = replace(row, reason=why_elsewhere(error, source))
        return replace(row, source=str(source), seconds=round(time.perf_counter() - started, 3)) if row.is_new else row

    def died(self, how: str) -> Row:
        """The row of a song whose processes died."""
        return Row(str(self.item.source), self.item.target, self.key, "failed", reason=f"{self.item.source}: {how}")

    def has_failed(self, answer: Row) -> bool:
        """Whether it was not mastered."""
        return answer.status == "failed"

    def _mastered(self, here: Path, made: Path, target: Place, mark: str) -> Row:
        """The row of a song that is `here`; its master is made in `made` where it belongs elsewhere."""
        source, is_put = self.item.source, isinstance(target, Url)
        folder, scratch = (made, made / "scratch") if is_put else (self.masters, self.scratch)
        assert isinstance(folder, Path)
        row = Job(Item(here, self.item.target, self.item.how), self.key, folder, scratch).do()
        assert row is not None
        said = row.reason.replace(str(here), str(source)).replace(str(made), str(self.masters))
        row = replace(row, source_hash=mark, reason=said)
        if row.status == "done" and row.is_new:
            if isinstance(source, Url) and source.mark() != mark:
                raise AudioFileError(f"{source}: {CHANGED}")
            if isinstance(target, Url):
                target.put(made / self.item.target)
        return row


def why_elsewhere(error: Exception, source: Place) -> str:
    """What to say of an error with a place elsewhere, whose systems have errors of their own."""
    if isinstance(error, FileNotFoundError):
        return f"{source}: no such file. Look at the name, and at what was asked of its place."
    if isinstance(error, OSError) and not error.strerror:
        return " ".join(f"{source}: cannot be reached or written ({type(error).__name__}: {error}).".split())
    return why(error, Path(str(source)))
