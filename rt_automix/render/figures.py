"""What a file measures like, how far that is from a style, and what is wrong with it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from rt_automix import surround
from rt_automix.analysis.aim.masters import NAME, Aim
from rt_automix.analysis.aim.profile import MIN_MUSIC_S, Profile, load, measure
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.recordings import findings, r128s1
from rt_automix.analysis.recordings.bed import folded
from rt_automix.analysis.recordings.flaws import Flaws, SurroundFlaws
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.dsp.samples import mix
from rt_automix.io.files.audio import AudioReader, Block
from rt_automix.io.lossy.codecs import Format
from rt_automix.io.lossy.delivery import deliver
from rt_automix.render.stages import Progress, sides_of


def figures(
    path: Path, style: Profile, mono: str = "dual", formats: Sequence[Format] = (), progress: Progress | None = None
) -> dict[str, Any]:
    """Figures of a file by name, as `rt-automix analyze --json` shows them.

    Parameters
    ----------
    path : Path
    style : Profile
        What it is compared with; the distances are None where there is too little music.
    mono : "dual" or "single"
        How one channel is measured.
    formats : sequence of Format
        Lossy formats of which what decodes is measured, too.
    progress : callable, optional

    Raises
    ------
    AudioFileError
        It cannot be read.

    Thread: any but audio. Allocates: yes.
    """
    tell = progress or (lambda doing, share: None)
    with AudioReader(path, surround=not formats) as reader:  # lossy ones are made of stereo
        kind = Flaws if reader.channels <= 2 else SurroundFlaws
        flaws = kind(reader.sample_rate_hz, reader.channels)
        sides = sides_of(reader.channels, mono)
        meter = Meter(reader.sample_rate_hz, sides)
        listener = Listener(reader.sample_rate_hz, min(sides, 2), math.inf)
        for block in _followed(reader, f"listening to {path.name}", tell):
            block = flaws.push(block)
            if len(block) < sides:
                block = np.repeat(block, sides, axis=0)
            meter.push(block)
            listener.push(folded(block))
        listener.conclude()
        found: dict[str, Any] = {
            "file": str(path),
            "format": reader.description,
            "sample_rate_hz": reader.sample_rate_hz,
            "channels": reader.channels,
            "layout": surround.name_of(reader.channels),
            "mono": mono if reader.channels == 1 else "",
            "duration_s": reader.duration_s,
            "speech": listener.is_speech,
            "flaws": flaws.found(),
            "notes": list(reader.notes),
        }
        deliveries = [_delivered(reader, wanted, sides, tell) for wanted in formats]
    heard = listener.statistics
    distances: dict[str, float | None] = dict.fromkeys(("tone_rms_db", "side_mid_db", "dynamics_db"))
    if heard.seconds_heard >= MIN_MUSIC_S:
        bands_db = heard.bands_db - style.bands_db
        distances = {
            "tone_rms_db": math.sqrt(float((bands_db**2).mean())),
            "side_mid_db": heard.side_mid_db - style.side_mid_db,
            "dynamics_db": heard.dynamics_db - style.dynamics_db,
        }
    aim = Aim()
    aim.settled(heard, load(NAME))
    found["found"] = findings.plain(aim.found)
    measured = replace(meter.result(), duration_s=reader.duration_s)
    found["r128_s1"] = r128s1.report(str(path), measured)
    return {**found, **asdict(measured), "from_profile": distances, "deliveries": deliveries}


def profile_of(song: Path, progress: Progress | None = None) -> Profile:
    """The profile of a song.

    Raises
    ------
    AudioFileError
        It cannot be read.
    ConfigError
        There is too little music in it.

    Thread: any but audio. Allocates: yes.
    """
    with AudioReader(song) as reader:
        blocks = _followed(reader, f"measuring {song.name}", progress or (lambda doing, share: None))
        return measure(blocks, reader.sample_rate_hz, reader.channels, song.stem)


def _delivered(reader: AudioReader, wanted: Format, sides: int, progress: Progress) -> dict[str, Any]:
    """Figures of what decodes from a lossy file, which is not kept."""

    def sane() -> Iterator[Block]:
        for block in reader.blocks():
            for row in block:
                mix.guard(row, row)
            yield block

    def told(share: float) -> None:
        progress(f"{reader.path.name} as {wanted}", share)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"delivered{wanted.ending}")
        music = sane(), reader.sample_rate_hz, reader.channels, reader.samples
        found = asdict(deliver(*music, wanted, path, sides=sides, progress=told))
    return {name: value for name, value in found.items() if name != "file"}


def _followed(reader: AudioReader, doing: str, progress: Progress) -> Iterator[Block]:
    """The blocks of a reader, reporting how far they are."""
    done = 0
    for block in reader.blocks():
        yield block
        done += block.shape[1]
        progress(doing, done / reader.samples)
