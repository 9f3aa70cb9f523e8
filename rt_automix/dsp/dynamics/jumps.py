"""The levels that a ring of steps holds: their means, and whether they have leapt, dropped at once, or sink.

A drop is told from a fade by what is before and after it; how soon, and by how much, was searched on music.
"""

from __future__ import annotations

import math

from rt_automix.dsp.jit import kernel

JUMP_UP_DB, JUMP_UP_STEPS = 2.6, 13
JUMP_DOWN_DB, JUMP_DOWN_STEPS = 4.6, 28
"""A jump up shows less than it is: the limiter takes some of it until the gain follows."""
FALL_STEPS, ABRUPT_DB, FADING_ABRUPT_DB = 11, 5.3, 14.5
EVEN_SHARE, FADING_EVEN_SHARE = 0.22, 0.24
"""A jump down is abrupt: what falls by less at once, or by this share of it before or after, is a fade; the more so
where one has been heard."""
BACK_SHARE = 0.3
"""What has come up again by this share of the fall was a dip."""
FURTHER_DB, FURTHER_STEPS, LANDED_STEPS = 2.8, 6, 10
"""What falls so much further after a jump down was a fade all the same."""
SINKS_DB, SINKS_STEPS, SINKS_FROM_STEPS = 2.0, 15, 18
"""While the newest steps are so far under those before them, nothing is raised."""
LEAP_DB, HURRY_LEAP_DB, LEAP_STEPS = 5.0, 3.5, 3
"""What leaps up so far is followed at once: nobody could say so soon whether it is applause."""
NEW_DB, NEW_LEAP_DB, KNOWN_UP_DB, KNOWN_LEAP_DB = 2.0, 4.0, 5.0, 6.0
"""What comes no further above the loudest of the last minutes than this is the programme's own up and down, and has to
rise by so much more to be a jump or a leap."""
FORGOTTEN_DB = 0.005
"""The loudest is remembered as lower by so much with each step: 3 dB in a minute."""

RING_STEPS = 100
RING, GAINS, AT = 0, RING_STEPS, 2 * RING_STEPS
"""Where energies, the gains that were on, and the place of the next one lie in an array that begins with them."""


@kernel("float64(float64[::1], int64, int64, float64)")
def mean_of(state, ring, steps, gate):
    """Mean energy of the newest `steps` of a ring that lie above `gate`; 0 if there are none.

    Thread: audio. Allocates: no.
    """
    total, count = 0.0, 0
    at = int(state[AT])
    for _ in range(steps):
        at = at - 1 if at > 0 else RING_STEPS - 1
        if state[ring + at] > gate:
            total += state[ring + at]
            count += 1
    return total / count if count > 0 else 0.0


@kernel("float64(float64[::1], int64, float64)")
def mean_above(state, steps, gate):
    """Mean energy of the newest `steps` that lie above `gate`; 0 if there are none.

    Thread: audio. Allocates: no.
    """
    return mean_of(state, RING, steps, gate)


@kernel("float64(float64[::1], int64)")
def gated_mean(state, steps):
    """Mean energy of the newest `steps` after the relative gate of BS.1770 (-10 LU).

    Thread: audio. Allocates: no.
    """
    return mean_above(state, steps, 0.1 * mean_above(state, steps, 0.0))


@kernel("float64(float64[::1], int64, int64)")
def level_db(state, newest, steps):
    """Level of `steps` steps that are followed by `newest` newer ones, in dB.

    Thread: audio. Allocates: no.
    """
    total = 0.0
    for k in range(newest, newest + steps):
        total += state[RING + (int(state[AT]) - 1 - k + 2 * RING_STEPS) % RING_STEPS]
    return 10.0 * math.log10(total / steps + 1e-20)


@kernel("boolean(float64[::1], boolean)")
def _has_dropped(state, fades):
    """Whether the level fell at once about as long ago as a jump down takes, and has stayed where it fell to."""
    half = JUMP_DOWN_STEPS // 2
    now, landed = level_db(state, 0, half), level_db(state, half, half)
    before = level_db(state, JUMP_DOWN_STEPS, FALL_STEPS)
    earlier = level_db(state, JUMP_DOWN_STEPS + FALL_STEPS, 2 * FALL_STEPS)
    fell_db = before - landed
    if fell_db < (FADING_ABRUPT_DB if fades else ABRUPT_DB) or now - landed > BACK_SHARE * fell_db:
        return False
    return max(landed - now, earlier - before) < (FADING_EVEN_SHARE if fades else EVEN_SHARE) * fell_db


@kernel("boolean(float64[::1], int64)")
def falls_further(state, since):
    """Whether the level goes on falling from where a jump down had led, which was so many steps ago.

    Thread: audio. Allocates: no.
    """
    if since <= 3:
        return False
    return level_db(state, 0, FURTHER_STEPS) < level_db(state, since, LANDED_STEPS) - FURTHER_DB


@kernel("boolean(float64[::1], int64)")
def sinks(state, steps):
    """Whether the level is lower than just before; `steps` are those that count.

    Thread: audio. Allocates: no.
    """
    if steps < SINKS_STEPS + SINKS_FROM_STEPS:
        return False
    return level_db(state, 0, SINKS_STEPS) < level_db(state, SINKS_STEPS, SINKS_FROM_STEPS) - SINKS_DB


@kernel("float64(float64[::1], float64)")
def loudest(state, before):
    """Energy of the loudest that the programme has been, which was `before`; what may be a jump just now is left out.

    Thread: audio. Allocates: no.
    """
    was = level_db(state, JUMP_UP_STEPS + LEAP_STEPS, JUMP_UP_STEPS)
    return max(before, 10.0 ** (0.1 * was)) * 10.0 ** (-0.1 * FORGOTTEN_DB)


@kernel("boolean(float64[::1], int64, int64, float64, float64)")
def _rises(state, steps, newest, energy, db):
    """Whether the newest steps lie so far above an energy; `steps` are those that count."""
    return steps > newest and mean_above(state, newest, 0.0) > energy * 10.0 ** (0.1 * db)


@kernel("int64(float64[::1], int64, float64, float64, boolean, boolean)")
def jumped(state, steps, window, most, hurries, fades):
    """How many of the newest steps are since a jump away from the window, up or down; 0 if there was none.

    `most` is the energy of the loudest that the programme has been.

    Thread: audio. Allocates: no.
    """
    leap_db = HURRY_LEAP_DB if hurries else LEAP_DB
    leap_db = leap_db if _rises(state, steps, LEAP_STEPS, most, NEW_LEAP_DB) else max(leap_db, KNOWN_LEAP_DB)
    if _rises(state, steps, LEAP_STEPS, window, leap_db):
        return LEAP_STEPS
    up_db = JUMP_UP_DB if _rises(state, steps, JUMP_UP_STEPS, most, NEW_DB) else KNOWN_UP_DB
    if _rises(state, steps, JUMP_UP_STEPS, window, up_db):
        return JUMP_UP_STEPS
    if steps > JUMP_DOWN_STEPS and mean_above(state, JUMP_DOWN_STEPS, 0.0) < window * 10.0 ** (-0.1 * JUMP_DOWN_DB):
        return JUMP_DOWN_STEPS if _has_dropped(state, fades) else 0
    return 0
