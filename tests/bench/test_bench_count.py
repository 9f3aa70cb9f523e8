"""Work cannot rise unseen: what is counted now against what the repository says."""

from __future__ import annotations

import json

import click
import numpy as np
import pytest

from bench.speed.chain import count, count_instructions, instructions
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.samples import mix

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="renders with compiled kernels")


def test_no_count_has_risen_beyond_what_the_repository_says():
    assert count.complaints(count.counted(), count.written()) == [], count.CURE


def test_a_count_that_rises_is_named_and_one_that_falls_is_welcome():
    before = {"counts": {"nodes": 100.0, "passes": 1.0}, "compiled_with": count_instructions.compiled_with()}
    assert count.complaints({"nodes": 102.0, "passes": 0.5}, before) == []
    (words,) = count.complaints({"nodes": 104.0, "passes": 1.0}, before)
    assert "nodes: 104" in words and "100" in words


def test_what_is_counted_on_one_side_only_is_named():
    found = count.complaints(
        {"new": 1.0}, {"counts": {"old": 1.0}, "compiled_with": count_instructions.compiled_with()}
    )
    assert any("old is no longer counted" in words for words in found)
    assert any("new is not in work_counts.json" in words for words in found)


def test_instructions_are_the_same_every_time_and_grow_with_the_work():
    if lacking := instructions.missing():
        pytest.skip(lacking)
    left, right = np.ones((2, 64), np.float32)
    once, again = (instructions.count(mix.guard, left, right) for _ in range(2))
    assert once == again
    assert instructions.count(mix.guard, *np.ones((2, 6400), np.float32)).instructions > 20 * once.instructions


def test_what_others_do_is_counted_as_a_call_however_long_it_takes():
    lines = "ob=/x/run fn=ours 0,10 0,5 cob=/lib/libm cfn=exp calls=3,0 0,4000 cfn=more calls=2,0 0,7 0,1"
    report = f"{lines} ob=/lib/libm fn=exp 0,4000".replace(" ", "\n").replace(",", " ")
    assert instructions.work_in(report, "/x/run") == instructions.Work(16, 3)


def test_another_compiler_is_told_from_more_work(monkeypatch):
    monkeypatch.setattr(instructions, "missing", lambda: "")
    said = {"counts": {"nodes": 1.0}, "compiled_with": {**count_instructions.compiled_with(), "llvmlite": "0.1"}}
    (words,) = count.complaints({"nodes": 1.0}, said)
    assert "0.1" in words and "requirements.lock" in words


def test_without_the_tools_the_rest_is_compared(monkeypatch):
    monkeypatch.setattr(instructions, "missing", lambda: "valgrind missing")
    said = {"counts": {"nodes": 1.0, "instructions of a block": 9.0}, "compiled_with": {}}
    assert count.complaints({"nodes": 1.0}, said) == []


def test_the_command_refuses_a_rise_and_writes_when_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(count, "WRITTEN", tmp_path / "counts.json")
    monkeypatch.setattr(count, "counted", lambda: {"nodes": 100.0})
    count.run(is_to_write=True)
    count.run(is_to_write=False)
    monkeypatch.setattr(count, "counted", lambda: {"nodes": 110.0})
    with pytest.raises(click.ClickException, match="--write"):
        count.run(is_to_write=False)
    count.run(is_to_write=True)
    assert json.loads((tmp_path / "counts.json").read_text(encoding="utf-8"))["counts"] == {"nodes": 110.0}
    assert "110" in capsys.readouterr().out
