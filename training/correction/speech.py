"""The network that tells talk from music, and the table that talk is corrected by.

Stretches of four seconds of talk, alone and over music, against songs; each bent by an equaliser and some cut off at
the top, so that how it moves decides and not how it was recorded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters as known
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS, ROW_FLOOR_DB
from rt_automix.analysis.hearing import speech, spoken
from rt_automix.analysis.tone import SILENCE_LUFS, TONE_BANDS
from rt_automix.errors import ConfigError
from training.correction import masters as closed_form
from training.correction import rows as rows_on_disk
from training.correction import talks
from training.music import corpus

Rows = NDArray[np.float32]

STRETCHES_OF_A_TALK, STRETCHES_OF_A_SONG = 120, 30
CURVE_DB, CURVE_PARTS = 3.0, 4
CUT_SHARE, CUT_BANDS = 0.4, (38, 60)
"""So many stretches lose what is above some mel band, of talk and of music alike."""
EPOCHS, BATCH, RATE, DECAY, NOISE = 25, 256, 2e-3, 0.05, 0.05
LEAST_DEVIATION = 1e-3
LOUDNESS_LUFS, PLR_DB, SIDE_MID_DB, PEAK_DBTP = -16.0, 15.0, -30.0, -1.0
STYLE_COMMENT = """Talk: all is taken for talk, corrected towards what talk measures like, and left as wide as it is.
Made by: python -m training speech"""
MORE_VOICES, PRIOR = 4.0, (0.7, 0.24, 0.05, 0.01)
"""There are more voices than these few: variance that is added, as a factor, and how rarely talk is thought damaged.
By what is best on validation packages: no harm to talk as it is comes first."""
TOP_IS_CUT_DB, CLIFF_DB = 24.0, 9.0
"""A talk whose top lies so far under its middle has none; from one band to the next it falls off by so much there."""


def bent(rows: Rows, rng: np.random.Generator) -> Rows:
    """The same through some equaliser, and some of them without their top."""
    made, places = rows.copy(), np.linspace(0.0, 1.0, MEL_BANDS)
    shape = [rng.normal(0.0, CURVE_DB) * np.cos(np.pi * k * places) for k in range(1, CURVE_PARTS + 1)]
    curve_db = np.sum(shape, axis=0).astype(np.float32)
    for first in (0, MEL_BANDS):
        made[:, first : first + MEL_BANDS] += curve_db
    if rng.random() < CUT_SHARE:
        cut = int(rng.integers(*CUT_BANDS))
        for first in (0, MEL_BANDS):
            made[:, first + cut : first + MEL_BANDS] = ROW_FLOOR_DB
    return made


def stretches(rows: Rows, count: int, rng: np.random.Generator, bends: bool) -> Iterator[NDArray[np.float32]]:
    """What the network is told of some stretches, wherever there is something to hear."""
    for start in rng.integers(0, max(len(rows) - at.SPEECH_FRAMES, 1), count):
        piece = rows[start : start + at.SPEECH_FRAMES]
        if len(piece) == at.SPEECH_FRAMES and piece[:, LOUDNESS_ROW].max() > SILENCE_LUFS + 5.0:
            yield spoken.told(bent(piece, rng) if bends else piece).astype(np.float32)


def examples(
    work: Path, use: str, bends: bool, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[str]]:
    """Numbers of stretches, 1 for talk and 0 for music of each, and where each is from."""
    rng, numbers, labels, sources = np.random.default_rng(seed), [], [], []
    for talk in talks.all_talks():
        if talk.use == use:
            found = list(stretches(talks.read(talk, work / "talks"), STRETCHES_OF_A_TALK, rng, bends))
            over = "alone" if talk.over_music_db is None else f"{talk.over_music_db:+.0f} dB"
            numbers += found
            labels += [float(talk.is_speech)] * len(found)
            sources += [f"{talk.package}, {over}"] * len(found)
    for song in corpus.read_split(work / "split.json"):
        if song.use == use and rows_on_disk.file_of(song, work / "rows").is_file():
            found = list(stretches(rows_on_disk.read(song, work / "rows"), STRETCHES_OF_A_SONG, rng, bends))
            numbers += found
            labels += [0.0] * len(found)
            sources += [song.package] * len(found)
    return np.array(numbers), np.array(labels, np.float32), sources


def train(numbers: NDArray[np.float32], labels: NDArray[np.float32], seed: int = 0) -> NDArray[np.float64]:
    """The network as `speech.chance` takes it: float64, shape (SPEECH_NET_SIZE,)."""
    torch.manual_seed(seed)
    mean, deviation = numbers.mean(axis=0), numbers.std(axis=0) + LEAST_DEVIATION
    limit = speech.FARTHEST_SD
    scaled = torch.from_numpy(np.clip((numbers - mean) / deviation, -limit, limit))
    wanted = torch.from_numpy(labels)
    weights = torch.where(wanted > 0.0, 0.5 / wanted.mean(), 0.5 / (1.0 - wanted.mean()))
    first, last = nn.Linear(at.SPEECH_NUMBERS, at.SPEECH_HIDDEN), nn.Linear(at.SPEECH_HIDDEN, 1)
    net = nn.Sequential(first, nn.ReLU(), last)
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    with click.progressbar(range(EPOCHS), label="training") as bar:
        for _ in bar:
            for some in torch.randperm(len(scaled)).split(BATCH):
                shown = scaled[some] + NOISE * torch.randn_like(scaled[some])
                loss = nn.functional.binary_cross_entropy_with_logits(net(shown)[:, 0], wanted[some], weights[some])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    layers = [first.weight, first.bias, last.weight, last.bias]
    return np.concatenate([mean, deviation, *(layer.detach().numpy().ravel() for layer in layers)]).astype(np.float64)


def chances(numbers: NDArray[np.float32], net: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the kernel says of each."""
    return np.array([spoken.chance(one.astype(np.float64), net) for one in numbers])


