"""What blind listeners preferred: a table and a picture of the answers that a page of `bench listen` saved."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from bench.common import report
from bench.quality.listen import UNTOUCHED

Figures = dict[str, float | None]
DRAWS = 2000


def run(folder: Path, answers: list[Path], out: Path) -> None:
    """Sum up, print the table, write figures and picture."""
    try:
        found = summary(folder, answers)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if not found:
        raise click.UsageError("There is no score in these answers. Rate something, and save them again.")
    table = Table("", "score", "over untouched", "95 %", "best", "heard")
    for who, one in found.items():
        low, high = _text(one["low"], "+.1f"), _text(one["high"], "+.1f")
        row = [_text(one["score"], ".1f"), _text(one["over_untouched"], "+.1f"), f"{low} to {high}"]
        table.add_row(who, *row, _text(one["best"], ".0%"), _text(one["heard"], ".0f"))
    report.console.print(table)
    report.save("heard", out, {"answers": len(answers)}, found, draw(found))


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def summary(folder: Path, answers: list[Path]) -> dict[str, Figures]:
    """What was heard: of each who masters the mean score, how much that is over untouched, and how often it was best.

    A song counts once, whoever has heard it; the 95 % interval is over songs, and none of fewer than two. What
    cannot be told, because untouched or all others were not rated, is None.

    Parameters
    ----------
    folder : Path
        Of the page, with its key.
    answers : list of Path
        What the page saved, one of each who listened.

    Raises
    ------
    ValueError
        An answer is none, or belongs to another page.
    OSError
        A file cannot be read.
    """
    told = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    over: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    best: dict[str, list[bool]] = defaultdict(list)
    for path in answers:
        for number, named in _named(path, told, folder).items():
            for who, score in named.items():
                scores[who][number].append(score)
                if UNTOUCHED in named:
                    over[who][number].append(score - named[UNTOUCHED])
                if len(named) > 1:
                    best[who].append(score == max(named.values()))
    found: dict[str, Figures] = {}
    for who, by_song in scores.items():
        more = _of_songs(over[who])
        low, high = _interval(more)
        found[who] = {
            "score": _mean(_of_songs(by_song)),
            "over_untouched": _mean(more),
            "low": low,
            "high": high,
            "best": _mean(best[who]),
            "heard": float(sum(map(len, by_song.values()))),
        }
    return dict(sorted(found.items(), key=lambda item: -(item[1]["score"] or 0.0)))


def _named(path: Path, told: dict[str, Any], folder: Path) -> dict[str, dict[str, float]]:
    """The scores in a file by song, and by who is behind the letters; songs without a score are left out."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        scores = {
            number: {letter: float(one) for letter, one in some.items()} for number, some in given["scores"].items()
        }
        page = given.get("page")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path}: no answers. Name a file that the page of `bench listen` saved.") from None
    if page != told.get("page"):
        raise ValueError(f"{path}: answers of another page than {folder}'s. Name the answers of that page.")
    for number, some in scores.items():
        if not set(some) <= set(told["key"].get(number, {})):
            raise ValueError(f"{path}: song {number} is none of {folder}'s. Name the answers of that page.")
        if not all(0.0 <= score <= 100.0 for score in some.values()):
            raise ValueError(f"{path}: a score of song {number} is outside 0 to 100. Let the page save it again.")
    return {
        number: {told["key"][number][letter]: score for letter, score in some.items()}
        for number, some in scores.items()
        if some
    }


def _of_songs(by_song: dict[str, list[float]]) -> list[float]:
    return [float(np.mean(several)) for several in by_song.values()]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _interval(values: list[float]) -> tuple[float | None, float | None]:
    """95 % bootstrap interval of a mean."""
    if len(values) < 2:
        return None, None
    told = np.array(values)
    drawn = told[np.random.default_rng(0).integers(0, len(told), (DRAWS, len(told)))].mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def draw(found: dict[str, Figures]) -> Figure:
    """How much better than untouched each is heard to be."""
    shown = {who: one for who, one in found.items() if one["over_untouched"] is not None}
    figure, axes = report.plot_size(6.0, 0.6 + 0.4 * max(len(shown), 1), 1, 1)
    places = np.arange(len(shown))
    middle = np.array([one["over_untouched"] for one in shown.values()], float)
    # Where there is no interval, nothing is drawn of one.
    low, high = (np.array([one[side] for one in shown.values()], float) for side in ("low", "high"))
    sides = np.nan_to_num(np.maximum((middle - low, high - middle), 0.0))
    axes.barh(places, middle, 0.6, color=report.OURS, xerr=sides, ecolor=report.GREY)
    axes.set(title="Preferred over untouched", xlabel="points of 100", yticks=places)
    axes.set_yticklabels(list(shown))
    axes.invert_yaxis()
    return figure
