"""What the figures draw, as arrays: thinned curves, gaps where there is silence, settled parameters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.recordings.measure import LoudnessCurve
from rt_automix.analysis.tone import tone_edges_hz
from rt_automix.dsp.tone import equalizer, thirds
from rt_automix.render import SETTLING_S, History

Array = NDArray[np.float64]

GATE_LUFS = -70.0
"""BS.1770's absolute gate: below it a loudness curve has a gap."""

SHORT_TERM_S, MOMENTARY_S = 3.0, 0.4
SPREAD_PERCENT = (5.0, 50.0, 95.0)
"""Low end, middle and high end of what something did over time."""

_GAINS = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
_SPREAD_MOMENTS = 200


def thin(time_s: Array, values: Array, points: int) -> tuple[Array, Array]:
    """A curve of at most `points` points with the same peaks and dips.

    The curve is cut into equal spans; each keeps its lowest and its highest point.

    Parameters
    ----------
    time_s, values : float64, shape (n,), without NaN
    points : int, even

    Thread: main. Allocates: yes.
    """
    if time_s.size <= points:
        return time_s, values
    kept = [
        index
        for span in _spans(time_s.size, points // 2)
        for index in sorted((span.start + values[span].argmin(), span.start + values[span].argmax()))
    ]
    return time_s[kept], values[kept]


def thin_peaks(time_s: Array, values: Array, points: int) -> tuple[Array, Array]:
    """As `thin`, but each span keeps its highest point only: the outline of what is drawn as an area.

    Thread: main. Allocates: yes.
    """
    if time_s.size <= points:
        return time_s, values
    kept = [span.start + values[span].argmax() for span in _spans(time_s.size, points)]
    return time_s[kept], values[kept]


def _spans(size: int, count: int) -> list[slice]:
    """A range cut into `count` nearly equal pieces."""
    return [slice(start, stop) for start, stop in pairwise(np.linspace(0, size, count + 1).astype(int).tolist())]


def loudness_window_s(duration_s: float) -> float:
    """The window whose loudness to draw: short-term, or momentary where a file would hardly fill it."""
    return SHORT_TERM_S if duration_s >= 2.0 * SHORT_TERM_S else MOMENTARY_S


def loudness(curve: LoudnessCurve, window_s: float, points: int) -> tuple[Array, Array]:
    """Time and loudness from where the window is full; NaN where there is silence."""
    values = curve.short_term_lufs if window_s == SHORT_TERM_S else curve.momentary_lufs
    full = curve.time_s >= window_s - 1e-6
    time_s, loudness_lufs = thin(curve.time_s[full], values[full], points)
    return time_s, np.where(loudness_lufs > GATE_LUFS, loudness_lufs, np.nan)


def band_centres_hz() -> Array:
    """Geometric centres of the tone bands: float64, shape (24,)."""
    edges_hz = tone_edges_hz()
    return np.sqrt(edges_hz[:-1] * edges_hz[1:])


def late(history: History) -> NDArray[np.bool_]:
    """Which points of the history are settled: those after 10 s, or all of a shorter file."""
    after = history.time_s > SETTLING_S
    return after if after.any() else np.ones_like(after)


def settled(history: History) -> Array:
    """Low end, median and high end of each applied parameter: float64, shape (3, params.COUNT)."""
    if history.time_s.size == 0:
        return np.tile(params.NEUTRAL, (len(SPREAD_PERCENT), 1))
    return np.percentile(history.applied[late(history)], SPREAD_PERCENT, axis=0)


def equalizer_spread_db(history: History, frequencies_hz: Array, sample_rate_hz: int) -> Array:
    """Low end, median and high end of the equaliser's response, five bands and the fine ones.

    Returns
    -------
    float64, shape (3, frequencies)
    """
    if history.time_s.size == 0:
        return np.zeros((len(SPREAD_PERCENT), frequencies_hz.size))
    moments = np.flatnonzero(late(history))
    responses_db = [
        equalizer.analog_magnitude_db(history.applied[moment, _GAINS], frequencies_hz)
        + thirds.magnitude_db(history.fine_gains_db[moment], frequencies_hz, sample_rate_hz)
        for moment in moments[:: 1 + len(moments) // _SPREAD_MOMENTS]
    ]
    return np.percentile(responses_db, SPREAD_PERCENT, axis=0)


def settled_fine_db(history: History) -> Array:
    """Median of each fine band's gain once settled: float64, shape (31,)."""
    if history.time_s.size == 0:
        return np.zeros(thirds.BAND_COUNT)
    return np.asarray(np.median(history.fine_gains_db[late(history)], axis=0))


def equalizer_parts_db(history: History, frequencies_hz: Array, sample_rate_hz: int) -> tuple[Array, Array]:
    """Responses of the five bands and of the fine ones at their settled gains."""
    five_db = equalizer.analog_magnitude_db(settled(history)[1, _GAINS], frequencies_hz)
    return five_db, thirds.magnitude_db(settled_fine_db(history), frequencies_hz, sample_rate_hz)


def stuck_trim_db(history: History) -> float:
    """Where the loudness trim went and then stood for most of the time; 0 if it kept moving.

    A trim that never moved at all was held, not stopped by its limit.
    """
    if history.time_s.size == 0:
        return 0.0
    end_db = float(history.trim_db[np.abs(history.trim_db).argmax()])
    stands = np.abs(history.trim_db - end_db) < 0.1
    return end_db if stands[late(history)].mean() > 0.5 and not stands.all() else 0.0
