#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU, one thread, x86-64, float32: ReduceSum and ReduceMean over an axis that is neither the batch
# nor the last give a row other bits alone than in a batch. Alone it is summed term by term, from two rows on in another
# order. How many rows does not matter from there on; along the last axis, and in ReduceSumSquare, ReduceL2 and
# ReduceLogSum, there is no such difference. Seen on a processor with AVX2, without AVX-512.
#
# Seen:                              alone and of 2   of 2 and of 8
#   ReduceSum, middle axis                others         same
#   ReduceSum, last axis                  same           same
#   ReduceMean, middle axis               others         same
#   ReduceMean, last axis                 same           same
#   ReduceSumSquare, middle axis          same           same
#   ReduceL2, middle axis                 same           same
#   ReduceLogSum, middle axis             same           same
#   ReduceSum, middle axis, alone: term by term; in a batch: not
# What follows for us: a graph that is to answer alike alone and in a batch sums over its last axis; network.py checks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def session_of(operator, axis):
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64, 33])
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node(operator, ["x", "axes"], ["y"], keepdims=0)
    axes = numpy_helper.from_array(np.array([axis]), "axes")
    graph = helper.make_graph([node], "one", [takes], [gives], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def alike(one, two):
    return "same" if np.array_equal(one, two) else "others"


rows = np.random.default_rng(1).uniform(0.1, 1.0, (8, 64, 33)).astype(np.float32)
firsts = {}
for operator, axes in (
    ("ReduceSum", (1, 2)),
    ("ReduceMean", (1, 2)),
    ("ReduceSumSquare", (1,)),
    ("ReduceL2", (1,)),
    ("ReduceLogSum", (1,)),
):
    for axis in axes:
        session = session_of(operator, axis)
        first = {count: session.run(None, {"x": rows[:count]})[0][0] for count in (1, 2, 8)}
        firsts[operator, axis] = first
        title = f"{operator}, {'middle' if axis == 1 else 'last'} axis"
        print(f"{title:<34} {alike(first[1], first[2]):<14} {alike(first[2], first[8])}")

in_turn = np.zeros(33, np.float32)
for term in rows[0]:
    in_turn += term
alone, batched = (alike(firsts["ReduceSum", 1][count], in_turn) == "same" for count in (1, 8))
verdict = f"alone: {'' if alone else 'NOT '}term by term; in a batch: {'ALSO' if batched else 'not'}"
print(f"ReduceSum, middle axis, {verdict}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
ReduceSum, middle axis             others         same
ReduceSum, last axis               same           same
ReduceMean, middle axis            others         same
ReduceMean, last axis              same           same
ReduceSumSquare, middle axis       same           same
ReduceL2, middle axis              same           same
ReduceLogSum, middle axis          same           same
ReduceSum, middle axis, alone: term by term; in a batch: not
SEEN
echo "onnxruntime 1.32.0 still does so."
