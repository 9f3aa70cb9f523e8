"""A watched folder: what is new in it is mastered, once nobody writes to it any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rt_automix.batch import finding
from rt_automix.batch.item import How, Item, Row
from rt_automix.batch.session import Session
from rt_automix.errors import UserError

SETTLED_S = 2.0
"""So long a file must have kept its size and its time."""

PATIENCE_S = 60.0
"""So long one that breaks off may stand still, before it is taken for what it is."""

LOOK_S = 0.5


@dataclass
class _Seen:
    """A file as it was last seen: its size and time, since when, what has been done about it."""

    state: tuple[int, int]
    since_s: float
    is_given: bool = False
    is_unfinished: bool = False


def watch(
    folders: Sequence[Path],
    session: Session,
    how: How,
    is_over: Callable[[], bool] = lambda: False,
    patience_s: float = PATIENCE_S,
) -> Iterator[Row]:
    """Master what is in folders and what comes into them, and tell what became of each as it ends.

    A file is taken when it has kept size and time for `SETTLED_S` and its container is whole; one that is
    written over is taken again. Folders are looked at, not listened to, so that network shares work.

    Parameters
    ----------
    folders : sequence of Path
    session : Session
    how : How
    is_over : callable
        Asked between looks; it ends when that is true.
    patience_s : float
        As `PATIENCE_S`.

    Raises
    ------
    UserError
        One of them is no folder, now or later.

    Thread: main. Allocates: yes.
    """
    seen: dict[Path, _Seen] = {}
    under_way: set[Path] = set()
    while not is_over():
        places: dict[Path, Path] = {}
        for folder in folders:
            if not folder.is_dir():
                raise UserError(f"{folder}: not a folder that is there, so it cannot be watched. Make it, or mount it.")
            places.update(finding.walked(folder, session.folder))
        _look(seen, places)
        for path, one in seen.items():
            still_s = time.monotonic() - one.since_s
            if one.is_given or path in under_way or still_s < (patience_s if one.is_unfinished else SETTLED_S):
                continue
            one.is_given = True
            under_way.add(path)
            target = finding.target_of(path, places[path], how)
            session.submit(Item(path, target, how), must_be_whole=not one.is_unfinished)
        until_s = time.monotonic() + LOOK_S
        while (left_s := until_s - time.monotonic()) > 0.0:
            if not session.pending:
                time.sleep(left_s)
            elif ended := session.wait(left_s):
                under_way.discard(ended[0].source)
                yield from _told(seen, *ended)


def _look(seen: dict[Path, _Seen], places: dict[Path, Path]) -> None:
    """Take in what is there now."""
    for gone in seen.keys() - places.keys():
        del seen[gone]
    for path in places:
        try:
            found = path.stat()
        except OSError:
            seen.pop(path, None)
            continue
        state = found.st_size, found.st_mtime_ns
        if path not in seen or seen[path].state != state:
            seen[path] = _Seen(state, time.monotonic())


def _told(seen: dict[Path, _Seen], item: Item, row: Row | None) -> Iterator[Row]:
    """A row, unless there is a reason to look again."""
    one = seen.get(item.path)
    if row is None:
        if one is not None:
            one.is_given, one.is_unfinished = False, True
    elif row.status == "done" or item.source.exists():
        yield row
