"""`bench plugin` measures what it says: the same work on both sides, ratios, the worker, loading, sizes."""

from __future__ import annotations

import json

import pytest

from bench.common.lv2host import Plugin
from bench.plugin import command, hosted, turns


def test_it_reports_ratios_the_worker_loading_and_sizes(plugins, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LV2_PATH", str(tmp_path))  # others may be here or not: those that are not are named
    command.run(plugins, 64, 0.3, 1, 1, tmp_path)
    found = json.loads((tmp_path / "plugin.json").read_text(encoding="utf-8"))["results"]
    calls = found["call_for_call"]
    assert calls["largest_difference_to_the_chain"] < 1e-6, "they do not do the same"
    assert set(calls["us_per_block"]) == {turns.PLUGIN, turns.LISTENING, turns.CHAIN, turns.PEER}
    assert all(us["median"] > 0.1 for us in calls["us_per_block"].values())
    assert 0.0 < calls["worker_share_of_a_core"] < 0.5
    assert list(found["in_ffmpeg"]["us_per_block"]) == [hosted.OURS]
    assert found["in_ffmpeg"]["missing"] == list(hosted.PACKAGES.values())
    assert found["first_sound_ms"]["median"] > 0.1
    assert set(found["bytes"]) == {"lv2", "clap", "vst3"}
    said = capsys.readouterr().out
    assert "lsp-plugins-lv2 is skipped" in said and "share of a core" in said


def test_without_an_lv2_it_says_how_to_get_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="rt-automix plugin build"):
        command.measure(tmp_path, 64, 0.1, 1, 1)


def test_what_holds_still_hears_all_the_same(plugins):
    """Else the comparison would leave out its worker."""
    plugin = turns.new_plugin(plugins / ".lv2" / "rt_automix.lv2" / "rt_automix.so", True)
    assert isinstance(plugin, Plugin) and plugin.ports["freeze"].value == 1.0
    assert plugin.ports["trim_compression"].value == pytest.approx(0.3) and plugin.ports["trim_air_db"].value == 3.0
    plugin.close()
