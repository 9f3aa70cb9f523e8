"""Small numerics for the kernels that decide: decibels, and a quadratic's minimum in a box."""

from __future__ import annotations

import math

from rt_automix.dsp.jit import kernel

LEAST_POWER = 1e-20
"""As `units.db_from_power` has it: nothing reads -200 dB."""

MOST_GUESSES = 8


@kernel("float64(float64)")
def db_of_power(power):
    """Level in dB of a power ratio; -200 at zero and below. Thread: worker. Allocates: no."""
    return 10.0 * math.log10(max(power, LEAST_POWER))


@kernel("float64(float64)")
def power_of_db(level_db):
    """Power ratio of a level in dB. Thread: worker. Allocates: no."""
    return 10.0 ** (0.1 * level_db)


@kernel("void(float64[::1], float64[::1], int64)")
def solve(matrix, x, count):
    """Solve a symmetric positive definite system by Cholesky's factors (Golub and Van Loan, section 4.2).

    Parameters
    ----------
    matrix : float64, shape (count^2,), by rows; its lower half is replaced by the factor
    x : float64, shape (count,), the right side, replaced by the solution
    count : int

    Thread: worker. Allocates: no.
    """
    for i in range(count):
        for j in range(i + 1):
            rest = matrix[i * count + j]
            for k in range(j):
                rest -= matrix[i * count + k] * matrix[j * count + k]
            if i == j:
                matrix[i * count + i] = math.sqrt(rest)
            else:
                matrix[i * count + j] = rest / matrix[j * count + j]
    for i in range(count):
        for k in range(i):
            x[i] -= matrix[i * count + k] * x[k]
        x[i] /= matrix[i * count + i]
    for back in range(count):
        i = count - 1 - back
        for k in range(i + 1, count):
            x[i] -= matrix[k * count + i] * x[k]
        x[i] /= matrix[i * count + i]


@kernel("int64(float64[::1], float64[::1], float64[::1], float64[::1], float64)")
def _guess(normal, right, x, held, limit):
    """Which bounds hold, read off the result and the multipliers; how many of the guesses are new."""
    count, changes = x.shape[0], 0
    for i in range(count):
        push = right[i]
        for j in range(count):
            push -= normal[i * count + j] * x[j]
        push = x[i] + push / normal[i * count + i]
        guess = 0.0
        if push > limit:
            guess = 1.0
        elif push < -limit:
            guess = -1.0
        if guess != held[i]:
            changes += 1
            held[i] = guess
    return changes


@kernel("void(float64[::1], float64[::1], float64, float64[::1], float64[::1])")
def solve_in_box(normal, right, limit, x, work):
    """Minimum of x' normal x / 2 - right' x with |x| <= limit.

    Primal-dual active set (Hintermüller, Ito and Kunisch, SIAM J. Optim. 13, 2003): guess which
    bounds hold, solve for the rest, read the next guess off the result and the multipliers.

    Parameters
    ----------
    normal : float64, shape (n^2,), symmetric and positive definite, by rows
    right : float64, shape (n,)
    limit : float, above 0
    x : float64, shape (n,), filled
    work : float64, shape (n^2 + n,), scratch

    Thread: worker. Allocates: no.
    """
    count = x.shape[0]
    matrix, held = work[: count * count], work[count * count : count * count + count]
    for i in range(count):
        held[i] = 0.0
    for _ in range(MOST_GUESSES):
        for i in range(count):
            x[i] = held[i] * limit if held[i] != 0.0 else right[i]
            for j in range(count):
                is_free = held[i] == 0.0 and held[j] == 0.0
                matrix[i * count + j] = normal[i * count + j] if is_free else (1.0 if i == j else 0.0)
                if held[i] == 0.0 and held[j] != 0.0:
                    x[i] -= normal[i * count + j] * held[j] * limit
        solve(matrix, x, count)
        if _guess(normal, right, x, held, limit) == 0:
            break
    for i in range(count):
        x[i] = min(max(x[i], -limit), limit)
