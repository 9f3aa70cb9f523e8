"""One bundle in a process of its own: what it takes to start, and what it holds in memory; told as JSON.

python -m bench.speed.model.model_child BUNDLE PRECISION
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np

from bench.common import host
from rt_automix.analysis.aim import profile
from rt_automix.analysis.bundles import bundle
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.deciding.network import Network
from rt_automix.analysis.hearing.listener import Listener

RATE_HZ, HEARD_S = 48_000, 12
MORE_RUNS = 50


def main(place: str, precision: bundle.Precision) -> None:
    """Start as the program does, the rest of it being there already."""
    listener, style = Listener(RATE_HZ, 2), profile.load("balanced")
    noise = 0.1 * np.random.default_rng(1).standard_normal((2, HEARD_S * RATE_HZ))
    listener.push(noise.astype(np.float32))
    Matcher().suggest(listener, style)
    megabytes, times_s = [host.memory_megabytes(os.getpid())], [time.perf_counter()]

    def note() -> None:
        times_s.append(time.perf_counter())
        megabytes.append(host.memory_megabytes(os.getpid()))

    import onnxruntime  # noqa: F401

    note()
    network = Network(bundle.load(place, precision), print)
    note()
    network.suggest(listener, style)
    note()
    for _ in range(MORE_RUNS):
        network.suggest(listener, style)
    note()
    import_s, load_s, first_s, _ = np.diff(times_s).tolist()
    found = {
        "import_s": import_s,
        "load_s": load_s,
        "first_suggestion_s": first_s,
        "start_s": import_s + load_s + first_s,
        "runtime_megabytes": megabytes[1] - megabytes[0],
        "bundle_megabytes": megabytes[-1] - megabytes[1],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], "fp32" if sys.argv[2] == "fp32" else "int8")
