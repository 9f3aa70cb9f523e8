#!/usr/bin/env bash
# onnxruntime 1.32.0, quantize_static to pairs of nodes (QDQ, the default): a node that is named in nodes_to_exclude, or
# whose kind is not among op_types_to_quantize, is left as it is but reads 8-bit values all the same wherever a
# quantised node reads the same tensor. The pair is put into the tensor, not in front of the node that asked for it.
# As QOperator they keep reading full precision. quantize_dynamic does the like to weights that two nodes share.
#
# Seen, `left_out` (Conv, MatMul) excluded by name, Exp not asked for; they read what the quantised node reads:
#   QDQ: left_out reads 8-bit values, its answer is no longer the first graph's; Exp likewise
#   QOperator: left_out reads full precision, its answer is the first graph's to the bit; Exp likewise
#   quantize_dynamic: left_out reads 8-bit values as weights, its answer is no longer the first graph's
# What follows for us: Add and Sigmoid of our 8-bit graphs (training/networks/graphs.py), never asked for, read 8-bit values too;
# what is to stay in full precision must share no tensor with a quantised product.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import logging

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

logging.getLogger().setLevel(logging.ERROR)
rng = np.random.default_rng(1)
shown = rng.standard_normal((8, 1, 4, 16)).astype(np.float32)


class Shown(CalibrationDataReader):
    def __init__(self):
        self.left = [{"x": one} for one in shown]

    def get_next(self):
        return self.left.pop() if self.left else None


def save(path, nodes, constants, outputs):
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 16])
    gives = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "toy", [takes], gives, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)


def answer(path, output):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run([output], {"x": shown[0]})[0]


def verdict(path, first, output, place):
    """What the node that makes an output reads at a place, and whether its answer stayed."""
    nodes = onnx.load(path).graph.node
    maker = {name: node for node in nodes for name in node.output}
    source = maker.get(maker[output].input[place])
    reads = "8-bit values" if source is not None and source.op_type == "DequantizeLinear" else "full precision"
    same = np.array_equal(answer(path, output), answer(first, output))
    return reads, f"its answer is {'the' if same else 'no longer the'} first graph's{' to the bit' if same else ''}"


kernel = rng.standard_normal((2, 4, 4, 3)).astype(np.float32)
nodes = [
    helper.make_node("Relu", ["x"], ["shared"], "relu"),
    helper.make_node("Conv", ["shared", "w0"], ["y0"], "quantised", pads=[1, 1]),
    helper.make_node("Conv", ["shared", "w1"], ["y1"], "left_out", pads=[1, 1]),
    helper.make_node("Exp", ["shared"], ["y2"], "exp"),
]
save("first.onnx", nodes, {"w0": kernel[0], "w1": kernel[1]}, ["y0", "y1", "y2"])
for form in (QuantFormat.QDQ, QuantFormat.QOperator):
    quantize_static(
        "first.onnx",
        "second.onnx",
        Shown(),
        quant_format=form,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=["left_out"],
    )
    named, unasked = (verdict("second.onnx", "first.onnx", output, 0) for output in ("y1", "y2"))
    print(f"{form.name}: left_out reads {named[0]}, {named[1]}; Exp {'likewise' if unasked == named else unasked}")

weights = rng.standard_normal((16, 8)).astype(np.float32)
nodes = [
    helper.make_node("MatMul", ["x", "w"], ["y0"], "quantised"),
    helper.make_node("MatMul", ["x", "w"], ["y1"], "left_out"),
]
save("first.onnx", nodes, {"w": weights}, ["y0", "y1"])
quantize_dynamic("first.onnx", "second.onnx", op_types_to_quantize=["MatMul"], nodes_to_exclude=["left_out"])
reads, stayed = verdict("second.onnx", "first.onnx", "y1", 1)
print(f"quantize_dynamic: left_out reads {reads} as weights, {stayed}")
PY
cd "$folder"
venv/bin/python try.py | tee seen
diff seen - <<'SEEN'
QDQ: left_out reads 8-bit values, its answer is no longer the first graph's; Exp likewise
QOperator: left_out reads full precision, its answer is the first graph's to the bit; Exp likewise
quantize_dynamic: left_out reads 8-bit values as weights, its answer is no longer the first graph's
SEEN
echo "onnxruntime 1.32.0 still does so."
