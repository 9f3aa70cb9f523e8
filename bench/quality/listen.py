"""A page to listen blind: songs as several have mastered them, at one loudness, under letters that tell nothing.

The page needs no server and no network: each song's sounds are a script beside it. Who is behind a letter stands in
`key.json`, which is for `python -m bench heard` and not for who listens.
"""

from __future__ import annotations

import base64
import io
import json
import secrets
import shlex
import string
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import click
import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.progress import track

from bench.common import material, report
from bench.quality import systems
from bench.versus.trees import CannotRun, Tree, pair
from rt_automix.analysis.aim import profile
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.config import Config
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import render
from rt_automix.units import lin_from_db

Audio = NDArray[np.float32]

UNTOUCHED, BEFORE, CLOSED, NETWORKS = "untouched", "0.3.0", "closed form", "closed form and networks"
WITH, MATCHERING = "ours, with the reference", "Matchering 2"
COMMIT = "2d8a98e"
"""What 0.3.0 was."""

HIGHEST_LUFS, CEILING_DBTP = -16.0, -1.0


@dataclass(frozen=True)
class Song:
    """A song to master, on disk and in memory.

    Parameters
    ----------
    name : str
    path : Path
    audio : float32, shape (2, n)
    rate_hz : int
    """

    name: str
    path: Path
    audio: Audio
    rate_hz: int


Master = Callable[[Song], Audio]


def run(folder: Path, music: Path, songs: int, seconds: float, excerpt_s: float, reference: Path | None) -> None:
    """Make the page, its sounds and the key."""
    chosen = list(material.songs([music], songs, seconds).items())
    if not chosen:
        raise click.UsageError(f"{music}: no stereo song of {2 * seconds:.0f} s or more. Name another, or --seconds.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").unlink(missing_ok=True)  # of an earlier page, whose letters stood for others
    rng, name_of_page = np.random.default_rng(), secrets.token_hex(8)
    key: dict[str, dict[str, str]] = {}
    with ExitStack() as opened:
        work = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="rt_automix-bench-")))
        masters = _masters(opened, work, reference)
        for number, (name, (audio, rate_hz)) in enumerate(
            track(chosen, "Mastering", console=report.console, transient=True)
        ):
            song = Song(name, _write(work / "song.wav", audio, rate_hz), audio, rate_hz)
            made = _alike({who: master(song) for who, master in masters.items()}, rate_hz, excerpt_s)
            order = [list(made)[place] for place in rng.permutation(len(made))]
            letters = dict(zip(string.ascii_uppercase, order, strict=False))
            key[str(number)] = letters
            _write_sounds(folder / f"song{number}.js", number, {a: made[who] for a, who in letters.items()}, rate_hz)
    told = {"page": name_of_page, "songs": [name for name, _ in chosen], "key": key}
    (folder / "key.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    titles = json.dumps([f"Song {number + 1} of {len(chosen)}" for number in range(len(chosen))])
    page = files("bench.quality").joinpath("listen.html").read_text(encoding="utf-8")
    page = page.replace("[/*titles*/]", titles).replace("/*page*/", name_of_page)
    (folder / "index.html").write_text(page, encoding="utf-8")
    report.console.print(
        f"Written: {folder / 'index.html'}. Open it in a browser, with good headphones; leave key.json closed. Then: "
        f"python -m bench heard {shlex.quote(str(folder))} answers.json"
    )


def _masters(opened: ExitStack, work: Path, reference: Path | None) -> dict[str, Master]:
    """Who masters; who cannot is named with the reason."""

    def ours(suggester: str) -> Master:
        config = Config().with_overrides(**{"master.suggester": suggester})
        return lambda song: _rendered(song, work, config)

    found: dict[str, Master] = {UNTOUCHED: lambda song: song.audio}
    try:
        old, _ = opened.enter_context(pair(COMMIT))
        old.run(
            ["-c", "import rt_automix.config"]
        )  # its libraries, of which we need some no more: pip install pydantic
        found[BEFORE] = lambda song: _old(old, song, work)
    except CannotRun as error:
        why = str(error).strip().splitlines()[-1]
        report.console.print(f"{BEFORE} is skipped: {why}. It needs this repository's history, and pydantic.")
    found |= {CLOSED: ours("matcher"), NETWORKS: ours("auto")}
    if reference is None:
        return found
    with AudioReader(reference) as reader:
        other, rate_hz = np.concatenate(list(reader.blocks()), axis=1), reader.sample_rate_hz
    style = profile.measure([other], rate_hz, len(other), reference.stem)
    found[WITH] = lambda song: _rendered(song, work, Config(), style)
    for system in systems.matchering().values():
        found[MATCHERING] = partial(_towards, system, style, other, rate_hz)
    return found


def _towards(system: systems.System, style: profile.Profile, other: Audio, rate_hz: int, song: Song) -> Audio:
    return system(systems.Task(song.audio, song.rate_hz, style, other, rate_hz))


def _rendered(song: Song, work: Path, config: Config, style: profile.Profile | None = None) -> Audio:
    made = work / "made.wav"
    render(song.path, made, config=config, style=style, bits=32, lookahead="song", force=True)
    return _read(made)


def _old(tree: Tree, song: Song, work: Path) -> Audio:
    made = work / "old.wav"
    tree.run(["-m", "rt_automix", "render", str(song.path), str(made), "--bits", "32", "--force"])
    return _read(made)


def _read(path: Path) -> Audio:
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks()), axis=1)


def _write(path: Path, audio: Audio, rate_hz: int) -> Path:
    with AudioWriter(path, rate_hz, len(audio), 32, True) as writer:
        writer.write(np.ascontiguousarray(audio))
    return path


def _alike(made: dict[str, Audio], rate_hz: int, excerpt_s: float) -> dict[str, Audio]:
    """The loudest stretch of each, the same for all, at one loudness that leaves every peak under the ceiling."""
    untouched = made[UNTOUCHED]
    count = min(round(excerpt_s * rate_hz), untouched.shape[1])
    power = np.cumsum(np.concatenate(([0.0], (untouched.astype(np.float64) ** 2).sum(axis=0))))
    start = int(np.argmax(power[count:] - power[:-count]))
    cut = {who: np.ascontiguousarray(audio[:, start : start + count]) for who, audio in made.items()}
    measured = {}
    for who, audio in cut.items():
        meter = Meter(rate_hz, len(audio))
        meter.push(audio)
        measured[who] = meter.result()
    room = [one.integrated_lufs + CEILING_DBTP - one.true_peak_dbtp for one in measured.values()]
    target_lufs = min(HIGHEST_LUFS, *room)
    ramp = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.02 * rate_hz)).astype(np.float32)
    return {
        who: audio * np.float32(lin_from_db(target_lufs - measured[who].integrated_lufs)) * ramp
        for who, audio in cut.items()
    }


def _write_sounds(path: Path, number: int, sounds: dict[str, Audio], rate_hz: int) -> None:
    """A script that gives the page a song's sounds, as FLAC in base64: what a page from a disk may load."""
    told = {}
    for letter, audio in sounds.items():
        file = io.BytesIO()
        soundfile.write(file, audio.T, rate_hz, format="FLAC", subtype="PCM_24")
        told[letter] = base64.b64encode(file.getvalue()).decode()
    path.write_text(f"loaded({number}, {json.dumps(told)});\n", encoding="utf-8")
