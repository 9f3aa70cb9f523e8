"""CLAP in the tests' own host: the engine's bits, whatever a host does."""

from __future__ import annotations

import numpy as np
import pytest
from crowd import applause
from hosting import ID, LATENCY, master, new_engine, parts_of, play, read

from rt_automix import params
from rt_automix.analysis.aim import masters, profile
from rt_automix.engine import memory
from rt_automix.plugin import made, table


@pytest.fixture(scope="module")
def whole(clap, raw, song, tmp_path_factory):
    """Play the song, some lines before it and some instead of blocks; what comes out."""

    def run(*blocks, before=("new", "on 48000"), channels=2, env=None):
        out = tmp_path_factory.mktemp("out") / "out.raw"
        lines = blocks or (f"blocks 512 {song.shape[1]}",)
        printed = clap(*before, f"in {raw} {song.shape[1]}", *lines, f"out {out}", env=env)
        return read(out, channels), printed

    return run


@pytest.mark.parametrize("size", ["64", "4096", "5000", "4096 inplace"])
def test_any_block_gives_the_bits_of_the_engine(whole, song, mastered, size):
    count, *in_place = size.split()
    out, _ = whole(" ".join([f"blocks {count} {song.shape[1]}", *in_place]))
    assert np.array_equal(out, mastered)


def test_blocks_of_none_and_one_and_changing_ones(whole, song, mastered):
    sizes = [0, 1, 0, 64, 1, 1, 4096, 63, 0, 65, 7, 4801, 1, 20_000]
    done = sum(sizes)
    out, _ = whole(*(f"block {size}" for size in sizes), f"blocks 333 {song.shape[1]}")
    assert done < song.shape[1] and np.array_equal(out, mastered)


def test_offline_gives_the_same(whole, mastered):
    out, _ = whole(before=("new", "offline 1", "on 48000"))
    assert np.array_equal(out, mastered)


INTERVAL = 4 * round(0.093 * 48_000)
EVENTS = [
    (0, "target_lufs", -14.0), (1_000, "amount", 0.25), (5 * INTERVAL, "boldness", 1.0),
    (5 * INTERVAL, "target_lufs", -20.0), (100_007, "ceiling_dbtp", -6.0), (150_001, "listen", 2.0),
    (200_000, "listen", 0.0), (200_001, "trim_air_db", 3.0), (210_000, "output_trim_db", -6.0),
]  # fmt: skip
"""Each moves what is heard; two come with the sample at which there is something to decide."""


def _as_the_engine_has_it(symbol, value):
    if symbol.startswith("trim_"):
        return {"trims": {symbol.removeprefix("trim_"): value}}
    return {symbol: {0.0: "master", 2.0: "compare"}[value] if symbol == "listen" else value}


@pytest.mark.parametrize("size", [1_000, 60_000])
def test_events_act_at_their_samples(whole, song, size):
    lines = [f"event 0 {ID['style_loudness']} 0"]
    for start in range(0, 240_000, size):
        inside = [event for event in EVENTS if start <= event[0] < start + size]
        lines += [*(f"event {at - start} {ID[symbol]} {value}" for at, symbol, value in inside), f"block {size}"]
    out, _ = whole(*lines, f"blocks 4096 {song.shape[1]}")
    wanted = master(song, events=[(at, _as_the_engine_has_it(symbol, value)) for at, symbol, value in EVENTS])
    assert np.array_equal(out, wanted)


@pytest.mark.parametrize(("kind", "channels"), [(1, 1), (2, 2)])
def test_mono_is_the_mono_engine(whole, song, kind, channels):
    out, _ = whole(before=("new", f"kind {kind}", "on 48000"), channels=channels)
    wanted = master(song[:1])
    assert all(np.array_equal(side, wanted[0]) for side in out)


def test_direct_has_no_latency_and_asks_to_be_started_again(whole, song):
    before = ("new", "on 48000", f"event 0 {ID['direct']} 1", "block 0", "latency", "off", "on 48000", "latency")
    out, printed = whole(before=before)
    assert printed == [f"{LATENCY} 1", "0 1"]
    assert np.array_equal(out, master(song, direct=True))


@pytest.mark.parametrize("rate_hz", made.RATES_HZ)
def test_every_rate_has_its_tables(clap, tmp_path, rate_hz):
    noise = 0.2 * np.random.default_rng(rate_hz).standard_normal((2, 2 * rate_hz), np.float32)
    noise[0] = np.convolve(noise[0], np.full(32, 0.1, np.float32), "same")
    noise.tofile(tmp_path / "in.raw")
    clap("new", "on 48000", "block 64", "off", f"on {rate_hz}", f"in {tmp_path}/in.raw {2 * rate_hz}",
         f"blocks 4096 {2 * rate_hz}", f"out {tmp_path}/out.raw")  # fmt: skip
    assert np.array_equal(read(tmp_path / "out.raw"), master(noise, rate_hz))


