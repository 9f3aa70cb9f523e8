"""Shards of examples: damaged music, what a listener knows of it at several moments, what the teacher says.

One job is one song damaged in one way; it yields the same shard whenever and wherever it runs.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.bundles import context
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.features import hop_samples
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.analysis.hearing.statistics import MEMORY_S, Statistics
from rt_automix.analysis.layout import WINDOW_FRAMES
from training.labels.teacher import Teacher
from training.music import corpus, damage

SAMPLE_RATE_HZ = 44_100
HEARD_UP_TO_S = MEMORY_S + 0.1
"""As long as statistics do not forget, they are those of the whole excerpt: only then there is an answer to it."""

LONGEST_SONG_S = 200.0
SHORTEST_MUSIC_S = 1.0

STYLE_SONGS, STYLE_LUFS = 6, (-16.0, -9.0)
"""A style is what a few masters have in common, at a loudness of its own."""

_ANOTHER, _SAME, _STYLE = 0, 1, 2
HOP, HOP_S = hop_samples(SAMPLE_RATE_HZ), features.HOP_S


@dataclass(frozen=True)
class Plan:
    """How many examples, and which.

    Parameters
    ----------
    variants : int
        Damaged versions of each song.
    profiles : int
        What each version is matched to.
    starts : int
        Moments at which a listener joins.
    listened_s : tuple of float
        Times of listening; `sampled` of them at each start, 10 s always among them.
    sampled : int
    hard : float
        Share of versions with damage beyond the usual.
    seed : int
    """

    variants: int
    profiles: int
    starts: int
    sampled: int
    hard: float = 0.34
    listened_s: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
    seed: int = 1
    into: str = ""


PLANS = {
    "train": Plan(variants=6, profiles=3, starts=6, sampled=2),
    "validation": Plan(variants=3, profiles=3, starts=4, sampled=6),
    "test": Plan(variants=5, profiles=3, starts=4, sampled=6),
}
WIDENED = {"train": Plan(variants=1, profiles=3, starts=6, sampled=2, hard=0.8, seed=2, into="widened")}
"""More of the training songs, damaged harder: for the network that is trained further."""
QUICK = {
    "train": Plan(variants=1, profiles=2, starts=3, sampled=2),
    "validation": Plan(variants=1, profiles=2, starts=2, sampled=6),
    "test": Plan(variants=1, profiles=2, starts=2, sampled=6),
}


@dataclass(frozen=True)
class Job:
    """One song in one version, and the folder its shard goes to."""

    song: corpus.Song
    number: int
    version: int
    plan: Plan
    folder: Path

    @property
    def shard(self) -> Path:
        """Where its examples go."""
        return self.folder / (self.plan.into or self.song.use) / f"{self.song.id}-{self.version}.npz"

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers of its own for each purpose."""
        return np.random.default_rng([self.plan.seed, int(self.song.id, 16), self.version, *purpose.encode()])


def damaged(job: Job) -> NDArray[np.float32]:
    """The job's music as a live input has it: float32, shape (2, n)."""
    rng = job.rng("damage")
    kind = "hard" if rng.random() < job.plan.hard else "usual"
    return damage.damage(_decoded(job), SAMPLE_RATE_HZ, rng, kind)


def _decoded(job: Job) -> NDArray[np.float32]:
    """The job's song up to LONGEST_SONG_S; kept as plain samples, since every version needs it."""
    file = job.folder / "decoded" / f"{job.song.id}.npy"
    if file.exists():
        return np.array(np.load(file, mmap_mode="r"))
    audio = np.ascontiguousarray(corpus.decode(job.song, SAMPLE_RATE_HZ)[:, : round(LONGEST_SONG_S * SAMPLE_RATE_HZ)])
    write_whole(file, lambda opened: np.save(opened, audio))
    return audio


