"""Two simulated devices around a bridge: skewed clocks, late callbacks, stalls; driven by compiled code.

The input's left and right are sine and cosine of its sample number, so that each output sample tells
where in the input it lies: every gap and every repeat shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from watched import checked

from rt_automix.dsp.clocks import bridge
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.samples import resampler

PERIOD = 487
"""Samples of one turn of the phase that the input carries; prime, so that no lost block hides in it."""

JUMP_SAMPLES = 0.01
MOST_BLOCK = 8192
START_S = 1000.0
ROWS = 1200

RATE, PPM, SWING_PPM, SWING_S, STALL_AT_S, STALL_S = range(6)
FAULTS, WORST_STEP, SILENT, STARTED_S, LEVEL_AFTER_30_S, LEAST_PPM, MOST_PPM, LEAST_ROOM = range(8)
ROW_TIME_S, ROW_LEVEL, ROW_PPM = range(3)


def lateness_s(seed: int, mean_s: float = 0.4e-3, most_s: float = 4e-3, rare_s: float = 10e-3) -> np.ndarray:
    """How late callbacks come: mostly a little, up to `most_s`, and one in 2000 by `rare_s`; used in turn."""
    rng = np.random.default_rng(seed)
    late_s = np.minimum(rng.exponential(mean_s, 65521), most_s)
    late_s[rng.random(len(late_s)) < 1 / 2000] = rare_s
    return late_s


@dataclass
class Device:
    """A device: its true rate swings around `ppm` off nominal; it may stop for a while."""

    rate_hz: float = 48000.0
    ppm: float = 0.0
    blocks: np.ndarray = field(default_factory=lambda: np.array([64]))
    late_s: np.ndarray = field(default_factory=lambda: lateness_s(1))
    swing_ppm: float = 0.0
    swing_s: float = 60.0
    stall_at_s: float = 0.0
    stall_s: float = 0.0

    def row(self) -> np.ndarray:
        return np.array([self.rate_hz, self.ppm, self.swing_ppm, self.swing_s, self.stall_at_s, self.stall_s])


@dataclass(frozen=True)
class Run:
    """What came of it; levels in samples off the target, by the true clocks; ppm off the true ratio."""

    faults: float
    worst_step_samples: float
    silent_samples: float
    started_s: float
    level_after_30_s: float
    least_ppm: float
    most_ppm: float
    least_room_samples: float
    rows: np.ndarray
    reading: bridge.Reading

    @property
    def ripple_ppm(self) -> float:
        return self.most_ppm - self.least_ppm


@kernel("float64(float64[::1], float64)")
def true_rate_hz(device, time_s):
    return (
        device[RATE] * (1e6 + device[PPM] + device[SWING_PPM] * math.sin(2 * math.pi * time_s / device[SWING_S])) / 1e6
    )


@kernel("float64(float64[::1], float64, int64)")
def next_due_s(device, due_s, samples):
    """The true time at which a device has moved on by a block."""
    then_s = due_s + samples / true_rate_hz(device, due_s)
    if device[STALL_S] > 0 and due_s < device[STALL_AT_S] <= then_s:
        then_s += device[STALL_S]
    return then_s


@kernel("float64(float32[::1], float32[::1], float64, float64, float64[::1])")
def judge(left, right, step, expected, found):
    """Where each output sample lies, against where the one before it and the ratio then said."""
    for i in range(left.shape[0]):
        if left[i] == 0 and right[i] == 0:
            found[SILENT] += 1
            expected = -PERIOD
            continue
        now = math.atan2(float(left[i]), float(right[i])) * PERIOD / (2 * math.pi)
        if expected > -PERIOD:
            on = now - expected
            off = abs(on - PERIOD * math.floor(on / PERIOD + 0.5))
            found[WORST_STEP] = max(found[WORST_STEP], off)
            if off > JUMP_SAMPLES:
                found[FAULTS] += 1
        expected = now + step
    return expected


@kernel(
    "int64(float64[::1], float32[::1], int64[::1], float64[::1], float64[::1], int64[::1], int64[::1], float64[::1], "
    "float64[::1], float64, float64, float32[:, ::1], float32[:, ::1], float64[:, ::1], float64[::1])"
)
def drive(
    f64, f32, i64, source, sink, blocks, out_blocks, late, out_late, seconds, settled_s, wave, audio, rows, found
):
    """Both devices' callbacks in the order of their times; audio is (4, MOST_BLOCK)."""
    in_due = next_due_s(source, 0.001, blocks[0])
    out_due = next_due_s(sink, 0.0017, out_blocks[0])
    in_s, out_s = in_due + late[0], out_due + out_late[0]
    pushed, pushes, pulls, row, expected = 0, 0, 0, 0, -PERIOD
    while min(in_s, out_s) < seconds:
        if in_s <= out_s:
            count = blocks[pushes % len(blocks)]
            left, right = audio[0][:count], audio[1][:count]
            for i in range(count):
                left[i], right[i] = wave[0][(pushed + i) % PERIOD], wave[1][(pushed + i) % PERIOD]
            bridge.push(f64, f32, i64, left, right, int((START_S + in_s) * 1e9))
            pushed, pushes, heard_s = pushed + count, pushes + 1, in_due
            in_due = next_due_s(source, in_due, blocks[pushes % len(blocks)])
            in_s = max(in_due + late[pushes % len(late)], in_s + 1e-5)
            continue
        count = out_blocks[pulls % len(out_blocks)]
        left, right = audio[2][:count], audio[3][:count]
        bridge.pull(f64, f32, i64, left, right, int((START_S + out_s) * 1e9))
        step = f64[bridge._POSITION + resampler.STEP]
        silent = found[SILENT]
        expected = judge(left, right, step, expected, found)
        if found[STARTED_S] == 0.0:
            found[STARTED_S] = out_s if found[SILENT] - silent < count else 0.0
            found[SILENT] = 0
        if i64[bridge._STATE] == bridge._PLAYING and pushes > 0:
            ratio = step / f64[bridge._NOMINAL_STEP]
            truth = true_rate_hz(source, out_due) / true_rate_hz(sink, out_due) * sink[RATE] / source[RATE]
            at = i64[bridge._WRITTEN] + (out_due - heard_s) * true_rate_hz(source, out_due)
            level = at - i64[bridge._READ] - f64[bridge._POSITION] - f64[bridge._TARGET]
            room = i64[bridge._WRITTEN] - i64[bridge._READ]
            found[LEAST_ROOM] = min(found[LEAST_ROOM], room)
            if out_due > 30.0:
                found[LEVEL_AFTER_30_S] = max(found[LEVEL_AFTER_30_S], abs(level))
            if out_due > settled_s:
                found[LEAST_PPM] = min(found[LEAST_PPM], (ratio / truth - 1.0) * 1e6)
                found[MOST_PPM] = max(found[MOST_PPM], (ratio / truth - 1.0) * 1e6)
            if out_due >= row * seconds / len(rows):
                rows[row, ROW_TIME_S], rows[row, ROW_LEVEL], rows[row, ROW_PPM] = out_due, level, (ratio - 1.0) * 1e6
                row += 1
        pulls += 1
        out_due = next_due_s(sink, out_due, out_blocks[pulls % len(out_blocks)])
        out_s = max(out_due + out_late[pulls % len(out_late)], out_s + 1e-5)
    return row


def run(
    source: Device, sink: Device, seconds: float, settled_s: float = 30.0, margin_ms: float = bridge.MARGIN_MS
) -> Run:
    """Play for some simulated seconds; 600 of them take about one."""
    f64, f32, i64 = (checked(array) for array in bridge.new_bridge(source.rate_hz, sink.rate_hz, margin_ms))
    turn = 2.0 * np.pi * np.arange(PERIOD) / PERIOD
    wave = np.stack([np.sin(turn), np.cos(turn)]).astype(np.float32)
    audio, rows, found = np.zeros((4, MOST_BLOCK), np.float32), np.zeros((ROWS, 3)), np.zeros(8)
    found[LEAST_PPM], found[MOST_PPM], found[LEAST_ROOM] = np.inf, -np.inf, np.inf
    filled = drive(
        f64, f32, i64, source.row(), sink.row(), np.int64(source.blocks), np.int64(sink.blocks),
        source.late_s, sink.late_s, float(seconds), float(settled_s), wave, audio, rows, found,
    )  # fmt: skip
    return Run(*found.tolist(), rows[:filled], bridge.read(f64, i64))
