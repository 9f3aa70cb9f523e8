"""What a little more gain into the limiter would bring, seen from what goes on: where it brings nothing, none is added.

What a limiter holds at its ceiling gets no louder; what it does not hold gets as much louder as the gain. So of a dB
of gain the loudness gets that share of the energy which no limiter holds.
"""

from __future__ import annotations

from rt_automix.dsp.jit import kernel

LEAST = 0.1
"""So many LU a dB of gain has to bring."""
FREE_LIN = 0.97
"""A limiter's gain from which on it has all but let go."""
SHARE = 0.01
"""How much of what has been heard each 10 ms are: it looks back over a second."""
REACH_DB = 2.0
"""The gain comes up by no more than this for each LEAST that it brings, and down by it where it brings none."""

_ALL, _FREE, STATE_SIZE = range(3)


@kernel("void(float64[::1], float64, float64)")
def hear(state, energy, limiter_lin):
    """Take up 10 ms of output.

    Parameters
    ----------
    state : float64, shape (STATE_SIZE,), updated
        Zeros where nothing has been heard.
    energy : float64
    limiter_lin : float64
        The limiter's smallest gain meanwhile.

    Thread: audio. Allocates: no.
    """
    state[_ALL] += SHARE * (energy - state[_ALL])
    state[_FREE] += SHARE * ((energy if limiter_lin > FREE_LIN else 0.0) - state[_FREE])


@kernel("float64(float64[::1])")
def worth_db(state):
    """By how much more gain is worth it just now; below 0 where less would do.

    Thread: audio. Allocates: no.
    """
    share = state[_FREE] / state[_ALL] if state[_ALL] > 0.0 else 1.0
    return REACH_DB * (share / LEAST - 1.0)
