"""Training: a step lowers the loss, an interrupted run goes on as if it were not, errors are sentences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

import shards  # noqa: E402
from click.testing import CliRunner  # noqa: E402

from rt_automix import params  # noqa: E402
from rt_automix.errors import ConfigError  # noqa: E402
from training import nets  # noqa: E402
from training.networks import runs, validate  # noqa: E402
from training.networks.dataset import Data, batch_count, batches, load, measure_scale  # noqa: E402
from training.networks.recipes import RECIPES  # noqa: E402
from training.networks.train import Run, command, prepare, train_ensemble, train_member  # noqa: E402

ROOT = Path(__file__).parents[2]
NAME = "baseline_cnn"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prepare(1)
    return shards.make(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def data(work: Path) -> Data:
    return load(work / "data" / "train")


@pytest.fixture(scope="module")
def validation(work: Path) -> Data:
    return load(work / "data" / "validation")


def run(folder: Path, data: Data, validation: Data, epochs: int = 3, name: str = NAME) -> Run:
    return Run(name, folder, RECIPES[name], data, validation, epochs, seed=5)


# The data --------------------------------------------------------------------------------------


def test_an_epoch_shows_every_example_once_with_its_own_window(data: Data) -> None:
    marked = data.windows[data.window_of][:, 0, 0].float()
    seen = []
    for batch in batches(data, 7, torch.Generator().manual_seed(0)):
        seen.append(torch.cat([batch.context, batch.windows[batch.window_of][:, 0, :1]], 1))
    found = torch.cat(seen)
    wanted = torch.cat([data.context, marked[:, None]], 1)
    assert sorted(found[:, :3].tolist()) == sorted(wanted[:, :3].tolist())
    by_number = {tuple(row[:3]): row[-1] for row in wanted.tolist()}
    assert all(by_number[tuple(row[:3])] == row[-1] for row in found.tolist())


def test_processes_share_an_epoch_evenly(data: Data) -> None:
    shares = [list(batches(data, 7, torch.Generator().manual_seed(0), rank, 2)) for rank in range(2)]
    assert len(shares[0]) == len(shares[1]) == batch_count(data, 7, 2)
    firsts = [{tuple(row[:3].tolist()) for batch in share for row in batch.context} for share in shares]
    assert not firsts[0] & firsts[1]


def test_the_scale_is_that_of_the_training_data(data: Data) -> None:
    scale = measure_scale(data)
    cells = data.windows.double()
    assert torch.allclose(scale.window_mean[:, 0].double(), cells.mean((0, 2)), atol=1e-3)
    assert torch.allclose(scale.window_deviation[:, 0].double(), cells.std((0, 2), correction=0), atol=1e-3)
    assert torch.allclose(scale.context_mean.double(), data.context.double().mean(0), atol=1e-4)


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no shard"):
        load(tmp_path)


def test_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    (tmp_path / "000.npz").write_bytes(b"no shard")
    with pytest.raises(ConfigError, match=r"000\.npz is not a shard .* label again"):
        load(tmp_path)


# The loop --------------------------------------------------------------------------------------


def test_training_lowers_the_error_on_examples_it_has_seen(tmp_path: Path, data: Data) -> None:
    trained = run(tmp_path, data, data, epochs=12)
    while not trained.is_done:
        trained.epoch()
    losses = [line["train"]["parameters"] for line in trained.history]
    assert losses[-1] < 0.8 * losses[0]
    assert trained.best["error"] < 0.9


def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path, data: Data, validation: Data) -> None:
    whole = run(tmp_path / "whole", data, validation)
    while not whole.is_done:
        whole.epoch()
    run(tmp_path / "cut", data, validation).epoch()
    cut = run(tmp_path / "cut", data, validation)
    assert len(cut.history) == 1
    while not cut.is_done:
        cut.epoch()
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, cut.average.state_dict()[name]), name
    kept = [runs.load_member(tmp_path / side, NAME).state_dict() for side in ("whole", "cut")]
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, data: Data, validation: Data) -> None:
    run(tmp_path, data, validation, epochs=3).epoch()
    with pytest.raises(ConfigError, match=r"other settings \(epochs\)"):
        run(tmp_path, data, validation, epochs=4)


def test_training_stops_when_nothing_gets_better(tmp_path: Path, data: Data, validation: Data) -> None:
    stopped = run(tmp_path, data, validation, epochs=100)
    stopped.history = [{}] * 15
    stopped.best = {"error": 0.0, "epoch": 15 - stopped.recipe.patience_epochs}
    assert stopped.is_done


def test_a_member_that_starts_from_another_needs_it(tmp_path: Path, data: Data, validation: Data) -> None:
    with pytest.raises(ConfigError, match="training train enhanced_cnn"):
        run(tmp_path, data, validation, name="retrained_enhanced_cnn")


def test_weights_of_another_version_are_refused(tmp_path: Path) -> None:
    other = nets.build("enhanced_cnn").state_dict()
    runs.save(runs.folder(tmp_path, NAME) / runs.BEST, {"weights": other})
    with pytest.raises(ConfigError, match="another version of baseline_cnn"):
        runs.load_member(tmp_path, NAME)


def test_two_processes_train_one_network(work: Path, tmp_path: Path) -> None:
    """torch's launcher, gloo: the shares differ, the weights stay the same."""
    (tmp_path / "data").symlink_to(work / "data")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ours = ["-m", "training", "train", NAME, "--work", str(tmp_path), "--epochs", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*launcher, *ours], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = (json.loads(line) for line in (tmp_path / "runs" / NAME / "log.jsonl").read_text().splitlines())
    assert line["epoch"] == 1
    runs.load_member(tmp_path, NAME)


# The ensemble ----------------------------------------------------------------------------------


def test_the_ensemble_listens_to_whoever_is_right(tmp_path: Path, data: Data, validation: Data) -> None:
    """One member has learned, the others are the matcher."""
    for name in nets.MEMBERS:
        member = nets.build(name)
        content = {"weights": member.state_dict()}
        runs.save(runs.folder(tmp_path, name) / runs.BEST, content)
    train_member(run(tmp_path, data, validation, epochs=6))
    found = train_ensemble(tmp_path, validation)
    learned = validate.validate(runs.load_member(tmp_path, NAME), validation)
    matcher = validate.matcher_errors(validation)
    assert validate.share_left(found, matcher) < min(1.0, 1.02 * validate.share_left(learned, matcher))
    ensemble = runs.load_ensemble(tmp_path)
    weights = torch.softmax(ensemble.heard_logits, 0)
    assert int(weights.mean(1).argmax()) == list(nets.MEMBERS).index(NAME)
    # In one graph the answer is the same as put together from the members'.
    window, vector = validation.windows[validation.window_of[:3]].float(), validation.context[:3]
    tried = validation.rehearsed[:3]
    answers = [member.answers(window, None, vector, tried) for member in ensemble.members]
    heard = (
        torch.softmax(ensemble.heard_logits, 0)[:, None] * torch.stack([one.heard for one in answers]).clamp(0, 1)
    ).sum(0)
    assert torch.allclose(ensemble(window, vector)[:, 0, 1:8], heard[:, :7], atol=1e-6)
    assert ensemble(window, vector).shape == (3, 3, params.COUNT)


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [NAME, "--work", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert "training label" in str(result.exception)
