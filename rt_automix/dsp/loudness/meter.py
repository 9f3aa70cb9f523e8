"""All that is measured of a programme, in one pass: loudness over time and in all, true peak, sample peak."""

from __future__ import annotations

from rt_automix.dsp.jit import kernel
from rt_automix.dsp.loudness import loudness, truepeak


@kernel("int64(float64[::1], float32[::1], float32[::1], float32[::1], float64[:, ::1])", door=True)
def process(loudness_state, peak_state, left, right, curve):
    """Hear one block of any length.

    Parameters
    ----------
    loudness_state : float64, shape (loudness.STATE_SIZE,), updated
    peak_state : float32, shape (truepeak.STATE_SIZE,), updated
    left, right : float32, shape (n,), finite
        Of a mono programme both are the same.
    curve : float64, shape (k, 2), k at least one more than the block has steps of 100 ms
        Momentary and short-term loudness in LUFS at the end of each.

    Returns
    -------
    int
        Rows of the curve that were written.

    Thread: audio | worker. Allocates: no.
    """
    rows, start = 0, 0
    while start < left.shape[0]:
        step = loudness.samples_to_next_step(loudness_state)
        stop = min(start + step, left.shape[0])
        part_left, part_right = left[start:stop], right[start:stop]
        truepeak.process(peak_state, part_left, part_right)
        loudness.process(loudness_state, part_left, part_right)
        if stop - start == step:
            curve[rows, 0] = loudness.momentary_lufs(loudness_state)
            curve[rows, 1] = loudness.short_term_lufs(loudness_state)
            rows += 1
        start = stop
    return rows
