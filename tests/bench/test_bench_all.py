"""`bench all` makes one folder of what its commands found, and `bench compare` tells a change from noise."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import compare, everything, headlines
from bench.common import report
from bench.everything import Part
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.errors import UserError

ROOT = Path(__file__).parents[2]

# What `all` makes of its parts --------------------------------------------------------------------


@pytest.mark.skipif(not JIT_ENABLED, reason="times compiled kernels")
def test_all_leaves_figures_a_table_and_pictures_and_says_what_it_skips(tmp_path, monkeypatch, capsys):
    nowhere = tmp_path / "nothing"
    nowhere.mkdir()
    monkeypatch.setenv("PATH", str(nowhere))
    parts = (
        Part("chain", "--blocks 64 --seconds 0.02", "no such argument", headlines.chain),
        Part("jitter", "", "", headlines.jitter),
        Part("loudness", "--music {music}", "", headlines.loudness),
        Part("render", "--repeats nine", "", headlines.render),
    )
    monkeypatch.setattr(everything, "PARTS", parts)
    out = tmp_path / "out"
    assert everything.run(True, None, [], out) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "bench jitter is skipped. It needs a JACK server" in said
    assert "bench loudness is skipped. It needs a folder of songs: --music FOLDER" in said
    assert "bench render failed: Error: Invalid value for '--repeats'" in said

    whole = json.loads((out / "all.json").read_text(encoding="utf-8"))
    assert whole["machine"]["processor"] and whole["versions"]["numba"] and "commit" in whole
    assert whole["settings"] == {"quick": True, "with_music": False}
    assert list(whole["parts"]) == [part.name for part in parts]
    done = [name for name, part in whole["parts"].items() if part["results"] is not None]
    assert done == ["chain"]
    assert [name for name, part in whole["parts"].items() if part["failed"]] == ["render"]
    assert all((out / f"chain.{suffix}").stat().st_size > 100 for suffix in ("json", "png", "txt"))
    table = (out / "all.md").read_text(encoding="utf-8")
    assert "| ours, whole chain, moving / pedalboard, whole chain, 64 samples |" in table
    assert "![chain](chain.png)" in table and "bench jitter is skipped" in table


def test_arguments_of_the_quick_and_the_full_form():
    part = Part("loudness", "--music {music} --songs 1", "--music {music}", headlines.loudness)
    assert part.arguments(True, Path("a folder")) == ["--music", "a folder", "--songs", "1"]
    assert part.arguments(False, Path("a folder")) == ["--music", "a folder"]


@pytest.mark.parametrize("part", everything.PARTS, ids=lambda part: part.name)
def test_every_part_is_a_command_that_knows_its_arguments(part):
    from bench.__main__ import main

    command = main.commands[part.name]
    for is_quick in (True, False):
        given = part.arguments(is_quick, ROOT)
        context = command.make_context(part.name, given)
        assert context.params


def test_a_name_that_is_no_part_is_refused():
    run = subprocess.run(
        [sys.executable, "-m", "bench", "all", "--only", "nonsense"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 2 and "nonsense is not one of latency, chain" in run.stderr


# What `compare` makes of two of them ---------------------------------------------------------------


def _content(seed, shift=1.0):
    """A run: ratios and times out of noisy repetitions, one of them shifted."""
    rng = np.random.default_rng(seed)

    def runs(level):
        return [level * rng.normal(1.0, 0.03, 200) * rng.normal(1.0, 0.005) for _ in range(4)]

    return {
        "command": "sketch",
        "date": "today",
        "commit": f"{seed}",
        "machine": {"processor": "P", "cores": 2, "system": "S"},
        "versions": {"python": "3"},
        "settings": {},
        "results": {
            "blocks": [
                {"block_samples": size, "ratio": report.across(runs(2.0 * (shift if size == 64 else 1.0)))}
                for size in (32, 64, 128)
            ],
            "stages": {name: report.quartiles(np.concatenate(runs(0.2))) for name in "abcdefgh"},
            "warm_s": report.quartiles(np.concatenate(runs(1.0))),
            "start": {"bundle_megabytes": report.quartiles(np.concatenate(runs(16.0)))},
            "lufs": -14.0,
        },
    }


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_taken_for_a_change(seed):
    rows = compare.compare(_content(2 * seed), _content(2 * seed + 1))
    assert len(rows) == 13 and not any(row.has_moved for row in rows)


@pytest.mark.parametrize("shift", [1.12, 0.89])
def test_a_planted_change_is_found_and_named(shift):
    rows = compare.compare(_content(1), _content(2, shift))
    assert [row.before.name for row in rows if row.has_moved] == ["sketch / blocks / 64 / ratio"]
    assert rows[0].ratio == pytest.approx(shift, rel=0.03)


def test_absolute_times_are_told_from_ratios():
    names = {figure.name: figure.is_absolute for figure in compare.figures(_content(1)["results"])}
    assert names["warm_s"] and names["start / bundle_megabytes"]
    assert not names["blocks / 64 / ratio"] and not names["stages / a"]


def test_compare_prints_what_moved_and_in_what_the_runs_differ(tmp_path, capsys):
    before, after = _content(1), _content(2, 1.3)
    after["machine"] = {**after["machine"], "processor": "Q"}
    both = {"A": {**copy.deepcopy(before), "parts": {"sketch": before}}, "B": {**after, "parts": {"sketch": after}}}
    for name, content in both.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    compare.run(tmp_path / "A", tmp_path / "B", show_all=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "Not the same processor: P, Q" in said
    assert "Ratios: 1 of 11 moved" in said and "Absolute: only if both machines were equally idle: 0 of 2" in said
    assert "yes" in said


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"a": 1}'])
def test_what_is_no_result_is_refused(tmp_path, text):
    path = tmp_path / "it.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"it\.json: .*Use the \.json of a bench command"):
        compare.load(path)
