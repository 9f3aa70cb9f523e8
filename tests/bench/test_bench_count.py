"""Work cannot rise unseen: what is counted now against what the repository says."""

from __future__ import annotations

import json

import click
import pytest

from bench.speed import count
from rt_automix.dsp.jit import JIT_ENABLED

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="renders with compiled kernels")


def test_no_count_has_risen_beyond_what_the_repository_says():
    assert count.complaints(count.counted(), count.written()) == [], count.CURE


def test_a_count_that_rises_is_named_and_one_that_falls_is_welcome():
    before = {"nodes": 100.0, "passes": 1.0}
    assert count.complaints({"nodes": 102.0, "passes": 0.5}, before) == []
    (words,) = count.complaints({"nodes": 104.0, "passes": 1.0}, before)
    assert "nodes: 104" in words and "100" in words


def test_what_is_counted_on_one_side_only_is_named():
    found = count.complaints({"new": 1.0}, {"old": 1.0})
    assert any("old is no longer counted" in words for words in found)
    assert any("new is not in work_counts.json" in words for words in found)


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
