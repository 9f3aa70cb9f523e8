"""Hear the whole song first: settled parameters from its first sample, and the one gain that meets the target.

Listening takes no chain. The gain is found without one, too: what comes before the limiter is played
once and reduced to energies and peaks, from which the loudness behind it follows for any gain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.aim.masters import Found
from rt_automix.analysis.aim.profile import load
from rt_automix.analysis.deciding import decision
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.recordings.bed import folded
from rt_automix.dsp.dynamics.trial import Trial
from rt_automix.engine import exchange
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine
from rt_automix.engine.reduction import Reducer
from rt_automix.render.ahead import Ahead
from rt_automix.render.levels import Glides, Levelled, Samples
from rt_automix.render.stages import Ears, Job, Stretch
from rt_automix.units import FLOOR_DB, lin_from_db

GAIN_TOLERANCE_LU = 0.05
"""How close the one gain of a song brings it to the target."""

MOST_PASSES = 3
"""So often the song is played until it is; once, nearly always."""

_BLOCK_SAMPLES = 1024 * at.TICK_SAMPLES
_WARM_UP_SAMPLES = 24 * _BLOCK_SAMPLES
"""What the compressor hears before the second half of a song that is reduced in two halves: half a minute."""

_INPUT_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]


@dataclass(frozen=True)
class Part:
    """A song of a programme: up to which sample it goes, its loudness, and the one to reach."""

    stop: int
    input_lufs: float
    target_lufs: float


class Plan:
    """How a programme that has been heard is to be mastered: a song, or several that run into one another.

    Parameters
    ----------
    job : Job
    values : float64, shape (parts, params.COUNT)
        Parameters of each part, which glide from one to the next; of the two gains only the sum counts, where
        loudness is not steered.
    fine_db : float64, shape (fine.BAND_COUNT,)
        Gains of the fine layer.
    parts : sequence of Part
        Each gets a gain of its own, which glides, too.
    found : Found, optional
        The correction behind the parameters, and its doubt.

    Attributes
    ----------
    gains_db : float64, shape (parts,)
    missed : list of str, one for each part
        Why the target was not met, in a sentence; empty where it was.
    """

    def __init__(
        self,
        job: Job,
        values: NDArray[np.float64],
        fine_db: NDArray[np.float64],
        parts: Sequence[Part],
        found: Found | None = None,
    ) -> None:
        self.found = found
        self._job, self._values, self._fine_db, self._parts = job, values, fine_db, parts
        self._glides = Glides(job.source.sample_rate_hz, [part.stop for part in parts])
        self._is_one = not np.ptp(values, axis=0).any()
        wanted_db = values[:, _INPUT_GAIN] + values[:, _DRIVE]
        inputs_lufs = np.array([part.input_lufs for part in parts])
        self._targets_lufs = np.array([part.target_lufs for part in parts])
        self.gains_db = wanted_db.copy()
        self.missed = [""] * len(parts)
        self._trials: dict[int, Trial] = {}
        self._passes = 0
        plain_db, reach_db = self._targets_lufs - inputs_lufs, job.config.rider.max_trim_db
        self._low_db, self._high_db = (
            np.minimum(wanted_db, plain_db) - reach_db,
            np.maximum(wanted_db, plain_db) + reach_db,
        )
        is_heard = inputs_lufs > FLOOR_DB
        if job.config.rider.enabled and is_heard.any():
            self._find_gains(np.where(is_heard, plain_db, wanted_db), is_heard)

    def engine(self) -> tuple[Engine, float]:
        """An engine with all of it from the first sample, and gain in dB before it, for what it cannot reach.

        `amount` scales that gain like the rest. Thread: main. Allocates: yes.
        """
        return self._held(float(self.gains_db.max()), self._job.config.master.amount)

    def job(self) -> Job:
        """The job, with each part at its own level. Thread: main. Allocates: yes."""
        return self._levelled(self.gains_db, self._job.config.master.amount)

    def _levelled(self, gains_db: NDArray[np.float64], amount: float) -> Job:
        below_db = amount * (gains_db - gains_db.max())
        if not below_db.any():
            return self._job
        return replace(self._job, source=Levelled(self._job.source, self._glides, below_db))

    def told(self, engine: Engine, stretches: Iterator[Stretch]) -> Iterator[Stretch]:
        """Stretches of the job with what its `engine` is told at each interval, where parts differ in tone.

        Thread: any but audio. Allocates: yes.
        """
        if self._is_one:
            yield from stretches
            return
        interval_samples, done = engine.analyst.interval_samples, 0
        for stretch in stretches:
            first, done = done // interval_samples + 1, done + stretch.samples.shape[1]
            messages = np.empty((done // interval_samples - first + 1, at.SUGGESTION_SIZE))
            for number, row in enumerate(messages):
                engine.analyst.suggestion = self._held_at(
                    (first + number) * interval_samples, float(self.gains_db.max())
                )
                row[:] = exchange.message(engine.analyst.ready())
            yield replace(stretch, messages=messages)

    def _held_at(self, position: int, gain_db: float) -> params.Values:
        """Parameters at a sample, with a certain gain; as in the matcher the drive takes what is above 0 dB."""
        held = self._glides.along(position, position + 1, self._values)[0].copy()
        held[_DRIVE] = min(max(gain_db, 0.0), params.HIGH[_DRIVE])
        held[_INPUT_GAIN] = min(max(gain_db - held[_DRIVE], params.LOW[_INPUT_GAIN]), params.HIGH[_INPUT_GAIN])
        return held

    def _held(self, gain_db: float, amount: float, position: int = 0) -> tuple[Engine, float]:
        """The same with a certain gain, as it is at a sample."""
        held = self._held_at(position, gain_db)
        still: dict[str, Any] = {"rider.enabled": False, "master.amount": amount}
        engine = self._job.engine(self._job.config.with_overrides(**still))
        engine.hold(held, self._fine_db)
        engine.settle()
        return engine, amount * (gain_db - held[_DRIVE] - held[_INPUT_GAIN])

    def _find_gains(self, played_db: NDArray[np.float64], is_heard: NDArray[np.bool_]) -> None:
        """Play it up to the limiter, and find the gains that the full amount needs."""
        most_db, rate_hz = float(played_db.max()), self._job.source.sample_rate_hz
        ticks = np.concatenate(list(self._reduced(self._levelled(played_db, 1.0).source, most_db)))
        engine, _ = self._held(most_db, 1.0)
        self._played_db = played_db
        borders = [0, *(part.stop // at.TICK_SAMPLES for part in self._parts[:-1]), len(ticks)]
        for number, (start, stop) in enumerate(pairwise(borders)):
            trial = Trial(ticks[start:stop], rate_hz, float(engine.arrays[0][at.CEILING]))
            if is_heard[number] and trial.loudness_lufs(0.0) > FLOOR_DB:
                self._trials[number] = trial
                self.gains_db[number] = self._nearest_db(number, self._targets_lufs[number])

    def _nearest_db(self, number: int, target_lufs: float) -> float:
        played_db = self._played_db[number]
        low_db, high_db = self._low_db[number] - played_db, self._high_db[number] - played_db
        return float(played_db + self._trials[number].gain_db(target_lufs, low_db, high_db))

    def _reduced(self, source: Samples, gain_db: float) -> Iterator[NDArray[np.float32]]:
        """Energies and peaks in front of the limiter, from the start."""
        whole, doing = source.whole, "finding the gain"
        if whole is None or whole.shape[1] < 4 * _WARM_UP_SAMPLES:
            with Ahead(source.blocks(_BLOCK_SAMPLES)) as blocks:
                yield from self._shaped(blocks, gain_db, source.samples)
            return
        # Two cores take half of the song each; the second half is heard from a little earlier on.
        half = whole.shape[1] // 2 // _BLOCK_SAMPLES * _BLOCK_SAMPLES
        early = half - _WARM_UP_SAMPLES
        second = self._shaped(_cut(whole[:, early:]), gain_db, 0, early)
        with Ahead(second, most=whole.shape[1]) as later:
            yield from self._shaped(_cut(whole[:, :half]), gain_db, half)
            for number, ticks in enumerate(later):
                if number >= _WARM_UP_SAMPLES // _BLOCK_SAMPLES:
                    yield ticks
        self._job.progress(doing, 1.0)

    def _shaped(
        self, blocks: Iterator[NDArray[np.float32]], gain_db: float, samples: int, start: int = 0
    ) -> Iterator[NDArray[np.float32]]:
        """Blocks through everything but the limiter; of `samples`, where there are any, it tells how many are done."""
        engine, trim_db = self._held(gain_db, 1.0, start)
        reducer, done = Reducer(engine), 0
        for block in blocks:
            if not self._is_one:
                engine.hold(self._held_at(start + done + block.shape[1] // 2, gain_db), self._fine_db)
            block *= np.float32(lin_from_db(trim_db))
            yield reducer.reduce(block)
            done += block.shape[1]
            if samples:
                self._job.progress("finding the gain", done / samples)

    def is_to_be_played_again(self, outputs_lufs: Sequence[float]) -> bool:
        """Whether other gains would bring the parts nearer to their targets than this output; they are set then.

        Thread: main. Allocates: no.
        """
        self._passes += 1
        missing_lu = {n: float(self._targets_lufs[n] - outputs_lufs[n]) for n in self._trials}
        off = {n: lu for n, lu in missing_lu.items() if abs(lu) > GAIN_TOLERANCE_LU}
        if not off or self._job.config.master.amount < 1.0:
            return False
        # What the trial is off by here it will be off by nearby.
        better_db = self.gains_db.copy()
        for n in off:
            off_lu = self._trials[n].loudness_lufs(self.gains_db[n] - self._played_db[n]) - outputs_lufs[n]
            better_db[n] = self._nearest_db(n, self._targets_lufs[n] + off_lu)
        if self._passes == MOST_PASSES or np.abs(better_db - self.gains_db).max() < 0.01:
            for n, lu in off.items():
                self.missed[n] = self._why(n, lu)
            return False
        self.gains_db = better_db
        return True

    def _why(self, number: int, missing_lu: float) -> str:
        """What keeps a part from its target, and what helps."""
        gain_db, trial = float(self.gains_db[number]), self._trials[number]
        side = "quieter" if missing_lu > 0.0 else "louder"
        target_lufs = self._targets_lufs[number]
        what = f"The target of {target_lufs:.1f} LUFS is missed: it is {abs(missing_lu):.2f} LU {side}."
        here_db = gain_db - self._played_db[number]
        slope = trial.loudness_lufs(here_db) - trial.loudness_lufs(here_db - 1.0)
        if missing_lu > 0.0 and slope < 0.5:
            return f"{what} Its peaks stand at the ceiling, and more gain would only be limited. Raise the ceiling."
        if min(gain_db - self._low_db[number], self._high_db[number] - gain_db) < 0.02:
            return f"{what} The gain of {gain_db:.1f} dB is all that rider.max_trim_db allows. Raise that."
        return f"{what} No gain comes nearer than {gain_db:.2f} dB."


def _cut(whole: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, whole.shape[1], _BLOCK_SAMPLES):
        yield whole[:, start : start + _BLOCK_SAMPLES].copy()


def listen(job: Job, heard: Ears) -> Plan:
    """Hear the whole song, and decide.

    Parameters
    ----------
    job : Job
    heard : Ears
        Measures the input meanwhile.

    Thread: main. Allocates: yes.
    """
    source = job.source
    listener = Listener(source.sample_rate_hz, min(source.channels, 2), math.inf)
    done = 0
    with Ahead(_measured(job, heard)) as blocks:
        for block in blocks:
            listener.push(folded(block, job.layout))
            done += block.shape[1]
            job.progress("listening", done / source.samples)
    listener.conclude()
    style = job.style or load(job.config.master.profile)
    master = job.config.master
    values, fine_db, found = decision.settled(
        listener, job.suggester, style, source.sample_rate_hz, master.boldness, master.style_strength
    )
    target_lufs = style.loudness_lufs if master.target_lufs is None else master.target_lufs
    part = Part(source.samples, heard.meter.result().integrated_lufs, target_lufs)
    return Plan(job, values[None], fine_db, [part], found)


def _measured(job: Job, heard: Ears) -> Iterator[NDArray[np.float32]]:
    for block in job.source.blocks(_BLOCK_SAMPLES):
        heard.push(block)
        yield block
