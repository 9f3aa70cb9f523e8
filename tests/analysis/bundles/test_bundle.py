"""Bundles: a sound one answers as its golden file says; any other is refused in one sentence, which names the cure."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import bundles
import numpy as np
import onnxruntime
import pytest

from rt_automix import params
from rt_automix.analysis.bundles import bundle, context
from rt_automix.errors import ModelError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    return bundles.make(tmp_path_factory.mktemp("bundle") / "tiny", moved_norm=0.125)


@pytest.fixture
def copy(sound, tmp_path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "copy"))


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def regraph(folder: Path, graph: bytes) -> None:
    """Put another graph in, with the checksums to go with it."""
    size, digest = len(graph), hashlib.sha256(graph).hexdigest()
    (folder / "model.int8.onnx").write_bytes(graph)
    rewrite(folder, files={"int8": {"name": "model.int8.onnx", "bytes": size, "sha256": digest}})


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_sound_bundle_answers(sound, precision):
    opened = bundle.load(sound, precision)
    assert (opened.spec.name, opened.spec.precision) == ("tiny", precision)
    assert (opened.spec.full_norm, opened.spec.none_norm) == (bundles.FULL_NORM, bundles.NONE_NORM)
    contexts = np.zeros((5, context.SIZE), np.float32)
    contexts[:, context.PARTS["matched_norm"]] = 0.25
    answers = opened.run(np.zeros((5, *context.WINDOW_SHAPE), np.float32), contexts)
    assert answers.dtype == np.float32 and answers.shape == (5, 3, params.COUNT)
    np.testing.assert_allclose(answers[:, bundle.SONG_ROW], 0.375, atol=1e-6)
    np.testing.assert_allclose(answers[:, bundle.SPREAD_ROW], 0.0, atol=1e-6)


def test_bundles_are_found_by_name_in_either_folder(sound, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "FOLDERS", (tmp_path / "installed", tmp_path / "checkout"))
    assert bundle.shipped() == ()
    shutil.copytree(sound, tmp_path / "checkout" / "small")
    shutil.copytree(sound, tmp_path / "installed" / "big")
    assert bundle.shipped() == ("big", "small")
    assert bundle.inspect("small").folder == tmp_path / "checkout" / "small"
    with pytest.raises(ModelError, match=r'model "smal": no such bundle\. Did you mean "small"'):
        bundle.load("smal")


def _cut(folder):
    path = folder / "model.int8.onnx"
    path.write_bytes(path.read_bytes()[:-10])


def _foreign(folder):
    path = folder / "model.int8.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")


def _wrong_range(folder):
    table = json.loads((folder / "model.json").read_text())["parameters"]
    table[3]["high"] = 5.0
    rewrite(folder, parameters=table)


def _other_mel(folder):
    rewrite(folder, features=json.loads((folder / "model.json").read_text())["features"] | {"mel_bands": 80})


def _golden_of_another(folder):
    bundles.write_golden(folder, [0.5, 0.5, 0.5])


def _graph_from(**settings):
    def put(folder):
        other = bundles.make(folder.parent / "other", **settings)
        regraph(folder, (other / "model.int8.onnx").read_bytes())

    return put


def _renamed_input(folder):
    graph = bundles.onnx.load(folder / "model.int8.onnx")
    for node in graph.graph.node:
        node.input[:] = ["sound" if name == "window" else name for name in node.input]
    graph.graph.input[0].name = "sound"
    regraph(folder, graph.SerializeToString())


def _other_shape(folder):
    graph = bundles.onnx.load(folder / "model.int8.onnx")
    graph.graph.node[-1].output[0] = "inside"
    graph.graph.node.append(bundles.helper.make_node("Transpose", ["inside"], ["parameters"], perm=[0, 2, 1]))
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 10
    graph.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 3
    regraph(folder, graph.SerializeToString())


@pytest.mark.parametrize(
    ("damage", "where", "what"),
    [
        (shutil.rmtree, 'model "', "no such bundle"),
        (lambda at: (at / "model.json").unlink(), "model.json: ", "cannot be read: No such file or directory"),
        (lambda at: (at / "model.json").write_text("{"), "model.json: ", "not JSON: Expecting property name"),
        (lambda at: (at / "model.json").write_text("[" * 9999), "model.json: ", "not JSON: "),
        (lambda at: (at / "model.json").write_bytes(b"\xff"), "model.json: ", "not JSON: "),
        (lambda at: (at / "model.json").write_text("[]"), "model.json: ", "content = [], but {"),
        (lambda at: rewrite(at, format=2), "model.json: ", "format = 2, but 1 is needed"),
        (lambda at: rewrite(at, context_version=99), "model.json: ", "context_version = 99, but 2 is needed"),
        (lambda at: rewrite(at, window=[132, 200]), "model.json: ", "window[1] = 200, but 107 is needed"),
        (lambda at: rewrite(at, context_size=240), "model.json: ", "context_size = 240, but 244 is needed"),
        (_other_mel, "model.json: ", "features.mel_bands = 80, but 64 is needed"),
        (_wrong_range, "model.json: ", "parameters[3].high = 5.0, but 6.0 is needed"),
        (lambda at: rewrite(at, parameters=[]), "model.json: ", "parameters = [], but ["),
        (lambda at: rewrite(at, files={}), "model.json: ", "'int8' is missing or not what it should be"),
        (lambda at: rewrite(at, files=3), "model.json: ", "missing or not what it should be"),
        (lambda at: rewrite(at, confidence={}), "model.json: ", "'full_norm' is missing"),
        (lambda at: rewrite(at, confidence={"full_norm": 0.2, "none_norm": 0.2}), "model.json: ", "the smaller"),
        (
            lambda at: rewrite(at, files={"int8": {"name": "../x.onnx", "bytes": 1, "sha256": ""}}),
            "model.json: ",
            "is not a file beside it",
        ),
        (lambda at: (at / "model.int8.onnx").unlink(), "model.int8.onnx: ", "cannot be read"),
        (_cut, "model.int8.onnx: ", "bytes, "),
        (_foreign, "model.int8.onnx: ", "this is another file"),
        (lambda at: regraph(at, b"no graph"), "copy: ", "cannot be opened by onnxruntime"),
        (_graph_from(opset=99), "copy: ", "cannot be opened by onnxruntime"),
        (_renamed_input, "copy: ", "context tensor(float) (244,), sound tensor(float) (132, 107); needed: context"),
        (_other_shape, "copy: ", "parameters tensor(float) (10, 3); needed: parameters tensor(float) (3, 10)"),
        (_graph_from(moved_norm=0.25), "copy: ", "the int8 network's answer is 0.13 away from the golden one"),
        (_graph_from(moved_norm=np.nan), "copy: ", "the int8 network's answer is nan away"),
        (lambda at: (at / "golden.npz").unlink(), "golden.npz: ", "cannot be read"),
        (lambda at: (at / "golden.npz").write_bytes(b"PK\x03\x04 cut"), "golden.npz: ", "cannot be read"),
        (lambda at: np.savez(at / "golden.npz", window=np.zeros((4, 132, 107))), "golden.npz: ", "cannot be read"),
        (_golden_of_another, "copy: ", "away from the golden one"),
    ],
)
def test_what_is_not_sound_is_refused_in_one_sentence(copy, damage, where, what):
    damage(copy)
    with pytest.raises(ModelError) as raised:
        bundle.load(copy)
    message = str(raised.value)
    assert where in message and what in message and "\n" not in message and len(message) < 400
    assert any(cure in message for cure in ("anew", "Reinstall", "There are")), "no cure"


def test_without_onnxruntime_there_is_a_word(copy, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"onnxruntime cannot be loaded .* pip install onnxruntime"):
        bundle.load(copy)


def test_a_run_that_fails_is_a_model_error(sound):
    with pytest.raises(ModelError, match=r"tiny: the network does not run \(InvalidArgument\)\."):
        bundle.load(sound).run(np.zeros((1, 3, 3), np.float32), np.zeros((1, context.SIZE), np.float32))


def test_nothing_is_printed_whatever_happens(sound, copy):
    """Libraries write on file descriptor 2, past Python."""
    _graph_from(opset=99)(copy)
    code = (
        "from rt_automix.analysis.bundles import bundle; import numpy\n"
        f"opened = bundle.load({str(sound)!r})\n"
        f"bad = lambda: bundle.load({str(copy)!r}), lambda: opened.run(numpy.zeros((1, 3, 3), 'f'), numpy.zeros(3))\n"
        "for do in bad:\n"
        "    try: do()\n"
        "    except bundle.ModelError: pass\n"
        "    else: raise SystemExit(1)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("name", bundle.shipped())
def test_shipped_bundles_are_sound(name, precision):
    assert bundle.load(name, precision).spec.name == name


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", bundle.shipped())
def test_a_row_has_the_same_bits_alone_and_beside_others(name, threads):
    """So a render may ask for many windows at once, and is what one at a time gives."""
    spec = bundle.inspect(name, "int8")
    with np.load(spec.folder / "golden.npz") as golden:
        windows, contexts = golden["window"], golden["context"]
    random = np.random.default_rng(0)
    windows = np.concatenate([windows, windows + random.normal(0.0, 3.0, windows.shape)]).astype(np.float32)
    contexts = np.concatenate([contexts, contexts + random.normal(0.0, 0.05, contexts.shape)]).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    wider = onnxruntime.InferenceSession(spec.graph, options, providers=["CPUExecutionProvider"])
    alone = bundle.load(name, "int8")
    wanted = np.concatenate([alone.run(windows[row : row + 1], contexts[row : row + 1]) for row in range(8)])
    for count in (1, 2, 3, 8):
        parts = [slice(begin, begin + count) for begin in range(0, 8, count)]
        found = [wider.run(None, {"window": windows[part], "context": contexts[part]})[0] for part in parts]
        assert np.array_equal(np.concatenate(found), wanted), count
