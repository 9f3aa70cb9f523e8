"""What is aimed at: a place that a reference gives, or what is heard, corrected, and leaned towards a style.

A reference is taken in full. A style is a direction: its departure from the mean of masters, times a
strength, on top of the correction that brings what is heard nearer to its own master (`correction`). So
`warm` makes a song warmer than it was, and not the same as every other. How loud an input comes in says
nothing: loudness and peak are those of the profile that is set.

What changes slowly is how far is corrected, and not the aim: a song that moves on is
followed at once, not held back.
"""

from __future__ import annotations

import math

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import correction, matching
from rt_automix.analysis.aim.matching import MIN_MUSIC_S
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.tone import TONE_BANDS, VECTOR_SIZE
from rt_automix.dsp.jit import kernel

TIME_CONSTANT_S = 10.0
"""How slowly it follows, in seconds of music, on top of the slowness of the statistics."""
LONGEST_STEP_S = 1.0

WORK_SIZE = correction.WORK_SIZE


@kernel("float64(float64[::1], int64)")
def _of_profile(numbers, k):
    """The numbers of a profile that an input's level does not touch: tone bands, side/mid ratio, dynamics."""
    if k < TONE_BANDS:
        return numbers[at.AIM_BANDS + k]
    return numbers[at.AIM_SIDE_MID] if k == TONE_BANDS else numbers[at.AIM_DYNAMICS]


@kernel("boolean(float64[::1], float64[::1])")
def is_talk(statistics, wanted):
    """Whether this is talk, heard or said to be. Thread: worker. Allocates: no."""
    return statistics[at.SPEECH] != 0.0 or wanted[at.AIM_IS_SPEECH] != 0.0


@kernel("void(float64[::1], float64, float64[::1], float64[::1], float64[::1])")
def _find(statistics, speech, masters, passing, work):
    """The correction, and its doubt: towards a master of music, or towards one of talk; unless they are there."""
    bold = passing[at.BOLDNESS]
    if passing[at.IS_FOUND] != 0.0 and passing[at.FOUND_BOLDNESS] == bold and passing[at.FOUND_SPEECH] == speech:
        return
    heard, found = passing[at.HEARD : at.HEARD + VECTOR_SIZE], passing[at.CORRECTION : at.CORRECTION + at.LEAN_SIZE]
    known = masters[at.SPOKEN :] if speech != 0.0 else masters
    correction.estimate(statistics, heard, known, bold, work, found, passing[at.DOUBT : at.DOUBT + at.LEAN_SIZE])
    if speech != 0.0:
        found[TONE_BANDS] = 0.0
    passing[at.IS_FOUND], passing[at.FOUND_BOLDNESS], passing[at.FOUND_SPEECH] = 1.0, bold, speech


@kernel("void(float64, float64[::1], float64[::1], float64[::1], float64[::1])")
def _put(speech, wanted, masters, lean, passing):
    """Aim at what is heard, so far corrected, and leaned towards the style; talk stays as wide as it is."""
    aim, wish = passing[at.AIM : at.AIM + at.AIM_SIZE], passing[at.WISH : at.WISH + at.LEAN_SIZE]
    has_style = wanted[at.AIM_IS_AUTO] == 0.0 and wanted[at.AIM_IS_SPEECH] == 0.0
    strength = passing[at.STYLE_STRENGTH] if has_style else 0.0
    for k in range(at.LEAN_SIZE):
        wish[k] = lean[k] + strength * (_of_profile(wanted, k) - masters[at.MEAN + k])
    if speech != 0.0:
        wish[TONE_BANDS] = 0.0
    heard = passing[at.HEARD : at.HEARD + VECTOR_SIZE]
    for k in range(TONE_BANDS):
        aim[at.AIM_BANDS + k] = heard[k] + wish[k]
    aim[at.AIM_SIDE_MID] = heard[at.AIM_SIDE_MID] + wish[TONE_BANDS]
    aim[at.AIM_DYNAMICS] = max(heard[at.AIM_DYNAMICS] + wish[TONE_BANDS + 1], 0.0)


@kernel("void(float64[::1], float64)")
def _turn(decision, speech):
    """Where talk begins or ends, go on from how far was corrected when it last did."""
    if decision[at.LEAN_IS_SPEECH] == speech:
        return
    decision[at.LEAN_IS_SPEECH] = speech
    for k in range(at.LEAN_SIZE):
        now = decision[at.LEAN + k]
        decision[at.LEAN + k], decision[at.OTHER_LEAN + k] = decision[at.OTHER_LEAN + k], now


@kernel("void(float64[::1], float64[::1], float64[::1])")
def _begin(statistics, wanted, passing):
    """Aim at what is wanted, with no wish, and nothing known but what is heard, and what another has found."""
    for k in range(at.AIM_SIZE):
        passing[at.AIM + k] = wanted[k]
    for k in range(at.LEAN_SIZE):
        passing[at.WISH + k] = 0.0
    if passing[at.IS_TAKEN_OVER] == 0.0:
        for k in range(at.KNOWN, at.PASSING_SIZE):
            passing[k] = 0.0
    passing[at.IS_TAKEN_OVER] = 0.0
    matching.look(statistics, passing)


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", door=True)
def follow(statistics, wanted, masters, decision, passing, work):
    """What to aim at, and what was found on the way.

    How far is corrected moves with music only, never by more than LONGEST_STEP_S of it at a time; a style is
    leaned to at once.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    wanted : float64, shape (layout.AIM_SIZE,)
        The profile that is set.
    masters : float64, shape (layout.MASTERS_SIZE,)
        What is known of masters.
    decision : float64, shape (layout.DECISION_SIZE,)
        Its lean is updated.
    passing : float64, shape (layout.PASSING_SIZE,)
        BOLDNESS, STYLE_STRENGTH and what is taken over are read; AIM, WISH, HEARD, CORRECTION and DOUBT filled. With
        a place to go to nothing is found.
    work : float64, shape (WORK_SIZE,), scratch

    Thread: worker. Allocates: no.
    """
    lean, speech = decision[at.LEAN : at.LEAN + at.LEAN_SIZE], 1.0 if is_talk(statistics, wanted) else 0.0
    _begin(statistics, wanted, passing)
    _turn(decision, speech)
    heard_s = statistics[at.HEARD_FRAMES] * HOP_S
    new_s = min(max(heard_s - decision[at.LEAN_HEARD_S], 0.0), LONGEST_STEP_S)
    decision[at.LEAN_HEARD_S] = heard_s
    if wanted[at.AIM_HAS_FINE] != 0.0 or heard_s == 0.0:
        return
    if heard_s >= MIN_MUSIC_S:
        _find(statistics, speech, masters, passing, work)
        step = 1.0 - math.exp(-new_s / TIME_CONSTANT_S)
        for k in range(at.LEAN_SIZE):
            lean[k] += step * (passing[at.CORRECTION + k] - lean[k])
    _put(speech, wanted, masters, lean, passing)


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", door=True)
def settle(statistics, wanted, masters, passing, work):
    """Where `follow` would end, were the music to go on like that; the same parameters but for the state.

    Thread: worker. Allocates: no.
    """
    _begin(statistics, wanted, passing)
    if wanted[at.AIM_HAS_FINE] == 0.0 and statistics[at.HEARD_FRAMES] * HOP_S >= MIN_MUSIC_S:
        speech = 1.0 if is_talk(statistics, wanted) else 0.0
        _find(statistics, speech, masters, passing, work)
        _put(speech, wanted, masters, passing[at.CORRECTION : at.CORRECTION + at.LEAN_SIZE], passing)
