"""Tiny bundles that keep the contract: their answer is the matcher's, moved by a constant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.bundles import bundle, context

OPSET = 17
FULL_NORM, NONE_NORM = 0.05, 0.25


def make(
    folder: Path,
    moved_norm: float | Sequence[float] = 0.0,
    spread_norm: float | Sequence[float] = 0.0,
    heard_moved_norm: float | Sequence[float] | None = None,
    window_share: float = 0.0,
    clamped: bool = True,
    opset: int = OPSET,
    **changes: Any,
) -> Path:
    """Write a bundle; its folder.

    Parameters
    ----------
    folder : path
        Made, named as the bundle.
    moved_norm, heard_moved_norm : float or 10 of them
        By how much the rows for the song and for what has been heard differ from the matcher's answer.
    spread_norm : float or 10 of them
        The row of expected errors.
    window_share : float
        Share of the window's mean that is added, too.
    clamped : bool
        Whether the answer is kept within 0..1, as a bundle's must be.
    **changes
        What model.json says otherwise.
    """
    folder.mkdir(parents=True)
    heard = moved_norm if heard_moved_norm is None else heard_moved_norm
    graph = _graph([heard, moved_norm, spread_norm], window_share, clamped, opset)
    files = {}
    for precision, name in (("fp32", "model.onnx"), ("int8", "model.int8.onnx")):
        (folder / name).write_bytes(graph)
        files[precision] = {"name": name, "bytes": len(graph), "sha256": hashlib.sha256(graph).hexdigest()}
    table = {
        "format": 1,
        "name": folder.name,
        "version": "1",
        "context_version": context.VERSION,
        "window": [132, 107],
        "context_size": 244,
        "features": {
            "hop_s": features.HOP_S, "mel_bands": 64, "mel_low_hz": 30.0, "mel_high_hz": 20000.0,
            "rows": 132, "window_frames": 107,
        },
        "parameters": [{"name": row.name, "low": row.low, "high": row.high} for row in params.PARAMS],
        "opset": opset,
        "files": files,
        "confidence": {"full_norm": FULL_NORM, "none_norm": NONE_NORM},
        "figures": {},
        "licences": [],
        **changes,
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(table), encoding="utf-8")
    write_golden(folder, [heard, moved_norm, spread_norm], window_share)
    return folder


def write_golden(folder: Path, moved: Sequence[Any], window_share: float = 0.0) -> None:
    """Inputs and the answers that numpy finds to them."""
    rng = np.random.default_rng(1)
    windows = rng.uniform(-60.0, 20.0, (4, *context.WINDOW_SHAPE)).astype(np.float32)
    contexts = rng.uniform(0.0, 1.0, (4, context.SIZE)).astype(np.float32)
    rows = np.stack([np.broadcast_to(np.float32(row), params.COUNT) for row in moved])
    matched = contexts[:, None, context.PARTS["matched_norm"]] * np.array([1.0, 1.0, 0.0])[:, None]
    answers = np.clip(matched + rows + window_share * windows.mean(axis=(1, 2))[:, None, None], 0.0, 1.0)
    answers = answers.astype(np.float32)
    np.savez(folder / "golden.npz", window=windows, context=contexts, fp32=answers, int8=answers)


def _graph(moved: Sequence[Any], window_share: float, clamped: bool, opset: int) -> bytes:
    """clip(matched (0 for the spread) + moved + window_share x mean of the window)."""
    part = context.PARTS["matched_norm"]
    pick = np.zeros((context.SIZE, bundle.ANSWER_SHAPE[0] * params.COUNT), np.float32)
    for row in (bundle.HEARD_ROW, bundle.SONG_ROW):
        pick[part, row * params.COUNT : (row + 1) * params.COUNT] = np.eye(params.COUNT)
    constants = {
        "pick": pick,
        "moved": np.stack([np.broadcast_to(np.float32(row), params.COUNT) for row in moved]),
        "shape": np.array([-1, *bundle.ANSWER_SHAPE], np.int64),
        "window_share": np.float32(window_share),
        "low": np.float32(0.0),
        "high": np.float32(1.0),
    }
    nodes = [
        helper.make_node("MatMul", ["context", "pick"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["matched"]),
        helper.make_node("ReduceMean", ["window"], ["level"], axes=[1, 2], keepdims=1),
        helper.make_node("Mul", ["level", "window_share"], ["share"]),
        helper.make_node("Add", ["matched", "moved"], ["sum"]),
        helper.make_node("Add", ["sum", "share"], ["open"]),
        helper.make_node("Clip", ["open", "low", "high"] if clamped else ["open"], ["parameters"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", *context.WINDOW_SHAPE]),
            helper.make_tensor_value_info("context", TensorProto.FLOAT, ["n", context.SIZE]),
        ],
        [helper.make_tensor_value_info("parameters", TensorProto.FLOAT, ["n", *bundle.ANSWER_SHAPE])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return bytes(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
