"""One decision on plain arrays: what is aimed at, what is wanted, and the step that is taken towards it.

With the closed form alone it is one call, `decide`; with a network one before it is asked, `ask`, and one
after, `conclude`. All state lies in one array; see `layout`.
"""

from __future__ import annotations

from rt_automix import params
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import aiming, fine_tone, matching
from rt_automix.analysis.bundles import context
from rt_automix.analysis.bundles.bundle import HEARD_ROW, SONG_ROW, SPREAD_ROW
from rt_automix.analysis.deciding import stepping
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing import means
from rt_automix.dsp.jit import kernel
from rt_automix.dsp.tone import equalizer

TRUST_S = 12.0
"""The first seconds of a song say little about its tone: until this much music has been heard, tone,
compression and width are to go only this share of the way. Gain needs no such patience."""

FLAT_DB = 0.5
"""A fine curve none of whose bands is worth this much is none: the layer is flat, and costs nothing."""

ROUNDING_NORM = 1e-3
"""Answers this far outside 0..1 are rounding, as of int8; more is a fault."""

ANSWER_SIZE = 3 * params.COUNT
"""Of a network's answer, row by row; see `bundle.HEARD_ROW` and so on."""

_work = at.Region()
_PARTS = _work.take(
    max(matching.WORK_SIZE, fine_tone.WORK_SIZE, aiming.WORK_SIZE, context.SCRATCH_SIZE)
)  # they take turns
_SURE = _work.take(params.COUNT)
WORK_SIZE = _work.size

_COUNT = params.COUNT
_NEUTRAL, _LOW, _HIGH = params.NEUTRAL.copy(), params.LOW.copy(), params.HIGH.copy()
_INPUT_GAIN, _DRIVE, _LEVEL = (params.INDEX[name] for name in ("input_gain_db", "limiter_drive_db", "output_level"))
_LOW_SHELF, _WIDTH = params.INDEX["low_shelf_db"], params.INDEX["stereo_width"]
_IS_TONE = stepping.IS_TONE


# Who decides ------------------------------------------------------------------------------------------


@kernel("void(float64, float64[::1])", door=True)
def be_patient(heard_s, confidence):
    """How far the closed form is to go with each of the ten. Thread: worker. Allocates: no."""
    patience = min(heard_s / TRUST_S, 1.0)
    for k in range(_COUNT):
        confidence[k] = patience if _IS_TONE[k] else 1.0


@kernel(
    "int64(float32[::1], float64, float64, float64, float64[::1], float64[::1], float64[::1], float64[::1])", door=True
)
def combine(answer, full_norm, none_norm, most, matched, confidence, values, sure):
    """A network's answer as far as it is sure, and else the closed form's.

    Tone, compression, width and level come from its guess at the whole song, gain from what has been
    heard. Where it expects to be wrong its answer gives way, gliding, so that no suggestion jumps.

    Parameters
    ----------
    answer : float32, shape (ANSWER_SIZE,), normalised; see HEARD_ROW and so on
    full_norm, none_norm : float
        It is sure up to the first of expected error, and not at all from the second on.
    most : float, 0..1
        How far it may go at all.
    matched : float64, shape (params.COUNT,)
    confidence : float64, shape (params.COUNT,)
        The closed form's, replaced by that of both.
    values : float64, shape (params.COUNT,), filled
    sure : float64, shape (params.COUNT,), scratch

    Returns
    -------
    int64: 1, or 0 where the answer is none; `values` are the closed form's then.

    Thread: worker. Allocates: no.
    """
    is_answer = 1
    for k in range(ANSWER_SIZE):
        if not abs(answer[k] - 0.5) <= 0.5 + ROUNDING_NORM:
            is_answer = 0
    for k in range(_COUNT):
        values[k] = matched[k]
        spread = min(max(float(answer[SPREAD_ROW * _COUNT + k]), 0.0), 1.0)
        sure[k] = most * min(max((none_norm - spread) / (none_norm - full_norm), 0.0), 1.0)
    if is_answer == 0:
        return 0
    # The two are one gain: whichever of them does the work knows how sure it is.
    least = min(sure[_INPUT_GAIN], sure[_DRIVE])
    sure[_INPUT_GAIN], sure[_DRIVE] = least, least
    heard_db = 0.0
    for k in range(_COUNT):
        # What the network leaves to the closed form goes as far as that would.
        confidence[k] = sure[k] + (1.0 - sure[k]) * confidence[k]
        span = _HIGH[k] - _LOW[k]
        song = _LOW[k] + min(max(float(answer[SONG_ROW * _COUNT + k]), 0.0), 1.0) * span
        values[k] = matched[k] + sure[k] * (song - matched[k])
        if not _IS_TONE[k] and k != _LEVEL:
            heard_db += _LOW[k] + min(max(float(answer[HEARD_ROW * _COUNT + k]), 0.0), 1.0) * span
    # Half-way between two gains in all: of its two parts each may be none of what is wanted.
    matched_db = matched[_INPUT_GAIN] + matched[_DRIVE]
    matching.split_gain(values, matched_db + sure[_DRIVE] * (heard_db - matched_db))
    matching.clamp(values)
    return 1


