"""The model card of a bundle: what the network does, what it learned from, how well, and its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.bundles import context
from training.music import corpus

_BODIES = {
    "ast_regressor": "A small audio spectrogram transformer over patches of the window.",
    "baseline_cnn": "A plain convolutional network over the window.",
    "enhanced_cnn": "A residual convolutional network over the window.",
    "improved_enhanced_cnn": (
        "A residual convolutional network with channel attention, pooling over several stretches of time "
        "and bounded corrections."
    ),
    "retrained_enhanced_cnn": "`enhanced_cnn`, trained further on music that is changed more.",
    "weighted_ensemble": "The other five networks in one graph, weighed per parameter.",
}


def music_of(data: Path) -> list[dict[str, Any]]:
    """What was learned from and chosen with: a row per package, with its use, songs, licences and credit.

    Raises
    ------
    ConfigError
        The split is missing.
    """
    rows: dict[str, dict[str, Any]] = {}
    for song in corpus.read_split(data / "split.json"):
        if song.use == "test":
            continue
        credit = str(corpus.packages().get(song.package, {}).get("credit", "unknown"))
        empty = {"package": song.package, "use": song.use, "songs": 0, "licences": [], "credit": credit}
        row = rows.setdefault(song.package, empty)
        row["songs"] += 1
        row["licences"] = sorted({*row["licences"], corpus.licence(song.package, song.path)})
    return sorted(rows.values(), key=lambda row: (row["use"], row["package"]))


def card(name: str, version: str, music: list[dict[str, Any]], figures: dict[str, Any], files: dict[str, Any]) -> str:
    """The card in Markdown."""
    rows, frames = context.WINDOW_SHAPE
    own = [
        f"# {name} {version}",
        "",
        f"{_BODIES[name]} It hears the last {frames * features.HOP_S:.0f} s of a stream and is told what has been "
        "measured of the music, what it should measure like, and what the closed-form matcher says; it corrects "
        f"the matcher's answer. Output: {params.COUNT} mastering parameters for what has been heard, the same for "
        "the whole song, and the expected error of the latter. Every answer is inside the parameters' ranges.",
        "",
        f"- Inputs: `window` ({rows} x {frames}) and `context` ({context.SIZE}), made by "
        f"`rt_automix.analysis.bundles.context` version {context.VERSION}; output `parameters` (3 x {params.COUNT}), "
        "each 0..1 over its range",
        f"- Files: `{files['fp32']['name']}` ({files['fp32']['bytes'] / 1e6:.2f} MB), "
        f"`{files['int8']['name']}` ({files['int8']['bytes'] / 1e6:.2f} MB, 8 bits); `golden.npz`: inputs and the "
        "answers they must give",
        f"- Made by: `python -m training train {name}` and `python -m training export {name}`; "
        "weights are GPL-3.0-or-later, as the program is",
        "",
        "## How well",
        "",
        *_validation(figures["validation"]),
    ]
    if "test" in figures:
        own += ["", *_test(figures["test"])]
    return "\n".join([*own, "", *_music(music), "", *_limits()]) + "\n"


def _validation(errors: dict[str, dict[str, list[float]]]) -> list[str]:
    """Errors on the songs that chose when to stop, beside the matcher's."""
    lines = ["Mean absolute error, each parameter 0..1, on validation songs (they chose when training stopped):", ""]
    lines += ["| answer | system | mean | " + " | ".join(params.NAMES) + " |", "|---|---|---|" + "---|" * params.COUNT]
    for answer in ("heard", "song"):
        for system, found in errors.items():
            values = found[answer]
            each = " | ".join(f"{value:.4f}" for value in values)
            lines.append(f"| {answer} | {system} | {sum(values) / len(values):.4f} | {each} |")
    return lines


def _test(found: dict[str, Any]) -> list[str]:
    """Errors on packages that were never trained or tuned on."""
    lines = ["On 10 s excerpts of packages that were never trained or tuned on:", ""]
    lines += ["| system | mean absolute error | 95 % over songs |", "|---|---|---|"]
    for system, values in found.items():
        low, high = values["interval"]
        lines.append(f"| {system} | {values['mae']:.4f} | {low:.4f} to {high:.4f} |")
    return lines


def _music(music: list[dict[str, Any]]) -> list[str]:
    lines = ["## Music", "", "Masters under free licences, damaged as live inputs are:", ""]
    lines += ["| package | use | songs | licences | credit |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['package']} | {row['use']} | {row['songs']} | {'; '.join(row['licences'])} | {row['credit']} |"
        for row in music
    ]
    return lines


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "- It has learned from music of games: electronic, orchestral, rock. Speech, field recordings and music of "
        "other kinds are strangers to it; there the expected error rises and the matcher takes over.",
        "- What ten seconds hold says only so much about a whole song. The expected error says how much.",
        "- It was taught by a solver, not by engineers: it reaches for what a profile measures like, not for taste.",
        "- It never touches audio, only ten bounded parameters.",
    ]
