"""Networks as ONNX graphs, in full precision and in 8 bits.

The 8-bit graph carries quantisation as pairs of nodes (QDQ) around convolutions and products, with
ranges seen on real music (B. Jacob et al., "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", CVPR 2018). The matcher's answer passes beside it in
full precision, so rounding touches corrections only.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from rt_automix.analysis.bundles import bundle, context
from training.nets.common import Member
from training.nets.stack import Stack
from training.nets.weighted_ensemble import Ensemble
from training.networks.dataset import Data

OPSET = 17
QUANTISED = ["Conv", "Gemm", "MatMul"]
LEARNED = ("/bodies", "/known/", "/statistics/", "/heard", "/fuse_", "/ahead/")
"""Where products are quantised: not in the rehearsal, nor in the last ones, small and nearest to the answer."""

LEFT_IN_FULL = ["Gemm", "MatMul"]
"""Products whose results stay as they are summed, which saves two nodes each; convolutions must round theirs."""

CALIBRATION_BATCH = 32


@dataclass(frozen=True)
class Examples:
    """Validation examples as a graph takes them, and their labels.

    windows, contexts : float32, (N, *context.WINDOW_SHAPE) and (N, context.SIZE)
    heard, song : float32, (N, params.COUNT)
    """

    windows: NDArray[np.float32]
    contexts: NDArray[np.float32]
    heard: NDArray[np.float32]
    song: NDArray[np.float32]

    def batches(self, size: int) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Inputs of a graph, some examples at a time."""
        for begin in range(0, len(self.contexts), size):
            part = slice(begin, begin + size)
            yield {"window": self.windows[part], "context": self.contexts[part]}

    def some(self, count: int) -> Examples:
        """At most `count` of them, evenly spread over all songs."""
        chosen = np.unique(np.linspace(0, len(self.contexts) - 1, count).astype(int))
        return Examples(self.windows[chosen], self.contexts[chosen], self.heard[chosen], self.song[chosen])

    @classmethod
    def of(cls, data: Data) -> Examples:
        """All of a set, in its order."""
        windows = data.windows[data.window_of].float()
        return cls(*(part.numpy() for part in (windows, data.context, data.heard, data.song)))


class _Calibration(CalibrationDataReader):
    def __init__(self, shown: Examples) -> None:
        self._batches = shown.batches(CALIBRATION_BATCH)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)


def write_graph(network: Member | Ensemble, path: Path) -> None:
    """A network as an ONNX graph in full precision, with batch normalisation folded and constants evaluated."""
    names = ["window", "context", "parameters"]
    inputs = (torch.zeros(2, *context.WINDOW_SHAPE), torch.zeros(2, context.SIZE))
    raw = path.with_suffix(".raw")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its successor, whose graphs are bigger
        torch.onnx.export(
            Stack(network).eval(),
            inputs,
            raw,
            dynamo=False,
            opset_version=OPSET,
            input_names=names[:2],
            output_names=names[2:],
            dynamic_axes={name: {0: "examples"} for name in names},
        )
    quant_pre_process(raw, path, skip_symbolic_shape=True)
    raw.unlink()


def quantise(source: Path, target: Path, shown: Examples) -> None:
    """The same graph with 8-bit products, weights per channel, ranges from the examples shown.

    Unsigned activations: with signed ones products take half as long again. Weights keep to 7 bits,
    so that the 16-bit sums of processors without VNNI never overflow: a graph says the same everywhere.
    """
    chosen = [node.name for node in onnx.load(source).graph.node if node.name.startswith(LEARNED)]
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(
        source,
        target,
        _Calibration(shown),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=QUANTISED,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        reduce_range=True,
        nodes_to_quantize=chosen,
        extra_options={"OpTypesToExcludeOutputQuantization": LEFT_IN_FULL},
    )


def shorten(path: Path) -> None:
    """Give values short names and nodes none: up to a third of a small graph's bytes are names."""
    whole = onnx.load(path)
    graph = whole.graph
    kept = {value.name for value in (*graph.input, *graph.output)} | {""}
    names: dict[str, str] = {}
    for node in graph.node:
        node.name = ""
        for ends in (node.input, node.output):
            ends[:] = [name if name in kept else names.setdefault(name, f"{len(names):x}") for name in ends]
    for constant in graph.initializer:
        constant.name = names[constant.name]
    del graph.value_info[:]
    onnx.save(whole, path)


def answers(path: Path, asked: Examples) -> NDArray[np.float32]:
    """What a graph says to examples: (N, 3, params.COUNT)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["parameters"], batch)[0] for batch in asked.batches(128)])


def mean_errors(answered: NDArray[np.float32], asked: Examples) -> dict[str, list[float]]:
    """Mean absolute error per parameter of what was heard and of the song."""
    return {
        "heard": np.nanmean(np.abs(answered[:, bundle.HEARD_ROW] - asked.heard), 0).tolist(),
        "song": np.nanmean(np.abs(answered[:, bundle.SONG_ROW] - asked.song), 0).tolist(),
    }
