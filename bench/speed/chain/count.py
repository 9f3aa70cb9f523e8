"""Work counted, not timed: what cannot be lost unseen, because the same code counts the same on any machine.

The counts are in a file of the repository that a commit changes knowingly (`python -m bench count --write`); a test
fails when one has risen by more than TOLERANCE.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
from rich import box
from rich.table import Table

from bench.common import bundles
from bench.common.here import ROOT, console
from bench.speed.chain import count_instructions, instructions
from rt_automix.analysis.bundles.bundle import Bundle
from rt_automix.analysis.deciding.analyst import Analyst
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.config import Config
from rt_automix.demo.song import render_song
from rt_automix.engine.history import Recorder
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import Lookahead, render

WRITTEN = ROOT / "tests" / "work_counts.json"
TOLERANCE = 0.03
OTHER_COMPILER = "install what requirements.lock names; or, if that was renewed, write the counts anew."
CURE = "If that is meant, write it down: python -m bench count --write"
SECONDS, RATE_HZ = 40, 44_100
LOOKAHEADS: tuple[Lookahead, ...] = ("live", "song")

Counts = dict[str, float]
"""By what is counted; less is better."""


# The graphs -------------------------------------------------------------------------------------------


def graph_nodes() -> Counts:
    """Nodes of each shipped graph: each costs about as much as its arithmetic where it is small."""
    import onnx

    found: Counts = {}
    for name, folder in bundles.find(ROOT / "models").items():
        for path in sorted(Path(folder).glob("*.onnx")):
            graph = onnx.load_model(path, load_external_data=False).graph
            found[f"nodes of {name}/{path.name}"] = len(graph.node)
    return found


# A render ---------------------------------------------------------------------------------------------


class _Tally:
    """Counts calls by what they handled."""

    def __init__(self) -> None:
        self.of: Counts = {}

    def around(self, function: Callable[..., Any], what: str, worth: Callable[[Any, Any], float]) -> Any:
        """The function, counted by `worth(arguments, result)`; if it makes an iterator, each of its steps is."""

        def counted(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            if isinstance(result, Iterator):
                return self._steps(result, what)
            self.of[what] = self.of.get(what, 0.0) + worth(arguments, result)
            return result

        return counted

    def _steps(self, blocks: Iterator[Any], what: str) -> Iterator[Any]:
        for block in blocks:
            self.of[what] = self.of.get(what, 0.0) + block.shape[1]
            yield block


_DECODED, _PLAYED = "samples decoded", "samples through the chain"
_SUGGESTED, _ASKED = "suggestions", "windows that a network was asked for"
_WATCHED: tuple[tuple[Any, str, str, Callable[[Any, Any], float]], ...] = (
    (AudioReader, "blocks", _DECODED, lambda arguments, result: 0.0),
    (Recorder, "play", _PLAYED, lambda arguments, result: arguments[1].shape[1]),
    (Analyst, "hear", _SUGGESTED, lambda arguments, result: 1.0),
    (Bundle, "run", _ASKED, lambda arguments, result: len(arguments[1])),
)
"""Where work is entered, and what a call is worth."""


@contextmanager
def _watching() -> Iterator[Counts]:
    tally, patches = _Tally(), []
    for owner, name, what, worth in _WATCHED:
        patches.append(mock.patch.object(owner, name, tally.around(getattr(owner, name), what, worth)))
    for patch in patches:
        patch.start()
    try:
        yield tally.of
    finally:
        for patch in patches:
            patch.stop()


def _refuse(words: str) -> None:
    raise click.ClickException(f"{words} Nothing is counted then.")


def render_work() -> Counts:
    """Of a render of the built-in song in both ways: passes of the file, and how often it is decided."""
    found: Counts = {}
    audio = np.ascontiguousarray(render_song(RATE_HZ)[:, : SECONDS * RATE_HZ])
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        source, target = Path(name) / "song.wav", Path(name) / "mastered.wav"
        with AudioWriter(source, RATE_HZ, 2, 24) as writer:
            writer.write(audio)
        suggester = choose(Config().master.suggester, _refuse)  # before the counting: it warms up
        for lookahead in LOOKAHEADS:
            with _watching() as counted:
                render(source, target, lookahead=lookahead, suggester=suggester, force=True)
            for what in (_DECODED, _PLAYED):
                found[f"{what} per sample, --lookahead {lookahead}"] = counted.get(what, 0.0) / audio.shape[1]
            for what in (_SUGGESTED, _ASKED):
                found[f"{what} per second, --lookahead {lookahead}"] = counted.get(what, 0.0) / SECONDS
    return found


# The file ---------------------------------------------------------------------------------------------


def counted() -> Counts:
    """Everything that can be counted here."""
    found = {**graph_nodes(), **render_work()}
    if lacking := instructions.missing():
        console.print(f"Instructions are not counted: {lacking}", markup=False)
    else:
        found |= count_instructions.of_a_block() | count_instructions.of_a_suggestion()
        found |= count_instructions.of_outputs()
    return found


def written() -> dict[str, Any]:
    """What the repository says: "counts", and what they were "compiled_with"."""
    content: dict[str, Any] = json.loads(WRITTEN.read_text(encoding="utf-8"))
    return content


def write(counts: Counts) -> None:
    """Let the repository say so from now on."""
    content = {
        "made_by": "python -m bench count --write",
        "tolerance": TOLERANCE,
        "compiled_with": count_instructions.compiled_with(),
        "counts": counts,
    }
    WRITTEN.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def complaints(now: Counts, said: dict[str, Any]) -> list[str]:
    """What has risen beyond the tolerance, or is counted on one side only."""
    before: Counts = said["counts"]
    here, found = count_instructions.compiled_with(), []
    if instructions.missing():
        before = {what: count for what, count in before.items() if not what.startswith(count_instructions.PREFIXES)}
    elif here != said.get("compiled_with"):
        found.append(f"Instructions were counted with {said.get('compiled_with')}, here is {here}: {OTHER_COMPILER}")
    for what in {**before, **now}:
        if what not in now or what not in before:
            where = "no longer counted" if what not in now else f"not in {WRITTEN.name}"
            found.append(f"{what} is {where}.")
        elif now[what] > before[what] * (1.0 + TOLERANCE):
            found.append(f"{what}: {now[what]:g}, it was {before[what]:g}.")
    return found


def run(is_to_write: bool) -> None:
    """Count, print the table; write, or compare with what is written.

    Raises
    ------
    click.ClickException
        A count has risen.
    """
    now = counted()
    said = written() if WRITTEN.exists() else {"counts": {}, "compiled_with": count_instructions.compiled_with()}
    before: Counts = said["counts"]
    table = Table("", "now", WRITTEN.name, box=box.SIMPLE_HEAD, title="Work, counted", title_justify="left")
    for what, count in now.items():
        table.add_row(what, f"{count:g}", f"{before[what]:g}" if what in before else "-")
    console.print(table)
    if is_to_write:
        write(now)
        console.print(f"Written: {WRITTEN}", markup=False)
    elif found := complaints(now, said):
        raise click.ClickException("\n".join([*found, CURE]))
