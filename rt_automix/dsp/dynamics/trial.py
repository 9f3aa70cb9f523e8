"""What a gain into the limiter would make of a programme's loudness, without its samples.

A limiter is a gain, too: of a programme in front of it the K-weighted energy and the true peak of
every WIDTH samples say nearly all. The gain that the peaks need, held and released as in `limiter` but
a tick at a time, gives the loudness behind it to a few hundredths of a LU in a few milliseconds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.dynamics import limiter
from rt_automix.dsp.jit import kernel
from rt_automix.units import FLOOR_DB, energy_from_lufs, lin_from_db, lufs_from_energy

WIDTH = limiter.WIDTH
ENERGY, PEAK = range(2)

_HOLD_TICKS, _RELEASE_STEP, _SLOW_STEP, _TICKS_PER_STEP = range(4)
_WINDOW_STEPS = 4
_GATE_ENERGY = energy_from_lufs(-70.0)
_RELATIVE_GATE = 0.1


def new_settings(sample_rate_hz: int) -> NDArray[np.float64]:
    """The limiter's ballistics by the tick, and ticks per 100 ms: float64, shape (4,).

    Thread: main. Allocates: yes.
    """

    def step(time_ms: float) -> float:
        return 1.0 - math.exp(-1000.0 * WIDTH / (time_ms * sample_rate_hz))

    hold_ticks = limiter.HOLD_MS * sample_rate_hz / (1000.0 * WIDTH)
    steps = step(limiter.RELEASE_MS), step(limiter.SLOW_ATTACK_MS)
    return np.array([hold_ticks, *steps, 10 * round(sample_rate_hz / 100) / WIDTH])


@kernel("void(float32[:, ::1], float64[::1], float64, float64, float64, float64[::1])", door=True)
def limit(ticks, settings, gain_lin, ceiling_lin, target_lin, step_energies):
    """Mean energies of whole steps of 100 ms behind a gain and the limiter.

    Parameters
    ----------
    ticks : float32, shape (n, 2)
        ENERGY, a K-weighted mean square, and PEAK, an amplitude, of each WIDTH samples.
    settings : float64, shape (4,)
    gain_lin : float64
    ceiling_lin, target_lin : float64
        True peaks above the first are brought down to the second.
    step_energies : float64, shape (k,), filled; k steps are in the ticks

    Thread: worker. Allocates: no.
    """
    count, per_step = ticks.shape[0], settings[_TICKS_PER_STEP]
    fast, slow, hold, needed = 1.0, 1.0, 0.0, 1.0
    at = 0
    for step in range(step_energies.shape[0]):
        start, stop = at, min(int((step + 1) * per_step), count)
        total = 0.0
        while at < stop:
            high = gain_lin * ticks[min(at + 1, count - 1), PEAK]
            after = 1.0 if high <= ceiling_lin else target_lin / high
            least = min(needed, after)
            needed = after
            if least < 1.0 and least <= fast:
                fast, hold = least, settings[_HOLD_TICKS]
            elif hold > 0.0:
                hold -= 1.0
            else:
                fast = min(least, fast + settings[_RELEASE_STEP] * (least - fast))
            slow += settings[_SLOW_STEP] * (fast - slow)
            now = gain_lin * min(fast, slow)
            total += np.float64(ticks[at, ENERGY]) * now * now
            at += 1
        step_energies[step] = total / max(stop - start, 1)


@kernel("float64(float64[::1])", door=True)
def gated_energy(step_energies):
    """Mean energy by BS.1770-5's gating: windows of four steps, those below either gate left out; 0 if all are.

    Thread: worker. Allocates: no.
    """
    gate, mean = _GATE_ENERGY, 0.0
    for _ in range(2):
        total, count = 0.0, 0
        for last in range(_WINDOW_STEPS - 1, step_energies.shape[0]):
            energy = 0.0
            for k in range(_WINDOW_STEPS):
                energy += step_energies[last - k]
            energy /= _WINDOW_STEPS
            if energy > gate:
                total += energy
                count += 1
        mean = total / max(count, 1)
        gate = max(gate, _RELATIVE_GATE * mean)
    return mean


class Trial:
    """Loudness behind the limiter for any gain.

    Parameters
    ----------
    ticks : float32, shape (n, 2)
        ENERGY and PEAK of a programme in front of the limiter, every WIDTH samples.
    sample_rate_hz : int
    ceiling_lin : float
        True-peak ceiling as an amplitude.
    """

    def __init__(self, ticks: NDArray[np.float32], sample_rate_hz: int, ceiling_lin: float) -> None:
        self._ticks, self._settings = ticks, new_settings(sample_rate_hz)
        self._ceiling_lin = ceiling_lin
        self._step_energies = np.empty(int(len(ticks) / self._settings[_TICKS_PER_STEP]))

    def loudness_lufs(self, gain_db: float) -> float:
        """Integrated loudness with this gain before the limiter; FLOOR_DB for silence, or for less than 400 ms.

        Thread: worker. Allocates: no.
        """
        target_lin = self._ceiling_lin * lin_from_db(-limiter.MARGIN_DB)
        limit(self._ticks, self._settings, lin_from_db(gain_db), self._ceiling_lin, target_lin, self._step_energies)
        energy = float(gated_energy(self._step_energies))
        return lufs_from_energy(energy) if energy > 0.0 else FLOOR_DB

    def gain_db(self, target_lufs: float, low_db: float, high_db: float) -> float:
        """The gain between two that comes nearest to a loudness, to a hundredth of a dB.

        Thread: worker. Allocates: no.
        """
        while high_db - low_db > 0.005:
            middle_db = 0.5 * (low_db + high_db)
            if self.loudness_lufs(middle_db) < target_lufs:
                low_db = middle_db
            else:
                high_db = middle_db
        return 0.5 * (low_db + high_db)