def test_a_style_is_the_profile_of_that_name(whole, song):
    number = table.STYLES.index("warm")
    out, _ = whole(before=("new", f"event 0 {ID['style']} {number}", "flush", "on 48000"))
    assert np.array_equal(out, master(song, style="warm"))


def test_another_style_is_gone_for_in_silence_too(clap, song, tmp_path):
    """From the next decision on; its loudness at once."""
    at = 100_000
    samples = np.concatenate([song[:, :at], np.zeros((2, 96_000), np.float32), song[:, at : 2 * at]], axis=1)
    engine = new_engine()
    wanted = [play(engine, samples[:, :at])]
    engine.follow_style(profile.load("dense-wide"))
    wanted.append(play(engine, samples[:, at:]))
    samples.tofile(tmp_path / "in.raw")
    file, count, number = tmp_path / "in.raw", samples.shape[1], table.STYLES.index("dense-wide")
    lines = (f"blocks 4096 {at}", f"event 0 {ID['style']} {number}", f"blocks 4096 {count}", f"out {tmp_path}/out.raw")
    clap("new", "on 48000", f"in {file} {count}", *lines)
    assert np.array_equal(read(tmp_path / "out.raw"), np.concatenate(wanted, axis=1))


def test_applause_is_told_from_music(clap, song, tmp_path):
    """What it has taught before it was known is taken back."""
    samples = np.concatenate([song, 0.7 * applause(48_000, 4.0, 2)], axis=1).astype(np.float32)
    engine = new_engine()
    wanted = play(engine, samples)
    assert engine.analyst.listener.is_applause, "the crowd is not heard as one"
    samples.tofile(tmp_path / "in.raw")
    count = samples.shape[1]
    clap("new", "on 48000", f"in {tmp_path}/in.raw {count}", f"blocks 512 {count}", f"out {tmp_path}/out.raw")
    assert np.array_equal(read(tmp_path / "out.raw"), wanted)


def test_sixteen_at_once_are_each_as_if_alone(clap, raw, song, mastered, tmp_path):
    count, size = 16, 3 * 48_000
    lines = [line for _ in range(count) for line in ("new", "on 48000", f"in {raw} {song.shape[1]}")]
    for start in range(0, size, 3_000):
        lines += [line for k in range(count) for line in (f"use {k}", f"block {min(3_000, size - start)}")]
    lines += [line for k in range(count) for line in (f"use {k}", f"out {tmp_path}/{k}.raw")]
    clap(*lines)
    for k in range(count):
        assert np.array_equal(read(tmp_path / f"{k}.raw")[:, :size], mastered[:, :size])


def _remembered(state):
    """What the CLAP has saved, as the engine's memory has it."""
    kept = parts_of(state)
    statistics = new_engine().analyst.listener.statistics
    for number, name, count in made.KEPT:
        start = getattr(made.analysis_at, name)
        statistics.values[start : start + count] = kept.learned[number]
    return {
        "controls": {},
        "suggestion": params.to_dict(kept.learned[101]),
        "fine_gains_db": kept.learned[102].tolist(),
        "ride_db": float(kept.learned[103][0]),
        "statistics": statistics.plain(),
    }


def test_a_project_sounds_at_once_as_it_was_saved(clap, whole, raw, song, tmp_path):
    clap("new", "on 48000", f"event 0 {ID['amount']} 0.75", f"in {raw} {song.shape[1]}", f"blocks 512 {song.shape[1]}",
         f"save {tmp_path}/state")  # fmt: skip
    before = ("new", f"load {tmp_path}/state", f"get {ID['amount']}", "on 48000")
    out, printed = whole(before=before)
    assert printed == ["1", "0.75"]
    engine = new_engine()
    engine.set(amount=0.75)
    memory.resume(engine, _remembered(tmp_path / "state"))
    assert np.array_equal(out, play(engine, song))
    assert (tmp_path / "state").stat().st_size < 16_000


