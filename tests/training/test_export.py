"""Export: the graphs say what the networks say, in 8 bits nearly so, and the runtime takes the bundles."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="exporting needs torch")

import onnx  # noqa: E402
import shards  # noqa: E402
from click.testing import CliRunner  # noqa: E402

from rt_automix import params  # noqa: E402
from rt_automix.analysis.bundles import context  # noqa: E402
from rt_automix.analysis.bundles.bundle import HEARD_ROW, TOLERANCES, Precision  # noqa: E402
from rt_automix.analysis.bundles.bundle import load as load_bundle  # noqa: E402
from rt_automix.errors import ConfigError, ModelError  # noqa: E402
from training import nets  # noqa: E402
from training.nets.weighted_ensemble import Ensemble  # noqa: E402
from training.networks import export, runs  # noqa: E402
from training.networks.dataset import load, measure_scale  # noqa: E402
from training.networks.graphs import Examples, answers, quantise, write_graph  # noqa: E402

torch.set_num_threads(1)
PACKAGE = "wesnoth-1.16-music"
MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks that correct the matcher a little, as if they had learned."""
    work = shards.make(tmp_path_factory.mktemp("work"))
    song = {"path": "/music/a.ogg", "package": PACKAGE, "use": "train", "title": "a", "id": "0" * 12}
    (work / "data" / "split.json").write_text(json.dumps({"format": 1, "songs": [song]}))
    torch.manual_seed(0)
    members, scale = [], measure_scale(load(work / "data" / "train"))
    for name in nets.MEMBERS:
        member = nets.build(name)
        member.set_scale(scale)
        for layer in (member.correct_heard, member.correct_song, member.spread):
            torch.nn.init.normal_(layer.weight, std=0.02)
        runs.save(runs.folder(work, name) / runs.BEST, {"weights": member.state_dict()})
        members.append(member)
    runs.save(runs.folder(work, nets.ENSEMBLE) / runs.BEST, {"weights": Ensemble(members).state_dict()})
    return work


@pytest.fixture(scope="module")
def asked(work: Path) -> Examples:
    return Examples.of(load(work / "data" / "validation"))


@pytest.fixture(scope="module")
def models(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bundles, made by the command."""
    models = tmp_path_factory.mktemp("models")
    for name in ("ast_regressor", nets.ENSEMBLE):
        result = CliRunner().invoke(export.command, [name, "--work", str(work), "--models", str(models)])
        assert result.exception is None, result.exception
    return models


@pytest.mark.parametrize("name", ["ast_regressor", "baseline_cnn", "improved_enhanced_cnn"])
def test_both_graphs_say_what_the_network_says(work: Path, asked: Examples, tmp_path: Path, name: str) -> None:
    member, few = runs.load_member(work, name), asked.some(40)
    with torch.no_grad():
        wanted = member(torch.from_numpy(few.windows), torch.from_numpy(few.contexts)).numpy()
    matched = few.contexts[:, context.PARTS["matched_norm"]]
    corrected = np.abs(wanted[:, HEARD_ROW] - matched).mean()
    assert corrected > 0.005
    write_graph(member, tmp_path / "full.onnx")
    quantise(tmp_path / "full.onnx", tmp_path / "small.onnx", asked.some(64))
    full, small = (answers(tmp_path / file, few) for file in ("full.onnx", "small.onnx"))
    assert np.abs(full - wanted).max() <= TOLERANCES["fp32"]
    assert np.abs(small - wanted).mean() <= 0.1 * corrected
    assert not np.array_equal(small, full)
    assert not {node.op_type for node in onnx.load(tmp_path / "full.onnx").graph.node} & {"BatchNormalization", "If"}


def test_a_fresh_graph_has_the_nodes_of_the_shipped_one(work: Path, asked: Examples, tmp_path: Path) -> None:
    """What is shipped comes of this export, not of a hand."""
    member = runs.load_member(work, "baseline_cnn")
    torch.nn.init.normal_(member.older_song)  # otherwise the same as what was heard, and one node with it
    write_graph(member, tmp_path / "model.onnx")
    quantise(tmp_path / "model.onnx", tmp_path / "model.int8.onnx", asked.some(64))
    for name in ("model.onnx", "model.int8.onnx"):
        fresh, shipped = (
            sorted(node.op_type for node in onnx.load(folder / name).graph.node)
            for folder in (tmp_path, MODELS / "baseline_cnn")
        )
        assert fresh == shipped


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", ["ast_regressor", nets.ENSEMBLE])
def test_the_runtime_takes_a_bundle(models: Path, asked: Examples, name: str, precision: Precision) -> None:
    bundle = load_bundle(models / name, precision)
    answered = bundle.run(asked.windows[:5], asked.contexts[:5])
    assert answered.shape == (5, 3, params.COUNT)
    assert ((answered >= 0.0) & (answered <= 1.0)).all()
    with np.load(models / name / "golden.npz") as golden:
        again = bundle.run(golden["window"], golden["context"])
        assert np.abs(again - golden[precision]).max() <= TOLERANCES[precision]
        assert len(golden["window"]) == export.GOLDENS


@pytest.mark.parametrize("name", ["ast_regressor", nets.ENSEMBLE])
def test_a_bundle_vouches_for_its_files(models: Path, name: str) -> None:
    table = json.loads((models / name / "model.json").read_text())
    for precision, entry in table["files"].items():
        content = (models / name / entry["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"]), precision
    assert table["files"]["int8"]["bytes"] <= export.MOST_BYTES * table["files"]["fp32"]["bytes"]
    assert {entry.name for entry in (models / name).iterdir()} == {
        "model.onnx", "model.int8.onnx", "model.json", "golden.npz", "README.md",
    }  # fmt: skip
    assert table["licences"][0]["licences"] == ["GPL-2+"]
    assert PACKAGE in (models / name / "README.md").read_text()


def test_an_evaluation_goes_into_the_card(work: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    found = {"mae": 0.0345, "interval": [0.03, 0.04], "per_parameter": {}}
    systems = {"matcher": found, "baseline_cnn": {**found, "mae": 0.0123}, "enhanced_cnn": found}
    results.write_text(json.dumps({"accuracy": {"systems": systems}}))
    options = ["baseline_cnn", "--work", str(work), "--models", str(tmp_path / "models"), "--results", str(results)]
    result = CliRunner().invoke(export.command, options)
    assert result.exception is None, result.exception
    text = (tmp_path / "models" / "baseline_cnn" / "README.md").read_text()
    assert "| baseline_cnn | 0.0123 | 0.0300 to 0.0400 |" in text
    assert "| matcher | 0.0345" in text
    assert "| enhanced_cnn |" not in text
    results.write_text("{}")
    result = CliRunner().invoke(export.command, options)
    assert isinstance(result.exception, ConfigError)
    assert "is not an evaluation" in str(result.exception)


def test_eight_bits_that_cost_too_much_are_refused(
    work: Path, asked: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left behind, and what was there stays."""
    monkeypatch.setattr(export, "MOST_LOSS", -0.5)
    (tmp_path / "baseline_cnn").mkdir()
    with pytest.raises(ModelError, match="in 8 bits the mean error is"):
        export.write_bundle("baseline_cnn", runs.load_member(work, "baseline_cnn"), asked, [], tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["baseline_cnn"]
    assert not list((tmp_path / "baseline_cnn").iterdir())


def test_what_was_not_trained_is_not_exported(tmp_path: Path, work: Path) -> None:
    (tmp_path / "data").symlink_to(work / "data")
    result = CliRunner().invoke(export.command, ["baseline_cnn", "--work", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "python -m training train baseline_cnn" in str(result.exception)