@kernel("float64(float64)")
def _beyond_db(gain_db):
    """What of a gain no parameter can do."""
    return gain_db - min(max(gain_db, _LOW[_INPUT_GAIN]), _HIGH[_INPUT_GAIN] + _HIGH[_DRIVE])


@kernel("float64(float64[::1])")
def _aim_loudness(passing):
    """Move what is wanted from the aim's own loudness to the one asked for; what no parameter can do, in dB."""
    wanted, target_lufs = passing[at.WANTED : at.WANTED + _COUNT], passing[at.TARGET_LUFS]
    heard_lufs, aim_lufs = passing[at.HEARD + at.AIM_LOUDNESS], passing[at.AIM + at.AIM_LOUDNESS]
    if target_lufs != aim_lufs:
        # What is wanted for the aim's loudness may have been cut to what parameters reach: that comes back first.
        total_db = wanted[_INPUT_GAIN] + wanted[_DRIVE] + _beyond_db(aim_lufs - heard_lufs)
        matching.split_gain(wanted, total_db + target_lufs - aim_lufs)
        matching.clamp(wanted)
    return _beyond_db(target_lufs - heard_lufs)


# The step ---------------------------------------------------------------------------------------------


@kernel("void(float64[::1], float64[::1], float64, float64[::1], float64[::1])")
def _want_fine(statistics, matrix, share, passing, work):
    """Solve the fine layer behind the ten, which is none where it is not worth it, and account for its loudness."""
    aim, wanted = passing[at.AIM : at.AIM + at.AIM_SIZE], passing[at.WANTED : at.WANTED + _COUNT]
    gains = passing[at.FINE_WANTED : at.FINE_WANTED + at.FINE_BANDS]
    most_db, change_lu, width = 0.0, 0.0, wanted[_WIDTH]
    for b in range(at.FINE_BANDS):
        gains[b] = 0.0
    if statistics[at.HEARD_FRAMES] * HOP_S >= matching.MIN_MUSIC_S and aim[at.AIM_HAS_FINE] != 0.0 and share > 0.0:
        change_lu = fine_tone.solve(statistics, aim, wanted, matrix, work, share, gains)
        width = fine_tone.keep_width(statistics, wanted, work)
    for b in range(at.FINE_BANDS):
        most_db = max(most_db, abs(gains[b]))
    if most_db < FLAT_DB:
        for b in range(at.FINE_BANDS):
            gains[b] = 0.0
    else:
        wanted[_WIDTH] = width
        matching.split_gain(wanted, wanted[_INPUT_GAIN] + wanted[_DRIVE] - change_lu)
        matching.clamp(wanted)


@kernel("void(float64[::1], float64[::1], float64, float64[::1], float64, float64[::1], float64[::1])", door=True)
def take(statistics, passing, fine_share, matrix, elapsed_s, decision, work):
    """Take what is wanted and how far to go with it, whoever said so, and step towards it.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    passing : float64, shape (layout.PASSING_SIZE,)
        Aim, sureness, what is heard and wanted, and confidence, as after `match`; put in order.
    fine_share : float, 0..1
        How far the fine layer may go: not at all where somebody decides who knows nothing of it.
    matrix : float64, shape (FINE_BANDS * FINE_POINTS,)
        See `fine_tone.solve`.
    elapsed_s : float
        Time since the last decision.
    decision : float64, shape (layout.DECISION_SIZE,), updated
    work : float64, shape (WORK_SIZE,), scratch

    Thread: worker. Allocates: no.
    """
    heard_s = statistics[at.HEARD_FRAMES] * HOP_S
    matching.clamp(passing[at.WANTED : at.WANTED + _COUNT])
    if heard_s >= matching.MIN_MUSIC_S:
        decision[at.BEYOND_DB] = _aim_loudness(passing)
    sure = passing[at.SURENESS]
    for k in range(_COUNT):
        confidence = passing[at.CONFIDENCE + k]
        confidence = min(max(confidence if confidence == confidence else 0.0, 0.0), 1.0)
        if _LOW_SHELF <= k < _LOW_SHELF + equalizer.BAND_COUNT:
            confidence *= sure
        passing[at.CONFIDENCE + k] = confidence
    share = fine_share * sure * min(heard_s / TRUST_S, 1.0)
    _want_fine(statistics, matrix, share, passing, work)
    stepping.step(statistics, passing, share, elapsed_s, decision, work)


