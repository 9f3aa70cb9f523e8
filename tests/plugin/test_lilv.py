"""LV2 in a host by lilv, as Ardour and jalv have it: automation, a state in the middle, many at once, odd rates."""

from __future__ import annotations

import numpy as np
import pytest
from hosting import lilv, master, read, sixteen


@pytest.fixture(scope="module")
def host(plugins, tmp_path_factory):
    return lilv(plugins / ".lv2", tmp_path_factory.mktemp("lilvhost"))


def test_ports_that_move_between_blocks_act_with_the_next(host, raw, song, tmp_path):
    events = [(0, "target_lufs", -14.0), (48_000, "amount", 0.25), (96_000, "listen", 2.0), (150_016, "listen", 0.0),
              (150_016, "trim_air_db", 3.0), (200_000, "ceiling_dbtp", -6.0), (250_048, "amount", 1.0)]  # fmt: skip
    lines = ["new 48000", "set style_loudness 0", f"in {raw} {song.shape[1]}"]
    for at, symbol, value in events:
        lines += [f"blocks 512 {at}", f"set {symbol} {value}"]
    host(*lines, f"blocks 512 {song.shape[1]}", f"out {tmp_path}/out")
    wanted = master(song, events=[(at, _as_the_engine_has_it(symbol, value)) for at, symbol, value in events])
    assert np.array_equal(read(tmp_path / "out"), wanted)


def _as_the_engine_has_it(symbol, value):
    if symbol.startswith("trim_"):
        return {"trims": {symbol.removeprefix("trim_"): value}}
    return {symbol: {0.0: "master", 2.0: "compare"}[value] if symbol == "listen" else value}


def test_sixteen_on_threads_of_their_own_are_each_as_if_alone(host, raw, song, mastered, tmp_path):
    for played in sixteen(host, raw, song, tmp_path):
        assert np.array_equal(played, mastered[:, : played.shape[1]])


def test_a_project_saved_while_it_plays(host, clap, raw, song, mastered, tmp_path):
    """Who saves plays on as if nothing were; who loads begins as the CLAP does that was saved at that sample."""
    size, middle, file = song.shape[1], 200_000, f"in {raw} {song.shape[1]}"
    printed = host(
        "new 48000", file, f"blocks 512 {middle}", f"save {tmp_path}/state.ttl", f"blocks 512 {size}",
        f"out {tmp_path}/first", "new 48000", "set amount 0.5", f"load {tmp_path}/state.ttl", "get amount", file,
        f"blocks 512 {size}", f"out {tmp_path}/second",
    )  # fmt: skip
    assert printed == ["1", "1", "1"]
    clap("new", "on 48000", file, f"blocks 512 {middle}", f"save {tmp_path}/state")
    clap("new", f"load {tmp_path}/state", "on 48000", file, f"blocks 512 {size}", f"out {tmp_path}/clap")
    first, second, wanted = (read(tmp_path / name) for name in ("first", "second", "clap"))
    assert np.array_equal(first, mastered) and np.array_equal(second, wanted)
    assert not np.array_equal(second, first), "nothing was learned"


@pytest.mark.parametrize("rate_hz", [22_050, 37_800, 96_001])
def test_at_other_rates_it_refuses(host, clap, rate_hz):
    assert host(f"new {rate_hz}") == ["0"]
    with pytest.raises(AssertionError, match="activate"):
        clap("new", f"on {rate_hz}")
