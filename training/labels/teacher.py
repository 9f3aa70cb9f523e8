"""The teacher: the ten parameters that bring a piece of music to a profile, solved through the project's chain.

Tone and width come from the matcher's closed form, which is exact for what does not move. What
moves is tried out: the music goes once through the equaliser and the width, is reduced to blocks,
and compressor and limiter run on those until dynamics and loudness are the profile's.

Neutral means neutral: dynamics and loudness count as changes from what the music had, measured by
the same meter, and what the limiter takes from the untouched music is not made good.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.deciding.matcher import COMPRESSIONS, Matcher, choose_compression, compose
from rt_automix.analysis.features import hop_samples
from rt_automix.analysis.hearing.means import QUIET_LU
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import SILENCE_LUFS
from rt_automix.units import LUFS_OFFSET_DB, lin_from_db
from training.labels import blocks

TRIALS = np.array([0.0, 0.05, 0.1, 0.16, 0.24, 0.34, 0.46, 0.6])
"""Settings of the compressor that are tried; between them the dynamics number is interpolated."""

REST_LU = 2.0
"""Wishes to change the loudness by much more than this are for more than being left alone."""

MOST_EXTRA_DB = 6.0
"""What limiting takes is made good softly up to here: beyond, more gain brings no loudness, only dirt."""

GAIN_STEPS = 7
GAIN_TOLERANCE_LU = 0.003
_LEVEL = params.INDEX["output_level"]
_MOST_GAIN_DB = params.HIGH[params.INDEX["input_gain_db"]] + params.HIGH[params.INDEX["limiter_drive_db"]]


class Teacher:
    """Knows one piece of music, and answers for any number of profiles.

    Parameters
    ----------
    samples : float32, shape (2, n)
        The music, at least a second of it.
    sample_rate_hz : int
    heard : Statistics
        Of the same music.
    """

    def __init__(self, samples: NDArray[np.float32], sample_rate_hz: int, heard: Statistics) -> None:
        self._samples, self._rate, self._heard = samples, sample_rate_hz, heard
        _, energy, peak = blocks.reduce(samples, sample_rate_hz, np.zeros(5), 1.0)
        self._untouched = blocks.by_chunk(energy, peak)
        self._loudness_lufs = blocks.gated_lufs(self._untouched[0], sample_rate_hz)
        self._counts = _music_frames(energy, sample_rate_hz)
        self._dynamics_db = _dynamics_db(energy, self._counts, sample_rate_hz)

    def solve(self, profile: Profile) -> params.Values:
        """The parameters that bring the music to the profile: float64, shape (params.COUNT,)."""
        gains_db, width, _ = _matcher().match_tone(self._heard, profile)
        power, energy, peak = blocks.reduce(self._samples, self._rate, gains_db, width)
        compression = self._compression(power, energy, profile)
        gain = blocks.compress(power, self._rate, compression)
        total_gain_db = self._total_gain_db(energy * gain * gain, peak * gain, profile)
        return compose(gains_db, width, compression, total_gain_db, profile.peak_dbtp)

    def _compression(self, power: NDArray[np.float32], energy: NDArray[np.float32], profile: Profile) -> float:
        """What brings the dynamics number, behind the compressor only, to the profile's."""
        at_rest_db = _dynamics_db(energy, self._counts, self._rate)
        # The equaliser has moved the dynamics too: that counts as done.
        moved_db = at_rest_db - self._dynamics_db
        wanted_db = self._heard.dynamics_db + moved_db - profile.dynamics_db
        if wanted_db <= 0.0:
            return 0.0
        reduced_db = np.zeros_like(TRIALS)
        for k, trial in enumerate(TRIALS[1:], start=1):
            gain = blocks.compress(power, self._rate, trial)
            reduced_db[k] = at_rest_db - _dynamics_db(energy * gain * gain, self._counts, self._rate)
            if reduced_db[k] > 2.0 * wanted_db + 2.0:
                reduced_db[k:] = reduced_db[k]
                break
        return choose_compression(np.interp(COMPRESSIONS, TRIALS, reduced_db), wanted_db)

    def _total_gain_db(self, energy: NDArray[np.float32], peak: NDArray[np.float32], profile: Profile) -> float:
        """The gain that brings the loudness behind the limiter to the profile's."""
        low, high = params.LOW[_LEVEL], params.HIGH[_LEVEL]
        ceiling_lin = min(max(lin_from_db(profile.peak_dbtp), low), high)
        wanted_lu = profile.loudness_lufs - self._heard.loudness_lufs
        target_lufs = self._loudness_lufs + wanted_lu
        rest = math.exp(-((wanted_lu / REST_LU) ** 2))
        at_rest_db = self._gain_to(*self._untouched, self._loudness_lufs, ceiling_lin) if rest > 1e-3 else 0.0
        return self._gain_to(*blocks.by_chunk(energy, peak), target_lufs, ceiling_lin) - rest * at_rest_db

    def _gain_to(
        self, energy: NDArray[np.float32], peak: NDArray[np.float32], target_lufs: float, ceiling_lin: float
    ) -> float:
        """Secant steps towards a loudness behind the limiter; what that takes is made good within reason."""

        def error_lu(gain_db: float) -> float:
            return target_lufs - blocks.limited_lufs(energy, peak, self._rate, gain_db, ceiling_lin)

        unlimited_db = target_lufs - blocks.gated_lufs(energy, self._rate)
        gain_db = min(max(unlimited_db, -30.0), _MOST_GAIN_DB)
        error = error_lu(gain_db)
        slope = 1.0
        for _ in range(GAIN_STEPS):
            if abs(error) < GAIN_TOLERANCE_LU:
                break
            step = min(max(error / slope, -6.0), 6.0)
            there_db = min(max(gain_db + step, -30.0), _MOST_GAIN_DB)
            if there_db == gain_db:
                break
            there = error_lu(there_db)
            slope = min(max((error - there) / (there_db - gain_db), 0.15), 1.0)
            gain_db, error = there_db, there
        return unlimited_db + MOST_EXTRA_DB * math.tanh((gain_db - unlimited_db) / MOST_EXTRA_DB)


@lru_cache
def _matcher() -> Matcher:
    return Matcher()


def _frames(energy: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    """Mean energies of frames of two hops under a squared Hann window, as the listener's: shape (k,)."""
    per_hop = round(hop_samples(sample_rate_hz) / blocks.BLOCK)
    hops = energy.size // per_hop
    if hops < 2:
        return np.zeros(0)
    window = (0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * per_hop) + 0.5) / per_hop)) ** 2
    window /= window.sum()
    halves = energy[: hops * per_hop].reshape(hops, per_hop).astype(np.float64) @ window.reshape(2, per_hop).T
    return halves[:-1, 0] + halves[1:, 1]


def _music_frames(energy: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.bool_]:
    """Which frames count for dynamics: those not far under the mean, and no silence."""
    frames = _frames(energy, sample_rate_hz)
    floor = 10.0 ** (0.1 * (SILENCE_LUFS - LUFS_OFFSET_DB))
    loud = frames[frames > floor]
    gate = max(floor, loud.mean() * 10.0 ** (-0.1 * QUIET_LU)) if loud.size else floor
    return frames > gate


def _dynamics_db(energy: NDArray[np.float32], counts: NDArray[np.bool_], sample_rate_hz: int) -> float:
    """5 log10(mean e^2 / mean(e)^2) of the frames that count."""
    frames = _frames(energy, sample_rate_hz)[counts]
    if frames.size == 0:
        return 0.0
    return 5.0 * math.log10(float(np.mean(frames * frames) / max(np.mean(frames) ** 2, 1e-30)))
