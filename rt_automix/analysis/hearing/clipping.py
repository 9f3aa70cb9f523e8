"""Is the input clipped? Samples that stand still at full scale, as where a preamplifier is turned up too far.

A hot master touches full scale, too, but does not stay there: of 35 decoded songs 34 have less than
0.1 % of their samples in such flat tops, and about 1 % once they are turned up by 6 dB.
"""

from __future__ import annotations

import numpy as np

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S
from rt_automix.dsp.jit import kernel

FULL_SCALE_LIN = 0.99
FLAT_SAMPLES = 3
"""So many equal ones in a row are a flat top."""

CLIPPED_SHARE = 0.005
"""More flat samples than this, of all of the last second's, are clipping."""

LONGEST_S = 20.0
"""Only what breaks into clean music counts, and for no longer than that came before, or than this:
what goes on for longer is the programme, and has to be mastered as it is."""

_FULL_SCALE_LIN = np.float32(FULL_SCALE_LIN)


@kernel("int64(float32[::1])")
def _flat_samples(samples):
    """Samples that complete FLAT_SAMPLES equal ones at full scale."""
    count, before, last = 0, samples[1:], samples[2:]
    for k in range(last.shape[0]):
        is_flat = (last[k] == before[k]) & (before[k] == samples[k]) & (abs(last[k]) >= _FULL_SCALE_LIN)
        count += 1 if is_flat else 0
    return count


@kernel("void(float64[::1], float32[::1], int64[::1])")
def judge(f64, f32, i64):
    """Look at the hop that is complete; `layout.IS_CLIPPED` says what has become of it.

    Thread: worker. Allocates: no.
    """
    hop, flat = i64[at.HOP], 0
    if f64[at.HOP_PEAK] >= _FULL_SCALE_LIN:
        flat += _flat_samples(f32[at.FRAME_LEFT + hop : at.FRAME_LEFT + 2 * hop])
        flat += _flat_samples(f32[at.FRAME_RIGHT + hop : at.FRAME_RIGHT + 2 * hop])
    f64[at.CLIPPED_SHARES + i64[at.CLIPPING_HOPS] % at.CLIPPING_FRAMES] = flat / (2.0 * hop)
    i64[at.CLIPPING_HOPS] += 1
    share = 0.0
    for k in range(at.CLIPPING_FRAMES):
        share += f64[at.CLIPPED_SHARES + k]
    is_clipped = share > CLIPPED_SHARE * at.CLIPPING_FRAMES
    clean_s = f64[at.CLEAN_S] - HOP_S if is_clipped else f64[at.CLEAN_S] + HOP_S
    f64[at.CLEAN_S] = min(max(clean_s, 0.0), LONGEST_S)
    i64[at.IS_CLIPPED] = 1 if is_clipped and f64[at.CLEAN_S] > 0.0 else 0
