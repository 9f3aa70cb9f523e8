"""The rows that are commands on files: a five-minute song, and one second of sound, with and without caches."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.versus.trees import Tree, installed
from bench.versus.turns import Figures, Part, Target

SONG_S = 300.0


class Files:
    """The parts on files.

    Parameters
    ----------
    folder : path
        Holds the five minutes and the second; room for more.
    """

    def __init__(self, folder: Path) -> None:
        self._song, self._second = folder / "song.wav", folder / "second.wav"
        self._cold, self._wheels = folder / "cold", folder / "installed"
        self._installed: Tree | None = None

    def _render(self, tree: Tree, source: Path, lookahead: str, cache: Path | None = None) -> tuple[float, float]:
        target = tree.home / "mastered.wav"
        spent = tree.automix("render", str(source), str(target), "--lookahead", lookahead, "--force", cache=cache)
        target.unlink()
        return spent.wall_s, spent.processor_s

    def song(self, tree: Tree) -> Figures:
        """One pass, and the song heard beforehand."""
        live_s, live_processor_s = self._render(tree, self._song, "live")
        song_s, song_processor_s = self._render(tree, self._song, "song")
        return {
            "live_s": live_s,
            "live_processor_s": live_processor_s,
            "song_s": song_s,
            "song_processor_s": song_processor_s,
            "song_to_live": song_s / live_s,
            "times_real_time": SONG_S / live_s,
        }

    def warm(self, tree: Tree) -> Figures:
        """A second of sound, everything compiled."""
        wall_s, processor_s = self._render(tree, self._second, "live")
        return {"warm_s": wall_s, "warm_processor_s": processor_s}

    def _from_nothing(self, tree: Tree) -> tuple[float, float]:
        shutil.rmtree(self._cold, ignore_errors=True)
        tree.forget_bytecode()
        return self._render(tree, self._second, "live", self._cold)

    def cold(self, tree: Tree) -> Figures:
        """The same with empty caches, as a user meets it who has installed the package; and from a checkout.

        An old side that compiles when it first runs does so wherever it runs from: its checkout stands for both.
        """
        from_sources = self._from_nothing(tree)
        if tree.name == "new" and self._installed is None:
            self._wheels.mkdir()
            self._installed = installed(tree, self._wheels)
        first = self._from_nothing(self._installed) if tree.name == "new" and self._installed else from_sources
        found = dict(zip(("cold_s", "cold_processor_s"), first, strict=True))
        return found | dict(zip(("sources_s", "sources_processor_s"), from_sources, strict=True))

    def parts(self) -> list[Part]:
        """In the order in which they are run: the cold one first, as after a boot."""
        return [
            Part("cold", self.cold, COLD, 3, 1),
            Part("warm", self.warm, WARM, 15, 4),
            Part("song", self.song, SONG, 7, 2),
        ]


COLD = (
    Target("cold_s", "first run after install, render of 1 s", "s", False, 5.0, 1.0),
    Target("cold_processor_s", "   processor time of a first run", "s", True, 1 / 3),
    Target("sources_s", "   first run of a checkout, which compiles", "s", True),
    Target("sources_processor_s", "   its processor time", "s", True),
)
WARM = (
    Target("warm_s", "warm start, render of 1 s", "s", False, 0.5, 0.3),
    Target("warm_processor_s", "   its processor time", "s", True),
)
SONG = (
    Target("live_s", "render --lookahead live, 5 minutes, wall", "s", True, 1 / 5, 1 / 8),
    Target("live_processor_s", "   its processor time", "s", True, 1 / 4, 1 / 6),
    Target("times_real_time", "   times real time", "x", True),
    Target("song_to_live", "--lookahead song against one pass", "x", False, 1.5, 1.2),
    Target("song_s", "   --lookahead song, wall", "s", True),
    Target("song_processor_s", "   its processor time", "s", True),
)
