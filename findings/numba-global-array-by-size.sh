#!/usr/bin/env bash
# numba 0.68.1: whether a compiled function sees later changes of a module's array depends on the array's size and
# layout. Up to a million bytes in one piece it is copied into the code at compile time, and stays as it was then; one
# item more, or a strided or reversed view of any size, and it is read where it lies, so changes are seen. The cache on
# disk goes with it: a function with the copy is cached (and its copy is the next process's, too, whatever the array
# holds there), one that reads in place is not.
#
# Seen:
#   1000000 bytes: still the old value
#   1000008 bytes: the new value
#   every second of 10 items: the new value
#   10 items reversed: the new value
#   cache=True, 1000000 bytes: cached; the next process, whose array holds 2, gets 1
#   cache=True, 1000008 bytes: not cached; the next process, whose array holds 2, gets 2
# What follows for us: a table that a kernel reads is never written after import, or is an argument of the kernel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 llvmlite==0.50.0 numpy==2.4.6
cat >"$folder/changed.py" <<'PY'
import numba
import numpy as np

LIMIT = np.ones(125_000)
OVER = np.ones(125_001)
STRIDED = np.ones(10)[::2]
REVERSED = np.ones(10)[::-1]


@numba.njit
def of_limit():
    return LIMIT[1]


@numba.njit
def of_over():
    return OVER[1]


@numba.njit
def of_strided():
    return STRIDED[1]


@numba.njit
def of_reversed():
    return REVERSED[1]


for title, array, function in (
    (f"{LIMIT.nbytes} bytes", LIMIT, of_limit),
    (f"{OVER.nbytes} bytes", OVER, of_over),
    ("every second of 10 items", STRIDED, of_strided),
    ("10 items reversed", REVERSED, of_reversed),
):
    function()
    array[:] = 2.0
    print(f"{title}: {'the new value' if function() == 2.0 else 'still the old value'}")
PY
cat >"$folder/cached.py" <<'PY'
import sys

import numba
import numpy as np

LIMIT = np.full(125_000, float(sys.argv[1]))
OVER = np.full(125_001, float(sys.argv[1]))


@numba.njit(cache=True)
def of_limit():
    return LIMIT[1]


@numba.njit(cache=True)
def of_over():
    return OVER[1]


for array, function in ((LIMIT, of_limit), (OVER, of_over)):
    got = function()
    if sys.argv[1] == "2":
        cached = "cached" if function.stats.cache_hits else "not cached"
        print(f"cache=True, {array.nbytes} bytes: {cached}; the next process, whose array holds 2, gets {got:.0f}")
PY
export NUMBA_CACHE_DIR="$folder/cache" PYTHONWARNINGS=ignore
{
    "$folder/venv/bin/python" "$folder/changed.py"
    "$folder/venv/bin/python" "$folder/cached.py" 1
    "$folder/venv/bin/python" "$folder/cached.py" 2
} | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
1000000 bytes: still the old value
1000008 bytes: the new value
every second of 10 items: the new value
10 items reversed: the new value
cache=True, 1000000 bytes: cached; the next process, whose array holds 2, gets 1
cache=True, 1000008 bytes: not cached; the next process, whose array holds 2, gets 2
SEEN
echo "numba 0.68.1 still does so."
