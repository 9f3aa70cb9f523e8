"""VST3 in a host of the tests' own: automation, a state in the middle, many at once, odd rates."""

from __future__ import annotations

import numpy as np
import pytest
from hosting import LATENCY, master, new_vst3_host, read, sixteen

from rt_automix.plugin import table

PLACE = {control.symbol: place for place, control in enumerate(table.CONTROLS[:-1], 1)}
"""How VST3 calls a parameter: DPF has the first number for the latency."""
ROWS = {control.symbol: control for control in table.CONTROLS}


@pytest.fixture(scope="module")
def host(plugins, tmp_path_factory):
    binary = next((plugins / ".vst3").rglob("*.so"))
    return new_vst3_host(binary, tmp_path_factory.mktemp("vst3host"))


def _set(symbol, value):
    row = ROWS[symbol]
    return f"set {PLACE[symbol]} {(value - row.low) / (row.high - row.low)!r}"


def test_parameters_that_move_act_with_their_block(host, raw, song, tmp_path):
    events = [(0, "target_lufs", -22.5), (48_000, "amount", 0.25), (96_000, "listen", 2.0), (150_016, "listen", 0.0),
              (200_000, "ceiling_dbtp", -6.0), (250_048, "amount", 1.0)]  # fmt: skip
    lines = ["new 48000", _set("style_loudness", 0.0), f"in {raw} {song.shape[1]}"]
    for at, symbol, value in events:
        lines += [f"blocks 512 {at}", _set(symbol, value)]
    printed = host(*lines, "latency", f"blocks 512 {song.shape[1]}", f"get {PLACE['amount']}", f"out {tmp_path}/out")
    assert printed == [str(LATENCY), "1"]
    named = {0.0: "master", 2.0: "compare"}
    calls = [(at, {symbol: named[value] if symbol == "listen" else value}) for at, symbol, value in events]
    assert np.array_equal(read(tmp_path / "out"), master(song, events=calls))


def test_sixteen_on_threads_of_their_own_are_each_as_if_alone(host, raw, song, mastered, tmp_path):
    for played in sixteen(host, raw, song, tmp_path):
        assert np.array_equal(played, mastered[:, : played.shape[1]])


def test_pedalboard_keeps_a_state_while_it_plays(plugins, host, clap, raw, song, mastered, tmp_path):
    """Two formats that were saved at the same sample go on alike; who saves plays on as if nothing were."""
    pedalboard = pytest.importorskip("pedalboard")
    size, middle, file = song.shape[1], 192_000, f"in {raw} {song.shape[1]}"
    plugin = pedalboard.load_plugin(str(plugins / ".vst3" / "rt_automix.vst3"))
    parts = [plugin.process(song[:, :middle], 48_000, buffer_size=512, reset=False)]
    state = plugin.raw_state
    parts.append(plugin.process(song[:, middle:], 48_000, buffer_size=512, reset=False))
    assert np.array_equal(np.concatenate(parts, axis=1), mastered)
    plugin.parameters["amount"].raw_value = 0.25
    plugin.raw_state = state
    plugin.reset()
    heard = plugin.process(song, 48_000, buffer_size=512)
    clap("new", "on 48000", file, f"blocks 512 {middle}", f"save {tmp_path}/state")
    clap("new", f"load {tmp_path}/state", "on 48000", file, f"blocks 512 {size}", f"out {tmp_path}/clap")
    wanted = read(tmp_path / "clap")
    assert np.array_equal(heard[:, :-LATENCY], wanted[:, LATENCY:])
    host("new 48000", file, f"blocks 512 {middle}", f"save {tmp_path}/kept", "new 48000", f"load {tmp_path}/kept",
         file, f"blocks 512 {size}", f"out {tmp_path}/out")  # fmt: skip
    assert np.array_equal(read(tmp_path / "out"), wanted)


@pytest.mark.parametrize("rate_hz", [22_050, 37_800])
def test_at_other_rates_it_lets_through(host, raw, song, tmp_path, rate_hz):
    """DPF cannot have it refuse."""
    assert host(f"new {rate_hz}", "latency", f"in {raw} {song.shape[1]}", "blocks 512 9999", f"out {tmp_path}/out") == [
        "0"
    ]
    assert np.array_equal(read(tmp_path / "out")[:, :9_999], song[:, :9_999])
