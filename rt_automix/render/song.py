"""Hear the whole song first: settled parameters from its first sample, and the one gain that meets the target.

Listening takes no chain. The gain is found without one, too: what comes before the limiter is played
once and reduced to energies and peaks, from which the loudness behind it follows for any gain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import decision
from rt_automix.analysis.listener import Listener
from rt_automix.analysis.masters import Found
from rt_automix.analysis.profile import load
from rt_automix.dsp.trial import Trial
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine
from rt_automix.engine.reduction import Reducer
from rt_automix.render.ahead import Ahead
from rt_automix.render.stages import Ears, Job
from rt_automix.units import FLOOR_DB, lin_from_db

GAIN_TOLERANCE_LU = 0.05
"""How close the one gain of a song brings it to the target."""

MOST_PASSES = 3
"""So often the song is played until it is; once, nearly always."""

_BLOCK_SAMPLES = 1024 * at.TICK_SAMPLES
_WARM_UP_SAMPLES = 24 * _BLOCK_SAMPLES
"""What the compressor hears before the second half of a song that is reduced in two halves: half a minute."""

_INPUT_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]


class Plan:
    """How a song that has been heard is to be mastered.

    Parameters
    ----------
    job : Job
    values : float64, shape (params.COUNT,)
        Parameters for the whole song; of the two gains only the sum counts.
    fine_db : float64, shape (fine.BAND_COUNT,)
        Gains of the fine layer.
    input_lufs : float
        Integrated loudness of the song.
    found : Found, optional
        The correction behind the parameters, and its doubt.
    """

    def __init__(
        self,
        job: Job,
        values: params.Values,
        fine_db: NDArray[np.float64],
        input_lufs: float,
        found: Found | None = None,
    ) -> None:
        self.found = found
        self._job, self._values, self._fine_db = job, values, fine_db
        self.gain_db = wanted_db = float(values[_INPUT_GAIN] + values[_DRIVE])
        self.missed = ""
        """Why the target was not met, in a sentence; empty where it was."""
        self._trial: Trial | None = None
        self._passes = 0
        engine, _ = self._held(wanted_db, 1.0)
        self._target_lufs = float(engine.controls["target_lufs"])
        plain_db, reach_db = self._target_lufs - input_lufs, job.config.rider.max_trim_db
        self._low_db, self._high_db = min(wanted_db, plain_db) - reach_db, max(wanted_db, plain_db) + reach_db
        if job.config.rider.enabled and input_lufs > FLOOR_DB:
            self._find_gain(plain_db)

    def engine(self) -> tuple[Engine, float]:
        """An engine with all of it from the first sample, and gain in dB before it, for what it cannot reach.

        `amount` scales that gain like the rest. Thread: main. Allocates: yes.
        """
        return self._held(self.gain_db, self._job.config.master.amount)

    def _held(self, gain_db: float, amount: float) -> tuple[Engine, float]:
        """The same with a certain gain; as in the matcher the drive takes what is above 0 dB."""
        held = self._values.copy()
        held[_DRIVE] = min(max(gain_db, 0.0), params.HIGH[_DRIVE])
        held[_INPUT_GAIN] = min(max(gain_db - held[_DRIVE], params.LOW[_INPUT_GAIN]), params.HIGH[_INPUT_GAIN])
        still: dict[str, Any] = {"rider.enabled": False, "master.amount": amount}
        engine = self._job.engine(self._job.config.with_overrides(**still))
        engine.hold(held, self._fine_db)
        engine.settle()
        return engine, amount * (gain_db - held[_DRIVE] - held[_INPUT_GAIN])

    def _find_gain(self, played_db: float) -> None:
        """Play the song up to the limiter, and find the gain that the full amount needs."""
        ticks = np.concatenate(list(self._reduced(played_db)))
        engine, _ = self._held(played_db, 1.0)
        trial = Trial(ticks, self._job.source.sample_rate_hz, float(engine.arrays[0][at.CEILING]))
        if trial.loudness_lufs(0.0) > FLOOR_DB:
            self._trial, self._played_db = trial, played_db
            self.gain_db = self._nearest_db(self._target_lufs)

    def _nearest_db(self, target_lufs: float) -> float:
        assert self._trial is not None
        low_db, high_db = self._low_db - self._played_db, self._high_db - self._played_db
        return self._played_db + self._trial.gain_db(target_lufs, low_db, high_db)

    def _reduced(self, gain_db: float) -> Iterator[NDArray[np.float32]]:
        """Energies and peaks of the song in front of the limiter, from its start."""
        whole, doing = self._job.source.whole, "finding the gain"
        if whole is None or whole.shape[1] < 4 * _WARM_UP_SAMPLES:
            with Ahead(self._job.source.blocks(_BLOCK_SAMPLES)) as blocks:
                yield from self._shaped(blocks, gain_db, self._job.source.samples)
            return
        # Two cores take half of the song each; the second half is heard from a little earlier on.
        half = whole.shape[1] // 2 // _BLOCK_SAMPLES * _BLOCK_SAMPLES
        early = half - _WARM_UP_SAMPLES
        second = self._shaped(_cut(whole[:, early:]), gain_db, 0)
        with Ahead(second, most=whole.shape[1]) as later:
            yield from self._shaped(_cut(whole[:, :half]), gain_db, half)
            for number, ticks in enumerate(later):
                if number >= _WARM_UP_SAMPLES // _BLOCK_SAMPLES:
                    yield ticks
        self._job.progress(doing, 1.0)

    def _shaped(
        self, blocks: Iterator[NDArray[np.float32]], gain_db: float, samples: int
    ) -> Iterator[NDArray[np.float32]]:
        """Blocks through everything but the limiter; of `samples`, where there are any, it tells how many are done."""
        engine, trim_db = self._held(gain_db, 1.0)
        reducer, done = Reducer(engine), 0
        for block in blocks:
            block *= np.float32(lin_from_db(trim_db))
            yield reducer.reduce(block)
            done += block.shape[1]
            if samples:
                self._job.progress("finding the gain", done / samples)

    def is_to_be_played_again(self, output_lufs: float) -> bool:
        """Whether another gain would bring it nearer to the target than this output; it is set then.

        Thread: main. Allocates: no.
        """
        self._passes += 1
        missing_lu = self._target_lufs - output_lufs
        if self._trial is None or self._job.config.master.amount < 1.0 or abs(missing_lu) <= GAIN_TOLERANCE_LU:
            return False
        # What the trial is off by here it will be off by nearby.
        off_lu = self._trial.loudness_lufs(self.gain_db - self._played_db) - output_lufs
        better_db = self._nearest_db(self._target_lufs + off_lu)
        if self._passes == MOST_PASSES or abs(better_db - self.gain_db) < 0.01:
            self.missed = self._why(missing_lu)
            return False
        self.gain_db = better_db
        return True

    def _why(self, missing_lu: float) -> str:
        """What keeps it from the target, and what helps."""
        assert self._trial is not None
        side = "quieter" if missing_lu > 0.0 else "louder"
        what = f"The target of {self._target_lufs:.1f} LUFS is missed: it is {abs(missing_lu):.2f} LU {side}."
        here_db = self.gain_db - self._played_db
        slope = self._trial.loudness_lufs(here_db) - self._trial.loudness_lufs(here_db - 1.0)
        if missing_lu > 0.0 and slope < 0.5:
            return f"{what} Its peaks stand at the ceiling, and more gain would only be limited. Raise the ceiling."
        if min(self.gain_db - self._low_db, self._high_db - self.gain_db) < 0.02:
            return f"{what} The gain of {self.gain_db:.1f} dB is all that rider.max_trim_db allows. Raise that."
        return f"{what} No gain comes nearer than {self.gain_db:.2f} dB."


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
    listener = Listener(source.sample_rate_hz, source.channels, math.inf)
    done = 0
    with Ahead(_measured(job, heard)) as blocks:
        for block in blocks:
            listener.push(block)
            done += block.shape[1]
            job.progress("listening", done / source.samples)
    style = job.style or load(job.config.master.profile)
    master = job.config.master
    values, fine_db, found = decision.settled(
        listener, job.suggester, style, source.sample_rate_hz, master.boldness, master.style_strength
    )
    return Plan(job, values, fine_db, heard.meter.result().integrated_lufs, found)


def _measured(job: Job, heard: Ears) -> Iterator[NDArray[np.float32]]:
    for block in job.source.blocks(_BLOCK_SAMPLES):
        heard.push(block)
        yield block
