"""Sound as blocks of 16 samples: what the teacher's many trials need of it, after one pass through the filters.

Compressor and limiter are gains, so a trial of their settings needs no samples: the power that the
compressor hears, the K-weighted energy and the true peak of each block say it all. The ballistics
are those of `rt_automix.dsp`, taken a block at a time.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.dynamics import compressor, limiter
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import kweighting, truepeak
from rt_automix.dsp.tone import equalizer
from rt_automix.dsp.vectors.logexp import exp2, log2
from rt_automix.units import LUFS_OFFSET_DB

BLOCK = 16
CHUNK = truepeak.WIDTH
LIMITER_BLOCKS = CHUNK // BLOCK
"""The limiter is tried on runs of as many blocks."""

_KNEE = compressor.KNEE_DB / (20.0 * math.log10(2.0))
_QUIET = np.float32(1e-20)
_GATE_POWER = 10.0 ** (compressor.GATE_DBFS / 10.0)
_FAR_BELOW, _FAR_ABOVE = 0.01, 16.0
_WINDOW_STEPS = 4

_WORK_SIZE = 2 * truepeak.LONG_BUFFER_SIZE + truepeak.HALF_SIZE + truepeak.WIDTH


@kernel("void(float64[::1], float64[::1], float32, boolean, float32[:, ::1], float32[::1], float32[:, ::1])")
def _reduce(coefficients, k_weighting, width, long, samples, work, blocks):
    """Equalise and widen `samples` in place, chunk by chunk, and note each block's three numbers."""
    left, right = samples[0], samples[1]
    history = truepeak.LONG_HISTORY if long else truepeak.HISTORY
    size = history + CHUNK
    past_left, past_right = work[:size], work[size : 2 * size]
    half = work[2 * size : 2 * size + truepeak.HALF_SIZE]
    peaks = work[2 * size + truepeak.HALF_SIZE : 2 * size + truepeak.HALF_SIZE + CHUNK]
    state = k_weighting[7 : 7 + equalizer.STATE_SIZE]
    b0, b1, b2, a1, a2 = k_weighting[0], k_weighting[1], k_weighting[2], k_weighting[3], k_weighting[4]
    h1, h2 = k_weighting[5], k_weighting[6]
    lx1, lx2, ly1, ly2, lz1, lz2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    rx1, rx2, ry1, ry2, rz1, rz2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    half_one = np.float32(0.5)
    for chunk in range(left.shape[0] // CHUNK):
        start = chunk * CHUNK
        part_left, part_right = left[start : start + CHUNK], right[start : start + CHUNK]
        equalizer.process(coefficients, state, part_left, part_right)
        for block in range(LIMITER_BLOCKS):
            power, energy = 0.0, 0.0
            for i in range(block * BLOCK, (block + 1) * BLOCK):
                mid = half_one * (part_left[i] + part_right[i])
                side = half_one * (part_left[i] - part_right[i])
                power += np.float64(mid * mid + side * side)
                lx, rx = mid + width * side, mid - width * side
                past_left[history + i], past_right[history + i] = lx, rx
                ly = b0 * lx + b1 * lx1 + b2 * lx2 - a1 * ly1 - a2 * ly2
                lz = ly - 2.0 * ly1 + ly2 - h1 * lz1 - h2 * lz2
                lx2, lx1, ly2, ly1, lz2, lz1 = lx1, np.float64(lx), ly1, ly, lz1, lz
                ry = b0 * rx + b1 * rx1 + b2 * rx2 - a1 * ry1 - a2 * ry2
                rz = ry - 2.0 * ry1 + ry2 - h1 * rz1 - h2 * rz2
                rx2, rx1, ry2, ry1, rz2, rz1 = rx1, np.float64(rx), ry1, ry, rz1, rz
                energy += lz * lz + rz * rz
            at = chunk * LIMITER_BLOCKS + block
            blocks[0, at], blocks[1, at] = np.float32(power / BLOCK), np.float32(energy / BLOCK)
        for i in range(CHUNK):
            peaks[i] = np.float32(0.0)
        if long:
            truepeak.detect_long(past_left, half, peaks)
            truepeak.detect_long(past_right, half, peaks)
        else:
            truepeak.detect(past_left, half, peaks)
            truepeak.detect(past_right, half, peaks)
        for i in range(history):
            past_left[i], past_right[i] = past_left[CHUNK + i], past_right[CHUNK + i]
        for block in range(LIMITER_BLOCKS):
            largest = np.float32(0.0)
            for i in range(block * BLOCK, (block + 1) * BLOCK):
                largest = max(largest, peaks[i])
            blocks[2, chunk * LIMITER_BLOCKS + block] = largest


@lru_cache(maxsize=4)
def _design_table(sample_rate_hz: int) -> NDArray[np.float64]:
    return equalizer.design_table(sample_rate_hz)


def reduce(
    samples: NDArray[np.float32], sample_rate_hz: int, gains_db: NDArray[np.float64], width: float
) -> NDArray[np.float32]:
    """Equalise, widen and reduce to blocks.

    Parameters
    ----------
    samples : float32, shape (2, n)
        Left as it is; what does not fill a chunk of 64 samples at its end is dropped.
    sample_rate_hz : int
    gains_db : float64, shape (5,)
    width : float

    Returns
    -------
    float32, shape (3, n // 64 * 4): mean power of both channels before the width, which the
    compressor hears; K-weighted mean square, summed over channels; true peak, as an amplitude, the
    last two after the width.
    """
    coefficients = np.empty(equalizer.COEFFICIENTS)
    equalizer.design(_design_table(sample_rate_hz), gains_db, coefficients)
    chunks = samples.shape[1] // CHUNK
    copy = samples[:, : chunks * CHUNK].copy()
    state = np.concatenate([kweighting.design(sample_rate_hz), equalizer.new_state()])
    blocks = np.empty((3, chunks * LIMITER_BLOCKS), np.float32)
    work = np.zeros(_WORK_SIZE, np.float32)
    long = sample_rate_hz < limiter.LONG_DETECTOR_BELOW_HZ
    _reduce(coefficients, state, np.float32(width), long, copy, work, blocks)
    return blocks


@kernel("void(float32[::1], float64, float64, float64[::1], float32[::1])")
def _compress(power, sample_rate_hz, compression, start, gain):
    """One pass of the compressor over the blocks' powers.

    `start`, updated: the programme's power, the mean reduction, the smoothed one, samples averaged.
    """
    knee, half_knee, per_knee = np.float32(_KNEE), np.float32(0.5 * _KNEE), np.float32(0.5 / _KNEE)
    half, zero, one = np.float32(0.5), np.float32(0.0), np.float32(1.0)
    attack = np.float32(math.exp(-1000.0 * BLOCK / (compressor.ATTACK_MS * sample_rate_hz)))
    release = np.float32(math.exp(-1000.0 * BLOCK / (compressor.RELEASE_MS * sample_rate_hz)))
    slope = np.float32(compressor.slope_of(compression))
    threshold_db = compressor.THRESHOLD_DB + compressor.THRESHOLD_PER_COMPRESSION_DB * compression
    relative = np.float32(threshold_db / (20.0 * math.log10(2.0)))
    memory = compressor.PROGRAMME_S * sample_rate_hz
    programme, mean, smoothed, averaged = start[0], start[1], np.float32(start[2]), start[3]
    level = half * log2(np.float32(programme)) + relative
    for i in range(power.shape[0]):
        over = half * log2(power[i] + _QUIET) - level
        bend = min(max(over + half_knee, zero), knee)
        wanted = bend * bend * per_knee + max(over - half_knee, zero)
        smoothed = max(attack * smoothed + (one - attack) * wanted, release * smoothed + (one - release) * wanted)
        gain[i] = exp2(slope * (np.float32(mean) - smoothed))
        heard = np.float64(power[i])
        if heard > _GATE_POWER:
            heard = min(max(heard, _FAR_BELOW * programme), _FAR_ABOVE * programme)
            averaged = min(averaged + BLOCK, memory)
            share = BLOCK / averaged
            mean += share * heard / programme * (np.float64(smoothed) - mean)
            programme += BLOCK / memory * (heard - programme)
            level = half * log2(np.float32(programme)) + relative
    start[0], start[1], start[2], start[3] = programme, mean, np.float64(smoothed), averaged


def compress(power: NDArray[np.float32], sample_rate_hz: int, compression: float) -> NDArray[np.float32]:
    """Gain of the compressor, make-up included, in the middle of the music: it has heard this before.

    Parameters
    ----------
    power : float32, shape (n,)
    sample_rate_hz : int
    compression : float, 0..0.6

    Returns
    -------
    float32, shape (n,), amplitude ratios.
    """
    heard = power[power > _GATE_POWER]
    gain = np.ones_like(power)
    if heard.size == 0 or compression == 0.0:
        return gain
    start = np.array([float(heard.mean(dtype=np.float64)), 0.0, 0.0, 0.0])
    warm_up = power[: round(30.0 * sample_rate_hz / BLOCK)]
    _compress(warm_up, sample_rate_hz, compression, start, gain[: warm_up.size])
    _compress(power, sample_rate_hz, compression, start, gain)
    return gain


@kernel("void(float32[::1], float32[::1], float64, float64, float32, float32, float32[::1], float32[::1])")
def _limit(energy, peak, sample_rate_hz, gain, ceiling, margin, needed, out):
    """Energies behind the limiter, in chunks; `needed` is work space."""
    one = np.float32(1.0)
    hold_chunks = limiter.HOLD_MS * sample_rate_hz / (1000.0 * CHUNK)
    step = np.float32(1.0 - math.exp(-1000.0 * CHUNK / (limiter.RELEASE_MS * sample_rate_hz)))
    slow_step = np.float32(1.0 - math.exp(-1000.0 * CHUNK / (limiter.SLOW_ATTACK_MS * sample_rate_hz)))
    count = peak.shape[0]
    gain32 = np.float32(gain)
    for i in range(count):
        high = gain32 * peak[i]
        needed[i] = one if high <= ceiling else ceiling * margin / high
    fast, slow, hold = one, one, 0.0
    for i in range(count):
        least = min(needed[i], needed[min(i + 1, count - 1)])
        if least < one and least <= fast:
            fast, hold = least, hold_chunks
        elif hold > 0.0:
            hold -= 1.0
        else:
            fast = min(least, fast + step * (least - fast))
        slow += slow_step * (fast - slow)
        now = min(fast, slow)
        out[i] = energy[i] * np.float32(gain * gain) * now * now


@kernel("float64(float32[::1], float64)")
def _gated_lufs(energy, per_step):
    """BS.1770-5 gating of windows of four steps, each of `per_step` entries, 75 % overlapped."""
    steps = int(energy.shape[0] / per_step)
    total, count = 0.0, 0.0
    gate = 10.0 ** (0.1 * (-70.0 - LUFS_OFFSET_DB))
    for _ in range(2):
        total, count = 0.0, 0.0
        a, b, c = 0.0, 0.0, 0.0
        for step in range(steps):
            start, stop = int(step * per_step), int((step + 1) * per_step)
            d = 0.0
            for i in range(start, stop):
                d += np.float64(energy[i])
            d /= stop - start
            window = 0.25 * (a + b + c + d)
            if step >= _WINDOW_STEPS - 1 and window > gate:
                # A window near the gate counts in part, so that nothing jumps.
                share = min(max((window / gate - 1.0) / 0.25, 0.0), 1.0)
                total += share * window
                count += share
            a, b, c = b, c, d
        if count == 0.0:
            return -200.0
        gate = max(gate, 0.1 * total / count)
    return LUFS_OFFSET_DB + 10.0 * math.log10(total / count + 1e-20)


def by_chunk(energy: NDArray[np.float32], peak: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blocks taken four by four: mean energies and largest peaks."""
    return energy.reshape(-1, LIMITER_BLOCKS).mean(axis=1), peak.reshape(-1, LIMITER_BLOCKS).max(axis=1)


def limited_lufs(
    energy: NDArray[np.float32],
    peak: NDArray[np.float32],
    sample_rate_hz: int,
    gain_db: float,
    ceiling_lin: float,
) -> float:
    """Gated loudness behind a gain and the limiter.

    Parameters
    ----------
    energy, peak : float32, shape (n,)
        By chunk.
    sample_rate_hz : int
    gain_db, ceiling_lin : float
    """
    needed, out = np.empty_like(peak), np.empty_like(peak)
    margin = 10.0 ** (-limiter.MARGIN_DB / 20.0)
    gain = 10.0 ** (gain_db / 20.0)
    _limit(energy, peak, sample_rate_hz, gain, np.float32(ceiling_lin), np.float32(margin), needed, out)
    return float(_gated_lufs(out, 0.1 * sample_rate_hz / CHUNK))


def gated_lufs(energy: NDArray[np.float32], sample_rate_hz: int) -> float:
    """Gated loudness of energies by chunk."""
    return float(_gated_lufs(energy, 0.1 * sample_rate_hz / CHUNK))
