#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU, one thread, x86-64, float32: the logarithm of a number depends on where it stands in the
# tensor. What fills whole vector registers goes one way, the rest at the end another, up to 2 units in the last place
# apart: of 65 equal numbers the last one gets another logarithm. So do Softplus, Sin, Cos and Atan; Exp, Tanh and
# Sigmoid, which one would think alike, do not. Two inputs that differ in length only are enough to meet it.
# Seen on a processor with AVX2, without AVX-512.
#
# Seen:
#   Log: some numbers alone get other bits than in a row
#   Softplus: some numbers alone get other bits than in a row
#   Sin: some numbers alone get other bits than in a row
#   Cos: some numbers alone get other bits than in a row
#   Atan: some numbers alone get other bits than in a row
#   Exp: all numbers alone get the bits they get in a row
#   Tanh: all numbers alone get the bits they get in a row
#   Sigmoid: all numbers alone get the bits they get in a row
#   Log of 64 times one number: all 64 alike
#   Log of 65 times that number: 64 alike, the last one other, as it is alone
# What follows for us: no graph takes Log of a tensor whose length changes; the exported ones have none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def session_of(operator):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["count"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "one", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def ask(session, values):
    return session.run(None, {"x": np.asarray(values, np.float32)})[0]


numbers = np.random.default_rng(1).uniform(0.01, 1.0, 1024).astype(np.float32)
differs = {}
for operator in ("Log", "Softplus", "Sin", "Cos", "Atan", "Exp", "Tanh", "Sigmoid"):
    session = session_of(operator)
    differs[operator] = np.concatenate([ask(session, [number]) for number in numbers]) != ask(session, numbers)
    alike = "all numbers alone get the bits they get in a row"
    print(f"{operator}: {'some numbers alone get other bits than in a row' if differs[operator].any() else alike}")

log = session_of("Log")
number = numbers[differs["Log"]][0]
alone = ask(log, [number])[0]
row = ask(log, [number] * 64)
print(f"Log of 64 times one number: {'all 64' if (row == row[0]).all() else 'NOT'} alike")
longer = ask(log, [number] * 65)
same = "64 alike" if (longer[:64] == row).all() else "OTHERS"
last = "other, as it is alone" if longer[64] != row[0] and longer[64] == alone else "THE SAME"
print(f"Log of 65 times that number: {same}, the last one {last}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
Log: some numbers alone get other bits than in a row
Softplus: some numbers alone get other bits than in a row
Sin: some numbers alone get other bits than in a row
Cos: some numbers alone get other bits than in a row
Atan: some numbers alone get other bits than in a row
Exp: all numbers alone get the bits they get in a row
Tanh: all numbers alone get the bits they get in a row
Sigmoid: all numbers alone get the bits they get in a row
Log of 64 times one number: all 64 alike
Log of 65 times that number: 64 alike, the last one other, as it is alone
SEEN
echo "onnxruntime 1.32.0 still does so."
