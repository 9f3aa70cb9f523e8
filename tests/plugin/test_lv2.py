"""LV2 by the interface of C: its state, its worker's hours, buffers that are the same memory, its own ports."""

from __future__ import annotations

import numpy as np
import pytest
from hosting import LATENCY, master, read

from bench.common.lv2host import Plugin


@pytest.fixture
def new(plugins):
    """Another instance, closed in the end."""
    made = []

    def plugin(**kind):
        made.append(Plugin(plugins / ".lv2" / "rt_automix.lv2" / "rt_automix.so", **kind))
        return made[-1]

    yield plugin
    for each in made:
        each.close()


def _played(plugin, song, size=512, after_block=lambda number: None):
    out = np.zeros_like(song)
    for number, start in enumerate(range(0, song.shape[1], size)):
        left, right = song[:, start : start + size].copy()
        plugin.run(left, right, left, right)
        out[0, start : start + size], out[1, start : start + size] = left, right
        after_block(number)
    return out


def test_a_worker_may_work_when_it_likes(new, song, mastered):
    """Every third block, or never: then the audio thread does it when it is to act."""
    plugin, idle = new(has_worker=True), new(has_worker=True)
    out = _played(plugin, song, after_block=lambda number: plugin.work() if number % 3 == 0 else None)
    assert np.array_equal(out, mastered)
    assert np.array_equal(_played(idle, song), mastered) and idle.waits > 15


def test_outputs_may_be_the_other_sides_input(new, song, mastered):
    left, right = song[:, :6_000].copy()
    new().run(left, right, right, left)
    assert np.array_equal(right, mastered[0, :6_000]) and np.array_equal(left, mastered[1, :6_000])


def test_its_state_is_the_claps(new, clap, raw, song, tmp_path):
    first = new()
    _played(first, song)
    content = first.save()
    size = song.shape[1]
    clap("new", "on 48000", f"in {raw} {size}", f"blocks 512 {size}", f"save {tmp_path}/state")
    assert (tmp_path / "state").read_bytes().endswith(content)
    clap("new", f"load {tmp_path}/state", "on 48000", f"in {raw} {size}", f"blocks 512 {size}", f"out {tmp_path}/out")
    again = new()
    assert again.restore(content) == 0 and again.restore(content[:-3]) != 0
    assert np.array_equal(_played(again, song), read(tmp_path / "out"))


def test_ports_of_its_own(new, song):
    plugin = new()
    plugin.ports["enabled"].value = 0.0
    plugin.ports["direct"].value = 1.0
    out = _played(plugin, song[:, :48_000])
    assert np.array_equal(out[:, 24_000:], song[:, 24_000:48_000]), "turned off it is the input, at once"
    assert plugin.ports["latency"].value == 0.0
    plugin.ports["direct"].value = 0.0
    _played(plugin, song[:, :512])
    assert plugin.ports["latency"].value == LATENCY


def test_a_freewheel_decides_in_line(new, song, mastered):
    plugin = new(has_worker=True)
    plugin.ports["freewheel"].value = 1.0
    assert np.array_equal(_played(plugin, song), mastered) and plugin.waits == 0


def test_controls_are_those_of_the_engine(new, song):
    plugin = new()
    plugin.ports["amount"].value, plugin.ports["listen"].value = 0.5, 2.0
    wanted = master(song, events=[(0, {"amount": 0.5, "listen": "compare"})])
    out = _played(plugin, song)
    assert np.abs(out[:, 4_800:] - wanted[:, 4_800:]).max() < 1e-6
