"""Listening: the long-term statistics of what has been heard, and the rolling window of frames.

Tone changes slowly and should be judged slowly: the statistics are means that first grow with what
has been heard and then forget exponentially. Silence and quiet noise are not music and change nothing.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import features
from rt_automix.analysis.features import HOP_S, MEL_BANDS, ROWS, FeatureStream
from rt_automix.units import db_from_power, energy_from_lufs, lufs_from_energy, power_from_db

WINDOW_FRAMES = 107
"""Length of the rolling window: about 10 s."""

TONE_BANDS = 24
TONE_LOW_HZ, TONE_HIGH_HZ = 30.0, 18000.0
WIDTH_LOW_HZ, WIDTH_HIGH_HZ = 150.0, 12000.0
MEMORY_S = 60.0
"""How long the means remember: a song's verse and chorus together, so that tone settles on the song."""

PAUSE_S, KEPT_THROUGH_PAUSE = 2.0, 0.25
"""After a pause, silent or not of music, there may be another song: what was before it then weighs at most
like this share of the memory."""

VECTOR_SIZE = TONE_BANDS + 5
"""Tone bands, loudness, PLR, side/mid ratio, peak, dynamics: what a profile holds."""

SILENCE_LUFS = -60.0
"""Frames below do not count for anything."""

FAULT_DBFS = 24.0
"""Frames with a peak above, where features hold the samples, do not count either: one would outweigh a song."""

QUIET_LU = 20.0
"""Frames this much under the running loudness do not count for tone and dynamics."""

_RUNNING_FRAMES = 10.0 / HOP_S
_BLOCK_FRAMES = 4  # four hops are nearly the 400 ms of BS.1770's gating blocks
_RELATIVE_GATE_LU = 10.0
LEVEL_STEP_LU = 0.5
LEVELS_LUFS = np.arange(SILENCE_LUFS, 20.0 + LEVEL_STEP_LU, LEVEL_STEP_LU)
"""Centres of the histograms of loudness."""
LEVEL_ENERGIES = power_from_db(LEVELS_LUFS) * energy_from_lufs(0.0)
"""K-weighted mean squares of those centres."""

_FLOOR_POWER = power_from_db(features.ROW_FLOOR_DB)


def _overlap_hz(low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Share of each mel triangle's area between two frequencies: float64, shape (MEL_BANDS,)."""
    edges = features.mel_edges_hz()
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]

    def area_below(frequency_hz: float) -> NDArray[np.float64]:
        rise = np.clip(frequency_hz, left, centre) - left
        fall = right - np.clip(frequency_hz, centre, right)
        return 0.5 * (rise**2 / (centre - left) + (right - centre) - fall**2 / (right - centre))

    return (area_below(high_hz) - area_below(low_hz)) / (0.5 * (right - left))


def tone_edges_hz() -> NDArray[np.float64]:
    """Borders of the tone bands, even on the ERB-rate scale (Glasberg and Moore 1990): shape (TONE_BANDS + 1,)."""
    low, high = 21.4 * np.log10(1.0 + 0.00437 * np.array([TONE_LOW_HZ, TONE_HIGH_HZ]))
    return (10.0 ** (np.linspace(low, high, TONE_BANDS + 1) / 21.4) - 1.0) / 0.00437


def _tone_matrix() -> NDArray[np.float64]:
    edges = tone_edges_hz()
    return np.array([_overlap_hz(low, high) for low, high in pairwise(edges)])


TONE_MATRIX = _tone_matrix()
"""Mel band powers to tone band powers: float64, shape (TONE_BANDS, MEL_BANDS)."""
WIDTH_WEIGHTS = _overlap_hz(WIDTH_LOW_HZ, WIDTH_HIGH_HZ)
"""Mel band powers to the power that counts for stereo width: float64, shape (MEL_BANDS,)."""


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

    def plain(self) -> dict[str, Any]:
        """The same as `state` as plain numbers and lists, for a file."""
        plain: dict[str, Any] = {}
        for name, value in self.state().items():
            plain[name] = value.tolist() if isinstance(value, np.ndarray) else value
        return plain

    def restore_plain(self, plain: dict[str, Any]) -> None:
        """Go on from what `plain` gave.

        Raises
        ------
        ValueError
            Something is missing, of another shape, or not a number.
        """
        read: dict[str, Any] = {}
        for name, mine in self.state().items():
            value = np.asarray(plain.get(name), np.float64)
            if not np.isfinite(value).all() or (isinstance(mine, np.ndarray) and value.shape != mine.shape):
                raise ValueError(f"statistics: {name} is not what it should be")
            read[name] = value if isinstance(mine, np.ndarray) else value.tolist()
        self.restore(read)

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
        self._recent_energies = [*self._recent_energies[1 - _BLOCK_FRAMES :], energy]
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


class Listener:
    """Ears: the feature stream, the last ten seconds of frames and the statistics, fed together.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int, 1 or 2
    time_constant_s : float
        Memory of the statistics.
    """

    def __init__(self, sample_rate_hz: int, channels: int, time_constant_s: float = MEMORY_S) -> None:
        self.stream = FeatureStream(sample_rate_hz, channels)
        self.statistics = Statistics(time_constant_s)
        self.window = np.full((WINDOW_FRAMES, ROWS), features.ROW_FLOOR_DB, np.float32)

    def push(self, block: NDArray[np.float32], is_music: bool = True) -> int:
        """Hear samples; the number of frames they complete.

        Parameters
        ----------
        block : float32, shape (channels, n), any n
        is_music : bool
            What is not does not count for the statistics, but as a pause.

        Thread: worker. Allocates: yes.
        """
        rows = self.stream.push(block)
        if len(rows):
            self.window = np.concatenate([self.window, rows])[-WINDOW_FRAMES:]
            if is_music:
                self.statistics.add(rows)
            else:
                self.statistics.pause(len(rows))
        return len(rows)

    def reset(self) -> None:
        """Nothing heard."""
        self.stream.reset()
        self.statistics.reset()
        self.window = np.full_like(self.window, features.ROW_FLOOR_DB)

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs to go on from here."""
        return {
            "stream": self.stream.state(),
            "statistics": self.statistics.state(),
            "window": self.window.copy(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken; same sample rate and channels."""
        self.stream.restore(state["stream"])
        self.statistics.restore(state["statistics"])
        self.window = state["window"].copy()
