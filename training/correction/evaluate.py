"""How good a correction is: on whole packages that none has seen, blind, beside aims that nobody had to learn.

Errors are RMS dB over the tone bands of the song's own master that are not empty, of the stretch that was heard.
Intervals are 95 % bootstraps, by song and by package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters
from rt_automix.analysis.aim import profile as profiles
from rt_automix.analysis.aim.correction import EMPTY_DB
from rt_automix.analysis.tone import TONE_BANDS
from rt_automix.errors import ConfigError
from training.correction import baselines, blind, comparison
from training.correction.comparison import LINES, interval
from training.correction.examples import FAMILIES, IN_FULL, Examples, read
from training.correction.masters import TABLES
from training.correction.masters import use as judge_by

Array = NDArray[np.float64]

WORSE_DB = 0.3
_COVERED = {"50 %": 0.6745, "90 %": 1.6449}


class Answers:
    """What a method says of each example.

    Parameters
    ----------
    correction : float64, shape (n, LEAN_SIZE)
        Tone bands, side/mid ratio, dynamics: to be added to what is heard.
    doubt : float64, the same shape, optional
    """

    def __init__(self, correction: Array, doubt: Array | None = None) -> None:
        self.correction, self.doubt = correction, doubt


Method = Callable[[Examples], Answers]


def level_free(vectors: Array) -> Array:
    """Tone bands, side/mid ratio and dynamics of profiles' vectors."""
    return np.asarray(vectors, np.float64)[:, baselines.LEVEL_FREE]


def heard_of(examples: Examples) -> Array:
    """What was heard, level-free: float64, shape (n, LEAN_SIZE)."""
    return level_free(np.array([examples.statistics(k).vector() for k in range(len(examples.heard))]))


def untouched(examples: Examples) -> Answers:
    return Answers(np.zeros((len(examples.heard), at.LEAN_SIZE)))


def place(name: str) -> Method:
    """A style gone to as if it were a place."""
    numbers = baselines.styles()[name]
    return lambda examples: Answers(numbers - heard_of(examples))


def nearest(examples: Examples) -> Answers:
    heard = heard_of(examples)
    return Answers(baselines.nearest_style(heard) - heard)


def auto_030(examples: Examples) -> Answers:
    heard = heard_of(examples)
    return Answers(baselines.auto_030(heard) - heard)


def shipped(boldness: float = masters.BOLDNESS, table: Array | None = None) -> Method:
    """What the program does: the correction of `auto`."""

    def answer(examples: Examples) -> Answers:
        auto, found = profiles.load(masters.NAME), []
        for index in range(len(examples.heard)):
            aim = masters.Aim(boldness, masters=table)
            aim.settled(examples.statistics(index), auto)
            found.append(aim.found)
        correction = [[*one.correction_db, one.side_mid_db, one.dynamics_db] if one else _NOTHING for one in found]
        doubt = [[*one.doubt_db, one.side_mid_doubt_db, one.dynamics_doubt_db] if one else _NOTHING for one in found]
        return Answers(np.array(correction), np.array(doubt))

    return answer


_NOTHING = [0.0] * at.LEAN_SIZE


# Figures ----------------------------------------------------------------------------------------------


def say_of(own: Array) -> Array:
    """1 for each tone band of a master with something in it, else 0."""
    away = own[:, :TONE_BANDS] - masters.table()[at.MEAN : at.MEAN + TONE_BANDS]
    away = away - np.median(away, axis=1, keepdims=True)
    return (away > EMPTY_DB).astype(np.float64)


def errors_db(correction: Array, heard: Array, own: Array) -> Array:
    """RMS error of each example over the tone bands, level aside: shape (n,)."""
    apart = heard[:, :TONE_BANDS] + correction[:, :TONE_BANDS] - own[:, :TONE_BANDS]
    say = say_of(own)
    apart = apart - (say * apart).sum(axis=1, keepdims=True) / say.sum(axis=1, keepdims=True)
    return np.sqrt((say * apart**2).sum(axis=1) / say.sum(axis=1))


