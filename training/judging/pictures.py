"""Pictures of an evaluation: progression of the models, error per parameter, the listening curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from rt_automix import params
from rt_automix.analysis.tone import tone_edges_hz

INK, TEAL, RUST, GREY = "#333333", "#0b6e75", "#c8553d", "#9a9a9a"
_PLAIN = {"mean predictor": GREY, "matcher": RUST}


def draw(report: dict[str, Any], folder: Path) -> None:
    """Write every picture that the report has figures for."""
    _progression(report["accuracy"], folder / "progression.png")
    _per_parameter(report["accuracy"], folder / "parameters.png")
    _listening(report["listening"], folder / "listening.png")
    if "outcome" in report:
        _spectra(report["outcome"]["spectra_db"], folder / "spectra.png")


def _progression(accuracy: dict[str, Any], file: Path) -> None:
    systems = {name: found for name, found in accuracy["systems"].items() if name != "mean predictor"}
    figure, axes = plt.subplots(figsize=(8.0, 0.5 + 0.4 * len(systems)), layout="constrained")
    for row, (name, found) in enumerate(systems.items()):
        low, high = found["interval"]
        axes.barh(row, found["mae"], color=_PLAIN.get(name, TEAL), height=0.6)
        axes.plot([low, high], [row, row], color=INK, linewidth=1.2)
        axes.annotate(f"{found['mae']:.4f}", (high, row), (6, 0), textcoords="offset points", va="center", fontsize=8)
    mean = accuracy["systems"]["mean predictor"]["mae"]
    axes.set_yticks(range(len(systems)), list(systems))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"mean absolute error, normalised (unseen packages; saying the mean: {mean:.3f})")
    axes.grid(axis="x", color="#e4e4e4")
    axes.set_axisbelow(True)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _per_parameter(accuracy: dict[str, Any], file: Path) -> None:
    shown = [name for name in accuracy["systems"] if name in ("matcher", "weighted_ensemble", "weighted_ensemble int8")]
    figure, axes = plt.subplots(figsize=(8.0, 3.4), layout="constrained")
    width = 0.8 / max(len(shown), 1)
    for k, name in enumerate(shown):
        values = [accuracy["systems"][name]["per_parameter"][one] for one in params.NAMES]
        color = _PLAIN.get(name, TEAL if "int8" not in name else "#7fb7bb")
        axes.bar([at + (k - 0.5 * (len(shown) - 1)) * width for at in range(params.COUNT)], values, width, color=color)
        axes.bar(0, 0, color=color, label=name)
    axes.set_xticks(range(params.COUNT), [param.label for param in params.PARAMS], rotation=30, ha="right", fontsize=8)
    axes.set_ylabel("mean absolute error, normalised")
    axes.legend(frameon=False, fontsize=8)
    axes.grid(axis="y", color="#e4e4e4")
    axes.set_axisbelow(True)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _listening(curve: dict[str, Any], file: Path) -> None:
    figure, axes = plt.subplots(figsize=(8.0, 3.4), layout="constrained")
    for name, errors in curve["systems"].items():
        is_main = name == "weighted_ensemble"
        if not (is_main or name == "matcher" or name.startswith("teacher")):
            continue  # the members and 8 bits lie under the ensemble, the mean predictor far above
        color, width = _PLAIN.get(name, TEAL if is_main else INK), 2.4 if is_main else 1.4
        axes.plot(curve["seconds"], errors, color=color, linewidth=width, marker="o", markersize=3, label=name)
    axes.set_xscale("log")
    axes.set_xticks(curve["seconds"], [f"{s:.0f}" for s in curve["seconds"]])
    axes.minorticks_off()
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("seconds of listening")
    axes.set_ylabel("error to the whole song's answer")
    axes.legend(frameon=False, fontsize=8)
    axes.grid(color="#e4e4e4")
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _spectra(examples: list[dict[str, list[float]]], file: Path) -> None:
    edges_hz = tone_edges_hz()
    centres_hz = (edges_hz[:-1] * edges_hz[1:]) ** 0.5
    figure, axes = plt.subplots(2, -(-len(examples) // 2), figsize=(10.0, 5.4), layout="constrained", squeeze=False)
    styles = {"untouched": (GREY, "-"), "wanted": (INK, ":"), "teacher": (RUST, "-")}
    for axis, example in zip(axes.flat, examples, strict=False):
        for name, bands_db in example.items():
            if name == "matcher" or "plays" in name:
                continue
            color, line = styles.get(name, (TEAL, "-"))
            axis.plot(centres_hz, bands_db, color=color, linestyle=line, linewidth=1.6, label=name)
        axis.set_xscale("log")
        axis.set_xticks([100.0, 1000.0, 10000.0], ["100", "1k", "10k Hz"])
        axis.grid(color="#e4e4e4")
    axes[0, 0].legend(frameon=False, fontsize=7)
    figure.supylabel("dB in ERB bands, less their mean")
    figure.savefig(file, dpi=130)
    plt.close(figure)