def test_loading_while_it_plays_is_as_loading_before(clap, whole, raw, song, tmp_path):
    clap("new", "on 48000", f"in {raw} {song.shape[1]}", f"blocks 512 {song.shape[1]}", f"save {tmp_path}/state")
    out, _ = whole(before=("new", f"load {tmp_path}/state", "on 48000"))
    late, printed = whole(before=("new", "on 48000", "block 0", f"load {tmp_path}/state"))
    assert printed == ["1"] and np.array_equal(late, out)


def test_loading_over_other_sound_leaves_nothing_of_that_in_mind(clap, raw, song, tmp_path):
    """As a host does that goes from one project to another; what still rings is gone after half a second."""
    size, half_s = song.shape[1], 24_000
    time_s = np.arange(16 * half_s) / 48_000
    bass = 0.3 * np.sin(2 * np.pi * 90.0 * time_s) * (1.0 + np.sin(4 * np.pi * time_s))
    np.stack([bass, bass], axis=1).astype(np.float32).tofile(tmp_path / "other")
    project, parts = f"{tmp_path}/state", []
    clap("new", "on 48000", f"in {raw} {size}", f"blocks 512 {size}", f"save {project}")
    fresh = "on 48000", f"in {tmp_path}/other {16 * half_s}", f"blocks 512 {16 * half_s}"
    for before in ((f"load {project}", "on 48000"), (*fresh, f"load {project}")):
        clap("new", *before, f"in {raw} {size}", f"blocks 512 {size}", f"out {tmp_path}/out")
        parts.append(read(tmp_path / "out", 2)[:, -size:][:, half_s : 4 * half_s])
    assert np.abs(parts[0]).max() > 0.1 and np.abs(parts[1] - parts[0]).max() < 0.01


def test_a_state_that_is_none_changes_nothing(clap, whole, raw, song, mastered, tmp_path):
    clap("new", "on 48000", f"in {raw} {song.shape[1]}", f"blocks 512 {song.shape[1]}", f"save {tmp_path}/state")
    content = (tmp_path / "state").read_bytes()
    broken = {"short": content[:-1], "empty": b"", "other": b"x" * 400, "none": content[:-8] + b"\xff" * 8}
    for name, text in broken.items():
        (tmp_path / name).write_bytes(text)
    out, printed = whole(before=("new", *(f"load {tmp_path}/{name}" for name in broken), "on 48000"))
    assert printed == ["0"] * len(broken) and np.array_equal(out, mastered)


def test_a_state_of_a_later_version_is_read_as_far_as_it_is_known(clap, raw, song, tmp_path):
    clap("new", "on 48000", f"in {raw} {song.shape[1]}", f"blocks 512 {song.shape[1]}", f"save {tmp_path}/state")
    unknown = (9_999).to_bytes(4, "little") + (2).to_bytes(4, "little") + np.ones(2).tobytes()
    (tmp_path / "later").write_bytes((tmp_path / "state").read_bytes() + unknown)
    assert clap("new", f"load {tmp_path}/later", "on 48000", f"save {tmp_path}/again") == ["1"]
    assert (tmp_path / "again").read_bytes() == (tmp_path / "state").read_bytes()


def test_what_plays_can_be_learned_as_the_reference(clap, raw, song, tmp_path):
    """The profile that is saved is the one that `profile make` makes of the same samples."""
    size = song.shape[1] // INTERVAL * INTERVAL
    clap(
        "new", "on 48000", f"event 0 {ID['learn']} 1", f"in {raw} {song.shape[1]}", f"blocks 512 {size}",
        f"event 0 {ID['learn']} 0", f"in {raw} {song.shape[1]}", f"blocks 512 {2 * INTERVAL}", f"save {tmp_path}/state",
    )  # fmt: skip
    wanted = profile.measure([song[:, :size]], 48_000, 2, "song")
    assert np.allclose(parts_of(tmp_path / "state").learned[104], masters.numbers(wanted), rtol=0.0, atol=1e-9)


def test_meters_tell_of_the_master(clap, raw, song):
    """They are read every 50 ms."""
    engine = new_engine()
    play(engine, song)
    names = ("momentary_lufs", "short_term_lufs", "integrated_lufs", "gain_db", "suggestion_age_s", "late")
    lines = (f"get {ID[name]}" for name in names)
    printed = clap("new", "on 48000", f"in {raw} {song.shape[1]}", f"blocks 2400 {song.shape[1]}", *lines)
    found = dict(zip(names, map(float, printed), strict=True))
    wanted = engine.meters()
    for name in ("momentary_lufs", "short_term_lufs", "integrated_lufs", "gain_db"):
        assert found[name] == getattr(wanted, name)
    assert 0.0 <= found["suggestion_age_s"] < 0.5 and found["late"] == 0.0
