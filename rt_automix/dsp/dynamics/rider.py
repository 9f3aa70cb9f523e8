"""Loudness rider: a measured gain that brings the output to the target loudness, and holds it there.

It looks at what came out, after the limiter, in steps of 100 ms, and at the gain that was on then.
Their ratio is how loud the music would be without any gain, including what the limiter takes, so
one division closes the loop. The mean over a gated window (BS.1770's gates) gives the gain to go to:

- a start and a jump down make it hurry for eight seconds, a jump up for five: the window is short and
  the gain quick, after a jump up it is quick to come up again for four of them; a jump up is what is
  louder than the programme has been in the last minutes, or far above it, and no chorus that comes again;
- then the window grows to six seconds and the gain is calm, so that a song keeps its own dynamics;
- up it goes half as fast as down, and not at all in a fade-out, which stays one (`fading`);
- what came out over the last 40 s and was too loud or too soft is made good for (`longrun`);
- silence changes nothing, and applause nothing either: once somebody says that it is some, the rider
  takes back what it has heard of it and holds still. Until then it waits with jumps that may be it.

The times were searched on music against settling time, error and movement of the gain.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.dynamics import fading, jumps, longrun
from rt_automix.dsp.jit import kernel
from rt_automix.units import LUFS_OFFSET_DB, energy_from_lufs

STEP_S = 0.1
WINDOW_STEPS = 60
HURRY_STEPS, JUMPED_UP_STEPS = 80, 50
HURRY_WINDOW_STEPS = 12
HURRY_RATE = 12.0
HURRY_UP_STEPS = 40
"""After a jump up it is quick to come up again for so long only."""
LANDING_DB_PER_S = 20.0
"""The gain comes up no faster after a jump down, so that there is time to see that."""
HUSH_DB = 5.2
"""So far under the window nothing is raised: a pause, until it is a jump or the window has come down."""
FADE_RISE_DB = 0.3
"""A fade is followed so far: it may be a song that goes on quieter."""
TOO_LOUD_DB = 7.0
"""Applause that is louder than the music by this is turned down all the same."""
UNDO_STEPS = 10
"""So much of the applause has been heard before anybody says so."""

RISE_RATE = 0.55
NIGHT_WINDOW_STEPS, NIGHT_RATE = 15, 3.0
"""At night the window is short and the gain quick, up as well as down, so that nothing stays far from the target."""
NIGHT_HUSH_DB, NIGHT_MEMORY_STEPS = 25.0, 600
"""Only what lies so far under the programme is not raised then, however long it lasts."""
GAIN_LIMIT_DB = 48.0
HUSHED_DB, LEVEL_SHARE = 8.0, 0.2
"""What lies so far under the window is none of the programme, by a level that takes in this share of each 10 ms."""
QUIET_DB, LOWEST_GATE_LUFS = 20.0, -70.0
"""Of a programme that is next to silent itself, silence is what lies so far under it; lower than BS.1770's gate it
never is."""
REST_STEPS = 15
"""What is shorter than this and silent is a rest between two words."""


_RING_STEPS, _RING, _GAINS, _AT = jumps.RING_STEPS, jumps.RING, jumps.GAINS, jumps.AT
_STEPS, _GOAL, _GAIN, _HURRY, _HURRY_UP, _HOLDING, _LOUD, _FADES, _IS_CAPPED, _HIGHEST = (
    _AT + 1 + k for k in range(10)
)
_PROGRAMME, _PROGRAMME_COUNT, _QUIET, _LANDED, _WINDOW, _LEVEL, _LOUDEST, _BLOCKS = (_HIGHEST + k for k in range(1, 9))
_LONG = _BLOCKS + _RING_STEPS
_FADING = _LONG + longrun.STATE_SIZE
STATE_SIZE = _FADING + fading.STATE_SIZE

SETTINGS_SIZE = 4
RESPONSE_S, MAX_DB_PER_S, GATE_LUFS, NIGHT = range(SETTINGS_SIZE)


def new_state() -> NDArray[np.float64]:
    """Nothing heard, gain 0 dB: float64, shape (STATE_SIZE,).

    Thread: main. Allocates: yes.
    """
    state = np.zeros(STATE_SIZE)
    state[_HURRY] = state[_HURRY_UP] = HURRY_STEPS
    return state


def resume(state: NDArray[np.float64], gain_db: float, target_lufs: float, settled: bool = True) -> None:
    """Start as if `gain_db` had long brought the music to the target: no hurry, nothing to make good for.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), overwritten
    gain_db : float
        Limited to +-GAIN_LIMIT_DB.
    target_lufs : float
    settled : bool
        False: it is only where to begin, for music that may be another: hurry as at any start.

    Thread: main, while no audio runs. Allocates: yes.
    """
    gain_db = min(max(gain_db, -GAIN_LIMIT_DB), GAIN_LIMIT_DB)
    if not settled:
        state[:] = new_state()
        state[_GOAL] = state[_GAIN] = gain_db
        return
    state[:] = 0.0
    state[_RING:_GAINS] = state[_BLOCKS:_LONG] = energy_from_lufs(target_lufs - gain_db)
    state[_GAINS:_AT] = gain_db
    state[_STEPS] = WINDOW_STEPS
    state[_GOAL] = gain_db
    state[_GAIN] = gain_db


def came_out_lufs(state: NDArray[np.float64]) -> float | None:
    """Loudness of what came out over the long run; None before there are ten seconds of it.

    Thread: worker. Allocates: no.
    """
    return longrun.came_out_lufs(state[_LONG:_FADING])


@kernel("float64(float64[::1], int64)")
def _gated_blocks(state, steps):
    """The same of blocks of 400 ms, as a meter has them: rests between words count there."""
    return jumps.mean_of(state, _BLOCKS, steps, 0.1 * jumps.mean_of(state, _BLOCKS, steps, 0.0))


@kernel("float64(float64)")
def _lufs(energy):
    return LUFS_OFFSET_DB + 10.0 * math.log10(energy + 1e-20)


@kernel("void(float64[::1], float64)")
def _cap(state, window):
    """Say how high the gain may go: up to where it is in a hush and while the level falls, little higher in a fade."""
    trend, steps = state[_FADING:STATE_SIZE], int(state[_STEPS])
    if state[_HURRY_UP] > 0.0 and jumps.falls_further(state, HURRY_STEPS - int(state[_HURRY_UP])):
        state[_HURRY_UP] = 0.0
        fading.begin(trend)
    fades = fading.fades(trend) and state[_HURRY_UP] == 0.0
    if fades:
        if state[_FADES] == 0.0:
            state[_HIGHEST] = state[_GAIN] + FADE_RISE_DB
        state[_IS_CAPPED] = 1.0
    else:
        newest = jumps.mean_above(state, jumps.LEAP_STEPS, 0.0)
        hush = steps > jumps.LEAP_STEPS and newest < window * 10.0 ** (-0.1 * HUSH_DB)
        falls = (fading.falls(trend) or jumps.sinks(state, steps)) and state[_HURRY_UP] == 0.0
        state[_HIGHEST] = state[_GAIN]
        state[_IS_CAPPED] = 1.0 if hush or falls else 0.0
    state[_FADES] = 1.0 if fades else 0.0


@kernel("void(float64[::1], float64)")
def _cap_at_night(state, bare):
    """At night a fade and a quiet passage come up; what is next to nothing beside the programme does not."""
    if bare > state[_PROGRAMME] * 10.0 ** (-0.1 * NIGHT_HUSH_DB):
        state[_PROGRAMME_COUNT] = min(state[_PROGRAMME_COUNT] + 1.0, NIGHT_MEMORY_STEPS)
        state[_PROGRAMME] += (bare - state[_PROGRAMME]) / state[_PROGRAMME_COUNT]
    state[_FADES], state[_HIGHEST] = 0.0, state[_GAIN]
    loudest = jumps.mean_above(state, min(jumps.LEAP_STEPS, int(state[_STEPS])), 0.0)
    state[_IS_CAPPED] = 1.0 if loudest < state[_PROGRAMME] * 10.0 ** (-0.1 * NIGHT_HUSH_DB) else 0.0


@kernel("float64(float64[::1], float64, boolean)")
def _window(state, bare, is_night):
    """Loudness energy to go by: of the window, or of its newest part where the level has jumped."""
    calm_steps = NIGHT_WINDOW_STEPS if is_night else WINDOW_STEPS
    steps = min(int(state[_STEPS]) + 1, HURRY_WINDOW_STEPS if state[_HURRY] > 0.0 else calm_steps)
    window = jumps.gated_mean(state, steps)
    state[_LOUDEST] = jumps.loudest(state, state[_LOUDEST])
    jumped = jumps.jumped(state, steps, window, state[_LOUDEST], state[_HURRY] > 0.0, state[_FADES] > 0.0)
    state[_HURRY] = max(state[_HURRY] - 1.0, 0.0)
    state[_HURRY_UP] = max(state[_HURRY_UP] - 1.0, 0.0)
    state[_LANDED] = max(state[_LANDED] - 1.0, 0.0)
    state[_STEPS] = steps
    if jumped > 0:
        state[_STEPS] = jumped
        window = jumps.mean_above(state, jumped, 0.0)
        is_down = jumped == jumps.JUMP_DOWN_STEPS
        state[_HURRY] = HURRY_STEPS if is_down else JUMPED_UP_STEPS
        state[_HURRY_UP] = HURRY_STEPS if is_down else max(state[_HURRY_UP], HURRY_UP_STEPS)
        state[_LANDED] = state[_HURRY_UP] if is_down else 0.0
    elif steps > 2 * longrun.BLOCK_STEPS:
        window = _gated_blocks(state, steps - longrun.BLOCK_STEPS + 1)
    _cap(state, window)
    if is_night:
        _cap_at_night(state, bare)
    return window


@kernel("boolean(float64[::1], float64)")
def _hold(state, bare):
    """Hold still in applause, the gain back where it began; unless it is far louder than the music was."""
    if state[_HOLDING] == 0.0:
        state[_HOLDING], state[_LOUD] = 1.0, 0.0
        undone = max(min(UNDO_STEPS, int(state[_STEPS]) - 1), 0)
        at = (int(state[_AT]) - undone + _RING_STEPS) % _RING_STEPS
        state[_AT] = at
        state[_STEPS] -= undone
        state[_GOAL] = state[_GAINS + at] if undone > 0 else state[_GAIN]
    loud = bare > jumps.gated_mean(state, int(state[_STEPS])) * 10.0 ** (0.1 * TOO_LOUD_DB)
    state[_LOUD] = state[_LOUD] + 1.0 if loud or state[_LOUD] >= jumps.LEAP_STEPS else 0.0
    return state[_LOUD] < jumps.LEAP_STEPS


@kernel("float64(float64[::1], float64[::1])")
def _gate_lufs(state, settings):
    """What is quieter is silence."""
    if state[_WINDOW] == 0.0:
        return settings[GATE_LUFS]
    return min(settings[GATE_LUFS], max(_lufs(state[_WINDOW]) - QUIET_DB, LOWEST_GATE_LUFS))


@kernel("void(float64[::1], float64, float64)")
def _keep(state, bare, gain_db):
    """Put a step into the rings."""
    at = int(state[_AT])
    state[_RING + at] = bare
    state[_BLOCKS + at] = 0.25 * bare
    for k in range(1, longrun.BLOCK_STEPS):
        state[_BLOCKS + at] += 0.25 * state[_RING + (at - k + _RING_STEPS) % _RING_STEPS]
    state[_GAINS + at] = gain_db
    state[_AT] = (at + 1) % _RING_STEPS


@kernel("void(float64[::1], float64[::1], float64, float64, float64, boolean)", door=True)
def hear(state, settings, energy, gain_db, target_lufs, applause):
    """Take up one step of 100 ms of output.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    settings : float64, shape (SETTINGS_SIZE,)
    energy : float64
        K-weighted mean square of the output, summed over channels.
    gain_db : float64
        Mean gain that was applied to it.
    target_lufs : float64
    applause : bool
        Whether this is applause, or another noise that breaks into the music.

    Thread: audio. Allocates: no.
    """
    bare = energy * 10.0 ** (-0.1 * gain_db)
    long_run, trend = state[_LONG:_FADING], state[_FADING:STATE_SIZE]
    if _lufs(bare) < _gate_lufs(state, settings):
        state[_GOAL] = state[_GAIN]
        state[_QUIET] += 1.0
        return
    if state[_QUIET] <= REST_STEPS:
        for k in range(int(state[_QUIET])):
            longrun.hear(long_run, 0.0)
            if k < longrun.BLOCK_STEPS - 1:
                fading.hear(trend, state[_WINDOW] * 10.0 ** (-0.1 * QUIET_DB))
                _keep(state, 0.0, gain_db)
                state[_STEPS] += 1.0
    state[_QUIET] = 0.0
    if applause and _hold(state, bare):
        return
    if not applause:
        state[_HOLDING] = 0.0
    _keep(state, bare, gain_db)
    fading.hear(trend, bare)
    window = _window(state, bare, settings[NIGHT] > 0.0)
    longrun.hear(long_run, energy)
    goal = target_lufs + longrun.aim_off_lu(long_run, target_lufs) - _lufs(window)
    state[_WINDOW] = window
    state[_GOAL] = min(max(goal, -GAIN_LIMIT_DB), GAIN_LIMIT_DB)


@kernel("void(float64[::1], float64[::1], float64, float64, float64)")
def move(state, settings, low_db, high_db, elapsed_s):
    """Move the gain towards its goal.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
    settings : float64, shape (SETTINGS_SIZE,)
    low_db, high_db : float64
        Where the gain has to stay.
    elapsed_s : float64
        Time since the last call.

    Thread: audio. Allocates: no.
    """
    goal = min(max(state[_GOAL], low_db), high_db)
    error = goal - state[_GAIN]
    if state[_IS_CAPPED] > 0.0:
        error = min(error, max(state[_HIGHEST] - state[_GAIN], 0.0))
    hurries = state[_HURRY if error < 0.0 else _HURRY_UP] > 0.0
    calm, rise = (NIGHT_RATE, 1.0) if settings[NIGHT] > 0.0 else (1.0, RISE_RATE)
    rate_hz = (HURRY_RATE if hurries else calm) * (1.0 if error < 0.0 else rise) / settings[RESPONSE_S]
    step = error * (1.0 - math.exp(-rate_hz * elapsed_s))
    most = settings[MAX_DB_PER_S]
    limit = elapsed_s * (min(most, LANDING_DB_PER_S) if error > 0.0 and state[_LANDED] > 0.0 else most)
    state[_GAIN] += min(max(step, -limit), limit)


@kernel("void(float64[::1], float64, float64)")
def glance(state, energy, gain_db):
    """Take up 10 ms of output, to know a hush at once.

    Parameters
    ----------
    state, energy, gain_db
        As for `hear`.

    Thread: audio. Allocates: no.
    """
    state[_LEVEL] += LEVEL_SHARE * (energy * 10.0 ** (-0.1 * gain_db) - state[_LEVEL])


@kernel("boolean(float64[::1])")
def is_hushed(state):
    """Whether what sounds lies far under the programme: a rest between words, a pause, whatever hums in it.

    Thread: audio. Allocates: no.
    """
    return state[_LEVEL] < state[_WINDOW] * 10.0 ** (-0.1 * HUSHED_DB)


@kernel("float64(float64[::1])", door=True)
def gain_db(state):
    """The gain now, in dB.

    Thread: audio. Allocates: no.
    """
    return state[_GAIN]
