"""Styles: masters grouped by what they measure like, each group shipped as a profile with a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import RANGES, Profile
from rt_automix.analysis.tone import TONE_BANDS, tone_edges_hz
from rt_automix.errors import ConfigError
from training.music import corpus

Array = NDArray[np.float64]

SAMPLE_RATE_HZ = 44_100

MOST_STYLES, MOST_CLUSTERS = 8, 12
FEWEST_SONGS, FEWEST_ALBUMS = 6, 2
"""A group of fewer is chance or one band, not a style."""

TONE_WEIGHT, DENSITY_WEIGHT, WIDTH_WEIGHT = 1.5, 1.0, 0.7
"""What counts for likeness, each in standard deviations over all songs; loudness, PLR and dynamics are one."""
OUTLIER_SD = 2.0
"""A lossy codec cuts the top off a song: no single number counts for more than this."""

LOUDNESS_LUFS = (-18.0, -9.0)
SIDE_MID_DB = (-16.0, -4.5)
HIGHEST_PEAK_DBTP = -1.0
MOST_DYNAMICS_DB = 2.0
TONE_REACH_DB = 6.0
"""What is wanted of a target, whatever its songs do; the tone's limit is around the mean of all songs."""

_MADE_BY = "Made by: python -m training styles"
"""In the comment of every file that is made here: only such files are ever replaced or removed."""

_LOUDNESS, _PLR, _SIDE_MID, _PEAK, _DYNAMICS = range(TONE_BANDS, TONE_BANDS + len(RANGES))
_NAMED = 0.25
"""A trait has a part in a style's name from this many standard deviations over all songs on."""


@dataclass(frozen=True)
class Style:
    """A group of masters.

    Parameters
    ----------
    profile : Profile
        The middle of what they measure like, within limits.
    songs : tuple of int
        Which of the given vectors.
    """

    profile: Profile
    songs: tuple[int, ...]


def group(vectors: Array, albums: Sequence[str]) -> list[Style]:
    """Styles of masters: Ward's clusters of the cut that leaves the most which are no chance.

    J. H. Ward, "Hierarchical Grouping to Optimize an Objective Function", JASA 58, 1963.

    Parameters
    ----------
    vectors : float64, shape (songs, statistics.VECTOR_SIZE)
    albums : sequence of str
        Where each song is from.

    Returns
    -------
    Styles from the warmest to the brightest; the same for the same songs.

    Raises
    ------
    ConfigError
        There are too few songs.
    """
    best: list[Array] = []
    if len(vectors) >= FEWEST_SONGS:
        tree = linkage(_likeness(vectors), "ward")
        for count in range(1, MOST_CLUSTERS + 1):
            labels = fcluster(tree, count, "maxclust")
            groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
            groups = [songs for songs in groups if _is_style(songs, albums)]
            best = groups if len(best) < len(groups) <= MOST_STYLES else best
    if not best:
        raise ConfigError(
            f"{len(vectors)} songs of {len(set(albums))} albums make no style; at least {FEWEST_SONGS} songs of "
            f"{FEWEST_ALBUMS} albums are needed. Give more music, or make a profile: rt-automix profile make"
        )
    best.sort(key=lambda songs: _traits(vectors, vectors[songs])["tilt"])
    styles: list[Style] = []
    for songs in best:
        name = _name(_traits(vectors, vectors[songs]), [style.profile.name for style in styles])
        styles.append(Style(_target(vectors, vectors[songs], name), tuple(songs.tolist())))
    return styles


def _is_style(songs: NDArray[np.intp], albums: Sequence[str]) -> bool:
    return len(songs) >= FEWEST_SONGS and len({albums[song] for song in songs}) >= FEWEST_ALBUMS


def _standardised(vectors: Array, of: Array) -> Array:
    """Deviation of each number from the mean of all songs, in their standard deviations."""
    spread = vectors.std(axis=0)
    spread[:TONE_BANDS] = np.sqrt(np.mean(spread[:TONE_BANDS] ** 2))
    return (of - vectors.mean(axis=0)) / np.maximum(spread, 1e-9)


