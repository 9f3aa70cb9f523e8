"""The step that is taken towards what is wanted: how fast, and what it does to the loudness. See `deciding`."""

from __future__ import annotations

import numpy as np

from rt_automix import params
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import fine_tone
from rt_automix.analysis.features import HOP_S
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import equalizer

HURRY = 4.0
HURRY_S = 20.0
"""Suggestions may move this much faster while the engine has heard less than this: longer than what is missing from a
reference stays in doubt, so that the tone arrives then, and does not move under the music for half a minute."""

SLOWEST = 0.25
"""Where there is little confidence suggestions move slower, down to this share of their slew; but not back to neutral:
what turns out to have been none of the music's need is given up at once."""

DEAD_BAND_NORM = 0.01
"""Once arrived, a parameter stays until this share of its range is missing; then it goes all the way."""

FINE_SLEW_DB_PER_S = 0.5
FINE_DEAD_BAND_DB = 0.25
"""The same for a band of the fine layer."""

FORGET_LOUDER_S = 300.0
"""So slowly is forgotten what the equalisers have added to the loudness: only that it changes is of use."""

IS_TONE = np.array([name not in ("input_gain_db", "limiter_drive_db", "output_level") for name in params.NAMES])
"""Which of the ten are tone, compression or width, and no gain."""

_COUNT, _NEUTRAL = params.COUNT, params.NEUTRAL.copy()
_SLEW_PER_S, _DEAD_BAND = params.SLEW_PER_S.copy(), DEAD_BAND_NORM * (params.HIGH - params.LOW)
_LOW_SHELF, _WIDTH = params.INDEX["low_shelf_db"], params.INDEX["stereo_width"]


@kernel("void(float64[::1])")
def _remember(decision):
    """Keep what the step that comes now will change, before what was kept."""
    for k in range((at.UNDO_DECISIONS - 1) * at.STEP_SIZE - 1, -1, -1):
        decision[at.PAST_STEPS + at.STEP_SIZE + k] = decision[at.PAST_STEPS + k]
    for k in range(at.STEP_SIZE):
        decision[at.PAST_STEPS + k] = decision[at.SUGGESTED + k]
    decision[at.PAST_STEP_COUNT] = min(decision[at.PAST_STEP_COUNT] + 1.0, float(at.UNDO_DECISIONS))


@kernel("void(float64[::1], float64, float64[::1])")
def _step_ten(passing, seconds, decision):
    """Move the ten towards what is wanted, as far as it is trusted, no faster than each one's slew."""
    for k in range(_COUNT):
        confidence = passing[at.CONFIDENCE + k]
        goal = _NEUTRAL[k] + confidence * (passing[at.WANTED + k] - _NEUTRAL[k])
        away = goal - decision[at.SUGGESTED + k]
        is_back = away * (decision[at.SUGGESTED + k] - _NEUTRAL[k]) < 0.0 and IS_TONE[k]
        step = _SLEW_PER_S[k] * seconds * (1.0 if is_back else max(confidence, SLOWEST))
        if abs(away) > _DEAD_BAND[k]:
            decision[at.MOVING + k] = 1.0
        if decision[at.MOVING + k] != 0.0:
            decision[at.SUGGESTED + k] += min(max(away, -step), step)
        if abs(away) <= step:
            decision[at.MOVING + k] = 0.0


@kernel("void(float64[::1], float64, float64, float64[::1])")
def _step_fine(passing, share, seconds, decision):
    """The same for the bands of the fine layer; what is to be flat goes all the way."""
    for b in range(at.FINE_BANDS):
        goal, now = passing[at.FINE_WANTED + b], decision[at.FINE_SUGGESTED + b]
        away = goal - now
        step_db = FINE_SLEW_DB_PER_S * seconds * (1.0 if away * now < 0.0 else max(share, SLOWEST))
        if abs(away) > FINE_DEAD_BAND_DB or (goal == 0.0 and now != 0.0):
            decision[at.FINE_MOVING + b] = 1.0
        if decision[at.FINE_MOVING + b] != 0.0:
            decision[at.FINE_SUGGESTED + b] = goal if abs(away) <= step_db else now + min(max(away, -step_db), step_db)
        if abs(away) <= step_db:
            decision[at.FINE_MOVING + b] = 0.0


@kernel("void(float64[::1], float64, float64[::1], float64[::1])")
def _count_louder(statistics, kept, decision, work):
    """Add what the step has changed in loudness to what is kept of the steps before: the ten first, then the fine."""
    past, now = decision[at.PAST_STEPS :], decision[at.SUGGESTED :]
    fine = at.FINE_SUGGESTED - at.SUGGESTED
    past_db, now_db = past[fine : fine + at.FINE_BANDS], now[fine : fine + at.FINE_BANDS]
    has_moved, fine_has_moved = past[_WIDTH] != now[_WIDTH], False
    for k in range(_LOW_SHELF, _LOW_SHELF + equalizer.BAND_COUNT):
        has_moved = has_moved or past[k] != now[k]
    for b in range(at.FINE_BANDS):
        fine_has_moved = fine_has_moved or past_db[b] != now_db[b]
    ten_lu, fine_lu = 0.0, 0.0
    if has_moved or fine_has_moved:
        between_db = fine_tone.loudness_db(statistics, now, past_db, work)
        if has_moved:
            ten_lu = between_db - fine_tone.loudness_db(statistics, past, past_db, work)
        if fine_has_moved:
            fine_lu = fine_tone.loudness_db(statistics, now, now_db, work) - between_db
    decision[at.TONE_LU] = kept * decision[at.TONE_LU] + ten_lu
    decision[at.FINE_LU] = kept * decision[at.FINE_LU] + fine_lu


@kernel("void(float64[::1], float64[::1], float64, float64, float64[::1], float64[::1])")
def step(statistics, passing, share, elapsed_s, decision, work):
    """Step towards what is wanted; what was there before is kept.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    passing : float64, shape (layout.PASSING_SIZE,)
        WANTED, FINE_WANTED and CONFIDENCE.
    share : float, 0..1
        How far the fine layer may go.
    elapsed_s : float
        Time since the last decision.
    decision : float64, shape (layout.DECISION_SIZE,), updated
    work : float64, shape (fine_tone.WORK_SIZE,), scratch

    Thread: worker. Allocates: no.
    """
    heard_s = statistics[at.HEARD_FRAMES] * HOP_S
    hurried_s = elapsed_s * (HURRY if heard_s < HURRY_S else 1.0)
    _remember(decision)
    _step_ten(passing, hurried_s, decision)
    _step_fine(passing, share, hurried_s, decision)
    _count_louder(statistics, max(1.0 - elapsed_s / FORGET_LOUDER_S, 0.0), decision, work)