def write_whole(file: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write under another name first, so that a file that is there is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as opened:
        write(opened)
    part.replace(file)


def profile_table(folder: Path, use: str) -> Path:
    return folder / f"profiles-{use}.json"


@lru_cache(maxsize=4)
def read_profiles(table: Path) -> dict[str, Profile]:
    """Profiles of the songs as they were mastered, by the song's id."""
    raw = json.loads(table.read_text(encoding="utf-8"))
    return {key: Profile(**{**value, "bands_db": tuple(value["bands_db"])}) for key, value in raw.items()}


def draw_profiles(job: Job) -> list[tuple[int, Profile]]:
    """What the job's music shall measure like: other songs of the same use, itself, styles."""
    rng = job.rng("profiles")
    known = read_profiles(profile_table(job.folder, job.song.use))
    others = sorted(key for key in known if key != job.song.id)
    masters = list(read_profiles(profile_table(job.folder, "train")).values())
    drawn: list[tuple[int, Profile]] = []
    for _ in range(job.plan.profiles):
        dice = rng.random()
        if dice < 0.6 and others:
            first, second = rng.choice(len(others), 2)
            other = known[others[first]]
            # Between two masters lies another one: twice as many tastes to learn.
            drawn.append((_ANOTHER, mixed(other, known[others[second]], rng.random()) if dice < 0.3 else other))
        elif dice < 0.8 and job.song.id in known:
            drawn.append((_SAME, known[job.song.id]))
        else:
            chosen = rng.choice(len(masters), min(STYLE_SONGS, len(masters)), replace=False)
            style = profile.mean_of([masters[k] for k in chosen])
            louder_lu = rng.uniform(*STYLE_LUFS) - style.loudness_lufs
            drawn.append((_STYLE, replace(style, loudness_lufs=style.loudness_lufs + louder_lu)))
    return drawn


def mixed(one: Profile, other: Profile, share: float) -> Profile:
    """A profile between two, `share` of the way to the other."""
    vector = (1.0 - share) * one.vector() + share * other.vector()
    names = tuple(profile.RANGES)
    scalars = dict(zip(names, vector[-len(names) :].tolist(), strict=True))
    return Profile(name="mixed", bands_db=tuple(vector[: -len(names)].tolist()), **scalars)


def _window(rows: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """What a listener that joined at frame `start` has in its window at frame `stop`."""
    window = np.full((WINDOW_FRAMES, features.ROWS), features.ROW_FLOOR_DB, np.float32)
    newest = rows[max(start, stop - WINDOW_FRAMES) : stop]
    window[WINDOW_FRAMES - len(newest) :] = newest
    return window


def make(job: Job) -> int:
    """Make the job's shard; how many examples are in it."""
    audio = damaged(job)
    rows = FeatureStream(SAMPLE_RATE_HZ, 2).push(audio)
    whole = Statistics(math.inf)
    whole.add(rows)
    found: dict[str, list[Any]] = {name: [] for name in ("window", "window_of", "context", "heard", "song")}
    found |= {name: [] for name in ("seconds", "start", "profile_kind", "profile")}
    if whole.seconds_heard >= 10.0:
        drawn = draw_profiles(job)
        teacher = Teacher(audio, SAMPLE_RATE_HZ, whole)
        answers = [params.normalise(teacher.solve(wanted)) for _, wanted in drawn]
        matcher = Matcher()
        for start, stop, statistics in _moments(job, rows):
            found["window"].append(context.window(_window(rows, start, stop), statistics.loudness_lufs))
            excerpt = None
            if (stop - start) * features.HOP_S <= HEARD_UP_TO_S:
                piece = np.ascontiguousarray(audio[:, start * HOP : (stop + 1) * HOP])
                excerpt = Teacher(piece, SAMPLE_RATE_HZ, statistics)
            for (kind, wanted), answer in zip(drawn, answers, strict=True):
                matched = matcher.match(statistics, wanted)
                found["window_of"].append(len(found["window"]) - 1)
                found["context"].append(context.vector(statistics, wanted, matched))
                heard = params.normalise(excerpt.solve(wanted)) if excerpt else np.full(params.COUNT, np.nan)
                found["heard"].append(heard)
                found["song"].append(answer)
                found["seconds"].append((stop - start) * features.HOP_S)
                found["start"].append(start)
                found["profile_kind"].append(kind)
                found["profile"].append(wanted.vector())
    _write(job, found)
    return len(found["context"])


def _moments(job: Job, rows: NDArray[np.float32]) -> Iterator[tuple[int, int, Statistics]]:
    """(first frame, frame after the last, statistics) of each moment at which there is an example."""
    rng = job.rng("moments")
    longest = len(rows) - round(30.0 / features.HOP_S)
    for join in range(job.plan.starts):
        # A song is heard from its beginning more often than from anywhere else.
        start = 0 if join == 0 else int(rng.integers(0, max(longest, 1)))
        others = [listened for listened in job.plan.listened_s if listened != 10.0]
        chosen = {10.0, *rng.choice(others, job.plan.sampled - 1, replace=False).tolist()}
        statistics, at = Statistics(), start
        for listened_s in sorted(chosen):
            stop = start + round(listened_s / features.HOP_S)
            if stop > len(rows):
                break
            statistics.add(rows[at:stop])
            at = stop
            if statistics.seconds_heard >= SHORTEST_MUSIC_S:
                yield start, stop, statistics


def _write(job: Job, found: dict[str, list[Any]]) -> None:
    """Write the shard."""
    count, windows = len(found["context"]), len(found["window"])
    arrays = {
        "windows": np.array(found["window"], np.float16).reshape(windows, *context.WINDOW_SHAPE),
        "window_of": np.array(found["window_of"], np.int32),
        "context": np.array(found["context"], np.float32).reshape(count, context.SIZE),
        "heard": np.array(found["heard"], np.float32).reshape(count, params.COUNT),
        "song": np.array(found["song"], np.float32).reshape(count, params.COUNT),
        "seconds": np.array(found["seconds"], np.float32),
        "start_frame": np.array(found["start"], np.int32),
        "profile_kind": np.array(found["profile_kind"], np.uint8),
        "profile": np.array(found["profile"], np.float32).reshape(count, -1),
        "song_id": np.full(count, job.number, np.int32),
        "version": np.full(count, job.version, np.int32),
    }
    write_whole(job.shard, lambda opened: np.savez(opened, **arrays))


def jobs(songs: list[corpus.Song], folder: Path, plans: dict[str, Plan]) -> list[Job]:
    """Every job there is, versions outermost, so that a part of them is a smaller set of the same kind."""
    several = []
    for version in range(max(plan.variants for plan in plans.values())):
        for number, song in enumerate(songs):
            if song.use in plans and version < plans[song.use].variants:
                several.append(Job(song, number, version, plans[song.use], folder))
    return several
