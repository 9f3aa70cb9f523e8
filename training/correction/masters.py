"""What is known of masters, and of what happens to them: the table behind the closed form's correction.

Covariances of masters by listening time and of damage, in the basis in which both are diagonal; tables for
width and dynamics. See `rt_automix.analysis.aim.correction`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters as known
from rt_automix.analysis.aim.correction import EMPTY_DB, EMPTY_SLOPE_DB, FARTHEST_DB, LOOKS
from rt_automix.analysis.aim.masters import FORMAT, PARTS
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS, TONE_MATRIX
from rt_automix.errors import ConfigError
from rt_automix.units import db_from_power, power_from_db
from training.correction import rowdamage
from training.correction import rows as rows_on_disk
from training.labels.shards import write_whole
from training.music import corpus

Array = NDArray[np.float64]

TIMES_S = tuple(at.FIRST_KNOT_S * 2.0**k for k in range(at.KNOTS))
STARTS = 3
"""Stretches of each length that are taken from a song, the first from its beginning."""
CURVES = 4000
RIDGE_DB2 = 0.05
"""Variance in every direction that damage is thought to have at least."""

PRIOR = (0.4, 0.4, 0.15, 0.05)
"""Share of inputs that are damaged by each of `rowdamage.SCALES`: the middle of the boldness."""
BOLD_LOG = 1.5
TEMPER = 0.05
REST_DB = 0.8
"""All of these by what is best on validation packages, harm counted: one setting for every kind of damage."""

SIDE_MID_RANGE_DB, DYNAMICS_RANGE_DB = (-40.0, 8.0), (0.0, 4.0)
_SIDE_MID, _DYNAMICS = TONE_BANDS + 2, TONE_BANDS + 4


def vector_of(rows: NDArray[np.float32]) -> Array:
    """What a stretch measures like: float64, shape (tone.VECTOR_SIZE,)."""
    statistics = Statistics(math.inf)
    statistics.add(rows)
    return statistics.vector()


def stretches(rows: NDArray[np.float32], seed: int) -> Array:
    """Vectors of a song's stretches: shape (STARTS, KNOTS, VECTOR_SIZE); NaN where the song is too short.

    The last length stands for the whole song, too.
    """
    rng = np.random.default_rng(seed)
    found = np.full((STARTS, at.KNOTS, TONE_BANDS + 5), np.nan)
    for start in range(STARTS):
        first = 0 if start == 0 else int(rng.integers(0, max(len(rows) - 1, 1)))
        for knot, seconds in enumerate(TIMES_S):
            stop = first + round(seconds / HOP_S)
            if stop <= len(rows) or (start == 0 and knot == at.KNOTS - 1):
                found[start, knot] = vector_of(rows[first:stop])
    return found


def away(bands_db: Array, mean_db: Array) -> tuple[Array, Array]:
    """How far tone is from the mean of masters, level aside, and each band's say; as `correction` has it.

    Parameters
    ----------
    bands_db : float64, shape (n, TONE_BANDS)
    mean_db : float64, shape (TONE_BANDS,)
    """
    apart = bands_db - mean_db
    for _ in range(LOOKS):
        say = 1.0 / (1.0 + np.exp((EMPTY_DB - apart) / EMPTY_SLOPE_DB))
        apart = apart - (say * apart).sum(axis=1, keepdims=True) / say.sum(axis=1, keepdims=True)
    return say * np.clip(apart, -FARTHEST_DB, FARTHEST_DB), say


def mean_of(bands_db: Array, weights: Array) -> Array:
    """Mean tone of masters, empty bands left out: shape (TONE_BANDS,)."""
    mean_db = weights @ bands_db / weights.sum()
    for _ in range(5):
        apart, say = away(bands_db, mean_db)
        mean_db = mean_db + (weights @ apart) / np.maximum(weights @ say, 1e-9)
    return mean_db - mean_db.mean()


def shares(packages: Sequence[str]) -> Array:
    """Weight of each song: a package of many songs counts as the root of their number."""
    counts = {name: packages.count(name) for name in set(packages)}
    return np.array([counts[name] ** -0.5 for name in packages])


def damage_covariance(spectra: Array, kinds: Sequence[str], chances: Sequence[float], seed: int = 1) -> Array:
    """Second moments of what damage of scale 1 does to tone: shape (TONE_BANDS, TONE_BANDS).

    Parameters
    ----------
    spectra : float64, shape (n, MEL_BANDS)
        Mean powers of masters.
    kinds, chances : of `rowdamage.CURVES`
    """
    rng = np.random.default_rng(seed)
    total = np.zeros((TONE_BANDS, TONE_BANDS))
    for _ in range(CURVES):
        curve_db = rowdamage.CURVES[str(rng.choice(kinds, p=chances))](rng, 1.0)
        power = spectra[rng.integers(len(spectra))]
        effect = db_from_power((TONE_MATRIX @ (power * power_from_db(curve_db))) / (TONE_MATRIX @ power))
        effect -= effect.mean()
        total += np.outer(effect, effect) / CURVES
    return total


def basis(masters: Sequence[Array], damage: Array) -> tuple[Array, Array, Array]:
    """The basis in which damage has variance 1 and masters, in the mean over the times, are uncorrelated.

    Parameters
    ----------
    masters : covariances by listening time, each (TONE_BANDS, TONE_BANDS)
    damage : float64, shape (TONE_BANDS, TONE_BANDS)

    Returns
    -------
    analysis (MODES, TONE_BANDS), synthesis (MODES, TONE_BANDS), spreads (times, MODES)
    """
    level = np.ones((TONE_BANDS, 1)) / math.sqrt(TONE_BANDS)
    inside = np.linalg.svd(np.eye(TONE_BANDS) - level @ level.T)[0][:, : at.MODES]
    ridge = RIDGE_DB2 * np.eye(at.MODES)
    reduced = inside.T @ damage @ inside + ridge
    together = inside.T @ np.mean(masters, axis=0) @ inside + ridge
    _, vectors = eigh(together, reduced)
    analysis = vectors.T @ inside.T
    synthesis = (inside @ reduced @ vectors).T
    spreads = np.array([np.diag(analysis @ one @ analysis.T) for one in masters])
    return analysis, synthesis, np.maximum(spreads, 1e-3)


def fit(vectors: Array, packages: Sequence[str], spectra: Array, tables: dict[str, Array]) -> dict[str, Any]:
    """The table.

    Parameters
    ----------
    vectors : float64, shape (songs, STARTS, KNOTS, VECTOR_SIZE)
        As `stretches` gives them.
    packages : of each song
    spectra : float64, shape (songs, MEL_BANDS)
    tables : of width and dynamics; see `read_off`
    """
    weights = shares(packages)
    whole = vectors[:, 0, -1]
    mean_db = mean_of(whole[:, :TONE_BANDS], weights)
    masters: list[Array] = []
    for knot in reversed(range(at.KNOTS)):
        some = vectors[:, :, knot, :TONE_BANDS].reshape(-1, TONE_BANDS)
        of = np.repeat(weights, STARTS)
        there = np.isfinite(some[:, 0])
        if there.any():
            apart, _ = away(some[there], mean_db)
            covariance = (of[there, None] * apart).T @ apart / of[there].sum()
        masters.insert(0, covariance)  # where no song is that long, as after the next longer time that there is
    damage = damage_covariance(spectra, rowdamage.LEARNED_KINDS, rowdamage.LEARNED_SHARES)
    analysis, synthesis, spreads = basis(masters, damage)
    return {
        "mean_db": [*mean_db, *(weights @ whole[:, [_SIDE_MID, _DYNAMICS]] / weights.sum())],
        "analysis": analysis,
        "synthesis_db": synthesis,
        "spreads": spreads,
        "scales": rowdamage.SCALES,
        "prior_log": np.log(PRIOR),
        "bold_log": BOLD_LOG,
        "temper": TEMPER,
        "rest_db": REST_DB,
        **tables,
    }


def read_off(heard: Array, own: Array, low_high: tuple[float, float]) -> Array:
    """Mean and standard deviation of what was done to a number, over its own value: shape (2 + 2 TABLE_POINTS,).

    A weighted mean around each point, as wide as half a step.

    Parameters
    ----------
    heard, own : float64, shape (n,)
    low_high : range of the table
    """
    points, step = np.linspace(*low_high, at.TABLE_POINTS, retstep=True)
    done, table = heard - own, [low_high[0], float(step)]
    for point in points:
        weights = np.exp(-0.5 * ((heard - point) / (0.6 * step)) ** 2) + 1e-9
        # Where there are next to none it is nothing that was done.
        mean = float(weights @ done / (weights.sum() + 5.0))
        table += [mean, math.sqrt(float(weights @ (done - mean) ** 2 / weights.sum()))]
    return np.array(table)


def width_and_dynamics(songs: Iterable[tuple[int, NDArray[np.float32]]], versions: int = 4) -> dict[str, Array]:
    """Tables of side/mid ratio and dynamics, of songs damaged as in training: a seed and the rows of each."""
    heard, own = [], []
    for seed, rows in songs:
        for version in range(versions):
            rng = np.random.default_rng([seed, version])
            first = int(rng.integers(0, max(len(rows) - round(60.0 / HOP_S), 1)))
            piece = rows[first : first + round(rng.choice([10.0, 30.0, 60.0, 120.0]) / HOP_S)]
            heard.append(vector_of(rowdamage.drawn(piece, rng)[0]))
            own.append(vector_of(piece))
    h, o = np.array(heard), np.array(own)
    return {
        "width_table_db": read_off(h[:, _SIDE_MID], o[:, _SIDE_MID], SIDE_MID_RANGE_DB),
        "dynamics_table_db": read_off(h[:, _DYNAMICS], o[:, _DYNAMICS], DYNAMICS_RANGE_DB),
    }


def spectrum_of(rows: NDArray[np.float32]) -> Array:
    """Mean power of mid and side together per mel band: float64, shape (MEL_BANDS,)."""
    statistics = Statistics(math.inf)
    statistics.add(rows)
    return statistics.mel_power.sum(axis=0) + 1e-12


def write(parts: dict[str, Any], about: dict[str, Any], file: Path) -> None:
    """Write the table as JSON, numbers to five digits."""
    told = {"format": FORMAT, **about}
    for name in PARTS:
        rounded = np.vectorize(lambda value: float(f"{value:.5g}"))(np.asarray(parts[name], np.float64))
        told[name] = rounded.tolist()
    file.write_text(json.dumps(told, separators=(",", ":")).replace('],"', '],\n"') + "\n", encoding="utf-8")


SHIPPED = Path(known.__file__).parents[2] / "data"
TALK = "spoken.json"
TABLES = click.option(
    "--tables", type=click.Path(path_type=Path), default=SHIPPED, show_default="the package's",
    help="Folder with masters.json and corrector.npz.",
)  # fmt: skip


def use(folder: Path) -> None:
    """Correct by what is in a folder, from now on and in this process, and not by what is shipped.

    What talk is like goes by the shipped table, unless `training speech` has put one there.
    """
    if not (folder / TALK).is_file():
        told = (SHIPPED / TALK).read_bytes()
        write_whole(folder / TALK, lambda opened: opened.write(told))
    known._DATA = folder
    known.table.cache_clear()


@click.command(name="masters", epilog="Example: python -m training masters --work training-out")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@TABLES
def command(work: Path, tables: Path) -> None:
    """Measure what masters are like into the table that the correction is estimated by."""
    songs = [song for song in corpus.read_split(work / "split.json") if song.use == "train"]
    songs = [song for song in songs if rows_on_disk.file_of(song, work / "rows").is_file()]
    tables.mkdir(parents=True, exist_ok=True)
    if not songs:
        raise ConfigError(f"{work}: no songs to learn from. Make their rows: python -m training rows --music FOLDER")
    vectors, spectra = [], []
    with click.progressbar(songs, label="measuring masters") as bar:
        for song in bar:
            rows = rows_on_disk.read(song, work / "rows")
            vectors.append(stretches(rows, int(song.id, 16)))
            spectra.append(spectrum_of(rows))
    moves = width_and_dynamics((int(song.id, 16), rows_on_disk.read(song, work / "rows")) for song in songs)
    packages = [song.package for song in songs]
    write(
        fit(np.array(vectors), packages, np.array(spectra), moves),
        {"made_by": "python -m training masters", "songs": len(songs), "packages": sorted(set(packages))},
        tables / "masters.json",
    )
    click.echo(f"{tables / 'masters.json'}: {len(songs)} songs of {len(set(packages))} packages")
