"""Every command of `python -m bench` runs and leaves figures and a picture; what it measured is not judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from rt_automix.dsp.jit import JIT_ENABLED

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="times compiled kernels")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True)


def results_of(command: str, out: Path, *arguments: str) -> dict:
    """Run a command; what it wrote under "results"."""
    run = bench(command, *arguments, "--out", str(out))
    assert run.returncode == 0, run.stderr
    return written_by(command, out)


def written_by(command: str, out: Path) -> dict:
    """What a command has written under "results", beside a picture with something on it."""
    written = json.loads((out / f"{command}.json").read_text(encoding="utf-8"))
    assert written["command"] == command
    assert written["machine"]["processor"] and written["versions"]["numba"]
    picture = matplotlib.image.imread(out / f"{command}.png")
    assert min(picture.shape[:2]) > 200
    assert np.ptp(picture[..., :3]) > 0.5  # something is drawn on it
    return written["results"]


def test_chain_reports_ratios_tails_and_stages(tmp_path):
    results = results_of("chain", tmp_path, "--blocks", "32,1024", "--seconds", "0.05")
    assert [entry["block_samples"] for entry in results["blocks"]] == [32, 1024]
    for entry in results["blocks"]:
        for ratio in entry["ratios"]:
            assert 0.0 < ratio["q1"] <= ratio["median"] <= ratio["q3"]
        for tail in entry["us_single_blocks"].values():
            assert 0.0 < tail["p50"] <= tail["p99"] <= tail["p99.9"] <= tail["max"]
        share = entry["share_of_deadline"]["ours, whole chain, moving"]["p50"]
        microseconds = entry["us_single_blocks"]["ours, whole chain, moving"]["p50"]
        assert share == pytest.approx(microseconds / (1e6 * entry["block_samples"] / 48_000))
    stages = results["stages_ns_per_64_samples"]
    parts = sum(values["median"] for name, values in stages.items() if name != "whole chain")
    assert parts == pytest.approx(stages["whole chain"]["median"])


def test_outputs_reports_what_each_further_one_costs(tmp_path):
    rows = results_of("outputs", tmp_path, "--seconds", "0.1")["outputs"]
    assert [row["outputs"] for row in rows] == [1, 2, 4, 16]
    assert rows[0]["worker_to_one"]["median"] == 1.0 and rows[3]["callback_us"]["median"] > 0.0
    for row in rows[1:]:
        assert set(row["further_to_first"]) == {"callback", "worker", "together"}
        assert 0.5 < row.get("further_to_first_instructions", 0.7) < 1.0


def test_limiter_reports_each_limiter_on_each_signal(tmp_path):
    results = results_of("limiter", tmp_path, "--seconds", "1")
    assert {"ours", "pedalboard.Limiter"} <= set(results["limiters"])
    for row in [*results["distortion_percent"].values(), *results["true_peak_over_ceiling_db"].values()]:
        assert list(row) == results["limiters"] and np.all(np.isfinite(list(row.values())))
    for row in results["loudness"]["demo song"].values():
        assert -30.0 < row["lufs"] < 0.0


def test_loudness_reports_songs_steps_and_pauses(tmp_path, monkeypatch):
    from demosong import demo_song

    from bench.quality import loudness
    from rt_automix.io.files.audio import AudioWriter

    for name, value in {"STEP_S": 12.0, "PLAIN_S": 30.0, "PAUSE_FROM_S": 20.0, "APPLAUSE_LU": (-6.0,)}.items():
        monkeypatch.setattr(loudness, name, value)
    folder = tmp_path / "music" / "album"
    folder.mkdir(parents=True)
    with AudioWriter(folder / "demo.flac", 44_100, 2, 16) as writer:
        writer.write(np.ascontiguousarray(demo_song(44_100)[:, : 37 * 44_100]))
    loudness.run(folder.parent, 1, None, tmp_path)
    results = written_by("loudness", tmp_path)
    (figures,) = results["songs"].values()
    assert list(figures["plain"]) == list(figures["steps"]) == list(results["summary"])
    assert len(figures["plain"]["ours"]["short_term_lufs"]) == 300
    assert len(figures["steps"]["ours"]["short_term_lufs"]) == 360
    assert abs(figures["plain"]["ours"]["error_lu"]) < abs(figures["plain"]["input"]["error_lu"])
    assert len(figures["pauses"]) == 3
    assert results["summary"]["ours"]["never settles"]["sum"] <= 4


def test_loudness_settling_is_found_where_it_begins():
    from bench.quality.loudness import settling_s

    times_s = np.arange(1, 301) * 0.1
    curve = np.where(times_s < 7.95, -20.0, -14.0)
    assert settling_s(times_s, curve, 0.0, 30.0) == pytest.approx(8.0)
    assert settling_s(times_s, curve, 5.0, 30.0) == pytest.approx(3.0)
    assert settling_s(times_s, curve, 0.0, 9.9) is None
    curve[85] = -12.0
    assert settling_s(times_s, curve, 0.0, 30.0) == pytest.approx(8.7)
    assert settling_s(times_s, np.full(300, -14.0), 0.0, 30.0) == pytest.approx(3.0)


def test_render_reports_speed_and_shares(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 48_000)).astype(np.float32)
    from bench.speed.songs import render as render_bench
    from rt_automix.io.files.audio import AudioWriter

    with AudioWriter(tmp_path / "noise.wav", 48_000, 2, 24) as writer:
        writer.write(samples)
    results = results_of("render", tmp_path, str(tmp_path / "noise.wav"), "--repeats", "1")
    assert results["noise.wav"]["times_real_time"]["median"] > 0.0
    stages = results["noise.wav"]["stages_ms_per_s"]
    assert results["noise.wav"]["cpu_ms_per_s"]["median"] > 0.0
    assert min(stages[stage] for stage in ("reading", "hearing", "chain", "meters of input and output", "writing")) > 0
    assert set(stages) == set(json.loads(render_bench.BEFORE.read_text(encoding="utf-8"))["stages_ms_per_s"])


def test_startup_reports_times_and_sizes(tmp_path, monkeypatch):
    from bench.common import jackd
    from bench.speed import startup

    monkeypatch.setattr(jackd, "is_missing", lambda command: True)
    startup.run(1, False, tmp_path)
    results = json.loads((tmp_path / "startup.json").read_text(encoding="utf-8"))["results"]
    assert results["live"] is None
    assert len(results["commands"]) == 3
    assert all(entry["warm_s"]["median"] > 0.0 for entry in results["commands"].values())
    assert results["install_megabytes"]["numpy"] > 1.0
    assert sum(results["install_megabytes"].values()) == pytest.approx(results["install_total_megabytes"])


def test_latency_reports_tails_stages_and_a_proof(tmp_path):
    few = ("--rates", "44100", "--blocks", "32,64", "--seconds", "0.02", "--processes", "1")
    results = results_of("latency", tmp_path, *few)
    assert [rate["sample_rate_hz"] for rate in results["rates"]] == [44_100]
    for rate in results["rates"]:
        assert [row["block_samples"] for row in rate["blocks"]] == [32, 64]
        for row in rate["blocks"]:
            tail, ratio = row["us"], row["ratio_to_the_yardstick"]
            assert 0.0 < tail["p50"] <= tail["p99"] <= tail["p99.9"] <= tail["max"]
            assert row["share_of_deadline"]["p50"] == pytest.approx(tail["p50"] / row["deadline_us"])
            assert row["deadline_us"] == pytest.approx(1e6 * row["block_samples"] / rate["sample_rate_hz"])
            assert 0.0 < ratio["low"] <= ratio["median"] <= ratio["high"]
        assert len(rate["stages_share_of_the_whole"]) == 9 and len(rate["variants_to_the_whole"]) == 4
    assert [null["found_samples"] for null in results["null_tests"]] == [64, 0]
    assert all(null["is_proven"] and null["worst_error_lin"] < 1e-6 for null in results["null_tests"])
    assert all(null["a_sample_off_lin"] > 0.1 for null in results["null_tests"])


def test_scale_reports_channels_rates_the_end_of_real_time_and_files(tmp_path, monkeypatch):
    from bench.common import report
    from bench.speed.chain import scale

    monkeypatch.setattr(report, "pin_to_one_core", lambda: None)
    monkeypatch.setattr(scale, "LIMITS", ((48_000, 64),))
    monkeypatch.setattr(scale, "_most", lambda: 4)
    monkeypatch.setattr(scale, "_processes", lambda seconds: 1)
    scale.run(0.02, [0.02, 0.05], tmp_path)
    results = json.loads((tmp_path / "scale.json").read_text(encoding="utf-8"))["results"]
    channels = {row["channels"]: row["to_stereo"]["median"] for row in results["channels"]}
    assert channels[2] == 1.0 and channels[16] > 2.0
    rates = {row["sample_rate_hz"]: row["second_to_second"]["median"] for row in results["rates"]}
    assert rates[48_000] == 1.0 and len(rates) == 4
    (limit,) = results["limits"]
    assert limit["tried"][0]["engines"] == 1 and limit["most_engines"] <= 4
    assert [row["minutes"] for row in results["files"]] == [0.02, 0.05]
    assert all(row["times_real_time"] > 0.0 and row["memory_mb"] > 50.0 for row in results["files"])


@pytest.mark.parametrize(("truth", "most"), [(1, 100), (13, 100), (64, 100), (100, 100), (1000, 100), (0, 100)])
def test_the_end_of_real_time_is_found(truth, most, monkeypatch):
    from bench.speed.chain import scale

    def verdict(audio, rate_hz, block_samples, count, seconds):
        return {"engines": count, "is_real_time": count <= truth}

    monkeypatch.setattr(scale.material, "loud_song", lambda rate_hz: None)
    monkeypatch.setattr(scale, "is_real_time", verdict)
    found = scale.find_limit(48_000, 64, 1.0, most)
    assert found["most_engines"] <= min(truth, most)
    assert found["most_engines"] >= min(truth, most) * 31 / 32 - 1
    assert found["ends_there"] == (truth < most)


@pytest.mark.parametrize("blocks", ["16", "2048", "some", "64,"])
def test_block_sizes_that_cannot_be_are_refused(blocks):
    run = bench("chain", "--blocks", blocks)
    assert run.returncode == 2 and "--blocks" in run.stderr


def test_help_gives_examples():
    for command in ("all", "chain", "compare", "latency", "limiter", "loudness", "render", "scale", "startup"):
        assert f"python -m bench {command}" in bench(command, "--help").stdout
