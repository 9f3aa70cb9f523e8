"""One hop after another is heard: judged, looked at, learned from.

The entry of the analysis: `hear_hop` from a ring that somebody else fills, `hear_block` from any
block. Where the hops begin and how samples come in makes no difference to a bit of the result.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import LOUDNESS_ROW, ROWS, SAMPLE_LIMIT
from rt_automix.analysis.hearing import applause, clipping, means, spectrum, speech
from rt_automix.dsp import atomics
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.vectors import eight
from rt_automix.dsp.vectors.eight import highest, largest, load, magnitude, store, within, zeros

_LIMIT, _SILENCE = np.float32(SAMPLE_LIMIT), np.float32(0.0)
_PER_DB = math.log(10.0) / 10.0


@kernel("float64(float32[::1], float32[::1])")
def _take(source, target):
    """Copy samples, held within SAMPLE_LIMIT and silent where they are no numbers; the largest magnitude."""
    count, peaks, peak = source.shape[0], zeros(), _SILENCE
    whole = count - count % eight.COUNT
    for k in range(0, whole, eight.COUNT):
        some = within(_LIMIT, load(source, k))
        store(target, k, some)
        peaks = largest(magnitude(some), peaks)
    for k in range(whole, count):
        sample = source[k] if source[k] == source[k] else _SILENCE
        sample = min(max(sample, -_LIMIT), _LIMIT)
        target[k] = sample
        peak = max(peak, abs(sample))
    return float(max(peak, highest(peaks)))


@kernel("void(float64[::1], int64[::1])")
def _remember(f64, i64):
    """Keep the statistics as they are before this hop."""
    start = at.PAST + i64[at.PAST_NEXT] * at.STATISTICS_SIZE
    now, past = f64[at.STATISTICS : at.STATISTICS + at.STATISTICS_SIZE], f64[start : start + at.STATISTICS_SIZE]
    for k in range(at.STATISTICS_SIZE):
        past[k] = now[k]
    i64[at.PAST_NEXT] = (i64[at.PAST_NEXT] + 1) % at.UNDO_FRAMES
    i64[at.PAST_COUNT] = min(i64[at.PAST_COUNT] + 1, at.UNDO_FRAMES)


@kernel("void(float64[::1], int64[::1])")
def _undo(f64, i64):
    """Go back to the oldest statistics that are kept."""
    oldest = (i64[at.PAST_NEXT] - i64[at.PAST_COUNT] + at.UNDO_FRAMES) % at.UNDO_FRAMES
    start = at.PAST + oldest * at.STATISTICS_SIZE
    now, past = f64[at.STATISTICS : at.STATISTICS + at.STATISTICS_SIZE], f64[start : start + at.STATISTICS_SIZE]
    for k in range(at.STATISTICS_SIZE):
        now[k] = past[k]


@kernel("void(float64[::1], float32[::1], int64[::1])")
def _learn(f64, f32, i64):
    """Look at the frame that is complete, and learn from it unless it is applause, or clipped.

    Applause teaches nothing, what it has taught before it was known included. Talk is learned from apart.
    """
    spectrum.look(f64, f32, i64)
    row = f32[at.ROW : at.ROW + ROWS]
    place = at.WINDOW + (i64[at.FRAMES] % at.WINDOW_FRAMES) * ROWS
    here, there = (
        f32[place : place + ROWS],
        f32[place + at.WINDOW_FRAMES * ROWS : place + (at.WINDOW_FRAMES + 1) * ROWS],
    )
    for k in range(ROWS):
        here[k] = row[k]
        there[k] = row[k]
    i64[at.FRAMES] += 1
    statistics, known = f64[at.STATISTICS : at.STATISTICS + at.STATISTICS_SIZE], i64[at.IS_APPLAUSE]
    if known or i64[at.IS_CLIPPED]:
        means.pause(statistics, 1.0)
    else:
        means.add_frame(statistics, row, f32[at.FINE : at.FINE + 2 * at.FINE_POINTS])
    if i64[at.JUDGES]:
        applause.judge(f64, f32, i64, float(row[LOUDNESS_ROW]))
        if i64[at.IS_APPLAUSE] and not known:
            _undo(f64, i64)
    if speech.judge(f64, f32, i64):
        speech.change(f64, i64)


@kernel("void(float64[::1], float32[::1], int64[::1])")
def _complete(f64, f32, i64):
    """What is to be done once a hop is whole."""
    if i64[at.JUDGES]:
        if not i64[at.IS_APPLAUSE]:
            _remember(f64, i64)
        clipping.judge(f64, f32, i64)
    if i64[at.HOPS] > 0:
        _learn(f64, f32, i64)
    i64[at.HOPS] += 1
    i64[at.FILLED] = 0
    f64[at.LAST_PEAK], f64[at.HOP_PEAK] = f64[at.HOP_PEAK], 0.0
    for k in range(0, i64[at.HOP], eight.COUNT):
        store(f32, at.FRAME_LEFT + k, load(f32, at.FRAME_LEFT + i64[at.HOP] + k))
        store(f32, at.FRAME_RIGHT + k, load(f32, at.FRAME_RIGHT + i64[at.HOP] + k))


@kernel("int64(float32[::1], float32[::1], float64[::1], float32[::1], int64[::1])", door=True)
def hear_block(left, right, f64, f32, i64):
    """Hear a block of any length.

    Parameters
    ----------
    left, right : float32, shape (n,)
        Of a mono stream twice the same.
    f64, f32, i64 : float64, float32, int64, updated
        See `layout`.

    Returns
    -------
    int64
        How many frames it completed.

    Thread: worker. Allocates: no.
    """
    word = atomics.flush_denormals()
    before, done, hop = i64[at.FRAMES], 0, i64[at.HOP]
    while done < left.shape[0]:
        filled = i64[at.FILLED]
        count, start = min(left.shape[0] - done, hop - filled), hop + filled
        target = f32[at.FRAME_LEFT + start : at.FRAME_LEFT + start + count]
        f64[at.HOP_PEAK] = max(f64[at.HOP_PEAK], _take(left[done : done + count], target))
        target = f32[at.FRAME_RIGHT + start : at.FRAME_RIGHT + start + count]
        f64[at.HOP_PEAK] = max(f64[at.HOP_PEAK], _take(right[done : done + count], target))
        done += count
        i64[at.FILLED] = filled + count
        if filled + count == hop:
            _complete(f64, f32, i64)
    atomics.restore_denormals(word)
    return i64[at.FRAMES] - before


@kernel("int64(float32[::1], float32[::1], int64, float64[::1], float32[::1], int64[::1])", door=True)
def hear_hop(left, right, position, f64, f32, i64):
    """Hear one hop from a ring.

    Parameters
    ----------
    left, right : float32, shape (a power of two,)
        Sample number n lies at n modulo that. Of a mono stream twice the same.
    position : int64
        Number of the hop's first sample.
    f64, f32, i64 : float64, float32, int64, updated
        See `layout`.

    Returns
    -------
    int64
        How many frames it completed.

    Thread: worker. Allocates: no.
    """
    start, count = position & (left.shape[0] - 1), i64[at.HOP]
    first = min(count, left.shape[0] - start)
    frames = hear_block(left[start : start + first], right[start : start + first], f64, f32, i64)
    rest = count - first
    if rest > 0:
        frames += hear_block(left[:rest], right[:rest], f64, f32, i64)
    return frames


@kernel("float64(float32[::1], int64[::1], int64)", door=True)
def recent_lufs(f32, i64, frames):
    """Loudness of the last frames, up to WINDOW_FRAMES of them.

    Thread: worker. Allocates: no.
    """
    newest, power = i64[at.FRAMES] % at.WINDOW_FRAMES + at.WINDOW_FRAMES - 1, 0.0
    for k in range(frames):
        power += math.exp(_PER_DB * f32[at.WINDOW + (newest - k) * ROWS + LOUDNESS_ROW])
    return 10.0 * math.log10(max(power / frames, 1e-20))
