"""What a programme measures like in the long run, learned frame by frame: the kernels of `statistics`.

Tone changes slowly and should be judged slowly: these are means that first grow with what has been
heard and then forget exponentially. Silence and quiet noise are not music and change nothing.
All of it is one stretch of float64, laid out in `layout`.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, LOUDNESS_ROW, MEL_BANDS, PEAK_ROW
from rt_automix.analysis.hearing import texture
from rt_automix.analysis.hearing.fine_spectrum import fine_of_mel
from rt_automix.analysis.tone import (
    LEVEL_ENERGIES,
    LEVEL_STEP_LU,
    LEVELS_LUFS,
    SILENCE_LUFS,
    TONE_BANDS,
    TONE_MATRIX,
    WIDTH_WEIGHTS,
)
from rt_automix.dsp.jit import kernel
from rt_automix.units import LUFS_OFFSET_DB, power_from_db

PAUSE_S, KEPT_THROUGH_PAUSE = 2.0, 0.25
"""After a pause, silent or not of music, there may be another song: what was before it then weighs at most
like this share of the memory."""

FAULT_DBFS = 24.0
"""Frames with a peak above, where features hold the samples, do not count either: one would outweigh a song."""

QUIET_LU = 20.0
"""Frames this much under the running loudness do not count for tone and dynamics."""

_RUNNING_FRAMES = 10.0 / HOP_S
_RELATIVE_GATE_LU = 10.0
_FLOOR_POWER = float(power_from_db(features.ROW_FLOOR_DB))
_LEAST_POWER = 1e-20
_PER_DB = math.log(10.0) / 10.0
_LEVELS, _LEVEL_ENERGIES = LEVELS_LUFS.copy(), LEVEL_ENERGIES.copy()
_MEL_BELOW, _FROM_BELOW, _FROM_ABOVE = fine_of_mel()
_TONE_OF_MEL, _WIDTH = np.ascontiguousarray(TONE_MATRIX.T), WIDTH_WEIGHTS.copy()


@kernel("float64(float64)")
def _power(level_db):
    return math.exp(_PER_DB * level_db)


@kernel("float64(float64)")
def _db(power):
    return 10.0 * math.log10(max(power, _LEAST_POWER))


@kernel("float64(float64)")
def _lufs(energy):
    return LUFS_OFFSET_DB + _db(energy)


@kernel("void(float64[::1], float64)", door=True)
def clear(statistics, memory_frames):
    """Nothing heard.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,), updated
    memory_frames : float, 1 or more, infinity included

    Thread: worker. Allocates: no.
    """
    for k in range(at.STATISTICS_SIZE):
        statistics[k] = 0.0
    statistics[at.MEMORY_FRAMES] = memory_frames


@kernel("void(float64[::1], float64, float64)")
def _count(shares, level_lufs, weight):
    """Move the share `weight` of a histogram to a level, split between the two nearest bins."""
    position = min(max((level_lufs - SILENCE_LUFS) / LEVEL_STEP_LU, 0.0), at.LEVELS - 1.001)
    low = int(position)
    for k in range(at.LEVELS):
        shares[k] *= 1.0 - weight
    shares[low] += weight * (low + 1 - position)
    shares[low + 1] += weight * (position - low)


@kernel("void(float64[::1], float64)")
def _count_block(statistics, energy):
    """Take the newest 400 ms into the histogram that the loudness is gated by."""
    recent = statistics[at.RECENT_ENERGIES : at.RECENT_ENERGIES + at.BLOCK_FRAMES]
    for k in range(at.BLOCK_FRAMES - 1):
        recent[k] = recent[k + 1]
    recent[at.BLOCK_FRAMES - 1] = energy
    count = min(statistics[at.RECENT_COUNT] + 1.0, float(at.BLOCK_FRAMES))
    statistics[at.RECENT_COUNT] = count
    total = 0.0
    for k in range(at.BLOCK_FRAMES):
        total += recent[k]
    weight = 1.0 / min(statistics[at.SOUND_FRAMES], statistics[at.MEMORY_FRAMES])
    _count(statistics[at.BLOCK_SHARES : at.BLOCK_SHARES + at.LEVELS], _lufs(total / count), weight)


@kernel("void(float64[::1], float64)", door=True)
def pause(statistics, frames):
    """Pass over frames that are no music; enough of them in a row, and what comes next weighs more.

    Thread: worker. Allocates: no.
    """
    statistics[at.PAUSE_FRAMES] += frames
    if statistics[at.PAUSE_FRAMES] * HOP_S >= PAUSE_S:
        most = KEPT_THROUGH_PAUSE * statistics[at.MEMORY_FRAMES]
        statistics[at.SOUND_FRAMES] = min(statistics[at.SOUND_FRAMES], most)
        statistics[at.MUSIC_FRAMES] = min(statistics[at.MUSIC_FRAMES], most)
        statistics[at.TEXTURE + at.T_FRAMES] = min(statistics[at.TEXTURE + at.T_FRAMES], most)


@kernel("boolean(float64[::1], float32[::1], float32[::1])")
def add_frame(statistics, row, fine):
    """Take a frame in; whether it was music.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,), updated
    row : float32, shape (features.ROWS,), dB
    fine : float32, shape (2 layout.FINE_POINTS,)
        Power around each point of the fine spectrum, of mid, then of side.

    Thread: worker. Allocates: no.
    """
    level_lufs = float(row[LOUDNESS_ROW])
    if not (level_lufs >= SILENCE_LUFS and row[PEAK_ROW] < FAULT_DBFS):
        pause(statistics, 1.0)
        return False
    energy, memory_frames = _power(level_lufs - LUFS_OFFSET_DB), statistics[at.MEMORY_FRAMES]
    statistics[at.PAUSE_FRAMES] = 0.0
    statistics[at.SOUND_FRAMES] += 1.0
    running = statistics[at.RUNNING_ENERGY]
    running += (energy - running) / min(statistics[at.SOUND_FRAMES], _RUNNING_FRAMES)
    statistics[at.RUNNING_ENERGY] = running
    _count_block(statistics, energy)
    if level_lufs < _lufs(running) - QUIET_LU:
        return False

    statistics[at.HEARD_FRAMES] += 1.0
    statistics[at.MUSIC_FRAMES] += 1.0
    weight = 1.0 / min(statistics[at.MUSIC_FRAMES], memory_frames)
    mel_power = statistics[at.MEL_POWER : at.MEL_POWER + 2 * MEL_BANDS]
    now = statistics[at.NOW_POWER : at.NOW_POWER + 2 * MEL_BANDS]
    for m in range(2 * MEL_BANDS):
        now[m] = max(_power(float(row[m])) - _FLOOR_POWER, 0.0)  # the rows' floor is nothing
        mel_power[m] += weight * (now[m] - mel_power[m])
    texture.add(statistics, now, row, memory_frames)
    fine_power = statistics[at.FINE_POWER : at.FINE_POWER + 2 * at.FINE_POINTS]
    for k in range(2 * at.FINE_POINTS):
        fine_power[k] += weight * (float(fine[k]) - fine_power[k])
    _count(statistics[at.LEVEL_SHARES : at.LEVEL_SHARES + at.LEVELS], level_lufs, weight)
    statistics[at.ENERGY] += weight * (energy - statistics[at.ENERGY])
    statistics[at.ENERGY_SQUARED] += weight * (energy * energy - statistics[at.ENERGY_SQUARED])
    # A peak is forgotten like the rest, but only once the means forget.
    kept = 1.0 if statistics[at.HEARD_FRAMES] <= memory_frames else 1.0 - weight
    peak_power = max(_power(float(row[PEAK_ROW])) - _FLOOR_POWER, 0.0)
    statistics[at.PEAK_POWER] = max(kept * statistics[at.PEAK_POWER], peak_power)
    return True


@kernel("void(float64[::1], float32[:, ::1], float32[::1])", door=True)
def add_rows(statistics, rows, scratch):
    """Take in frames of which nothing but the rows is known: their fine spectrum is what the mel bands say.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,), updated
    rows : float32, shape (k, features.ROWS), dB
    scratch : float32, shape (2 layout.FINE_POINTS,)

    Thread: worker. Allocates: no.
    """
    for k in range(rows.shape[0]):
        row = rows[k]
        for signal in range(2):
            mel_db = row[signal * MEL_BANDS : (signal + 1) * MEL_BANDS]
            fine = scratch[signal * at.FINE_POINTS : (signal + 1) * at.FINE_POINTS]
            for j in range(at.FINE_POINTS):
                low = _MEL_BELOW[j]
                below = max(_power(float(mel_db[low])) - _FLOOR_POWER, 0.0)
                above = max(_power(float(mel_db[low + 1])) - _FLOOR_POWER, 0.0)
                fine[j] = np.float32(_FROM_BELOW[j] * below + _FROM_ABOVE[j] * above)
        add_frame(statistics, row, scratch)


@kernel("float64(float64[::1])", door=True)
def loudness_lufs(statistics):
    """Gated loudness in the manner of BS.1770-5: blocks of four hops, relative gate at -10 LU.

    A bin that straddles the gate counts in part, so that the loudness moves smoothly.
    Thread: worker. Allocates: no.
    """
    shares = statistics[at.BLOCK_SHARES : at.BLOCK_SHARES + at.LEVELS]
    energy, share = 0.0, 0.0
    for k in range(at.LEVELS):
        energy += shares[k] * _LEVEL_ENERGIES[k]
        share += shares[k]
    gate_lufs = _lufs(energy / max(share, 1e-12)) - _RELATIVE_GATE_LU
    energy, share = 0.0, 0.0
    for k in range(at.LEVELS):
        passed = shares[k] * min(max((_LEVELS[k] - gate_lufs) / LEVEL_STEP_LU + 0.5, 0.0), 1.0)
        energy += passed * _LEVEL_ENERGIES[k]
        share += passed
    return max(_lufs(energy / max(share, 1e-12)), features.ROW_FLOOR_DB)


@kernel("void(float64[::1], float64[::1])", door=True)
def bands_db(statistics, bands):
    """Long-term spectrum: levels of the tone bands less their mean.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    bands : float64, shape (TONE_BANDS,), filled, dB

    Thread: worker. Allocates: no.
    """
    power = statistics[at.MEL_POWER : at.MEL_POWER + 2 * MEL_BANDS]
    for b in range(TONE_BANDS):
        bands[b] = 0.0
    for m in range(MEL_BANDS):
        both = power[m] + power[MEL_BANDS + m]
        for b in range(TONE_BANDS):
            bands[b] += _TONE_OF_MEL[m, b] * both
    mean_db = 0.0
    for b in range(TONE_BANDS):
        bands[b] = max(_db(bands[b]), features.ROW_FLOOR_DB)
        mean_db += bands[b] / TONE_BANDS
    for b in range(TONE_BANDS):
        bands[b] -= mean_db


@kernel("float64(float64[::1])", door=True)
def side_mid_db(statistics):
    """Power of side over mid, 150 Hz to 12 kHz.

    Thread: worker. Allocates: no.
    """
    power = statistics[at.MEL_POWER : at.MEL_POWER + 2 * MEL_BANDS]
    mid, side = 0.0, 0.0
    for m in range(MEL_BANDS):
        mid += _WIDTH[m] * power[m]
        side += _WIDTH[m] * power[MEL_BANDS + m]
    return _db(side) - _db(mid)


@kernel("float64(float64[::1])", door=True)
def peak_dbfs(statistics):
    """Largest sample, forgotten at the pace of the means.

    Thread: worker. Allocates: no.
    """
    return max(_db(statistics[at.PEAK_POWER]), features.ROW_FLOOR_DB)


@kernel("float64(float64[::1])", door=True)
def dynamics_db(statistics):
    """5 log10(mean e^2 / mean(e)^2) of the frames' K-weighted energies: 0 for a steady level.

    Thread: worker. Allocates: no.
    """
    energy = statistics[at.ENERGY]
    if energy == 0.0:
        return 0.0
    return 5.0 * math.log10(max(statistics[at.ENERGY_SQUARED] / (energy * energy), 1.0))


@kernel("void(float64[::1], float64[::1])", door=True)
def vector(statistics, values):
    """What is heard in the order of a profile's vector.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    values : float64, shape (VECTOR_SIZE,), filled

    Thread: worker. Allocates: no.
    """
    bands_db(statistics, values[:TONE_BANDS])
    loudness, peak = loudness_lufs(statistics), peak_dbfs(statistics)
    values[TONE_BANDS] = loudness
    values[TONE_BANDS + 1] = peak - loudness
    values[TONE_BANDS + 2] = side_mid_db(statistics)
    values[TONE_BANDS + 3] = peak
    values[TONE_BANDS + 4] = dynamics_db(statistics)