def calibration(errors: Array, answers: Answers, say: Array) -> dict[str, Any]:
    """Whether the doubt says how wrong the correction is."""
    if answers.doubt is None:
        return {}
    expected = np.sqrt((say * answers.doubt[:, :TONE_BANDS] ** 2).sum(axis=1) / say.sum(axis=1))
    order = np.argsort(expected)
    fifths = [
        {"expected_db": float(expected[part].mean()), "found_db": float(errors[part].mean())}
        for part in np.array_split(order, 5)
    ]
    return {"spearman": float(spearmanr(expected, errors)[0]), "fifths": fifths}


def coverage(apart: Array, doubt: Array, say: Array) -> dict[str, float]:
    """Share of the bands whose error is within the doubt, as it should be for 50 and 90 %."""
    inside = {name: np.abs(apart) <= times * doubt for name, times in _COVERED.items()}
    return {name: float((say * held).sum() / say.sum()) for name, held in inside.items()}


def judge(examples: Examples, methods: dict[str, Method]) -> dict[str, Any]:
    """Every figure, by method, family and moment."""
    heard, own = heard_of(examples), level_free(examples.own)
    whole = level_free(examples.whole)
    packages = sorted({song.package for song in examples.songs})
    package_of = np.array([packages.index(examples.songs[k].package) for k in examples.song])
    before, say = errors_db(np.zeros_like(heard), heard, own), say_of(own)
    report: dict[str, Any] = {
        "songs": len(examples.songs),
        "packages": packages,
        "methods": {},
    }
    errors: dict[str, Array] = {}
    corrections: dict[str, Array] = {}
    for name, method in methods.items():
        answers = method(examples)
        after = errors_db(answers.correction, heard, own)
        errors[name], corrections[name] = after, answers.correction
        foreseen = errors_db(answers.correction, heard, whole)
        found: dict[str, Any] = {}
        for number, family in enumerate(FAMILIES):
            found[family] = {}
            for seconds in np.unique(examples.seconds):
                chosen = (examples.family == number) & (examples.seconds == seconds)
                if not chosen.any():
                    continue
                key = "whole" if math.isinf(seconds) else f"{seconds:g} s"
                gain = after[chosen] - before[chosen]
                found[family][key] = {
                    "error_db": float(after[chosen].mean()),
                    "by_song": interval(after[chosen], examples.song[chosen]),
                    "by_package": interval(after[chosen], package_of[chosen]),
                    "gain_db": float(gain.mean()),
                    "gain_by_song": interval(gain, examples.song[chosen]),
                    "made_worse": float((gain > WORSE_DB).mean()),
                    "whole_song_error_db": float(foreseen[chosen].mean()),
                    "side_mid_db": _mean_error(answers, heard, own, TONE_BANDS, chosen),
                    "dynamics_db": _mean_error(answers, heard, own, TONE_BANDS + 1, chosen),
                }
        late = np.isinf(examples.seconds)
        if answers.doubt is not None:
            cut = Answers(answers.correction[late], answers.doubt[late])
            apart = (heard + answers.correction - own)[late, :TONE_BANDS]
            found["calibration"] = calibration(after[late], cut, say[late])
            found["coverage"] = coverage(apart, answers.doubt[late, :TONE_BANDS], say[late])
        report["methods"][name] = found
    groups = {"song": examples.song, "package": package_of}
    report["against"] = _against(examples, errors, groups)
    report["parameters"] = blind.errors(examples, heard, corrections)
    return report


def _against(examples: Examples, errors: dict[str, Array], groups: dict[str, Array]) -> dict[str, Any]:
    """What the program does against what it is made of, on each line; empty where that was not judged."""
    if OURS not in errors:
        return {}
    late = np.isinf(examples.seconds)
    chosen = {}
    for line in LINES:
        now = late if line.moment == "whole" else examples.seconds == float(line.moment.split()[0])
        chosen[f"{line.family} {line.moment}"] = now & (examples.family == FAMILIES.index(line.family))
    others = {name: found for name, found in errors.items() if name in (CLOSED, *ALONE)}
    return comparison.against(errors[OURS], others, {line: some for line, some in chosen.items() if some.any()}, groups)


