#!/usr/bin/env bash
# CPython 3.11.7: a KeyboardInterrupt that passes through `exec` or `eval` of a string, as dataclasses, named tuples and
# enumerations use while modules are imported, marks the process as interrupted for good. However well it is caught
# afterwards, Python ends by SIGINT instead of with its exit code. One of a class derived from it does not.
#
# Seen, the exit code after it was caught and `sys.exit(0)`:
#   raised outside           0
#   raised inside exec       -2
#   derived, inside exec     0
# What follows for us: cli/__init__.py has Ctrl-C and SIGTERM raise a class of its own.
set -euo pipefail
cat >"${TMPDIR:-/tmp}/try-$$.py" <<'PY'
import subprocess
import sys

TRY = """
import sys
class Derived(KeyboardInterrupt): pass
try:
    {}
except KeyboardInterrupt:
    pass
sys.exit(0)
"""
for name, line in {
    "raised outside": "raise KeyboardInterrupt",
    "raised inside exec": "exec('raise KeyboardInterrupt')",
    "derived, inside exec": "exec('raise Derived')",
}.items():
    print(f"{name:24s} {subprocess.run([sys.executable, '-c', TRY.format(line)]).returncode}")
PY
python3 "${TMPDIR:-/tmp}/try-$$.py"
rm "${TMPDIR:-/tmp}/try-$$.py"
