"""Records of real music as albums: loudness, distances, joins and tone, beside what `render` alone makes of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from bench.common import report
from rt_automix import params
from rt_automix.batch import How, Item, Session, batch
from rt_automix.batch.album import album
from rt_automix.batch.album.kept import Kept
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import album as together
from rt_automix.render.levels import GLIDE_S
from rt_automix.units import lin_from_db

SHORTEST_S = 40.0
TARGET_LUFS = -14.0


def _long(folder: Path) -> Iterator[Path]:
    """Songs of stereo and some length in a folder, by name."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".ogg", ".mp3", ".flac", ".wav") and path.is_file():
            try:
                with AudioReader(path) as reader:
                    if reader.duration_s >= SHORTEST_S and reader.channels == 2:
                        yield path
            except AudioFileError:
                continue


def _read(path: Path, seconds: float) -> tuple[NDArray[np.float32], int]:
    """Its beginning."""
    with AudioReader(path) as reader:
        kept, samples = [], 0
        for block in reader.blocks(1 << 18):
            kept.append(block)
            samples += block.shape[1]
            if samples >= seconds * reader.sample_rate_hz:
                break
        rate_hz = reader.sample_rate_hz
    return np.concatenate(kept, axis=1)[:, : round(seconds * rate_hz)], rate_hz


def _write(path: Path, samples: NDArray[np.float32], rate_hz: int) -> Path:
    with AudioWriter(path, rate_hz, len(samples), 24) as writer:
        writer.write(np.ascontiguousarray(samples))
    return path


def prepare(music: Path, folder: Path, songs: int, seconds: float) -> dict[str, list[Path]]:
    """A record of each package: of songs, or, of packages with few, of one song cut where nobody would."""
    records: dict[str, list[Path]] = {}
    for package in sorted(path for path in music.iterdir() if path.is_dir()):
        found = list(_long(package))
        here = folder / package.name
        here.mkdir(parents=True)
        if len(found) >= 3:
            made = []
            for number, path in enumerate(found[:songs]):
                samples, rate_hz = _read(path, seconds)
                ramp = np.minimum(np.arange(samples.shape[1])[::-1] / (0.5 * rate_hz), 1.0) ** 3
                made.append(_write(here / f"{number}.wav", samples * ramp.astype(np.float32), rate_hz))
            records[package.name] = made
        if found:
            cut = folder / f"{package.name} gapless"
            cut.mkdir()
            samples, rate_hz = _read(found[-1], 3.0 * seconds)
            pieces = np.array_split(samples, 3, axis=1)
            records[cut.name] = [_write(cut / f"{n}.wav", piece, rate_hz) for n, piece in enumerate(pieces)]
    return records


def join_error(sources: Sequence[Path], folder: Path) -> float:
    """Largest difference of songs mastered as one run from one long programme through one engine."""
    heard = [together.hear(path, Config(), None, "dual") for path in sources]
    worst = 0.0
    for run in together.runs(heard, TARGET_LUFS):
        paths = [sources[place] for place in run.songs]
        targets = [folder / path.name for path in paths]
        mastered = together.play(run, paths, targets, Config(), bits=32)
        made = np.concatenate([_read(target, 1e6)[0] for target in targets], axis=1)
        long = np.concatenate([_read(path, 1e6)[0] for path in paths], axis=1)
        stops = np.cumsum([heard[place].samples for place in run.songs])
        gains_db = np.array([one.gain_db for one in mastered])
        played = _played(run, long, heard[run.songs[0]].sample_rate_hz, gains_db, stops)
        worst = max(worst, float(np.abs(played - made).max()))
    return worst


def _played(
    run: together.Run, long: NDArray[np.float32], rate_hz: int, gains_db: NDArray[np.float64], stops: NDArray[np.int64]
) -> NDArray[np.float32]:
    """A programme through an engine of its own, with the gains that were found."""
    engine = Engine(Config().with_overrides(**{"rider.enabled": False}), analysis="off")
    engine.prepare(rate_hz, rate_hz)
    interval_samples = engine.analyst.interval_samples
    most_db = float(gains_db.max())
    drive, first = params.INDEX["limiter_drive_db"], params.INDEX["input_gain_db"]

    def glided(each: NDArray[np.float64], sample: Any) -> Any:
        """What goes from song to song, at a sample or at several."""
        found = each[0]
        for (before, after), border in zip(pairwise(each), stops, strict=False):
            turn = np.clip(0.5 + (sample - border) / (GLIDE_S * rate_hz), 0.0, 1.0)
            found = found + (after - before) * (0.5 - 0.5 * np.cos(np.pi * turn))
        return found

    def hold(sample: int) -> float:
        """The parameters at a sample; the gain in them."""
        values = np.array(glided(np.array(run.values), sample))
        values[drive] = np.clip(most_db, 0.0, params.HIGH[drive])
        values[first] = np.clip(most_db - values[drive], params.LOW[first], params.HIGH[first])
        engine.hold(values, np.array(run.fine_db))
        return float(values[drive] + values[first])

    held_db = hold(0)
    engine.settle()
    level_db = glided(gains_db, np.arange(long.shape[1]))
    trimmed = long * np.power(10.0, (level_db - most_db) / 20.0).astype(np.float32)
    trimmed *= np.float32(lin_from_db(most_db - held_db))
    late = np.zeros((len(long), engine.latency_samples), np.float32)
    fed, played = np.concatenate((trimmed, late), axis=1), []
    for start in range(0, fed.shape[1], interval_samples):
        played.append(engine.process(np.ascontiguousarray(fed[:, start : start + interval_samples])))
        hold(start + interval_samples)
    return np.concatenate(played, axis=1)[:, engine.latency_samples :]


