"""Bundles: a trained network as ONNX, in full precision and in 8 bits, with all the runtime needs to trust it.

What stands in a bundle's folder is what `rt_automix.analysis.bundles.bundle` reads and checks.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rich.console import Console
from torch import nn

from rt_automix.analysis.bundles import bundle, context
from rt_automix.errors import ConfigError, ModelError
from training import nets
from training.networks import runs
from training.networks.card import card, music_of
from training.networks.dataset import load
from training.networks.graphs import OPSET, Examples, answers, mean_errors, quantise, shorten, write_graph

VERSION = "1.1"
"""Of the shipped weights."""

FP32, INT8 = "model.onnx", "model.int8.onnx"
CALIBRATION_WINDOWS = 512
GOLDENS = 4
MOST_BYTES, MOST_LOSS = 0.4, 0.02
"""Of the 8-bit graph: share of the full one's bytes, and how much worse its mean error may be."""

FULL_QUANTILE, NONE_QUANTILE = 0.9, 0.999
"""Of the expected errors on validation songs: full confidence below the first, none above the second.

There a network errs less than the matcher even where it expects to err most; it gives way to it
where it expects worse than nearly anything it has seen.
"""

console = Console(stderr=True)


# The bundle ----------------------------------------------------------------------------------------


def write_bundle(
    name: str,
    network: nn.Module,
    asked: Examples,
    music: list[dict[str, Any]],
    out: Path,
    tested: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Export a network into OUT/NAME, checked; what its model.json says.

    Parameters
    ----------
    asked : Examples
        Of validation songs: they calibrate, check, and set where confidence begins and ends.
    music : list of dict
        See `card.music_of`.
    tested : dict, optional
        Errors by system from an evaluation.

    Raises
    ------
    ModelError
        A graph does not say what the network says, or 8 bits cost too much.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        write_graph(network, folder / FP32)
        quantise(folder / FP32, folder / INT8, asked.some(CALIBRATION_WINDOWS))
        for graph in (folder / FP32, folder / INT8):
            shorten(graph)
        said = {"fp32": answers(folder / FP32, asked), "int8": answers(folder / INT8, asked)}
        _check(name, network, folder, asked, said)
        golden = asked.some(GOLDENS)
        exact = {precision: answers(folder / file, golden) for precision, file in (("fp32", FP32), ("int8", INT8))}
        np.savez_compressed(folder / "golden.npz", window=golden.windows, context=golden.contexts, **exact)
        table = _table(name, folder, asked, said, music)
        if tested:
            table["figures"]["test"] = tested
        (folder / "model.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        text = card(name, VERSION, music, table["figures"], table["files"])
        (folder / "README.md").write_text(text, encoding="utf-8")
        if (out / name).exists():
            shutil.rmtree(out / name)
        folder.rename(out / name)
    bundle.load(out / name, "fp32")
    bundle.load(out / name, "int8")
    return table


def _check(name: str, network: nn.Module, folder: Path, asked: Examples, said: dict[str, Any]) -> None:
    """Raise ModelError unless both graphs are as good as the network."""
    few = asked.some(64)
    with torch.no_grad():
        wanted = network(torch.from_numpy(few.windows), torch.from_numpy(few.contexts)).numpy()
    off = float(np.abs(answers(folder / FP32, few) - wanted).max())
    if not off <= bundle.TOLERANCES["fp32"]:
        raise ModelError(f"{name}: the graph's answers are {off:.2g} away from the network's. Report this as a bug.")
    full, small = (np.mean(list(mean_errors(said[precision], asked).values())) for precision in ("fp32", "int8"))
    if not small <= (1.0 + MOST_LOSS) * full:
        raise ModelError(
            f"{name}: in 8 bits the mean error is {small:.4f}, in full precision {full:.4f}: "
            f"more than {100 * MOST_LOSS:.0f} % worse. Train longer, or keep more of the graph in full precision."
        )
    share = (folder / INT8).stat().st_size / (folder / FP32).stat().st_size
    if share > MOST_BYTES:
        raise ModelError(f"{name}: in 8 bits the graph has {share:.2f} of its bytes, at most {MOST_BYTES} is wanted.")


def _table(
    name: str, folder: Path, asked: Examples, said: dict[str, Any], music: list[dict[str, Any]]
) -> dict[str, Any]:
    """What model.json says; `rt_automix.analysis.bundles.bundle` reads it."""
    spreads = said["fp32"][:, bundle.SPREAD_ROW]
    matched = asked.contexts[:, context.PARTS["matched_norm"]]
    matcher = mean_errors(np.stack([matched, matched, matched], 1), asked)
    files = {}
    for precision, file in (("fp32", FP32), ("int8", INT8)):
        content = (folder / file).read_bytes()
        files[precision] = {"name": file, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {
        **bundle.WANTED,
        "name": name,
        "version": VERSION,
        "opset": OPSET,
        "files": files,
        "confidence": {
            "full_norm": float(np.quantile(spreads, FULL_QUANTILE)),
            "none_norm": float(np.quantile(spreads, NONE_QUANTILE)),
        },
        "figures": {
            "validation": {
                "matcher": matcher,
                "fp32": mean_errors(said["fp32"], asked),
                "int8": mean_errors(said["int8"], asked),
            }
        },
        "licences": music,
    }


def _folder(option: str, default: str) -> Callable[..., Any]:
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option(option, type=kind, default=Path(default), show_default=True)


@click.command(name="export")
@click.argument("name", type=click.Choice([*nets.NAMES, "all"]))
@click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), default=Path("training-out"), show_default=True
)
@_folder("--models", "models")
@click.option(
    "--results",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An evaluation's results.json, whose figures go into the model cards.",
)
def command(name: str, work: Path, models: Path, results: Path | None) -> None:
    """Write the bundle of one trained network, or of all, into MODELS.

    \b
    Example:
      python -m training export all --work training-out --models models
    """
    torch.set_num_threads(1)
    asked = Examples.of(load(work / "data" / "validation"))
    music = music_of(work / "data")
    for each in nets.NAMES if name == "all" else [name]:
        network = runs.load_ensemble(work) if each == nets.ENSEMBLE else runs.load_member(work, each)
        table = write_bundle(each, network, asked, music, models, _tested(results, each))
        size = {precision: table["files"][precision]["bytes"] / 1e6 for precision in ("fp32", "int8")}
        console.print(f"{models / each}: {size['fp32']:.2f} MB, in 8 bits {size['int8']:.2f} MB")


def _tested(results: Path | None, name: str) -> dict[str, Any] | None:
    """This network's errors in an evaluation, and what stands beside them."""
    if results is None:
        return None
    try:
        systems = json.loads(results.read_text(encoding="utf-8"))["accuracy"]["systems"]
        wanted = ("mean predictor", "matcher", name, f"{name} int8")
        return {system: systems[system] for system in wanted if system in systems}
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{results} is not an evaluation. Make it with: python -m training judge") from None
