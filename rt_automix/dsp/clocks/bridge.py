"""From one device to another whose clock runs a little differently: a ring, and a ratio that adapts.

The capture callback pushes, the playback callback pulls as much as it needs. Each filters its own
callback times (`delaylock`); the difference of both positions at one time is the level, free of blocks
and lateness (F. Adriaensen, "Controlling adaptive resampling", Linux Audio Conference 2012). A PI
controller holds the level at its target by the ratio of the resampler, within `MOST_CORRECTION`.

A pull plays only what leaves enough for a fade: when the ring runs dry, or the level is hopelessly off,
the output fades to silence, waits until both clocks are locked and the ring is filled with what came
since, and fades in. The writer never overwrites what the reader may still need: it drops the block.

The level's target is the largest pushed block, half the filter, one fade and the margin; a sample
waits in the ring for that long, and for one playback block more. A callback later than the margin
is an underrun, after which the margin is twice as large, up to `MOST_MARGIN_S`.

What comes in passes as it is: guard against NaN before or after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.atomics import load_acquire, store_release, triple_fetch, triple_publish, triple_reset
from rt_automix.dsp.clocks import delaylock, ring
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.samples import resampler

MARGIN_MS = 12.0
"""How late a callback may come, at first: schedulers without real-time rights are 10 ms late at times."""

MOST_MARGIN_S = 0.1
MOST_CORRECTION = 0.005
"""Of the nominal ratio: both clocks together may be off by 4000 ppm, and the level still settles."""

LOCK_S = 0.5
FADE = 64
RING = 1 << 16

_CHUNK = 64
_SPAN = 1024
"""Source samples that a chunk may need: 96 kHz down to 44.1 kHz takes 284."""

# int64; the two threads write to different cache lines
_INDEX = 0
_WRITTEN, _OVERRUNS = 8, 9
_READ, _TAKEN, _STATE, _FADED, _FLOOR, _UNDERRUNS, _RESYNCS, _IS_LATE = 16, 17, 18, 19, 20, 21, 22, 23
I64_SIZE = 32

# float64
_IN_CLOCK = 0
_MESSAGE = 8
_SLOTS = 16
_OUT_CLOCK = 40
_POSITION = 48
_NOMINAL_STEP, _IN_RATE, _MARGIN, _INTEGRAL, _LEVEL, _TARGET, _OUT_BLOCK = 52, 53, 54, 55, 56, 57, 58
F64_SIZE = 64

IN_NOMINAL_S = _IN_CLOCK + delaylock.NOMINAL_S
"""Where in f64 the nominal length of an input sample is."""

# What the capture side publishes: ring position at a time, a sample's length, age of the lock, largest block
_AT, _TIME, _PERIOD, _AGE, _WIDEST = 0, 1, 2, 3, 4
_MESSAGE_SIZE = 5

# float32
_LEFT, _RIGHT = 0, RING
_SOURCE_LEFT = 2 * RING
_SOURCE_RIGHT = _SOURCE_LEFT + _SPAN
_WORK = _SOURCE_RIGHT + _SPAN
_TABLE = _WORK + resampler.WORK_SIZE

_WAITING, _PLAYING, _ENDING = 0, 1, 2


@dataclass(frozen=True)
class Reading:
    """What a bridge does at the moment.

    Parameters
    ----------
    is_playing : bool
    level_samples, target_samples : float
        At the input's rate, filtered, as it is once the playback block of the moment is gone.
    ratio : float
        Output rate over input rate, as corrected.
    ppm : float
        The correction: positive where the input is faster than its nominal rate says.
    latency_samples : float
        From the input's driver to the output's, at the output's rate: the target and one playback block.
    margin_ms : float
    underruns, overruns, resyncs : int
        Times the ring ran dry, blocks dropped into a full ring, times the level was hopelessly off.
    """

    is_playing: bool
    level_samples: float
    target_samples: float
    ratio: float
    ppm: float
    latency_samples: float
    margin_ms: float
    underruns: int
    overruns: int
    resyncs: int


def new_bridge(
    in_rate_hz: float, out_rate_hz: float, margin_ms: float = MARGIN_MS
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]:
    """The arrays of a bridge, which waits for both of its callbacks.

    Parameters
    ----------
    in_rate_hz, out_rate_hz : float
        Nominal, 44100 to 96000.
    margin_ms : float
        How late a callback may come, above 0; as latency it counts in full.

    Returns
    -------
    f64, f32, i64: for `push`, `pull` and `read`.

    Thread: main. Allocates: yes.
    """
    f64, i64 = np.zeros(F64_SIZE), np.zeros(I64_SIZE, np.int64)
    f32 = np.concatenate([np.zeros(_TABLE, np.float32), resampler.new_table(in_rate_hz, out_rate_hz)])
    triple_reset(i64[_INDEX : _INDEX + 3])
    f64[_IN_CLOCK : _IN_CLOCK + delaylock.STATE_SIZE] = delaylock.new_state(in_rate_hz)
    f64[_OUT_CLOCK : _OUT_CLOCK + delaylock.STATE_SIZE] = delaylock.new_state(out_rate_hz)
    for slot in range(3):
        f64[_SLOTS + slot * _MESSAGE_SIZE + _PERIOD] = 1.0 / in_rate_hz
    f64[_NOMINAL_STEP] = f64[_POSITION + resampler.STEP] = in_rate_hz / out_rate_hz
    f64[_IN_RATE] = in_rate_hz
    f64[_MARGIN] = margin_ms * 1e-3 * in_rate_hz
    return f64, f32, i64


def read(f64: NDArray[np.float64], i64: NDArray[np.int64]) -> Reading:
    """What a bridge does at the moment; each figure is whole, but they may be of neighbouring callbacks.

    Thread: main | worker. Allocates: yes.
    """
    step = float(f64[_POSITION + resampler.STEP])
    return Reading(
        is_playing=bool(i64[_STATE] == _PLAYING),
        level_samples=float(f64[_LEVEL]),
        target_samples=float(f64[_TARGET]),
        ratio=1.0 / step,
        ppm=(step / float(f64[_NOMINAL_STEP]) - 1.0) * 1e6,
        latency_samples=float(f64[_TARGET]) / step + float(f64[_OUT_BLOCK]),
        margin_ms=float(f64[_MARGIN] / f64[_IN_RATE]) * 1e3,
        underruns=int(i64[_UNDERRUNS]),
        overruns=int(i64[_OVERRUNS]),
        resyncs=int(i64[_RESYNCS]),
    )


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1], int64)")
def push(f64, f32, i64, left, right, now_ns):
    """The capture callback: take over a block.

    Parameters
    ----------
    f64, f32, i64 : from `new_bridge`, updated
    left, right : float32, shape (n,), any n
    now_ns : int64
        Monotonic time at the callback's start; the same clock as `pull`'s.

    Thread: audio (of the input device). Allocates: no.
    """
    samples = left.shape[0]
    time = f64[_IN_CLOCK : _IN_CLOCK + delaylock.STATE_SIZE]
    delaylock.tick(time, samples, now_ns)
    written = i64[_WRITTEN]
    if written + samples - load_acquire(i64, _TAKEN) > RING:
        i64[_OVERRUNS] += 1
    else:
        ring.put(f32[_LEFT : _LEFT + RING], left, written)
        ring.put(f32[_RIGHT : _RIGHT + RING], right, written)
        i64[_WRITTEN] = written + samples
    message = f64[_MESSAGE : _MESSAGE + _MESSAGE_SIZE]
    message[_AT], message[_TIME], message[_PERIOD] = i64[_WRITTEN], time[delaylock.TIME_S], time[delaylock.PERIOD_S]
    message[_AGE], message[_WIDEST] = time[delaylock.AGE_S], max(message[_WIDEST], samples)
    triple_publish(i64[_INDEX : _INDEX + 3], f64[_SLOTS : _SLOTS + 3 * _MESSAGE_SIZE], message)


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1], int64)")
def pull(f64, f32, i64, left, right, now_ns):
    """The playback callback: fill a block, with silence while there is nothing to play.

    Parameters
    ----------
    f64, f32, i64 : from `new_bridge`, updated
    left, right : float32, shape (n,), any n
        Output.
    now_ns : int64
        Monotonic time at the callback's start; the same clock as `push`'s.

    Thread: audio (of the output device). Allocates: no.
    """
    samples = left.shape[0]
    f64[_OUT_BLOCK] = samples
    delaylock.tick(f64[_OUT_CLOCK : _OUT_CLOCK + delaylock.STATE_SIZE], samples, now_ns)
    at = _SLOTS + _MESSAGE_SIZE * triple_fetch(i64[_INDEX : _INDEX + 3])
    message = f64[at : at + _MESSAGE_SIZE]
    half = (f32.shape[0] - _TABLE) // (resampler.PHASES + 1) // 2
    f64[_TARGET] = message[_WIDEST] + half + FADE * f64[_NOMINAL_STEP] + f64[_MARGIN]
    if i64[_STATE] == _PLAYING:
        _steer(f64, i64, message, samples, half)
    elif i64[_STATE] == _WAITING:
        _try_to_start(f64, i64, message, samples, half)
    sounding = 0
    if i64[_STATE] == _PLAYING:
        sounding = samples
    elif i64[_STATE] == _ENDING:
        sounding = min(samples, i64[_FADED])
    _play(f64, f32, i64, left[:sounding], right[:sounding], half)
    for i in range(sounding, samples):
        left[i] = np.float32(0.0)
        right[i] = np.float32(0.0)
    if i64[_STATE] == _ENDING and i64[_FADED] == 0:
        i64[_STATE], i64[_FLOOR] = _WAITING, np.int64(message[_AT])
    taken = i64[_FLOOR] if i64[_STATE] == _WAITING else i64[_READ] - half
    store_release(i64, _TAKEN, taken)


@kernel("boolean(int64, int64, float64, int64)")
def _is_enough(written, whole, path, half):
    """Whether the ring holds what a path from a position needs."""
    return whole + np.int64(path) + half + 2 <= written


@kernel("void(float64[::1], int64[::1], float64[::1], int64, int64)")
def _steer(f64, i64, message, samples, half):
    """Set the ratio by the level, or see that it has come to an end."""
    position = f64[_POSITION : _POSITION + resampler.STATE_SIZE]
    written = np.int64(message[_AT])
    since = (f64[_OUT_CLOCK + delaylock.TIME_S] - message[_TIME]) / message[_PERIOD]
    path = position[resampler.FRACTION] + samples * position[resampler.STEP]
    f64[_LEVEL] = (written - i64[_READ]) + since - path
    error = f64[_LEVEL] - f64[_TARGET]
    if abs(error) > f64[_TARGET]:
        i64[_STATE] = _ENDING
        i64[_RESYNCS] += 1
        return
    # A PI loop with poles damped by 0.75, in seconds of level, as wide as the younger clock's.
    width = delaylock.bandwidth_rad_s(min(message[_AGE], f64[_OUT_CLOCK + delaylock.AGE_S]))
    error_s = error / f64[_IN_RATE]
    integral = f64[_INTEGRAL] + width * width * error_s * samples * f64[_OUT_CLOCK + delaylock.NOMINAL_S]
    correction = 1.5 * width * error_s + integral
    if abs(correction) < MOST_CORRECTION:
        f64[_INTEGRAL] = integral
    correction = min(max(correction, -MOST_CORRECTION), MOST_CORRECTION)
    position[resampler.STEP] = f64[_NOMINAL_STEP] * (1.0 + correction)
    # A fade's length stays in reserve: one that begins with the next block has what it needs.
    path = position[resampler.FRACTION] + (samples + FADE) * position[resampler.STEP]
    if not _is_enough(written, i64[_READ], path, half):
        i64[_STATE], i64[_IS_LATE] = _ENDING, 1
        i64[_UNDERRUNS] += 1


@kernel("void(float64[::1], int64[::1], float64[::1], int64, int64)")
def _try_to_start(f64, i64, message, samples, half):
    """Begin to play at exactly the target's level, once both clocks are locked and the ring is filled."""
    position = f64[_POSITION : _POSITION + resampler.STATE_SIZE]
    written = np.int64(message[_AT])
    age_s = min(message[_AGE], f64[_OUT_CLOCK + delaylock.AGE_S])
    f64[_LEVEL] = 0.0
    if age_s < LOCK_S:
        i64[_FLOOR], i64[_IS_LATE] = written, 0
        return
    since = (f64[_OUT_CLOCK + delaylock.TIME_S] - message[_TIME]) / message[_PERIOD]
    start = since - samples * position[resampler.STEP] - f64[_TARGET]
    whole = np.int64(np.floor(start))
    fraction = start - whole
    whole += written
    path = fraction + (samples + FADE) * position[resampler.STEP]
    if whole - half < i64[_FLOOR] or not _is_enough(written, whole, path, half):
        return
    if i64[_IS_LATE]:
        # And no clock has jumped since: a callback came too late, and another one may.
        i64[_IS_LATE] = 0
        f64[_MARGIN] = max(f64[_MARGIN], min(2.0 * f64[_MARGIN], MOST_MARGIN_S * f64[_IN_RATE]))
        return
    i64[_READ], position[resampler.FRACTION] = whole, fraction
    i64[_STATE] = _PLAYING
    f64[_LEVEL] = f64[_TARGET]


