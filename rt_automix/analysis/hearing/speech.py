"""Is this talk? A small network looks at how the last four seconds move: syllables, pauses, and no steady part.

What is talk is learned from, and corrected, apart from music. The verdict takes a few seconds, and comes and
goes with hysteresis: a word over a song or a line sung alone changes nothing. Trained by `training.correction.speech`.
With a reference, which is music's or talk's own, the verdict alone moves nothing: see `set_aside`.
"""

from __future__ import annotations

import math

import numpy as np

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, LOUDNESS_ROW, MEL_BANDS
from rt_automix.analysis.hearing import means
from rt_automix.analysis.numbers import db_of_power
from rt_automix.analysis.tone import SILENCE_LUFS, TONE_BANDS, TONE_MATRIX
from rt_automix.dsp.jit import kernel

LAG_FRAMES = 4
LOW_LU, HIGH_LU = -60.0, 20.0
"""Levels relative to the loudness of the window are held in here."""
PAUSE_LU, DEEP_PAUSE_LU = -10.0, -20.0
"""Frames so far under it are counted."""
FARTHEST_SD = 6.0
EVERY_FRAMES = 4
"""So often is looked."""
LONGEST_SILENCE_FRAMES = 10
RESPONSE_S = 2.0
BEGINS, ENDS = 0.85, 0.25
"""The smoothed chance of talk from which it is some, and under which it is none any more."""

_CHANNELS = TONE_BANDS + 1
_FRAMES = at.SPEECH_FRAMES
_MEANS, _SPREADS, _STEPS, _CHANGES, _LEANS, _TOGETHER = (k * _CHANNELS for k in range(6))
_PAUSES = _TOGETHER + TONE_BANDS
_SHARE = 1.0 - math.exp(-EVERY_FRAMES * HOP_S / RESPONSE_S)
_PER_DB = math.log(10.0) / 10.0
_TONE = np.ascontiguousarray(TONE_MATRIX)
_FIRST = np.array([np.flatnonzero(row)[0] for row in TONE_MATRIX])
_STOP = np.array([np.flatnonzero(row)[-1] + 1 for row in TONE_MATRIX])


@kernel("void(float32[::1], float64, float64[::1])", door=True)
def look(powers, loudness_lufs, levels):
    """Level of each tone band of a frame, then of all.

    Parameters
    ----------
    powers : float32, shape (2 features.MEL_BANDS,)
        Of mid, then of side.
    loudness_lufs : float
    levels : float64, shape (TEXTURE_CHANNELS,), filled, dB

    Thread: worker. Allocates: no.
    """
    for b in range(TONE_BANDS):
        power = 0.0
        for m in range(_FIRST[b], _STOP[b]):
            power += _TONE[b, m] * (powers[m] + powers[MEL_BANDS + m])
        levels[b] = db_of_power(power)
    levels[TONE_BANDS] = loudness_lufs


@kernel("void(float64[::1], float64[::1])")
def _compare(levels, relative):
    """The same relative to the loudness of the whole, and held within what counts."""
    power = 0.0
    for t in range(_FRAMES):
        power += math.exp(_PER_DB * levels[t * _CHANNELS + TONE_BANDS]) / _FRAMES
    loudness = db_of_power(power)
    for k in range(_FRAMES * _CHANNELS):
        relative[k] = min(max(levels[k] - loudness, LOW_LU), HIGH_LU)


@kernel("void(float64[::1], int64, float64[::1])")
def _movement(levels, c, numbers):
    """Of a channel: mean, spread, steps from frame to frame, changes over a longer lag, and which way it leans."""
    mean, square, cube, steps, changes = 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(_FRAMES):
        mean += levels[t * _CHANNELS + c] / _FRAMES
    for t in range(_FRAMES):
        now = levels[t * _CHANNELS + c]
        away = now - mean
        square += away * away / _FRAMES
        cube += away * away * away / _FRAMES
        if t >= 1:
            steps += abs(now - levels[(t - 1) * _CHANNELS + c]) / (_FRAMES - 1)
        if t >= LAG_FRAMES:
            change = now - levels[(t - LAG_FRAMES) * _CHANNELS + c]
            changes += change * change / (_FRAMES - LAG_FRAMES)
    numbers[_MEANS + c] = mean
    numbers[_SPREADS + c] = math.sqrt(square)
    numbers[_STEPS + c] = steps
    numbers[_CHANGES + c] = math.sqrt(changes)
    numbers[_LEANS + c] = math.copysign(abs(cube) ** (1.0 / 3.0), cube)


