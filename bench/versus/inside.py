"""The rows from inside: a suggestion, the analysis beside a stream, and the chain beside pedalboard's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bench.versus.trees import CannotRun, Tree
from bench.versus.turns import Figures, Part, Target

BLOCK = 64
SUGGESTION_S, WORKER_S, CHAIN_S = (120.0, 20.0), (20.0, 5.0), (10.0, 2.0)
"""Of sound, or of measuring: in full and quick."""

PEER = "pedalboard, whole chain"
STILL, MOVING = "ours, whole chain, still", "ours, whole chain, moving"
FINE = "ours, moving with 31 fine bands"
"""Which an old tree may not have."""


class Inside:
    """The parts that import the package.

    Parameters
    ----------
    heard : path
        Music, as the drivers take it.
    quick : bool
    """

    def __init__(self, heard: Path, quick: bool) -> None:
        self._heard, self._which = str(heard), int(quick)

    def suggestion(self, tree: Tree) -> Figures:
        """See drivers/suggestion.py."""
        return _numbers(tree.driver("suggestion", self._heard, str(SUGGESTION_S[self._which])))

    def worker(self, tree: Tree) -> Figures:
        """See drivers/worker.py."""
        return _numbers(tree.driver("worker", self._heard, str(WORKER_S[self._which])))

    def chain(self, tree: Tree) -> Figures:
        """The tree's own `bench chain` at one block size: its ratios to pedalboard's chain."""
        out = tree.home / "chain"
        seconds = str(CHAIN_S[self._which])
        tree.run(["-m", "bench", "chain", "--blocks", str(BLOCK), "--seconds", seconds, "--out", str(out)])
        (entry,) = json.loads((out / "chain.json").read_text(encoding="utf-8"))["results"]["blocks"]
        shutil.rmtree(out)
        ratios = {row["system"]: row["median"] for row in entry["ratios"] if row["against"] == PEER}
        times_us = {name: row["median"] for name, row in entry["us_per_block"].items()}
        found = {"still_to_peer": ratios[STILL], "moving_to_peer": ratios[MOVING], "moving_us": times_us[MOVING]}
        found["still_us"] = times_us[STILL]
        if FINE in ratios:
            found["fine_to_peer"] = ratios[FINE]
        return found

    def parts(self) -> list[Part]:
        """In order."""
        return [
            Part("suggestion", self.suggestion, SUGGESTION, 7, 2),
            Part("worker", self.worker, WORKER, 5, 1),
            Part("chain", self.chain, CHAIN, 5, 1),
        ]


def _numbers(line: str) -> Figures:
    try:
        return {name: float(value) for name, value in json.loads(line).items()}
    except ValueError:
        raise CannotRun(f"no figures, but: {line}") from None


SUGGESTION = (
    Target("suggestion_p50_ms", "one suggestion, everything included, p50", "ms", False, 0.35),
    Target("suggestion_p99_ms", "one suggestion, everything included, p99", "ms", False, 0.8),
    Target("suggestion_processor_p50_ms", "   processor time, p50", "ms", True),
    Target("suggestion_processor_p99_ms", "   processor time, p99", "ms", True),
    Target("suggestions_per_s", "   suggestions per second of music", "", True),
)
WORKER = (
    Target("worker_percent", "analysis worker, share of a core while live", "%", False, 0.4, 0.2),
    Target("late", "   suggestions that came late", "", False),
)
CHAIN = (
    Target("moving_to_peer", "chain, five bands moving, 64 samples / pedalboard's", "x", False, 0.20),
    Target("fine_to_peer", "chain, 31 fine bands moving / pedalboard's", "x", False, 0.30, 0.25),
    Target("still_to_peer", "chain, still / pedalboard's", "x", False),
    Target("still_us", "   a block, still", "us", True),
    Target("moving_us", "   a block, five bands moving", "us", True),
)
