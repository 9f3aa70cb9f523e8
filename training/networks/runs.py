"""What training leaves in its folder: a checkpoint to go on from, the best weights, a log and a picture.

`WORK/runs/NAME/` holds checkpoint.pt, best.pt, log.jsonl and curves.png. Every file is replaced as
a whole, so a process that is killed leaves the last epoch's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from rt_automix.errors import ConfigError
from training import nets
from training.nets.common import Member
from training.nets.weighted_ensemble import Ensemble

Network = TypeVar("Network", Member, Ensemble)
CHECKPOINT, BEST, LOG, CURVES = "checkpoint.pt", "best.pt", "log.jsonl", "curves.png"


def folder(work: Path, name: str) -> Path:
    """Where a network's training is kept."""
    return work / "runs" / name


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a file of tensors in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    torch.save(content, beside)
    beside.replace(path)


def read(path: Path, cure: str) -> dict[str, Any]:
    """What `save` wrote.

    Raises
    ------
    ConfigError
        The file is missing or damaged; `cure` says what to do.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is missing. {cure}") from error
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}). Remove it. {cure}") from error


def load_member(work: Path, name: str) -> Member:
    """A trained member.

    Raises
    ------
    ConfigError
        It has not been trained in this folder.
    """
    return _with_weights(nets.build(name), work, name)


def load_ensemble(work: Path) -> Ensemble:
    """The trained ensemble; raises ConfigError like `load_member`."""
    ensemble = Ensemble([nets.build(name) for name in nets.MEMBERS])
    return _with_weights(ensemble, work, nets.ENSEMBLE)


def _with_weights(network: Network, work: Path, name: str) -> Network:
    path, cure = folder(work, name) / BEST, f"Train it: python -m training train {name} --work {work}"
    try:
        network.load_state_dict(read(path, cure)["weights"])
    except (RuntimeError, KeyError) as error:
        raise ConfigError(f"{path} is of another version of {name}. Remove {path.parent}. {cure}") from error
    return network.eval()


def write_log(path: Path, history: list[dict[str, Any]]) -> None:
    """One line of JSON per epoch."""
    beside = path.with_suffix(".part")
    beside.write_text("".join(json.dumps(line) + "\n" for line in history), encoding="utf-8")
    beside.replace(path)


def draw_curves(path: Path, name: str, history: list[dict[str, Any]], matcher: dict[str, list[float]]) -> None:
    """The loss, and the errors on validation songs beside the matcher's, epoch by epoch."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.2), layout="constrained")
    epochs = [line["epoch"] for line in history]
    left.plot(epochs, [line["train"]["total"] for line in history], label="all terms", color="#333333")
    left.plot(epochs, [line["train"]["parameters"] for line in history], label="parameters", color="#0b6e75")
    left.set(title=f"{name}: loss", xlabel="epoch")
    for answer, color in (("heard", "#0b6e75"), ("song", "#c8553d")):
        means = [sum(line["validation"][answer]) / len(line["validation"][answer]) for line in history]
        right.plot(epochs, means, label=answer, color=color)
        right.axhline(
            sum(matcher[answer]) / len(matcher[answer]), color=color, linestyle=":", label=f"matcher, {answer}"
        )
    right.set(title="mean error on validation songs", xlabel="epoch")
    for axes in (left, right):
        axes.set_ylim(bottom=0.0)
        axes.legend(frameon=False, fontsize=8)
        axes.grid(color="#e4e4e4")
    beside = path.with_suffix(".part.png")
    figure.savefig(beside, dpi=130)
    beside.replace(path)
    plt.close(figure)