def _mean_error(answers: Answers, heard: Array, own: Array, column: int, chosen: NDArray[np.bool_]) -> float:
    apart = heard[chosen, column] + answers.correction[chosen, column] - own[chosen, column]
    return float(np.abs(apart).mean())


def table(report: dict[str, Any]) -> str:
    """The report as markdown."""
    methods = report["methods"]
    columns = [(line.family, line.moment) for line in LINES]
    lines = [
        f"{report['songs']} songs of {len(report['packages'])} packages: {', '.join(report['packages'])}.",
        "",
        "| RMS dB over the tone bands | " + " | ".join(f"{family} {moment}" for family, moment in columns)
        + " | made worse by > 0.3 dB | side/mid, D |",
        "|---" * (len(columns) + 3) + "|",
    ]  # fmt: skip
    for name, found in methods.items():
        cells = [f"{found[family][moment]['error_db']:.2f}" for family, moment in columns]
        project = found["project"]["whole"]
        cells.append(f"{100.0 * project['made_worse']:.0f} %")
        cells.append(f"{project['side_mid_db']:.2f}, {project['dynamics_db']:.2f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for name, found in methods.items():
        if "calibration" in found:
            low, high = found["project"]["whole"]["gain_by_song"]
            fifths = ", ".join(
                f"{one['expected_db']:.1f}/{one['found_db']:.1f}" for one in found["calibration"]["fifths"]
            )
            covered = ", ".join(f"{name}: {100.0 * share:.0f} %" for name, share in found["coverage"].items())
            lines += [
                "",
                f"{name}: project damage, whole song, against untouched {found['project']['whole']['gain_db']:+.2f} dB "
                f"[{low:+.2f} {high:+.2f}] by song. Expected against found error: Spearman "
                f"{found['calibration']['spearman']:.2f}; fifths {fifths} dB. Inside the doubt, {covered}.",
            ]
    lines += ["", comparison.table(report["against"])] * bool(report["against"])
    lines += ["The ten parameters, blind, project damage:", "", blind.table(report["parameters"])]
    return "\n".join(lines) + "\n"


OURS, CLOSED = "networks and Wiener", "Wiener"
ALONE = tuple(f"network {number + 1} alone" for number in range(at.NET_MEMBERS))


def methods(work: Path | None = None) -> dict[str, Method]:
    """All that are judged; of networks that were trained in `work` also those that are not quantised."""
    full = {}
    if work is not None and (work / IN_FULL).is_file():
        with np.load(work / IN_FULL) as parts:
            full[f"{OURS}, fp32"] = shipped(table=masters.with_networks(masters.table(False), dict(parts)))
    return {
        "untouched": untouched,
        "`balanced` as a place": place("balanced"),
        "nearest style as a place": nearest,
        "`auto` of 0.3.0": auto_030,
        CLOSED: shipped(table=masters.table(False)),
        **{name: shipped(table=comparison.alone(number)) for number, name in enumerate(ALONE)},
        **full,
        OURS: shipped(),
    }


@click.command(name="evaluate", epilog="Example: python -m training evaluate --work training-out")
@click.option("--work", type=click.Path(path_type=Path), default=Path("training-out"), show_default=True)
@click.option("--use", type=click.Choice(["validation", "test"]), default="validation", show_default=True,
              help="Which packages to judge on; test ones are looked at once per report.")  # fmt: skip
@TABLES
@click.option("--out", type=click.Path(path_type=Path), help="Write tables and JSON into this folder.")
def command(work: Path, use: str, tables: Path, out: Path | None) -> None:
    """Judge the correction on packages that it has not learned from."""
    judge_by(tables)
    examples = read(work, use)
    if not len(examples.heard):
        raise ConfigError(f"{work}: no {use} examples. Make them with: python -m training examples --work {work}")
    report = judge(examples, methods(work))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "correction.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (out / "correction.md").write_text(f"# The correction, on {use} packages\n\n{table(report)}", encoding="utf-8")
    click.echo(table(report))