@kernel("void(float64[::1], float64[::1], float64, float64[::1], float64[::1], float64[::1])", door=True)
def arrive(statistics, matrix, fine_share, decision, passing, work):
    """Be at what is wanted, in full: for music of which nothing is unknown. See `take`.

    Thread: worker. Allocates: no.
    """
    matching.clamp(passing[at.WANTED : at.WANTED + _COUNT])
    _want_fine(statistics, matrix, fine_share, passing, work)
    for k in range(_COUNT):
        decision[at.SUGGESTED + k] = passing[at.WANTED + k]
        decision[at.MOVING + k] = 0.0
    for b in range(at.FINE_BANDS):
        decision[at.FINE_SUGGESTED + b] = passing[at.FINE_WANTED + b]
        decision[at.FINE_MOVING + b] = 0.0


# The calls --------------------------------------------------------------------------------------------


@kernel("void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])", door=True)
def match(statistics, passing, wanted, masters, decision, work):
    """What to aim at, the closed form's parameters for it, and how far those are to be trusted.

    Parameters
    ----------
    statistics : float64, shape (layout.STATISTICS_SIZE,)
    passing : float64, shape (layout.PASSING_SIZE,)
        BOLDNESS, STYLE_STRENGTH and what is taken over are read; AIM, SURENESS, WANTED, CONFIDENCE and all from
        KNOWN on filled.
    wanted : float64, shape (layout.AIM_SIZE,)
        The profile that is set.
    masters : float64, shape (layout.MASTERS_SIZE,)
        See `aiming.follow`.
    decision : float64, shape (layout.DECISION_SIZE,)
        Its lean is updated.
    work : float64, shape (WORK_SIZE,), scratch

    Thread: worker. Allocates: no.
    """
    matched = passing[at.MATCHED : at.MATCHED + _COUNT]
    aiming.follow(statistics, wanted, masters, decision, passing, work)
    matching.match(statistics, passing, work)
    if aiming.is_talk(statistics, wanted) and wanted[at.AIM_HAS_FINE] == 0.0:
        matched[_WIDTH] = _NEUTRAL[_WIDTH]
    passing[at.SURENESS] = fine_tone.sureness(statistics, passing[at.AIM : at.AIM + at.AIM_SIZE], work)
    be_patient(statistics[at.HEARD_FRAMES] * HOP_S, passing[at.CONFIDENCE : at.CONFIDENCE + _COUNT])
    for k in range(_COUNT):
        passing[at.WANTED + k] = matched[k]


@kernel(
    "void(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64, float64[::1], float64[::1])"
)
def decide(statistics, passing, wanted, masters, matrix, elapsed_s, decision, work):
    """All of it where the closed form decides; see `match` and `take`.

    Thread: worker. Allocates: no.
    """
    match(statistics, passing, wanted, masters, decision, work)
    take(statistics, passing, 1.0, matrix, elapsed_s, decision, work)


@kernel(
    "void(float64[::1], float32[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1],"
    " float32[:, ::1], float32[::1])",
    door=True,
)
def ask(statistics, rows, wanted, masters, decision, passing, work, window, told):
    """What a network is to be asked; see `match`, `context.show` and `context.tell`.

    Thread: worker. Allocates: no.
    """
    match(statistics, passing, wanted, masters, decision, work)
    aim, matched = passing[at.AIM : at.AIM + at.AIM_SIZE], passing[at.MATCHED : at.MATCHED + _COUNT]
    context.tell(statistics, aim, matched, work[: context.SCRATCH_SIZE], told)
    context.show(rows, means.loudness_lufs(statistics), window)


@kernel(
    "int64(float64[::1], float32[::1], float64, float64, float64[::1], float64, float64[::1], float64[::1],"
    " float64[::1])",
    door=True,
)
def conclude(statistics, answer, full_norm, none_norm, matrix, elapsed_s, decision, passing, work):
    """The rest of it with a network's answer; see `combine` and `take`.

    What may already be what is aimed at is the closed form's to leave alone.

    Returns
    -------
    int64: 1, or 0 where the answer is none, and the closed form decides.

    Thread: worker. Allocates: no.
    """
    matched, values = passing[at.MATCHED : at.MATCHED + _COUNT], passing[at.WANTED : at.WANTED + _COUNT]
    confidence, sure = passing[at.CONFIDENCE : at.CONFIDENCE + _COUNT], work[_SURE : _SURE + _COUNT]
    is_answer = combine(answer, full_norm, none_norm, passing[at.SURENESS], matched, confidence, values, sure)
    take(statistics, passing, 1.0, matrix, elapsed_s, decision, work)
    return is_answer
