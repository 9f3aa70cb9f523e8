"""Playing with suggestions that are known ahead, and noting what was done: one call for many seconds."""

from __future__ import annotations

from rt_automix import params
from rt_automix.dsp import atomics
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import fine
from rt_automix.engine import layout as at
from rt_automix.engine.chain import process_pair

# What a row of the record holds.
POSITION, SUGGESTED = 0, 1
APPLIED = SUGGESTED + params.COUNT
GAINS = APPLIED + params.COUNT
FINE = GAINS + 4
COLUMNS = FINE + fine.BAND_COUNT


@kernel("void(float64[::1], int64[::1], float64[::1], float64[::1])", door=True)
def note(f64, i64, suggested, row):
    """Write one moment into `row`."""
    slot = at.METER_SLOTS + at.METER_SIZE * atomics.triple_fetch(i64[at.METER_INDEX : at.METER_INDEX + 3])
    row[POSITION] = i64[at.SAMPLE_COUNT]
    for k in range(params.COUNT):
        row[SUGGESTED + k] = suggested[k]
        row[APPLIED + k] = f64[slot + at.M_APPLIED + k]
    row[GAINS] = f64[slot + at.M_COMPRESSION_DB]
    row[GAINS + 1] = f64[slot + at.M_LIMITING_DB]
    row[GAINS + 2] = f64[slot + at.M_GAIN_DB]
    row[GAINS + 3] = f64[slot + at.M_TRIM_DB]
    for k in range(fine.BAND_COUNT):
        row[FINE + k] = f64[slot + at.M_FINE + k]


@kernel(
    "int64(float32[::1], float32[::1], float64[::1], float32[::1], int64[::1],"
    " float64[:, ::1], int64[::1], float64[::1], float64[:, ::1])",
    door=True,
)
def play(left, right, f64, f32, i64, messages, grid, suggested, rows):
    """Master a block in place; returns how many rows were noted.

    `grid`: samples from one message to the next, from one row to the next, and in the longest piece
    that the chain gets. Messages are handed over where the analysis inside the engine would do it.
    """
    interval, step, most = grid[0], grid[1], grid[2]
    slots = f64[at.SUGGESTION_SLOTS : at.SUGGESTION_SLOTS + 3 * at.SUGGESTION_SIZE]
    message, row, start = 0, 0, 0
    while start < left.shape[0]:
        position = i64[at.SAMPLE_COUNT]
        count = min(left.shape[0] - start, most, interval - position % interval, step - position % step)
        stop = start + count
        process_pair(left[start:stop], right[start:stop], f64, f32, i64)
        start, position = stop, position + count
        if position % interval == 0 and message < messages.shape[0]:
            atomics.triple_publish(i64[at.SUGGESTION_INDEX : at.SUGGESTION_INDEX + 3], slots, messages[message])
            for k in range(params.COUNT):
                suggested[k] = messages[message, at.SUGGESTED + k]
            message += 1
        if position % step == 0:
            note(f64, i64, suggested, rows[row])
            row += 1
    return row
