"""Commands as programs of their own, and what files hold."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def process_of(*arguments, **options):
    """The real program."""
    command = [sys.executable, "-m", "rt_automix", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, **(pipes | options))


def hash_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
