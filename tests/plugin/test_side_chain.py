"""A reference from the side-chain: what is learned is what is there, and not what is mastered, in CLAP and LV2."""

from __future__ import annotations

import numpy as np
import pytest
from hosting import ID, lilv, parts_of, read

from rt_automix.analysis.aim import masters, profile

INTERVAL = 4 * round(0.093 * 48_000)
TOLD = {True: {"learn": 1.0, "learn_from": 1.0}, False: {"learn": 0.0, "style": 1.0}}
"""What is set before, and after, the reference has played."""


@pytest.fixture(scope="module")
def other(song, tmp_path_factory):
    """What is mastered meanwhile: a file of noise that is as long."""
    path = tmp_path_factory.mktemp("other") / "raw"
    noise = 0.05 * np.random.default_rng(3).standard_normal(song.shape)
    noise.astype(np.float32).tofile(path)
    return path


@pytest.fixture(scope="module")
def by_clap(clap, raw, other, song, tmp_path_factory):
    """(what the CLAP makes of it, the profile that its project keeps, how many samples were learned from)."""
    folder, size = tmp_path_factory.mktemp("clap"), song.shape[1] // INTERVAL // 2 * INTERVAL

    def told(is_begin):
        return [f"event 0 {ID[symbol]} {value}" for symbol, value in TOLD[is_begin].items()]

    clap("new", "on 48000", f"in {other} {song.shape[1]}", f"side {raw}", *told(True), f"blocks 512 {size}",
         *told(False), f"blocks 512 {song.shape[1]}", f"out {folder}/out", f"save {folder}/state")  # fmt: skip
    return read(folder / "out"), parts_of(folder / "state").learned[104], size


def test_the_reference_is_what_is_at_the_side(by_clap, song):
    _, learned, size = by_clap
    wanted = profile.measure([song[:, :size]], 48_000, 2, "song")
    assert np.allclose(learned, masters.numbers(wanted), rtol=0.0, atol=1e-9)


def test_without_a_side_chain_nothing_is_learned_from_it(clap, other, song, tmp_path):
    told = [f"event 0 {ID[symbol]} {value}" for symbol, value in TOLD[True].items()]
    clap("new", "on 48000", f"in {other} {song.shape[1]}", *told, f"blocks 512 {song.shape[1] // 2}",
         f"event 0 {ID['learn']} 0", f"blocks 512 {song.shape[1]}", f"save {tmp_path}/state")  # fmt: skip
    assert 104 not in parts_of(tmp_path / "state").learned


def test_lv2_has_a_kind_with_a_side_chain(by_clap, plugins, raw, other, song, tmp_path):
    out, _, size = by_clap
    host = lilv(plugins / ".lv2", tmp_path, kind="-side-chain")

    def told(is_begin):
        return [f"set {symbol} {value}" for symbol, value in TOLD[is_begin].items()]

    host("new 48000", f"in {other} {song.shape[1]}", f"side {raw}", *told(True), f"blocks 512 {size}",
         *told(False), f"blocks 512 {song.shape[1]}", f"out {tmp_path}/out")  # fmt: skip
    assert np.array_equal(read(tmp_path / "out"), out)