def with_top(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same, where a telephone has cut off the top: it goes on as in talks that have one, from the last band heard.

    Parameters
    ----------
    vectors : float64, shape (talks, starts, knots, VECTOR_SIZE)
    """
    filled, bands_db = vectors.copy(), vectors[:, 0, -1, :TONE_BANDS]
    is_whole = bands_db[:, TONE_BANDS - 3] > np.median(bands_db, axis=1) - TOP_IS_CUT_DB
    if not is_whole.any():
        raise ConfigError("no talk reaches above 10 kHz: what its top is like cannot be learned")
    whole_db = bands_db[is_whole].mean(axis=0)
    for talk in np.flatnonzero(~is_whole):
        cut = int(np.argmax(np.diff(bands_db[talk]) < -CLIFF_DB)) - 1  # the band before holds some of the cliff
        rest_db = whole_db[cut + 1 :] - whole_db[cut]
        filled[talk, ..., cut + 1 : TONE_BANDS] = filled[talk, ..., cut : cut + 1] + rest_db
    levels = filled[..., :TONE_BANDS]
    filled[..., :TONE_BANDS] = levels - levels.mean(axis=-1, keepdims=True)
    return filled


def table(heard: Sequence[tuple[talks.Talk, Rows]]) -> dict[str, object]:
    """The table that talk is corrected by, from talks without music: as `masters.fit` makes that of music."""
    vectors = with_top(np.array([closed_form.stretches(rows, talk.seed) for talk, rows in heard]))
    spectra = [closed_form.spectrum_of(rows) for _, rows in heard]
    moves = closed_form.width_and_dynamics((talk.seed, rows) for talk, rows in heard)
    parts = closed_form.fit(vectors, [talk.package for talk, _ in heard], np.array(spectra), moves)
    return {**parts, "spreads": MORE_VOICES * parts["spreads"], "prior_log": np.log(PRIOR)}


def style(parts: dict[str, object]) -> Profile:
    """What talk measures like, as a profile: loudness and peak are those of podcasts."""
    mean_db = np.asarray(parts["mean_db"], np.float64)
    bands_db = tuple(float(level) for level in mean_db[:TONE_BANDS] - mean_db[:TONE_BANDS].mean())
    return Profile(known.SPEECH, bands_db, LOUDNESS_LUFS, PLR_DB, SIDE_MID_DB, PEAK_DBTP, float(mean_db[-1]))


@click.command(
    name="speech",
    epilog="Example: python -m training speech --voices voices --work training-out",
)
@click.option("--voices", type=click.Path(exists=True, path_type=Path), required=True, help="Packages of talks.toml.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--use", type=click.Choice(["validation", "test"]), default="validation", help="What it is judged by.")
@click.option("--only-judge", is_flag=True, help="Change nothing; judge what is there.")
@closed_form.TABLES
def command(voices: Path, work: Path, use: str, only_judge: bool, tables: Path) -> None:
    """Teach what tells talk from music, and measure what talk is like."""
    songs = corpus.read_split(work / "split.json")
    made = talks.make(voices, songs, work / "talks")
    if not any(rows_on_disk.file_of(song, work / "rows").is_file() for song in songs):
        raise ConfigError(f"{work}: no songs to tell it from. Make their rows: python -m training rows --music FOLDER")
    if not only_judge:
        np.savez_compressed(tables / "speech.npz", net=train(*examples(work, "train", True, 1)[:2]).astype(np.float32))
        alone = [talk for talk in made if talk.use == "train" and talk.over_music_db is None]
        parts = table([(talk, talks.read(talk, work / "talks")) for talk in alone])
        about = {"made_by": "python -m training speech", "talks": len(alone)}
        closed_form.write(
            parts, {**about, "packages": sorted({talk.package for talk in alone})}, tables / "spoken.json"
        )
        style(parts).save(tables / "profiles" / f"{known.SPEECH}.toml", STYLE_COMMENT)
    with np.load(tables / "speech.npz") as file:
        net = file["net"].astype(np.float64)
    numbers, _, sources = examples(work, use, False, 2)
    said = chances(numbers, net) > 0.5
    for source, some in itertools.groupby(sorted(zip(sources, said, strict=True)), key=lambda pair: pair[0]):
        verdicts = [verdict for _, verdict in some]
        click.echo(f"{source:50s} talk in {100.0 * np.mean(verdicts):5.1f} % of {len(verdicts)} stretches")
