"""How good the networks are, on packages that none of them has seen; mean predictor and matcher beside each figure.

Everything runs on the bundles, in the precision named, through the runtime's own code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis.bundles import context
from rt_automix.analysis.bundles.bundle import HEARD_ROW, NAMES, Bundle
from rt_automix.analysis.bundles.bundle import load as load_bundle
from rt_automix.analysis.deciding.network import Network
from rt_automix.errors import ConfigError
from training.judging import outcome, pictures
from training.labels import shards
from training.music import corpus

BATCH = 256
TOLERANCE_S = 0.5
BOOTSTRAP = 1000
RENDERS, QUICK_RENDERS = 120, 12
SONGS, QUICK_SONGS = 30, 4
SPECTRA = 6
ENSEMBLE = "weighted_ensemble"
TEACHER_SO_FAR = "teacher, having heard as much"
WAYS = {"held": "parameters held", "closed": "loudness loop closed, so that all are equally loud"}

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Test examples in arrays, and the answers of each system: (N, 2, COUNT), heard and song."""

    heard: Numbers
    song: Numbers
    seconds: Numbers
    song_id: NDArray[np.int64]
    answers: dict[str, Numbers]


def read(folder: Path) -> dict[str, Any]:
    """All shards of a use: their arrays joined, but windows as a list of shards'.

    Raises
    ------
    ConfigError
        There are none.
    """
    found = sorted(folder.glob("*.npz"))
    if not found:
        raise ConfigError(f"{folder}: no examples. Make them with: python -m training label")
    joined: dict[str, list[Any]] = {}
    offset = 0
    for path in found:
        with np.load(path) as file:
            for name in file.files:
                values = file[name]
                joined.setdefault(name, []).append(values + offset if name == "window_of" else values)
            offset += len(file["windows"])
    return {name: np.concatenate(parts) for name, parts in joined.items()}


def answers_of(bundle: Bundle, arrays: dict[str, Any]) -> Numbers:
    """What a bundle says of every example, heard and song: float64, shape (N, 2, COUNT)."""
    found = []
    for start in range(0, len(arrays["context"]), BATCH):
        part = slice(start, start + BATCH)
        windows = arrays["windows"][arrays["window_of"][part]].astype(np.float32)
        found.append(bundle.run(windows, arrays["context"][part]))
    return np.concatenate(found).astype(np.float64)


def mean_labels(folder: Path) -> Numbers:
    """The mean of the training labels, heard and song: what one says without listening."""
    sums = np.zeros((2, params.COUNT))
    counts = np.zeros(2)
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            for row, name in enumerate(("heard", "song")):
                known = file[name][~np.isnan(file[name][:, 0])].astype(np.float64)
                sums[row] += known.sum(axis=0)
                counts[row] += len(known)
    return sums / np.maximum(counts, 1)[:, None]


