"""What comes of it: held-out music through the real chain, with each system's parameters.

Every excerpt is mastered with parameters held, the second time round, so that nothing is still
settling. With the loop closed the rider works too, as it does live: all systems are equally loud
then, so that none looks better for having limited less and stayed softer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.masters import Aim
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.deciding.suggester import Suggester
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from training.labels import shards
from training.labels.teacher import Teacher
from training.music import corpus

RATE_HZ = shards.SAMPLE_RATE_HZ
MEASURES = ("band_balance_db", "loudness_lu", "plr_db", "dynamics_db", "side_mid_db")
"""Distances to the profile: the bands' RMS, the others' size."""
WAYS = ("held", "closed")
"""With parameters held, and with the loop closed."""

CLOSED_ROUNDS = 4
_SHARE_OF = 0.5
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Excerpt:
    """Ten seconds of damaged music, and what it shall measure like."""

    samples: NDArray[np.float32]
    wanted: Profile
    values: dict[str, Values]


def master(samples: NDArray[np.float32], values: Values, target_lufs: float | None = None) -> NDArray[np.float32]:
    """Through the chain with parameters held; with a target, the rider brings it to that loudness."""
    settings: dict[str, Any] = {"limiter.ceiling_dbtp": 0.0, "rider.max_trim_db": 24.0}
    if target_lufs is not None:
        settings["master.target_lufs"] = min(max(target_lufs, -40.0), -5.0)
    engine = Engine(Config().with_overrides(**settings), analysis="off")
    engine.prepare(RATE_HZ, samples.shape[1], 2)
    engine.set(ride=target_lufs is not None, amount=1.0)
    engine.hold(values)
    engine.settle()
    out = samples
    for _ in range(2 if target_lufs is None else CLOSED_ROUNDS):
        out = engine.process(samples.copy())
    return out


Errors = dict[str, dict[str, float]]
"""By way and measure."""


def errors(samples: NDArray[np.float32], values: Values, wanted: Profile) -> Errors:
    """How far from the profile the music is, mastered with these parameters."""
    targets_lufs = {"held": None, "closed": wanted.loudness_lufs}
    return {way: _distances(master(samples, values, targets_lufs[way]), wanted) for way in WAYS}


def untouched_errors(samples: NDArray[np.float32], wanted: Profile) -> Errors:
    """The same for the music as it is."""
    return dict.fromkeys(WAYS, _distances(samples, wanted))


def _distances(samples: NDArray[np.float32], wanted: Profile) -> dict[str, float]:
    found = measured(samples)
    bands_db = np.array(found.bands_db) - np.array(wanted.bands_db)
    return {
        "band_balance_db": float(np.sqrt(np.mean(bands_db**2))),
        "loudness_lu": abs(found.loudness_lufs - wanted.loudness_lufs),
        "plr_db": abs(found.plr_db - wanted.plr_db),
        "dynamics_db": abs(found.dynamics_db - wanted.dynamics_db),
        "side_mid_db": abs(found.side_mid_db - wanted.side_mid_db),
    }


def spectra(excerpt: Excerpt) -> dict[str, list[float]]:
    """Long-term spectra in dB: as it came, as it shall be, and mastered by each system."""
    found = {"untouched": measured(excerpt.samples), "wanted": excerpt.wanted}
    found |= {name: measured(master(excerpt.samples, params.clamp(one))) for name, one in excerpt.values.items()}
    return {name: list(one.bands_db) for name, one in found.items()}


def measured(samples: NDArray[np.float32]) -> Profile:
    """What a piece of music measures like; that of near silence where there is too little."""
    return profile.measure([samples], RATE_HZ, 2, "heard")


@lru_cache(maxsize=1)
def _audio(job: shards.Job) -> NDArray[np.float32]:
    return shards.damaged(job)


def excerpt_of(job: shards.Job, start_frame: int, frames: int) -> NDArray[np.float32]:
    """The samples behind an example."""
    hop = shards.HOP
    return np.ascontiguousarray(_audio(job)[:, start_frame * hop : (start_frame + frames + 1) * hop])


def mean_errors(rows: list[dict[str, Errors]]) -> dict[str, Errors]:
    """Mean over excerpts, by system, way and measure."""
    return {
        system: {
            way: {one: float(np.mean([row[system][way][one] for row in rows])) for one in MEASURES} for way in WAYS
        }
        for system in rows[0]
    }


def shares(mean: dict[str, Errors]) -> dict[str, Errors]:
    """Share of the teacher's improvement over the untouched that each system reaches, by way and measure.

    Parameters
    ----------
    mean : mean errors by system, "untouched" and "teacher" among the systems
    """
    none, all_ = mean["untouched"], mean["teacher"]
    return {
        system: {
            way: {one: (none[way][one] - found[way][one]) / (none[way][one] - all_[way][one]) for one in MEASURES}
            for way in WAYS
        }
        for system, found in mean.items()
    }


def excerpts(
    folder: Path, plans: dict[str, shards.Plan], count: int, systems: dict[str, Callable[[Any], Values]], seed: int
) -> Iterator[Excerpt]:
    """Test excerpts of ten seconds with each system's parameters, in the order of their songs.

    Parameters
    ----------
    systems : from a shard's arrays and an example's number to parameters
    """
    songs = corpus.read_split(folder / "split.json")
    rng = np.random.default_rng(seed)
    chosen: list[tuple[shards.Job, int]] = []
    for job in shards.jobs(songs, folder, plans):
        if job.song.use == "test" and job.shard.exists():
            with np.load(job.shard) as shard:
                ten = np.flatnonzero((np.abs(shard["seconds"] - 10.0) < _SHARE_OF) & ~np.isnan(shard["heard"][:, 0]))
            chosen += [(job, int(example)) for example in ten]
    picked = sorted(rng.choice(len(chosen), min(count, len(chosen)), replace=False).tolist())
    names = tuple(profile.RANGES)
    for job, example in (chosen[k] for k in picked):
        with np.load(job.shard) as file:
            shard = {name: file[name] for name in file.files}
        vector = shard["profile"][example].astype(np.float64)
        scalars = dict(zip(names, vector[-len(names) :].tolist(), strict=True))
        wanted = Profile(name="wanted", bands_db=tuple(vector[: -len(names)].tolist()), **scalars)
        frames = round(float(shard["seconds"][example]) / shards.HOP_S)
        samples = excerpt_of(job, int(shard["start_frame"][example]), frames)
        yield Excerpt(samples, wanted, {name: answer(shard, example) for name, answer in systems.items()})


# The teacher itself -----------------------------------------------------------------------------------


def teacher_checks(songs: list[corpus.Song], seconds: float = 20.0) -> dict[str, Any]:
    """How neutral the teacher leaves songs matched to themselves, and how far 100 ms move its answers."""
    neutral, shifted = [], []
    shift = round(0.1 * RATE_HZ)
    for song in songs:
        audio = corpus.decode(song, RATE_HZ)
        start = max((audio.shape[1] - round(seconds * RATE_HZ) - shift) // 2, 0)
        here, there = (
            np.ascontiguousarray(audio[:, first : first + round(seconds * RATE_HZ)])
            for first in (start, min(start + shift, audio.shape[1]))
        )
        answers = [_teacher(piece) for piece in (here, there)]
        own = params.normalise(answers[0].solve(measured(here)))
        neutral.append(np.abs(own - params.normalise(params.NEUTRAL)))
        for name in profile.shipped():
            wanted = profile.load(name)
            first, second = (params.normalise(answer.solve(wanted)) for answer in answers)
            shifted.append(np.abs(first - second))
    return {
        "songs": len(songs),
        "self_match_worst_norm": dict(zip(params.NAMES, np.max(neutral, axis=0).tolist(), strict=True)),
        "shift_100_ms_mean_norm": float(np.mean(shifted)),
    }


def _teacher(samples: NDArray[np.float32]) -> Teacher:
    listener = Listener(RATE_HZ, 2, math.inf)
    listener.push(samples)
    return Teacher(samples, RATE_HZ, listener.statistics)


# No harm ----------------------------------------------------------------------------------------------


def no_harm(
    songs: list[corpus.Song], suggesters: dict[str, Suggester], seconds: float = 60.0
) -> dict[str, dict[str, Any]]:
    """Masters against their own profile: how far band balance and loudness are moved, by system."""
    found: dict[str, dict[str, Any]] = {name: {"band_balance_db": [], "loudness_lu": []} for name in suggesters}
    for song in songs:
        audio = corpus.decode(song, RATE_HZ)
        start = max((audio.shape[1] - round(seconds * RATE_HZ)) // 2, 0)
        samples = np.ascontiguousarray(audio[:, start : start + round(seconds * RATE_HZ)])
        own = measured(samples)
        listener = Listener(RATE_HZ, 2)
        listener.push(samples)
        for name, suggester in suggesters.items():
            after = measured(master(samples, suggester.suggest(listener, own)))
            moved_db = np.array(after.bands_db) - np.array(own.bands_db)
            found[name]["band_balance_db"].append(float(np.sqrt(np.mean(moved_db**2))))
            found[name]["loudness_lu"].append(abs(after.loudness_lufs - own.loudness_lufs))
    return found


def against_auto(songs: list[corpus.Song], suggesters: dict[str, Suggester], seconds: float = 60.0) -> dict[str, Any]:
    """Masters against `auto`: which share of them has a parameter beyond half of its way from neutral.

    Gain has a column of its own: `auto` has one loudness, and how far a master's is from it is no matter of taste.
    """
    is_gain = np.array([name in ("input_gain_db", "limiter_drive_db") for name in params.NAMES])
    beyond: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in suggesters}
    reach = 0.5 * np.maximum(params.HIGH - params.NEUTRAL, params.NEUTRAL - params.LOW)
    for song in songs:
        audio = corpus.decode(song, RATE_HZ)
        start = max((audio.shape[1] - round(seconds * RATE_HZ)) // 2, 0)
        listener, auto, aim = Listener(RATE_HZ, 2), Aim(), profile.load("auto")
        for second in range(round(seconds)):
            first = start + second * RATE_HZ
            listener.push(np.ascontiguousarray(audio[:, first : first + RATE_HZ]))
            aim = auto.follow(listener.statistics, profile.load("auto"))
        for name, suggester in suggesters.items():
            beyond[name].append(np.abs(suggester.suggest(listener, aim) - params.NEUTRAL) > reach)
    return {
        name: {
            "share_of_masters": float(np.mean([found.any() for found in several])),
            "share_of_masters_but_gain": float(np.mean([found[~is_gain].any() for found in several])),
            "share_of_parameters": float(np.mean(several)),
            "per_parameter": dict(zip(params.NAMES, np.mean(several, axis=0).tolist(), strict=True)),
        }
        for name, several in beyond.items()
    }


def matcher_only() -> dict[str, Suggester]:
    """The suggester that every network has to beat."""
    return {"matcher": Matcher()}