def _apart_db(spectra: Sequence[Sequence[float]]) -> float:
    """How far songs are from one another: RMS over bands, mean over pairs."""
    pairs = [np.sqrt(np.mean(np.subtract(one, other) ** 2)) for one, other in combinations(spectra, 2)]
    return float(np.mean(pairs))


def _record(sources: Sequence[Path], folder: Path) -> dict[str, Any]:
    config = Config().with_overrides(**{"master.target_lufs": TARGET_LUFS})
    items = [Item(path, path.name, How(config)) for path in sources]
    with Session(folder / "album") as session:
        rows = {row.source: row for row in album(items, session)}
    alone = {row.source: row for row in batch(items, folder / "alone")}
    kept = Kept(folder / "album")
    heard = {one.source: kept.heard[one.source_hash, items[0].how.key()] for one in rows.values()}
    made = {one.source: kept.mastered[one.target, one.settings] for one in rows.values()}
    names = [str(path) for path in sources]
    before = np.array([rows[name].input_lufs for name in names])
    found: dict[str, Any] = {"songs": len(names)}
    for way, of in (("album", rows), ("alone", alone)):
        after = np.array([of[name].output_lufs for name in names])
        moved = (after - after.max()) - (before - before.max())
        found[f"{way}_loudest_lufs"] = float(after.max())
        found[f"{way}_distance_error_lu"] = float(np.abs(moved).max())
    ears = [together.hear(folder / "alone" / path.name, config, None, "dual") for path in sources]
    spectra = {
        "before": [heard[name].profile for name in names],
        "album": [made[name].profile for name in names],
        "alone": [one.profile for one in ears],
    }
    for way, profiles in spectra.items():
        found[f"{way}_apart_db"] = _apart_db([one.bands_db for one in profiles if one is not None])
    found["join_error"] = join_error(sources, folder)
    found["runs"] = len(together.runs(list(heard.values()), TARGET_LUFS))
    found["highest_dbtp"] = max(one.output_dbtp or -200.0 for one in rows.values())
    return found


def run(music: Path, songs: int, seconds: float, out: Path) -> None:
    """Measure, print the table, write figures and picture."""
    results = {}
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        for record, sources in prepare(music, Path(name, "in"), songs, seconds).items():
            folder = Path(name, "made", record)
            folder.mkdir(parents=True)
            results[record] = _record(sources, folder)
            report.console.print(f"{record}: {json.dumps(results[record])}", soft_wrap=True)
    table = Table(
        "", "songs/runs", "loudest", "distances off", "apart: before, album, alone", "join", "alone: distances"
    )
    for record, one in results.items():
        table.add_row(
            record,
            f"{one['songs']}/{one['runs']}",
            f"{one['album_loudest_lufs']:.2f}",
            f"{one['album_distance_error_lu']:.2f}",
            f"{one['before_apart_db']:.2f}, {one['album_apart_db']:.2f}, {one['alone_apart_db']:.2f}",
            f"{one['join_error']:.1e}",
            f"{one['alone_distance_error_lu']:.2f}",
        )
    report.console.print(table)
    report.save("album", out, {"songs": songs, "seconds": seconds}, results, draw(results))


def draw(results: dict[str, Any]) -> Figure:
    """How far the distances in loudness are off, as an album and each alone."""
    figure, axes = report.plot_size(7.0, 3.0, 1, 1)
    places = np.arange(len(results))
    for way, color, beside in (("album", report.OURS, -0.2), ("alone", report.GOAL, 0.2)):
        errors = [one[f"{way}_distance_error_lu"] for one in results.values()]
        axes.barh(places + beside, errors, 0.36, color=color, label=way)
    axes.set(title="Distances between songs: largest change", xlabel="LU", yticks=places)
    axes.set_yticklabels(list(results))
    axes.invert_yaxis()
    axes.legend()
    return figure
