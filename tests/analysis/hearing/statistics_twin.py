"""The slow, obvious twin of the kernels of `means`: numpy, frame by frame, as they once ran live."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import features
from rt_automix.analysis.features import HOP_S, MEL_BANDS
from rt_automix.analysis.hearing.means import FAULT_DBFS, KEPT_THROUGH_PAUSE, PAUSE_S, QUIET_LU
from rt_automix.analysis.hearing.statistics import MEMORY_S
from rt_automix.analysis.layout import BLOCK_FRAMES
from rt_automix.analysis.tone import (
    LEVEL_ENERGIES,
    LEVEL_STEP_LU,
    LEVELS_LUFS,
    SILENCE_LUFS,
    TONE_MATRIX,
    WIDTH_WEIGHTS,
)
from rt_automix.units import db_from_power, energy_from_lufs, lufs_from_energy, power_from_db

_RUNNING_FRAMES, _RELATIVE_GATE_LU = 10.0 / HOP_S, 10.0
_FLOOR_POWER = power_from_db(features.ROW_FLOOR_DB)


class Statistics:
    """What a programme measures like so far.

    Parameters
    ----------
    time_constant_s : float
        How long the means remember, in seconds of music; `math.inf` to weigh all alike.
    """

    def __init__(self, time_constant_s: float = MEMORY_S) -> None:
        self._memory_frames = max(time_constant_s / HOP_S, 1.0)
        self.reset()

    def reset(self) -> None:
        """Nothing heard."""
        self._pause_frames = 0
        self._sound_frames: float = 0
        self._running_energy = 0.0
        self._recent_energies: list[float] = []
        self._blocks = np.zeros(LEVELS_LUFS.size)
        self._heard_frames = 0
        self._music_frames: float = 0
        self._mel_power = np.zeros((2, MEL_BANDS))
        self._levels = np.zeros(LEVELS_LUFS.size)
        self._energy = 0.0
        self._energy_squared = 0.0
        self._peak_power = 0.0

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs to go on from here."""
        return {name: value.copy() if hasattr(value, "copy") else value for name, value in vars(self).items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        for name, value in state.items():
            setattr(self, name, value.copy() if hasattr(value, "copy") else value)

    def add(self, rows: NDArray[np.float32]) -> None:
        """Take frames in.

        Parameters
        ----------
        rows : float32, shape (k, features.ROWS)

        Thread: worker. Allocates: yes.
        """
        powers = np.maximum(power_from_db(rows) - _FLOOR_POWER, 0.0)  # the rows' floor is nothing
        for k in range(rows.shape[0]):
            loudness_lufs = float(rows[k, features.LOUDNESS_ROW])
            if loudness_lufs >= SILENCE_LUFS and rows[k, features.PEAK_ROW] < FAULT_DBFS:
                self._add_frame(loudness_lufs, powers[k])
            else:
                self.pause(1)

    def pause(self, frames: int) -> None:
        """Pass over frames that are no music; enough of them in a row, and what comes next weighs more.

        Thread: worker. Allocates: no.
        """
        self._pause_frames += frames
        if self._pause_frames * HOP_S >= PAUSE_S:
            most = KEPT_THROUGH_PAUSE * self._memory_frames
            self._sound_frames, self._music_frames = min(self._sound_frames, most), min(self._music_frames, most)

    def _add_frame(self, loudness_lufs: float, powers: NDArray[np.float64]) -> None:
        energy = energy_from_lufs(loudness_lufs)
        self._pause_frames = 0
        self._sound_frames += 1
        self._running_energy += (energy - self._running_energy) / min(self._sound_frames, _RUNNING_FRAMES)
        self._recent_energies = [*self._recent_energies[1 - BLOCK_FRAMES :], energy]
        block_lufs = lufs_from_energy(sum(self._recent_energies) / len(self._recent_energies))
        _count(self._blocks, block_lufs, 1.0 / min(self._sound_frames, self._memory_frames))

        if loudness_lufs < lufs_from_energy(self._running_energy) - QUIET_LU:
            return
        self._heard_frames += 1
        self._music_frames += 1
        weight = 1.0 / min(self._music_frames, self._memory_frames)
        self._mel_power += weight * (powers[: 2 * MEL_BANDS].reshape(2, -1) - self._mel_power)
        _count(self._levels, loudness_lufs, weight)
        self._energy += weight * (energy - self._energy)
        self._energy_squared += weight * (energy * energy - self._energy_squared)
        # A peak is forgotten like the rest, but only once the means forget.
        kept = 1.0 if self._heard_frames <= self._memory_frames else 1.0 - weight
        self._peak_power = max(kept * self._peak_power, float(powers[features.PEAK_ROW]))

    @property
    def seconds_heard(self) -> float:
        """Seconds of music: frames that passed the gates."""
        return self._heard_frames * HOP_S

    @property
    def mel_power(self) -> NDArray[np.float64]:
        """Mean power per mel band of mid and of side: float64, shape (2, MEL_BANDS)."""
        return self._mel_power

    @property
    def level_shares(self) -> NDArray[np.float64]:
        """Share of the music's frames at each of LEVELS_LUFS."""
        return self._levels

    @property
    def bands_db(self) -> NDArray[np.float64]:
        """Long-term spectrum: levels of the tone bands less their mean: float64, shape (TONE_BANDS,)."""
        levels = np.maximum(db_from_power(TONE_MATRIX @ self._mel_power.sum(axis=0)), features.ROW_FLOOR_DB)
        return levels - levels.mean()

    @property
    def loudness_lufs(self) -> float:
        """Gated loudness in the manner of BS.1770-5: blocks of four hops, relative gate at -10 LU."""
        energy, share = self._blocks @ LEVEL_ENERGIES, self._blocks.sum()
        gate_lufs = lufs_from_energy(energy / max(share, 1e-12)) - _RELATIVE_GATE_LU
        # A bin that straddles the gate counts in part, so that the loudness moves smoothly.
        passed = self._blocks * np.clip((LEVELS_LUFS - gate_lufs) / LEVEL_STEP_LU + 0.5, 0.0, 1.0)
        return max(lufs_from_energy((passed @ LEVEL_ENERGIES) / max(passed.sum(), 1e-12)), features.ROW_FLOOR_DB)

    @property
    def side_mid_db(self) -> float:
        """Power of side over mid, 150 Hz to 12 kHz."""
        mid, side = self._mel_power @ WIDTH_WEIGHTS
        return float(db_from_power(side) - db_from_power(mid))

    @property
    def peak_dbfs(self) -> float:
        """Largest sample, forgotten at the pace of the means."""
        return max(float(db_from_power(self._peak_power)), features.ROW_FLOOR_DB)

    @property
    def dynamics_db(self) -> float:
        """5 log10(mean e^2 / mean(e)^2) of the frames' K-weighted energies: 0 for a steady level."""
        if self._energy == 0.0:
            return 0.0
        return 5.0 * math.log10(max(self._energy_squared / self._energy**2, 1.0))

    def vector(self) -> NDArray[np.float64]:
        """All of it in the order of a profile's vector: float64, shape (VECTOR_SIZE,)."""
        loudness_lufs, peak_dbfs = self.loudness_lufs, self.peak_dbfs
        levels = (loudness_lufs, peak_dbfs - loudness_lufs, self.side_mid_db, peak_dbfs, self.dynamics_db)
        return np.concatenate([self.bands_db, levels])


def _count(histogram: NDArray[np.float64], level_lufs: float, weight: float) -> None:
    """Move the share `weight` of a histogram to a level, split between the two nearest bins."""
    position = min(max((level_lufs - SILENCE_LUFS) / LEVEL_STEP_LU, 0.0), LEVELS_LUFS.size - 1.001)
    low = int(position)
    histogram *= 1.0 - weight
    histogram[low] += weight * (low + 1 - position)
    histogram[low + 1] += weight * (position - low)