@kernel("void(float64[::1], float64[::1], float64[::1])", door=True)
def describe(levels, relative, numbers):
    """What the network is told of a stretch of sound.

    Parameters
    ----------
    levels : float64, shape (SPEECH_FRAMES * TEXTURE_CHANNELS,)
        Frame by frame, as `look` finds them.
    relative : float64, the same shape, scratch
    numbers : float64, shape (SPEECH_NUMBERS,), filled

    Thread: worker. Allocates: no.
    """
    _compare(levels, relative)
    for c in range(_CHANNELS):
        _movement(relative, c, numbers)
    for b in range(TONE_BANDS):
        total = 0.0
        for t in range(_FRAMES):
            away = relative[t * _CHANNELS + b] - numbers[_MEANS + b]
            total += away * (relative[t * _CHANNELS + TONE_BANDS] - numbers[_MEANS + TONE_BANDS]) / _FRAMES
        numbers[_TOGETHER + b] = total / (numbers[_SPREADS + b] * numbers[_SPREADS + TONE_BANDS] + 1e-3)
    numbers[_PAUSES], numbers[_PAUSES + 1] = 0.0, 0.0
    for t in range(_FRAMES):
        level = relative[t * _CHANNELS + TONE_BANDS]
        numbers[_PAUSES] += (1.0 if level < PAUSE_LU else 0.0) / _FRAMES
        numbers[_PAUSES + 1] += (1.0 if level < DEEP_PAUSE_LU else 0.0) / _FRAMES


@kernel("float64(float64[::1], float64[::1])", door=True)
def chance(numbers, net):
    """The chance that it is talk: one hidden layer, rectified.

    Parameters
    ----------
    numbers : float64, shape (SPEECH_NUMBERS,)
        Of `describe`.
    net : float64, shape (SPEECH_NET_SIZE,)
        Means, deviations, weights of one hidden unit after another, what is added to them, weights of the answer,
        what is added to it.

    Thread: worker. Allocates: no.
    """
    first = 2 * at.SPEECH_NUMBERS
    added = first + at.SPEECH_HIDDEN * at.SPEECH_NUMBERS
    last = added + at.SPEECH_HIDDEN
    said = net[last + at.SPEECH_HIDDEN]
    for h in range(at.SPEECH_HIDDEN):
        value = net[added + h]
        for k in range(at.SPEECH_NUMBERS):
            away = (numbers[k] - net[k]) / net[at.SPEECH_NUMBERS + k]
            value += net[first + h * at.SPEECH_NUMBERS + k] * min(max(away, -FARTHEST_SD), FARTHEST_SD)
        said += net[last + h] * max(value, 0.0)
    return 1.0 / (1.0 + math.exp(-min(max(said, -30.0), 30.0)))


@kernel("void(float64[::1], int64[::1])")
def _keep(f64, i64):
    """Put the statistics as they are beside those of some seconds ago."""
    start = at.KEPT + (i64[at.KEPT_NEXT] % at.KEPT_COUNT) * at.STATISTICS_SIZE
    for k in range(at.STATISTICS_SIZE):
        f64[start + k] = f64[at.STATISTICS + k]
    i64[at.KEPT_NEXT] += 1


