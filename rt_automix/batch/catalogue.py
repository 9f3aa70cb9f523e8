"""Very many files that are measured and not mastered: the same processes, or the same Dask cluster, as for a batch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.batch.pool import Pool, cores
from rt_automix.batch.remote import brought, why_elsewhere
from rt_automix.batch.url import Place, place
from rt_automix.batch.worker import why
from rt_automix.errors import UserError
from rt_automix.io.lossy.codecs import Format
from rt_automix.render.stages import Progress

Found = TypeVar("Found")

FEW = 4
"""So many files for each process at least: to start one takes as long as to measure some."""

_NOWHERE = Path()


@dataclass(frozen=True)
class Answer(Generic[Found]):
    """What was found in a file, or the reason why nothing was.

    Parameters
    ----------
    place : int
        Of the file among those that were named, from 0.
    path : Path or Url
    found : dict or Profile, optional
        None where the reason says why.
    reason : str
        One line.
    """

    place: int
    path: Place
    found: Found | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Look:
    """Find something in a file."""

    place: int
    path: Place
    style: Profile
    mono: str
    formats: tuple[Format, ...]
    scratch: Path = _NOWHERE

    def do(self, progress: Progress | None = None) -> Answer[Any]:
        """Find it; whatever is wrong is an answer."""
        try:
            with brought(self.path) as here:
                return self._answer(here, progress)
        except Exception as error:
            return Answer(self.place, self.path, None, why_elsewhere(error, self.path))

    def _answer(self, here: Path, progress: Progress | None) -> Answer[Any]:
        try:
            return Answer(self.place, self.path, self.look(here, progress))
        except Exception as error:
            return Answer(self.place, self.path, None, why(error, here).replace(str(here), str(self.path)))

    def look(self, here: Path, progress: Progress | None) -> Any:
        """Its figures."""
        from rt_automix.render.figures import figures

        found = figures(here, self.style, self.mono, self.formats, progress)
        named = str(self.path)  # as it was, wherever it was fetched to
        return {**found, "file": named, "r128_s1": {**found["r128_s1"], "programme": named}}

    def died(self, how: str) -> Answer[Any]:
        """The answer where the processes that looked died."""
        return Answer(self.place, self.path, None, f"{self.path}: {how}")

    def has_failed(self, answer: Answer[Any]) -> bool:
        """Whether nothing was found."""
        return answer.found is None


@dataclass(frozen=True)
class _Measure(_Look):
    """Measure a song as a style."""

    def look(self, here: Path, progress: Progress | None) -> Any:
        """Its profile."""
        from rt_automix.render.figures import profile_of

        return profile_of(here, progress)


def analyzed(
    paths: Iterable[str | Place],
    *,
    style: Profile | None = None,
    mono: str = "dual",
    formats: tuple[Format, ...] = (),
    jobs: int | None = None,
    dask: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Answer[dict[str, Any]]]:
    """Figures of files, as `rt_automix.render.figures.figures` finds them, in the order in which they are found.

    Parameters
    ----------
    paths : iterable of str, Path or Url
        Taken as they are needed, so it may be long, or slow.
    style : Profile, optional
        What they are compared with; by default "balanced".
    mono : "dual" or "single"
    formats : tuple of Format
        Lossy formats to be decoded from.
    jobs : int, optional
        How many processes; 1 is this one; by default one for each core.
    dask : str, optional
        Address of a Dask cluster that does it, or "local".
    progress : callable, optional
        Told how far a file is, where this process does it.

    Raises
    ------
    UserError
        No cluster answers, or it has gone.

    Examples
    --------
    >>> for one in analyzed(Path("archive").rglob("*.flac")):  # doctest: +SKIP
    ...     print(one.path, one.reason or one.found["integrated_lufs"])

    Thread: main. Allocates: yes; the list of files is never held.
    """
    target = style or profile.load("balanced")
    works = (_Look(number, place(path), target, mono, formats) for number, path in enumerate(paths))
    return _each(works, jobs, dask, progress)


def measured(
    paths: Iterable[str | Place], *, jobs: int | None = None, dask: str | None = None, progress: Progress | None = None
) -> Iterator[Answer[Profile]]:
    """Profiles of songs, in the order in which they are found; parameters and errors as of `analyzed`.

    Thread: main. Allocates: yes; the list of files is never held.
    """
    target = profile.load("balanced")
    works = (_Measure(number, place(path), target, "dual", ()) for number, path in enumerate(paths))
    return _each(works, jobs, dask, progress)


def processes_for(files: int) -> int:
    """How many processes are worth their start for so many files. Thread: any. Allocates: no."""
    return max(1, min(cores(), files // FEW))


def _each(works: Iterator[_Look], jobs: int | None, dask: str | None, progress: Progress | None) -> Iterator[Any]:
    """What comes of each work, in this process or in others, with no more under way than those are worth."""
    if jobs is not None and jobs < 1:
        raise UserError(f"jobs = {jobs} is below 1. Use 1 or more.")
    count = jobs or cores()
    if count == 1 and dask is None:
        for work in works:
            yield work.do(progress)
        return
    with (
        tempfile.TemporaryDirectory(prefix="rt_automix-") as scratch,
        closing(_opened(count, dask, Path(scratch))) as pool,
    ):
        pending = 0
        for work in works:
            pool.submit(work)
            pending += 1
            while pending >= 2 * pool.jobs:
                pending -= 1
                yield pool.answer()[1]
        for _ in range(pending):
            yield pool.answer()[1]


def _opened(jobs: int, dask: str | None, scratch: Path) -> Any:
    if dask is None:
        return Pool(jobs, scratch)
    from rt_automix.batch.cluster import Cluster

    return Cluster(dask, jobs, scratch)
