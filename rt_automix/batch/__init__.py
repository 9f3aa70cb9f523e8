"""Many files: all cores, one row for each, and a run that was stopped goes on where it was.

`finding` and `listing` say what there is to do, `session` has it done by a `pool` of `worker` processes and keeps
the `journal` and the `summary`; `watching` waits for what comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from rt_automix.batch import finding
from rt_automix.batch.item import How, Item, Row
from rt_automix.batch.session import Session
from rt_automix.batch.url import Place, Url, place

__all__ = ["How", "Item", "Row", "Session", "Url", "batch", "masters"]


def batch(
    sources: Iterable[str | Place | Item],
    folder: str | Path,
    *,
    how: How | None = None,
    jobs: int | None = None,
    force: bool = False,
    dask: str | None = None,
    masters_at: Url | None = None,
) -> Iterator[Row]:
    """Master files into a folder, in several processes, and yield what became of each as it ends.

    The masters have the bits of `rt_automix.render.render`. Files that an earlier run has done, with the same
    content and settings, are not done again; their rows come all the same, with `is_new` False. One file that
    fails is a row like another.

    Parameters
    ----------
    sources : iterable of str, Path, Url or Item
        Taken as they are needed, so it may be long, or slow. A path becomes a target of its name.
    folder : str or Path
        Made if it is not there; `batch.jsonl` and `summary.html` are kept in it.
    how : How, optional
        For sources that are no Items; by default that of `rt-automix render`.
    jobs : int, optional
        How many processes; by default one for each core.
    force : bool
        Replace targets that were not made here.
    dask : str, optional
        Address of a Dask cluster that does the work, or "local".
    masters_at : Url, optional
        Where the masters go instead of into the folder.

    Raises
    ------
    UserError
        The folder cannot be written to, another run is on it, or there is no such profile.

    Examples
    --------
    >>> for row in batch(Path("mixes").glob("*.wav"), "masters"):  # doctest: +SKIP
    ...     print(row.status, row.source, row.output_lufs, row.reason)

    Thread: main. Allocates: yes; the list of sources is never held.
    """
    with Session(folder, jobs, force, dask, masters_at) as session:
        yield from masters(_items(sources, how or How()), session)


def masters(items: Iterable[Item], session: Session) -> Iterator[Row]:
    """The same within a session that is open. Thread: main. Allocates: yes."""
    for item in items:
        session.submit(item)
        while session.pending >= 2 * session.jobs:
            yield from _next(session)
    while session.pending:
        yield from _next(session)


def _next(session: Session) -> Iterator[Row]:
    ended = session.wait()
    if ended is not None and ended[1] is not None:
        yield ended[1]


def _items(sources: Iterable[str | Place | Item], how: How) -> Iterator[Item]:
    for one in sources:
        if isinstance(one, Item):
            yield one
        else:
            source = place(one)
            yield Item(source, finding.target_of(source, PurePath(source.name), how), how)