@kernel("boolean(float64[::1], float32[::1], int64[::1])")
def _hear(f64, f32, i64):
    """Take the frame that is complete in; whether the chance of talk is a new one."""
    loudness_lufs = float(f32[at.ROW + LOUDNESS_ROW])
    i64[at.SILENT_FRAMES] = i64[at.SILENT_FRAMES] + 1 if loudness_lufs < SILENCE_LUFS else 0
    if i64[at.SILENT_FRAMES] > LONGEST_SILENCE_FRAMES or i64[at.IS_APPLAUSE]:
        return False
    levels = f64[at.SPEECH_LEVELS : at.SPEECH_LEVELS + _FRAMES * _CHANNELS]
    for k in range((_FRAMES - 1) * _CHANNELS):
        levels[k] = levels[k + _CHANNELS]
    look(f32[at.POWERS : at.POWERS + 2 * MEL_BANDS], loudness_lufs, levels[(_FRAMES - 1) * _CHANNELS :])
    if i64[at.JUDGES] and i64[at.SPEECH_COUNT] % at.KEPT_FRAMES == 0:
        _keep(f64, i64)
    i64[at.SPEECH_COUNT] += 1
    if i64[at.SPEECH_COUNT] < _FRAMES or i64[at.SPEECH_COUNT] % EVERY_FRAMES != 0:
        return False
    relative = f64[at.SPEECH_WORK : at.SPEECH_WORK + _FRAMES * _CHANNELS]
    numbers = f64[at.SPEECH_WORK + _FRAMES * _CHANNELS : at.SPEECH_WORK + _FRAMES * _CHANNELS + at.SPEECH_NUMBERS]
    describe(levels, relative, numbers)
    now = chance(numbers, f64[at.SPEECH_NET : at.SPEECH_NET + at.SPEECH_NET_SIZE])
    if i64[at.SPEECH_COUNT] < _FRAMES + EVERY_FRAMES:
        f64[at.SPEECH_CHANCE] = f64[at.STATISTICS + at.SPEECH]
    f64[at.SPEECH_CHANCE] += _SHARE * (now - f64[at.SPEECH_CHANCE])
    return True


@kernel("boolean(float64[::1], float32[::1], int64[::1])")
def judge(f64, f32, i64):
    """Look at the frame that is complete; whether talk has begun, or ended.

    Where nothing is judged, as while a song is heard as a whole, how much of it is talk is counted. Silence
    beyond a second is passed over: it belongs to neither.

    Parameters
    ----------
    f64, f32, i64 : float64, float32, int64
        See `layout`; the smoothed chance and what it is made of are updated.

    Thread: worker. Allocates: no.
    """
    if not _hear(f64, f32, i64):
        return False
    now = f64[at.SPEECH_CHANCE]
    if i64[at.JUDGES] == 0:
        i64[at.LOOKS] += 1
        i64[at.LOOKS_AT_TALK] += 1 if now > 0.5 else 0
        return False
    return now > BEGINS if f64[at.STATISTICS + at.SPEECH] == 0.0 else now < ENDS


@kernel("void(float64[::1], int64[::1])")
def change(f64, i64):
    """From here on the other is learned from: what was known of it comes back, as after a pause.

    What went before is remembered as it was some seconds ago, when it was sure.

    Thread: worker. Allocates: no.
    """
    was, oldest = f64[at.STATISTICS + at.SPEECH], max(i64[at.KEPT_NEXT] - at.KEPT_COUNT, 0) % at.KEPT_COUNT
    kept = at.KEPT + oldest * at.STATISTICS_SIZE
    for k in range(at.STATISTICS_SIZE):
        f64[at.STATISTICS + k] = f64[at.OTHER + k]
        f64[at.OTHER + k] = f64[kept + k]
    statistics = f64[at.STATISTICS : at.STATISTICS + at.STATISTICS_SIZE]
    statistics[at.SPEECH] = 1.0 - was
    means.pause(statistics, means.PAUSE_S / HOP_S + 1.0)
    i64[at.PAST_COUNT] = 0
    i64[at.KEPT_NEXT] = 0
    _keep(f64, i64)


@kernel("int64(float64[::1], float64[::1])", door=True)
def set_aside(f64, statistics):
    """What is held against a reference: the music before, while there is talk.

    Talk among songs, and a song that is taken for talk, leave the tone where it is. What has gone on as talk for
    longer than there has been music is what the reference is for.

    Parameters
    ----------
    f64 : float64
        See `layout`.
    statistics : float64, shape (STATISTICS_SIZE,), filled
        Tone, width and dynamics of the one or the other; how loud it is, of what sounds now.

    Returns
    -------
    int64: 1 where it is the music before, else 0.

    Thread: worker. Allocates: no.
    """
    is_talk = f64[at.STATISTICS + at.SPEECH] != 0.0
    is_aside = is_talk and f64[at.OTHER + at.HEARD_FRAMES] > f64[at.STATISTICS + at.HEARD_FRAMES]
    start = at.OTHER if is_aside else at.STATISTICS
    for k in range(at.STATISTICS_SIZE):
        statistics[k] = f64[start + k]
    if is_aside and f64[at.STATISTICS + at.SOUND_FRAMES] > 0.0:
        for k in range(at.BLOCK_SHARES, at.BLOCK_SHARES + at.LEVELS):
            statistics[k] = f64[at.STATISTICS + k]
    return 1 if is_aside else 0
