"""A record as one programme: each song is heard, all decide together, and what runs into one another is played so.

The songs keep their distances in loudness, and share one tone but for a bounded part. Songs whose join sounds, on
both sides, are one run: one engine plays them, so filters and limiter go on across the join as if there were none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.aim.profile import Profile, load
from rt_automix.analysis.deciding import decision
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.analysis.recordings.measure import Measurement
from rt_automix.analysis.tone import tone_edges_hz
from rt_automix.config import Config
from rt_automix.dsp.tone import equalizer, fine
from rt_automix.engine.history import Recorder
from rt_automix.io.files.audio import AudioReader, AudioWriter, Block
from rt_automix.render.ahead import Ahead
from rt_automix.render.programme import Programme
from rt_automix.render.song import Part, Plan
from rt_automix.render.stages import Ears, Job, Progress, Source, sides_of
from rt_automix.units import FLOOR_DB, lin_from_db

Mono = Literal["dual", "single"]

OWN_SHARE, WAY_SHARE, OWN_DB = 0.5, 0.15, 1.0
"""How much of what is a song's own in the five bands stays, where it brings the song nearer to the others; how much
of the way to them it goes besides; and how much both are at most."""

EDGE_S, QUIET_DBFS = 0.005, -66.0
"""A join sounds if so much on either side of it has a sample above this."""

_TONE = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
_INPUT_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]
_BLOCK_SAMPLES = 65536


@dataclass(frozen=True)
class Heard:
    """What a song is, and what it would get by itself.

    Parameters
    ----------
    sample_rate_hz, channels, samples : int
    input : Measurement
    profile : Profile, optional
        None where there is too little music.
    values : tuple of float, params.COUNT of them
    fine_db : tuple of float, fine.BAND_COUNT of them
    starts, ends : bool
        Whether its first and its last instant sound.
    notes : tuple of str
        What was not as it should be.
    """

    sample_rate_hz: int
    channels: int
    samples: int
    input: Measurement
    profile: Profile | None
    values: tuple[float, ...]
    fine_db: tuple[float, ...]
    starts: bool
    ends: bool
    notes: tuple[str, ...] = ()

    @property
    def has_loudness(self) -> bool:
        """Whether it is long and loud enough to have one."""
        return self.input.integrated_lufs > FLOOR_DB


@dataclass(frozen=True)
class Run:
    """Songs that run into one another, and what they get; mostly one.

    Parameters
    ----------
    songs : tuple of int
        Their places on the record.
    values : tuple of tuple of float, one for each song, params.COUNT in it
    fine_db : tuple of float, fine.BAND_COUNT of them
    inputs_lufs, targets_lufs : tuple of float, one for each song
    """

    songs: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    fine_db: tuple[float, ...]
    inputs_lufs: tuple[float, ...]
    targets_lufs: tuple[float, ...]


@dataclass(frozen=True)
class Mastered:
    """What became of a song.

    Parameters
    ----------
    output : Measurement
    profile : Profile, optional
    gated : float64, shape (loudness.GATED_SIZE,)
        Its blocks, to be gated with those of the others.
    gain_db : float
    notes : tuple of str
    """

    output: Measurement
    profile: Profile | None
    gated: NDArray[np.float64]
    gain_db: float
    notes: tuple[str, ...]


def hear(path: Path, config: Config, style: Profile | None, mono: Mono) -> Heard:
    """Hear a song of a record, and decide what it would get by itself.

    Raises
    ------
    AudioFileError
        It cannot be read.
    ConfigError
        There is no such profile or suggester.

    Thread: main. Allocates: yes.
    """
    notes: list[str] = []
    suggester = choose(config.master.suggester, notes.append, at_once=False)
    with AudioReader(path, surround=True) as reader:
        rate, sides = reader.sample_rate_hz, sides_of(reader.channels, mono)
        source, ears = Source(reader, False, sides), Ears(rate, sides, True)
        edge, quiet_lin = round(EDGE_S * rate), lin_from_db(QUIET_DBFS)
        first_lin, end = 0.0, np.empty((sides, 0), np.float32)
        with Ahead(source.blocks(_BLOCK_SAMPLES)) as blocks:
            for number, block in enumerate(blocks):
                if number == 0:
                    first_lin = float(np.abs(block[:, :edge]).max())
                end = np.concatenate((end, block), axis=1)[:, -edge:]
                ears.push(block)
        assert ears.listener is not None
        ears.listener.conclude()
        master = config.master
        values, fine_db, _ = decision.settled(
            ears.listener, suggester, style or load(master.profile), rate, master.boldness, master.style_strength
        )
        faults = f"{path}: {source.faults} samples were not sane audio; silence took their place."
        return Heard(
            rate, reader.channels, reader.samples, ears.meter.result(), ears.profile("input"),
            tuple(values.tolist()), tuple(fine_db.tolist()),
            first_lin > quiet_lin, float(np.abs(end).max()) > quiet_lin,
            (*reader.notes, *notes, *([faults] if source.faults else [])),
        )  # fmt: skip


def runs(heard: Sequence[Heard], target_lufs: float, keep: float = 1.0) -> list[Run]:
    """What the songs of a record get, together.

    The loudest song comes to the target, each other one is as far below as it was, or `keep` of that. The tone is
    what all of them have in common, and, in the five bands, a part of each song's own.

    Parameters
    ----------
    heard : sequence of Heard
        In the record's order.
    target_lufs : float
    keep : float, 0..1

    Thread: any but audio. Allocates: yes.
    """
    inputs_lufs = [one.input.integrated_lufs for one in heard]
    loudest_lufs = max(inputs_lufs, default=FLOOR_DB)
    weights = np.array([one.samples / one.sample_rate_hz if one.profile is not None else 0.0 for one in heard])
    common = _mean([one.values for one in heard], weights, params.NEUTRAL)
    fine_db = _mean([one.fine_db for one in heard], weights, np.zeros(fine.BAND_COUNT))
    found = []
    for songs in _joined(heard):
        values = np.tile(common, (len(songs), 1))
        for song, row in zip(songs, values, strict=True):
            if heard[song].profile is not None:
                row[_TONE] += _own_db((heard[song].values - common)[_TONE], heard[song], heard)
        if loudest_lufs > FLOOR_DB and not all(heard[song].has_loudness for song in songs):
            # What has no loudness of its own is moved like the loudest.
            values[:, _DRIVE] = max(target_lufs - loudest_lufs, 0.0)
            values[:, _INPUT_GAIN] = min(target_lufs - loudest_lufs, 0.0)
        lufs = tuple(inputs_lufs[song] for song in songs)
        targets = tuple(target_lufs - keep * (loudest_lufs - one) for one in lufs)
        found.append(
            Run(songs, tuple(map(tuple, params.clamp(values).tolist())), tuple(fine_db.tolist()), lufs, targets)
        )
    return found


def _own_db(wanted_db: NDArray[np.float64], song: Heard, record: Sequence[Heard]) -> NDArray[np.float64]:
    """What a song that has a spectrum gets in the five bands beyond its record, which brings it nearer to that.

    It is a part of what it would get by itself, of the bands in which that leads there; and a small part of the way
    itself, as compression, width and limiter lead away from it.
    """
    assert song.profile is not None
    away_db = song.profile.bands_db - np.mean(
        [one.profile.bands_db for one in record if one.profile is not None], axis=0
    )
    edges_hz = tone_edges_hz()
    centres_hz = np.sqrt(edges_hz[:-1] * edges_hz[1:])
    responses = np.array([equalizer.analog_magnitude_db(row, centres_hz) for row in np.eye(wanted_db.size)])
    responses -= responses.mean(axis=1, keepdims=True)
    way_db = -np.linalg.lstsq(responses.T, away_db - away_db.mean())[0]
    own_db = np.where(wanted_db * (responses @ away_db) < 0.0, OWN_SHARE * wanted_db, 0.0)
    return np.clip(own_db + WAY_SHARE * way_db, -OWN_DB, OWN_DB)


def _mean(
    several: Sequence[Sequence[float]], weights: NDArray[np.float64], otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weighted mean of some rows; `otherwise` where nothing has weight."""
    if not weights.any():
        return otherwise.copy()
    return np.asarray(np.average(np.array(several), axis=0, weights=weights))


