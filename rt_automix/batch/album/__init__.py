"""A record as one programme: its songs are heard in processes of their own, decide together, and are played by runs.

`order` says which song comes after which, `work` is what a process is given to do, `kept` what an earlier run has
heard and made, `page` the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rt_automix.batch.album import page
from rt_automix.batch.album.kept import Kept
from rt_automix.batch.album.work import Hear, Play, Song, Tag, key_of
from rt_automix.batch.item import Item, Row, hash_of
from rt_automix.batch.journal import Journal
from rt_automix.batch.session import Session, refusal
from rt_automix.batch.worker import is_done
from rt_automix.errors import ConfigError
from rt_automix.render import album as together

__all__ = ["Album", "album"]


def album(items: Sequence[Item], session: Session, keep: float = 1.0) -> Iterator[Row]:
    """Master the songs of a record, in their order, as one programme, and yield what became of each as it ends.

    A song that fails is a row like another, and the rest are a record without it. What an earlier run has heard
    and made, of the same songs with the same settings, is not heard and made again.

    Parameters
    ----------
    items : sequence of Item
        All with the same `how`.
    session : Session
        Open.
    keep : float, 0..1
        How much of the songs' distances in loudness stays.

    Raises
    ------
    ConfigError
        They are not mastered alike, `keep` is outside 0 to 1, or there is no such profile.
    UserError
        What is kept cannot be written.

    Thread: main. Allocates: yes.
    """
    yield from Album(items, session, keep).rows()


@dataclass
class _Found:
    """What is known of a song of the record."""

    item: Item
    source_hash: str = ""
    heard: together.Heard | None = None
    row: Row | None = None


class Album:
    """A record under way; see `album`."""

    def __init__(self, items: Sequence[Item], session: Session, keep: float = 1.0) -> None:
        if not 0.0 <= keep <= 1.0:
            raise ConfigError(f"album-keep = {keep} is outside [0, 1]. Use 1 to keep the songs' distances.")
        if len({item.how for item in items}) > 1 or any(item.how.lookahead != "song" for item in items):
            raise ConfigError("The songs of an album are mastered alike, and heard first. Leave --lookahead out.")
        self._songs = [_Found(item) for item in items]
        self._session, self._keep, self._kept = session, keep, Kept(session.folder)

    def rows(self) -> Iterator[Row]:
        """Do all of it. Thread: main. Allocates: yes."""
        if not self._songs:
            return
        with self._kept:
            yield from self._hear()
            yield from self._play()
            self._tag()
            self._report()

    def _hear(self) -> Iterator[Row]:
        """Hear every song that no earlier run has heard; those that cannot be end here."""
        how_key = self._songs[0].item.how.key()
        known = frozenset(source_hash for source_hash, settings in self._kept.heard if settings == how_key)
        for number, song in enumerate(self._songs):
            if reason := refusal(song.item, self._session.folder, self._before(song), self._session.force):
                yield self._fail(song, reason)
            else:
                self._session.pool.submit(Hear(number, song.item, known))
        for answer in self._answers(sum(song.row is None for song in self._songs)):
            song = self._songs[answer.number]
            song.source_hash = answer.source_hash
            if answer.reason:
                yield self._fail(song, answer.reason)
                continue
            if answer.heard is not None:
                self._kept.add_heard(answer.source_hash, how_key, answer.heard)
            song.heard = self._kept.heard[answer.source_hash, how_key]

    def _play(self) -> Iterator[Row]:
        """Master what no earlier run has."""
        waiting = 0
        for run, jobs in _planned(self._songs, self._keep):
            if all(_is_done(job, self._session.journal, self._kept) for job in jobs):
                for job in jobs:
                    before = self._session.journal.rows[job.item.target]
                    yield self._end(job, replace(before, source=str(job.item.source), is_new=False))
                continue
            for job in jobs:
                self._session.journal.add(Row(str(job.item.source), job.item.target, job.key, "started"))
            self._session.pool.submit(Play(run, jobs, self._session.folder))
            waiting += 1
        for answers in self._answers(waiting):
            for job, row, mastered in answers:
                if mastered is not None:
                    self._kept.add_mastered(row.target, row.settings, mastered)
                self._session.journal.add(row)
                yield self._end(job, row)

    def _tag(self) -> None:
        """Write gains of song and record into the masters, where they are not there yet."""
        songs = [song for song in self._songs if song.row is not None and song.row.status == "done"]
        if not songs:
            return
        mastered = [self._kept.mastered[song.row.target, song.row.settings] for song in songs if song.row is not None]
        gated = np.sum([one.gated for one in mastered], axis=0)
        peak_dbtp = max(one.output.true_peak_dbtp for one in mastered)
        for song, one in zip(songs, mastered, strict=True):
            self._session.pool.submit(
                Tag(self._songs.index(song), self._session.folder / song.item.target, one.output, gated, peak_dbtp)
            )
        for answer in self._answers(len(songs)):
            row = self._songs[answer.number].row
            assert row is not None
            if answer.reason and answer.reason not in row.notes:
                row = replace(row, notes=(*row.notes, answer.reason))
            if row.notes != self._songs[answer.number].row.notes or answer.target_bytes != row.target_bytes:
                self._session.journal.add(replace(row, target_bytes=answer.target_bytes))

    def _report(self) -> None:
        page.write(
            self._session.folder / page.NAME,
            [
                (song.row, song.heard, self._kept.mastered[song.row.target, song.row.settings])
                for song in self._songs
                if song.row is not None and song.heard is not None and song.row.status == "done"
            ],
            self._keep,
        )

    def _answers(self, count: int) -> Iterator:
        for _ in range(count):
            answered = self._session.pool.answer()
            assert answered is not None
            yield answered[1]

    def _before(self, song: _Found) -> Row | None:
        return self._session.journal.rows.get(song.item.target)

    def _fail(self, song: _Found, reason: str) -> Row:
        before = self._before(song)
        is_ours = before is None or before.is_ours
        row = Row(
            str(song.item.source),
            song.item.target,
            song.item.how.key(),
            "failed",
            song.source_hash,
            reason=reason,
            is_ours=is_ours,
        )
        self._session.note(row)
        song.row = row
        return row

    def _end(self, job: Song, row: Row) -> Row:
        self._songs[job.number].row = row
        self._session.saw(row)
        return row


def states(items: Sequence[Item], folder: Path, keep: float = 1.0, force: bool = False) -> Iterator[tuple[Item, str]]:
    """What a run would do, without doing it: each item with why it would fail, or "done", or nothing: it would be made.

    Whether a song is done is known only where all of the record has been heard.

    Thread: main. Allocates: yes.
    """
    journal, kept = Journal(folder), Kept(folder)
    songs, reasons = [_Found(item) for item in items], {}
    for song in songs:
        reason = refusal(song.item, folder, journal.rows.get(song.item.target), force)
        try:
            song.source_hash = hash_of(song.item.path)
        except OSError:
            reason = f"{song.item.source}: cannot be read. Check name and permissions."
        song.heard = kept.heard.get((song.source_hash, song.item.how.key()))
        if reason:
            reasons[song.item.target], song.heard = reason, None
    good = [song for song in songs if song.item.target not in reasons]
    plans = _planned(songs, keep) if all(song.heard is not None for song in good) else []
    done = {job.item.target for _, jobs in plans if all(_is_done(job, journal, kept) for job in jobs) for job in jobs}
    for item in items:
        yield item, reasons.get(item.target, "done" if item.target in done else "")


def _planned(songs: Sequence[_Found], keep: float) -> list[tuple[together.Run, tuple[Song, ...]]]:
    """What the songs that were heard get, by runs."""
    from rt_automix.analysis.aim import profile

    numbers = [number for number, song in enumerate(songs) if song.heard is not None]
    if not numbers:
        return []
    how = songs[0].item.how
    target_lufs = how.config.master.target_lufs
    if target_lufs is None:
        target_lufs = (how.style or profile.load(how.config.master.profile)).loudness_lufs
    found = []
    for run in together.runs([song.heard for song in songs if song.heard is not None], target_lufs, keep):
        members = [numbers[place] for place in run.songs]
        hashes = [songs[number].source_hash for number in members]
        jobs = (
            Song(number, songs[number].item, songs[number].source_hash, key_of(run, how, hashes, place))
            for place, number in enumerate(members)
        )
        found.append((run, tuple(jobs)))
    return found


def _is_done(job: Song, journal: Journal, kept: Kept) -> bool:
    target = journal.path.parent / job.item.target
    is_kept = (job.item.target, job.key) in kept.mastered
    return is_kept and is_done(journal.rows.get(job.item.target), job.source_hash, job.key, target)
