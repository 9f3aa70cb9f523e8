"""Every target from every level of input, live: met, or said why not.

A song and a talk are streamed with the analysis that live has. What came out from the eleventh second on is held
against the target by BS.1770; what live would say of it is asked for every second.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from rich.table import Table

from bench.common import material, report
from bench.quality import loudness_talk
from rt_automix.config import Config, Master
from rt_automix.engine.engine import Engine
from rt_automix.engine.meters import missed

Audio = NDArray[np.float32]

TARGETS_LUFS = (-40.0, -30.0, -24.0, -14.0, -8.0)
INPUTS_LUFS = (-50.0, -42.0, -35.0, -28.0, -20.0, -14.0, -8.0, -5.0)
SECONDS, FROM_S, MET_LU = 60.0, 10.0, 0.5


@dataclass(frozen=True)
class Reached:
    """How far what came out is from its target, what the rider did last, and what was said of it, mostly."""

    name: str
    target_lufs: float
    input_lufs: float
    error_lu: float
    ride_db: float
    said: str

    @property
    def is_silent_miss(self) -> bool:
        """Whether it missed and nobody said so."""
        return abs(self.error_lu) > MET_LU and not self.said


def reached(name: str, audio: Audio, rate_hz: int, input_lufs: float, target_lufs: float) -> Reached:
    """Stream it at a level towards a target."""
    engine = Engine(Config(master=Master(target_lufs=target_lufs)), analysis="inline")
    block_samples = rate_hz // 10
    engine.prepare(rate_hz, block_samples, len(audio))
    scaled = material.at_loudness(audio, rate_hz, input_lufs)
    out, said = np.zeros_like(scaled), []
    for start in range(0, scaled.shape[1] - block_samples + 1, block_samples):
        out[:, start : start + block_samples] = engine.process(scaled[:, start : start + block_samples].copy())
        if start >= FROM_S * rate_hz and start % rate_hz == 0:
            said.append(missed(engine.arrays[0], engine.arrays[2], engine.meters()))
    later = np.ascontiguousarray(out[:, round(FROM_S * rate_hz) : scaled.shape[1] // block_samples * block_samples])
    error_lu = material.integrated_lufs(later, rate_hz) - target_lufs
    words = [text for text in said if text]
    often = max(words, key=words.count) if len(words) > len(said) / 4 else ""
    return Reached(name, target_lufs, input_lufs, error_lu, engine.meters().ride_db, often)


def measure(music: Path, voices: Path, count: int) -> list[Reached]:
    """Every combination for so many songs and as many talks."""
    songs = material.albums(music, count, SECONDS)
    talks = list(loudness_talk.talks(voices, songs)["talk"].items())
    heard = {**songs, **dict(talks[:: max(len(talks) // count, 1)][:count])}
    jobs = list(product(heard.items(), TARGETS_LUFS, INPUTS_LUFS))
    return [
        reached(name, audio[:, : round(SECONDS * rate_hz)], rate_hz, input_lufs, target_lufs)
        for (name, (audio, rate_hz)), target_lufs, input_lufs in track(
            jobs, "levels", console=report.console, transient=True
        )
    ]


def run(music: Path, voices: Path, count: int) -> int:
    """Measure and print how far each is off; 1 if one missed and nobody said so."""
    found = measure(music, voices, count)
    for name in dict.fromkeys(each.name for each in found):
        table = Table("target", *(f"{lufs:g}" for lufs in INPUTS_LUFS), title=f"{name}: LU off, by LUFS of the input",
                      title_justify="left")  # fmt: skip
        for target_lufs in TARGETS_LUFS:
            row = [each for each in found if (each.name, each.target_lufs) == (name, target_lufs)]
            table.add_row(f"{target_lufs:g}", *(f"{each.error_lu:+.2f}{'!' * bool(each.said)}" for each in row))
        report.console.print(table)
    off = [each for each in found if abs(each.error_lu) > MET_LU]
    for each in off:
        where = f"{each.name}, {each.input_lufs:g} to {each.target_lufs:g}: {each.error_lu:+.2f} LU"
        report.console.print(f"{where}, gain {each.ride_db:+.1f} dB. {each.said or 'NOT SAID'}", highlight=False)
    silent = sum(each.is_silent_miss for each in found)
    report.console.print(
        f"{len(found)} combinations, {len(off)} off by more than {MET_LU:g} LU, {silent} of them unsaid."
    )
    return int(silent > 0)