def spread_over_songs(error: Numbers, song_id: NDArray[np.int64], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean error, by bootstrap over songs."""
    songs = np.unique(song_id)
    totals = np.array([error[song_id == song].sum() for song in songs])
    counts = np.array([(song_id == song).sum() for song in songs])
    drawn = np.random.default_rng(seed).integers(0, len(songs), (BOOTSTRAP, len(songs)))
    low, high = np.quantile(totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1), (0.025, 0.975))
    return float(low), float(high)


def accuracy(examples: Examples) -> dict[str, Any]:
    """Errors against the teacher's answer to the ten seconds that were heard, by system."""
    ten = (np.abs(examples.seconds - 10.0) < TOLERANCE_S) & ~np.isnan(examples.heard[:, 0])
    found = {}
    for name, answers in examples.answers.items():
        error = np.abs(answers[ten, 0] - examples.heard[ten])
        found[name] = {
            "mae": float(error.mean()),
            "interval": spread_over_songs(error.mean(axis=1), examples.song_id[ten]),
            "per_parameter": dict(zip(params.NAMES, error.mean(axis=0).tolist(), strict=True)),
        }
    return {"examples": int(ten.sum()), "songs": len(np.unique(examples.song_id[ten])), "systems": found}


def listening_curve(examples: Examples) -> dict[str, Any]:
    """Errors against the whole song's answer after so many seconds of listening, by system.

    The teacher's answer to just that much of the song stands beside: who beats it has foreseen how the song goes on.
    """
    says = {name: answers[:, 1] for name, answers in examples.answers.items()} | {TEACHER_SO_FAR: examples.heard}
    times = [s for s in shards.PLANS["test"].listened_s if (np.abs(examples.seconds - s) < TOLERANCE_S).any()]
    curves: dict[str, list[float]] = {name: [] for name in says}
    for listened_s in times:
        now = np.abs(examples.seconds - listened_s) < TOLERANCE_S
        for name, said in says.items():
            curves[name].append(float(np.nanmean(np.abs(said[now] - examples.song[now]))))
    return {"seconds": times, "systems": curves}


def examples_of(data: Path, bundles: dict[str, Bundle]) -> Examples:
    """The test examples with the answers of the mean predictor, the matcher and each bundle."""
    arrays = read(data / "test")
    count = len(arrays["context"])
    matched = arrays["context"][:, context.PARTS["matched_norm"]].astype(np.float64)
    answers = {
        "mean predictor": np.broadcast_to(mean_labels(data / "train"), (count, 2, params.COUNT)),
        "matcher": np.stack([matched, matched], axis=1),
    }
    answers |= {name: answers_of(bundle, arrays)[:, :2] for name, bundle in bundles.items()}
    return Examples(
        arrays["heard"].astype(np.float64),
        arrays["song"].astype(np.float64),
        arrays["seconds"].astype(np.float64),
        arrays["song_id"].astype(np.int64),
        answers,
    )


def _answering(bundle: Bundle) -> Callable[[Any, int], Numbers]:
    def answer(shard: dict[str, Any], example: int) -> Numbers:
        window = shard["windows"][shard["window_of"][example]][None].astype(np.float32)
        return params.denormalise(bundle.run(window, shard["context"][example][None])[0, HEARD_ROW])

    return answer


def _playing(network: Network) -> Callable[[Any, int], Numbers]:
    def answer(shard: dict[str, Any], example: int) -> Numbers:
        vector = shard["context"][example]
        matched = params.denormalise(vector[context.PARTS["matched_norm"]])
        window = shard["windows"][shard["window_of"][example]].astype(np.float32)
        return network.decide(window, vector, matched)

    return answer


def rendered(data: Path, bundles: dict[str, Bundle], count: int, progress: Any) -> dict[str, Any]:
    """Errors behind the real chain and shares of the teacher's improvement."""
    described = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    plans = {
        use: shards.Plan(**plan | {"listened_s": tuple(plan["listened_s"])}) for use, plan in described["plans"].items()
    }
    systems: dict[str, Callable[[Any, int], Numbers]] = {
        "matcher": lambda shard, k: params.denormalise(shard["context"][k, context.PARTS["matched_norm"]]),
        "teacher": lambda shard, k: params.denormalise(shard["heard"][k].astype(np.float64)),
    }
    for name, bundle in bundles.items():
        systems[name] = _answering(bundle)
        systems[f"{name}, as it plays"] = _playing(Network(bundle, click.echo))
    rows, spectra = [], []
    for excerpt in outcome.excerpts(data, plans, count, systems, seed=7):
        row = {"untouched": outcome.untouched_errors(excerpt.samples, excerpt.wanted)}
        for name, values in excerpt.values.items():
            row[name] = outcome.errors(excerpt.samples, params.clamp(values), excerpt.wanted)
        rows.append(row)
        if (len(rows) - 1) % max(count // SPECTRA, 1) == 0 and len(spectra) < SPECTRA:
            spectra.append(outcome.spectra(excerpt))
        progress(len(rows), count)
    mean = outcome.mean_errors(rows)
    return {"renders": len(rows), "mean_error": mean, "share": outcome.shares(mean), "spectra_db": spectra}


def _pair(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "worst": float(np.max(values))}


def left_alone(songs: list[corpus.Song], bundle: Bundle) -> dict[str, Any]:
    """Masters against their own profile, and against `auto`."""
    suggesters = {**outcome.matcher_only(), bundle.spec.name: Network(bundle, click.echo)}
    moved = outcome.no_harm(songs, suggesters)
    return {
        "own_profile": {system: {name: _pair(values) for name, values in by.items()} for system, by in moved.items()},
        "auto": outcome.against_auto(songs, suggesters),
    }


def table(report: dict[str, Any]) -> str:
    """The report in Markdown."""
    at_ten, curve = report["accuracy"], report["listening"]
    lines = [
        f"Mean absolute error of the normalised parameters, {at_ten['examples']} excerpts of 10 s "
        f"from {at_ten['songs']} songs of packages that were never trained or tuned on:",
        "",
        "| system | MAE | 95 % over songs | " + " | ".join(params.NAMES) + " |",
        "|---|---|---|" + "---|" * params.COUNT,
    ]
    for name, found in at_ten["systems"].items():
        low, high = found["interval"]
        each = " | ".join(f"{found['per_parameter'][one]:.4f}" for one in params.NAMES)
        lines.append(f"| {name} | {found['mae']:.4f} | {low:.4f} to {high:.4f} | {each} |")
    lines += ["", "Error against the whole song's answer after so many seconds of listening:", ""]
    lines += ["| system | " + " | ".join(f"{s:.0f} s" for s in curve["seconds"]) + " |"]
    lines += ["|---|" + "---|" * len(curve["seconds"])]
    for name, errors in curve["systems"].items():
        lines.append(f"| {name} | " + " | ".join(f"{error:.4f}" for error in errors) + " |")
    if "outcome" in report:
        for way, words in WAYS.items():
            lines += ["", *_outcome_lines(report["outcome"], way, words)]
    if "teacher" in report:
        lines += _harm_lines(report)
    return "\n".join(lines) + "\n"


def _outcome_lines(result: dict[str, Any], way: str, words: str) -> list[str]:
    lines = [f"Share of the teacher's improvement, {result['renders']} renders through the real chain, {words}:", ""]
    lines += ["| system | " + " | ".join(outcome.MEASURES) + " |", "|---|" + "---|" * len(outcome.MEASURES)]
    for name, share in result["share"].items():
        lines.append(f"| {name} | " + " | ".join(f"{100.0 * share[way][one]:.1f} %" for one in outcome.MEASURES) + " |")
    return lines


def _harm_lines(report: dict[str, Any]) -> list[str]:
    """The teacher's own checks, and masters that are to be left alone."""
    teacher, alone = report["teacher"], report["no_harm"]
    neutral = {name: worst for name, worst in teacher["self_match_worst_norm"].items() if name != "output_level"}
    lines = [
        "",
        f"Teacher, {teacher['songs']} masters matched to themselves: at most {max(neutral.values()):.4f} from neutral "
        "(the ceiling aside, which is the profile's own peak); 100 ms later its answers differ by "
        f"{teacher['shift_100_ms_mean_norm']:.4f} on average.",
        "",
        "The same masters, matched to themselves and to `auto`:",
        "",
        "| system | bands moved, dB RMS, median / worst | loudness moved, LU, median / worst "
        "| `auto`: parameters beyond half of their way | masters with such a one, gain aside |",
        "|---|---|---|---|---|",
    ]
    for name, moved in alone["own_profile"].items():
        bands, loudness = moved["band_balance_db"], moved["loudness_lu"]
        lines.append(
            f"| {name} | {bands['median']:.2f} / {bands['worst']:.2f} "
            f"| {loudness['median']:.2f} / {loudness['worst']:.2f} "
            f"| {100.0 * alone['auto'][name]['share_of_parameters']:.1f} % "
            f"| {100.0 * alone['auto'][name]['share_of_masters_but_gain']:.1f} % |"
        )
    return lines


@click.command(name="judge", epilog="Example: python -m training judge --work training-out --models models")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--models", type=click.Path(path_type=Path), default=Path("models"), show_default=True)
@click.option("--quick", is_flag=True, help="Few renders and songs.")
@click.option("--skip-renders", is_flag=True, help="Only what needs no audio.")
def command(work: Path, models: Path, quick: bool, skip_renders: bool) -> None:
    """Judge the bundles on the test packages; writes tables, JSON and pictures to MODELS/results."""
    data, results = work / "data", models / "results"
    results.mkdir(parents=True, exist_ok=True)
    names = [name for name in NAMES if (models / name / "model.json").is_file()]
    if not names:
        raise ConfigError(f"{models}: no bundles. Make them with: python -m training export all")
    bundles = {name: load_bundle(models / name, "fp32") for name in reversed(names)}
    if ENSEMBLE in bundles:
        bundles[f"{ENSEMBLE} int8"] = load_bundle(models / ENSEMBLE, "int8")
    examples = examples_of(data, bundles)
    report: dict[str, Any] = {"accuracy": accuracy(examples), "listening": listening_curve(examples)}
    if not skip_renders:
        songs = [song for song in corpus.read_split(data / "split.json") if song.use != "train"]
        count = min(QUICK_SONGS if quick else SONGS, len(songs))
        songs = [songs[int(place)] for place in np.linspace(0, len(songs) - 1, count)]
        chosen = {name: bundles[name] for name in list(bundles)[-1:]}
        with click.progressbar(length=QUICK_RENDERS if quick else RENDERS, label="rendering") as bar:
            report["outcome"] = rendered(data, chosen, bar.length or 0, lambda done, of: bar.update(1))
        report["teacher"] = outcome.teacher_checks(songs)
        report["no_harm"] = left_alone(songs, next(iter(chosen.values())))
    (results / "results.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (results / "README.md").write_text("# Results\n\n" + table(report), encoding="utf-8")
    pictures.draw(report, results)
    click.echo(table(report))
