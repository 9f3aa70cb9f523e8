"""The benchmark of networks: a tiny run from end to end, whom it says is chosen, and what it does without any."""

from __future__ import annotations

import json

import bundles
import click.testing
import matplotlib.image
import numpy as np
import pytest
from demosong import demo_song

from bench import headlines
from bench.__main__ import main
from bench.common import bundles as bench_bundles
from bench.speed.model import model as bench_model
from bench.speed.model import model_turns
from rt_automix.analysis.bundles.bundle import NAMES
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.dsp.jit import JIT_ENABLED

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="times compiled kernels")
VALIDATION = {"matcher": {"heard": [0.02, 0.04], "song": [0.1]}, "fp32": {"heard": [0.01, 0.02], "song": [0.1]}}


@pytest.fixture
def models(tmp_path):
    """The first network, and one that is not whole; with figures of accuracy."""
    folder = tmp_path / "models"
    bundles.make(folder / NAMES[0], figures={"validation": VALIDATION})
    broken = bundles.make(folder / "broken")
    for name in ("model.onnx", "model.int8.onnx"):
        (broken / name).write_bytes(b"nothing")
    (folder / "results").mkdir()
    systems = {"matcher": {"mae": 0.05}, NAMES[0]: {"mae": 0.03}, f"{NAMES[0]} int8": {"mae": 0.031}}
    (folder / "results/results.json").write_text(json.dumps({"accuracy": {"systems": systems}}), encoding="utf-8")
    return folder


def test_a_tiny_run_has_figures_of_everybody(models, tmp_path, capsys):
    bench_model.run(models, 0.05, 1, tmp_path)
    written = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert written["machine"]["processor"] and written["settings"]["threads"] == 1
    results = written["results"]
    networks = [f"{NAMES[0]} {precision}" for precision in ("int8", "fp32")]
    assert list(results["quiet"]) == ["matcher", *networks] == list(results["live"])
    assert list(results["start"]) == networks
    for moment in ("quiet", "while_audio_runs"):
        assert set(results["quiet"]) <= set(results[moment])
        for name in results["quiet"]:
            row = results[moment][name]
            for tail in (row["run_us"], row["suggestion_ms"]):
                assert 0.0 < tail["p50"] <= tail["p99"] <= tail["max"]
            assert row["suggestion_processor_ms"]["median"] > 0.0
        assert results[moment]["matcher"]["run_to_matcher"]["median"] == 1.0
    assert results["while_audio_runs"]["blocks_played"] > 0.0
    for row in results["live"].values():
        assert row["suggestions"] >= 1 and row["share_of_a_core"] > 0.0
        assert row["ready_after_ms"]["p50"] >= 0.0
    for row in results["start"].values():
        parts = sum(row[name]["median"] for name in ("import_s", "load_s", "first_suggestion_s"))
        assert row["start_s"]["median"] == pytest.approx(parts)
        assert row["runtime_megabytes"]["median"] > 1.0
    assert results["error_norm"]["matcher"] == pytest.approx({"validation": 0.03, "test": 0.05})
    assert results["error_norm"][f"{NAMES[0]} fp32"] == pytest.approx({"validation": 0.015, "test": 0.03})
    assert results["error_norm"][f"{NAMES[0]} int8"] == {"test": 0.031}
    assert results["choice"]["chosen"] == NAMES[0]
    assert len(results["refused"]) == 2 and all("broken" in words for words in results["refused"])
    assert np.ptp(matplotlib.image.imread(tmp_path / "model.png")[..., :3]) > 0.5
    rows = dict(headlines.model(results))
    assert rows["chosen at the start"] == NAMES[0] and "error on test music 0.0300" in " ".join(rows.values())
    said = " ".join(capsys.readouterr().out.split())
    assert "It is skipped." in said and f"{NAMES[0]} is chosen" in said


def test_without_networks_it_says_so_and_measures_the_matcher(tmp_path, capsys):
    bench_model.run(tmp_path, 0.02, 1, tmp_path)
    results = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))["results"]
    assert list(results["quiet"]) == ["matcher"] and results["start"] == {} and results["error_norm"] == {}
    assert results["choice"]["chosen"] == "matcher" and "no such bundle" in results["choice"]["why"]
    assert "Networks are skipped" in " ".join(capsys.readouterr().out.split())


def test_the_first_network_stands_on_top(models):
    bundles.make(models / "another")
    assert list(bench_bundles.find(models)) == [NAMES[0], "another", "broken"]
    assert bench_bundles.find(models / "another") == {}


def test_a_worker_suggests_once_in_an_interval():
    audio = np.ascontiguousarray(demo_song(model_turns.RATE_HZ)[:, : 6 * model_turns.RATE_HZ])
    worker = model_turns.Worker(Matcher(), None, audio)
    assert worker.work() is None
    worker.hear()
    assert worker.work() is not None and worker.work() is None
    heard = worker.engine.analyst.heard_samples
    found = model_turns.live(worker, audio, 0.0)
    assert len(found["work_s"]) == len(found["age_s"]) == 1
    assert worker.engine.analyst.heard_samples == heard + model_turns.interval_samples()


@pytest.mark.parametrize("command", ["model", "quality"])
def test_help_gives_examples(command):
    run = click.testing.CliRunner().invoke(main, [command, "--help"])
    assert run.exit_code == 0 and f"python -m bench {command}" in run.output