def _joined(heard: Sequence[Heard]) -> list[tuple[int, ...]]:
    """Songs by runs: those whose join sounds on both sides are together, if one engine can play both."""
    found: list[tuple[int, ...]] = []
    for number, one in enumerate(heard):
        before = heard[number - 1] if number else None
        is_alike = before is not None and (before.sample_rate_hz, before.channels) == (one.sample_rate_hz, one.channels)
        if before is not None and before.ends and one.starts and is_alike:
            found[-1] = (*found[-1], number)
        else:
            found.append((number,))
    return found


def play(
    run: Run,
    sources: Sequence[Path],
    targets: Sequence[Path],
    config: Config,
    *,
    bits: int = 24,
    mono: Mono = "dual",
    progress: Progress = lambda doing, share: None,
) -> list[Mastered]:
    """Master the songs of a run into a file each; together they are as long as what they were made of.

    Parameters
    ----------
    run : Run
    sources, targets : sequence of Path, one for each song of the run
    config : Config
        Its target does not count: the run has those of its songs.
    bits : int
        16, 24 or 32 (float).
    mono : "dual" or "single"
        As for `render`.
    progress : callable, optional

    Raises
    ------
    AudioFileError
        A source cannot be read, or a target cannot be written.

    Thread: main. Allocates: yes.
    """
    with Programme(sources) as programme:
        sides = sides_of(programme.channels, mono)
        source = Source(programme, True, sides)
        source.keep()
        job = Job(source, config, None, Matcher(), None, progress)
        parts = [Part(*one) for one in zip(programme.stops, run.inputs_lufs, run.targets_lufs, strict=True)]
        plan = Plan(job, np.array(run.values), np.array(run.fine_db), parts)
        while True:
            engine, trim_db = plan.engine()
            playing = plan.job()
            stretches = plan.told(engine, playing.stretches(engine, None, False, lin_from_db(trim_db)))
            played = job.played(Recorder(engine), stretches)
            ears = [Ears(programme.sample_rate_hz, sides, True) for _ in parts]
            with suppress(_PlayAgainError), ExitStack() as whole, Ahead(played) as coming:
                writers = [
                    AudioWriter(
                        target, reader.sample_rate_hz, reader.channels, bits, True,
                        not_over=reader.path, tags_from=reader.path, is_aligned=not reader.is_resampled,
                        mask=reader.mask,
                    )
                    for target, reader in zip(targets, programme.readers, strict=True)
                ]  # fmt: skip
                _write(writers, ears, _cut(coming, programme.stops), whole)
                outputs = [one.meter.result() for one in ears]
                if plan.is_to_be_played_again([one.integrated_lufs for one in outputs]):
                    raise _PlayAgainError  # so that the writers leave nothing
                for writer, output in zip(writers, outputs, strict=True):
                    writer.measured = output
                whole.pop_all().close()
                return [
                    Mastered(
                        output, one.profile("output"), one.meter.gated, float(gain_db),
                        tuple(filter(None, [missed, writer.tags_note])),
                    )
                    for output, one, gain_db, missed, writer in zip(
                        outputs, ears, plan.gains_db, plan.missed, writers, strict=True
                    )
                ]  # fmt: skip


class _PlayAgainError(Exception):
    """The gains were not right yet; nothing of this pass stays."""


def _write(
    writers: Sequence[AudioWriter], ears: Sequence[Ears], pieces: Iterator[tuple[int, Block]], whole: ExitStack
) -> None:
    """Hear and write pieces, each with the song that it belongs to; files stay unfinished until `whole` is left."""
    current = -1
    for song, piece in pieces:
        while current < song:
            current += 1
            whole.enter_context(writers[current])
        ears[song].push(piece)
        writers[song].write(piece[: writers[song].channels])


def _cut(blocks: Iterator[tuple[Block, float]], stops: Sequence[int]) -> Iterator[tuple[int, Block]]:
    """Blocks of a programme cut at the ends of its songs, each piece with its song."""
    song, done = 0, 0
    for block, _ in blocks:
        start = 0
        while start < block.shape[1]:
            size = min(block.shape[1] - start, stops[song] - done)
            yield song, np.ascontiguousarray(block[:, start : start + size])
            start, done = start + size, done + size
            if done == stops[song] and song + 1 < len(stops):
                song += 1
