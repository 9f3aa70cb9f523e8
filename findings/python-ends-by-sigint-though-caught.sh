#!/usr/bin/env bash
# CPython 3.11.7: a KeyboardInterrupt that passes through `exec` or `eval` of a string, as dataclasses, named tuples and
# enumerations use while modules are imported, marks the process as interrupted for good. However well it is caught
# afterwards, a program that was started by `python -m` ends by SIGINT instead of with its exit code. One of a class
# derived from it does not.
#
# Seen, the exit code after it was caught and `sys.exit(0)`:
#   raised outside           0
#   raised inside exec       -2
#   derived, inside exec     0
# What follows for us: cli/__init__.py has Ctrl-C and SIGTERM raise a class of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/caught.py" <<'PY'
import sys


class Derived(KeyboardInterrupt):
    pass


try:
    if sys.argv[1] == "outside":
        raise KeyboardInterrupt
    exec(f"raise {sys.argv[1]}")
except KeyboardInterrupt:
    pass
sys.exit(0)
PY
cat >"$folder/try.py" <<'PY'
import subprocess
import sys

CASES = {"raised outside": "outside", "raised inside exec": "KeyboardInterrupt", "derived, inside exec": "Derived"}
for name, word in CASES.items():
    print(f"{name:24s} {subprocess.run([sys.executable, '-m', 'caught', word]).returncode}")
PY
cd "$folder"
python3 try.py