@kernel("void(float64[::1], float32[::1], int64[::1], float32[::1], float32[::1], int64)")
def _play(f64, f32, i64, left, right, half):
    """Resample from the ring and move the fade on, in chunks."""
    position = f64[_POSITION : _POSITION + resampler.STATE_SIZE]
    work, table = f32[_WORK : _WORK + resampler.WORK_SIZE], f32[_TABLE:]
    start = 0
    while start < left.shape[0]:
        count = min(_CHUNK, left.shape[0] - start)
        span = np.int64(position[resampler.FRACTION] + count * position[resampler.STEP]) + 2 * half + 1
        source_left = f32[_SOURCE_LEFT : _SOURCE_LEFT + span]
        source_right = f32[_SOURCE_RIGHT : _SOURCE_RIGHT + span]
        ring.take(f32[_LEFT : _LEFT + RING], source_left, i64[_READ] - half + 1)
        ring.take(f32[_RIGHT : _RIGHT + RING], source_right, i64[_READ] - half + 1)
        chunk_left, chunk_right = left[start : start + count], right[start : start + count]
        i64[_READ] += resampler.process(position, table, work, source_left, source_right, chunk_left, chunk_right)
        _fade(i64, chunk_left, chunk_right)
        start += count


@kernel("void(int64[::1], float32[::1], float32[::1])")
def _fade(i64, left, right):
    """Go towards full gain while playing, towards silence while ending."""
    towards = 1 if i64[_STATE] == _PLAYING else -1
    if towards == 1 and i64[_FADED] == FADE:
        return
    for i in range(left.shape[0]):
        i64[_FADED] = min(max(i64[_FADED] + towards, 0), FADE)
        share = np.float32(i64[_FADED]) / np.float32(FADE)
        factor = share * share * (np.float32(3.0) - np.float32(2.0) * share)
        left[i] *= factor
        right[i] *= factor