def _likeness(vectors: Array) -> Array:
    """Points whose distances say how unlike songs are."""
    limited = np.clip(_standardised(vectors, vectors), -OUTLIER_SD, OUTLIER_SD)
    return np.concatenate(
        [
            TONE_WEIGHT / np.sqrt(TONE_BANDS) * limited[:, :TONE_BANDS],
            DENSITY_WEIGHT / np.sqrt(3.0) * limited[:, [_LOUDNESS, _PLR, _DYNAMICS]],
            WIDTH_WEIGHT * limited[:, [_SIDE_MID]],
        ],
        axis=1,
    )


def _traits(vectors: Array, of: Array) -> dict[str, float]:
    """What is special about some songs, beside all, in standard deviations over all."""
    slope = np.linspace(-1.0, 1.0, TONE_BANDS)
    shapes = np.stack([slope, np.mean(slope**2) - slope**2], axis=1)
    everything, some = vectors[:, :TONE_BANDS] @ shapes, of[:, :TONE_BANDS] @ shapes
    spread = np.maximum(everything.std(axis=0), 1e-9)
    tilt, middle = ((np.median(some, axis=0) - everything.mean(axis=0)) / spread).tolist()
    numbers = np.median(_standardised(vectors, of), axis=0)
    density = float((numbers[_LOUDNESS] - numbers[_PLR] - numbers[_DYNAMICS]) / 3.0)
    return {"tilt": tilt, "middle": middle, "density": density, "width": float(numbers[_SIDE_MID])}


_WORDS = {
    "tilt": ("warm", "bright"),
    "middle": ("scooped", "full"),
    "density": ("dynamic", "dense"),
    "width": ("narrow", "wide"),
}


def _name(traits: dict[str, float], taken: Sequence[str]) -> str:
    """The two traits that stand out most, in words; more where that is taken."""
    strongest = sorted(traits, key=lambda trait: -abs(traits[trait]))
    for parts in range(2, len(traits) + 1):
        told = [trait for trait in strongest[:parts] if abs(traits[trait]) >= _NAMED] or strongest[:1]
        name = "-".join(_WORDS[trait][traits[trait] > 0.0] for trait in traits if trait in told)
        name = name if len(told) > 1 else f"neutral-{name}"
        if name not in taken:
            return name
    return f"{name}-{len(taken) + 1}"


def _target(vectors: Array, of: Array, name: str) -> Profile:
    """The median of some songs, smoothed a little along frequency, within limits."""
    numbers, all_db = np.median(of, axis=0), vectors[:, :TONE_BANDS].mean(axis=0)
    bands_db = np.convolve(np.pad(numbers[:TONE_BANDS], 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    bands_db = all_db + TONE_REACH_DB * np.tanh((bands_db - all_db) / TONE_REACH_DB)
    loudness_lufs = float(np.clip(numbers[_LOUDNESS], *LOUDNESS_LUFS))
    peak_dbtp = float(min(numbers[_PEAK], HIGHEST_PEAK_DBTP))
    return Profile(
        name=name,
        bands_db=tuple((bands_db - bands_db.mean()).tolist()),
        loudness_lufs=loudness_lufs,
        plr_db=peak_dbtp - loudness_lufs,
        side_mid_db=float(np.clip(numbers[_SIDE_MID], *SIDE_MID_DB)),
        peak_dbtp=peak_dbtp,
        dynamics_db=float(min(numbers[_DYNAMICS], MOST_DYNAMICS_DB)),
    )


# The files and the picture --------------------------------------------------------------------------


def write(styles: Sequence[Style], songs: Sequence[corpus.Song], folder: Path) -> None:
    """Write each style as a profile; those that were made here at an earlier time go."""
    for path in folder.glob("*.toml"):
        if _MADE_BY in path.read_text(encoding="utf-8"):
            path.unlink()
    for style in styles:
        style.profile.save(folder / f"{style.profile.name}.toml", _comment(style, songs))


def _comment(style: Style, songs: Sequence[corpus.Song]) -> str:
    counted = Counter((songs[k].package, corpus.licence(songs[k].package, songs[k].path)) for k in style.songs)
    return "\n".join(
        [
            f"What {len(style.songs)} masters have in common: their medians, smoothed a little along frequency.",
            *(f"  {package}: {count} ({licence})" for (package, licence), count in sorted(counted.items())),
            f"Held, as a target: loudness to {LOUDNESS_LUFS[0]:.0f} .. {LOUDNESS_LUFS[1]:.0f} LUFS, peak to "
            f"{HIGHEST_PEAK_DBTP:.0f} dBTP (PLR follows), side/mid to {SIDE_MID_DB[0]:.0f} .. {SIDE_MID_DB[1]} dB,",
            f"tone softly to {TONE_REACH_DB:.0f} dB around the mean of all songs. {_MADE_BY}",
        ]
    )


def draw(profiles: Sequence[Profile], songs: dict[str, int], everything: Array) -> Figure:
    """One small picture for each profile: its spectrum beside those of all songs, its other numbers below."""
    columns = 4
    rows = -(-len(profiles) // columns)
    figure = Figure(figsize=(14.0, 3.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    edges = tone_edges_hz()
    centres_hz = np.sqrt(edges[:-1] * edges[1:])
    low, middle, high = np.percentile(everything[:, :TONE_BANDS], (10, 50, 90), axis=0)
    for place, axis in enumerate(axes.flat):
        axis.set_visible(place < len(profiles))
        if place >= len(profiles):
            continue
        one = profiles[place]
        axis.fill_between(centres_hz, low, high, color="0.9", lw=0)
        axis.plot(centres_hz, middle, color="0.6", lw=1.0)
        axis.plot(centres_hz, one.bands_db, color="#b5442c", lw=2.0)
        axis.set_xscale("log")
        axis.set_title(f"{one.name}  ({songs[one.name]} songs)" if one.name in songs else one.name, loc="left")
        axis.text(
            0.03, 0.05,
            f"{one.loudness_lufs:.1f} LUFS, PLR {one.plr_db:.1f} dB\n"
            f"side/mid {one.side_mid_db:.1f} dB, dynamics {one.dynamics_db:.2f} dB",
            transform=axis.transAxes, fontsize=9, va="bottom",
        )  # fmt: skip
        axis.set_xticks([100.0, 1000.0, 10000.0], ["100", "1k", "10k Hz"])
        axis.tick_params(labelbottom=True)
        axis.grid(alpha=0.25)
    figure.supylabel("dB in ERB bands, less their mean")
    figure.suptitle("Shipped profiles; grey: middle and 10 to 90 % of all songs measured")
    return figure


def measured(songs: Sequence[corpus.Song], folder: Path) -> list[Profile]:
    """Profiles of masters; each is kept in `folder` under its song's id and read back from there."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    with click.progressbar(songs, label="measuring masters") as bar:
        for song in bar:
            file = folder / f"{song.id}.toml"
            if not file.exists():
                part = file.with_suffix(".part")
                audio = corpus.decode(song, SAMPLE_RATE_HZ)
                profile.measure([audio], SAMPLE_RATE_HZ, 2, song.title).save(part)
                part.replace(file)
            found.append(profile.load(file))
    return found


_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(name="styles")
@click.option("--music", type=_FOLDER, required=True, help="Folder with a folder for each album.")
@click.option("--work", type=_FOLDER, default=Path("training-out"), show_default=True, help="What is measured is kept.")
@click.option("--out", type=_FOLDER, default=Path("rt_automix/data/profiles"), show_default=True, help="For profiles.")
@click.option("--picture", type=click.Path(path_type=Path), default=Path("docs/styles.png"), show_default=True)
def command(music: Path, work: Path, out: Path, picture: Path) -> None:
    """Group the masters of training and validation songs by what they measure like.

    \b
    Example:
      python -m training styles --music music
    """
    songs = [song for song in corpus.find(music) if song.use != "test"]
    vectors = np.array([one.vector() for one in measured(songs, work / "masters")])
    styles = group(vectors, [song.package for song in songs])
    write(styles, songs, out)
    shown = [profile.load(out / f"{name}.toml") for name in sorted(path.stem for path in out.glob("*.toml"))]
    shown = [one for one in shown if one.name != "auto"]
    draw(shown, {style.profile.name: len(style.songs) for style in styles}, vectors).savefig(picture, dpi=110)
    for style in styles:
        click.echo(f"{style.profile.name}: {len(style.songs)} songs")
