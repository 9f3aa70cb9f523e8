"""LV2 and VST3 in hosts that others wrote: the engine's bits, as far as they hand over what they are given."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hosting import ID, LATENCY, master, read

from rt_automix.plugin import table, ttl

RATE_HZ = 48_000


@pytest.fixture(scope="module")
def surroundings(plugins):
    return {**os.environ, "LV2_PATH": str(plugins / ".lv2")}


@pytest.fixture(scope="module")
def wave(song, tmp_path_factory):
    path = tmp_path_factory.mktemp("wave") / "in.wav"
    soundfile.write(path, song.T, RATE_HZ, subtype="FLOAT")
    return path


def _run(*command, env):
    done = subprocess.run([str(part) for part in command], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _heard(path):
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.T


def test_ffmpeg_gives_the_bits_of_the_engine(surroundings, wave, song, tmp_path):
    """It knows of a worker, gives none, and runs faster than time."""
    name = f"lv2=p={ttl.URI}:c=amount=0.5|style_loudness=0|target_lufs=-18".replace(
        "urn:rt-automix:", r"urn\\:rt-automix\\:"
    )
    _run("ffmpeg", "-v", "error", "-i", wave, "-af", name, "-c:a", "pcm_f32le", tmp_path / "out.wav", env=surroundings)
    wanted = master(song, events=[(0, {"amount": 0.5, "target_lufs": -18.0})])
    assert np.array_equal(_heard(tmp_path / "out.wav"), wanted)


@pytest.mark.skipif(shutil.which("lv2apply") is None, reason="needs lv2apply: sudo apt install lilv-utils")
@pytest.mark.parametrize("kind", ttl.KINDS)
def test_lv2apply_gives_the_bits_of_the_engine(surroundings, song, tmp_path, kind):
    """It plays one sample at a time."""
    channels_in, at_the_side, channels_out = ttl.KINDS[kind]
    some = song[:channels_in, : 2 * RATE_HZ]
    fed = np.concatenate((some, some[:at_the_side]))
    soundfile.write(tmp_path / "in.wav", fed.T, RATE_HZ, subtype="FLOAT")
    _run("lv2apply", "-i", tmp_path / "in.wav", "-o", tmp_path / "out.wav", ttl.URI + kind, env=surroundings)
    heard, wanted = _heard(tmp_path / "out.wav"), master(some)
    assert len(heard) == channels_out
    assert np.array_equal(heard, np.broadcast_to(wanted, heard.shape))


@pytest.mark.skipif(shutil.which("lv2info") is None, reason="needs lv2info: sudo apt install lilv-utils")
def test_the_description_is_understood(surroundings):
    text = _run("lv2info", ttl.URI, env=surroundings)
    for row in (*table.CONTROLS, *table.METERS):
        assert f"Symbol:      {row.symbol}\n" in text
    assert "Has latency:       yes" in text
    assert "http://lv2plug.in/ns/ext/state#interface" in text


@pytest.fixture(scope="module")
def vst3(plugins):
    pedalboard = pytest.importorskip("pedalboard")
    return lambda: pedalboard.load_plugin(str(plugins / ".vst3" / "rt_automix.vst3"))


@pytest.mark.parametrize("size", [64, 512, 8192])
def test_pedalboard_gives_the_bits_of_the_engine(vst3, song, mastered, size):
    """It takes the latency off."""
    heard = vst3().process(song, RATE_HZ, buffer_size=size)
    assert np.array_equal(heard[:, :-LATENCY], mastered[:, LATENCY:])


def test_pedalboard_sets_what_it_sets(vst3, song):
    plugin = vst3()
    plugin.parameters["amount"].raw_value = 0.25
    plugin.parameters["freeze"].raw_value = 1.0
    heard = plugin.process(song, RATE_HZ, buffer_size=512)
    wanted = master(song, events=[(0, {"amount": 0.25, "freeze": True})])
    # It hands over controls with the first block, whose first tick has them already.
    assert np.array_equal(heard[:, :-LATENCY], wanted[:, LATENCY:])


def test_a_state_comes_back_in_every_format_alike(vst3, clap, raw, song, tmp_path):
    """What a VST3 has learned of as many samples is what a CLAP has, and both go on from it alike."""
    size = song.shape[1]
    first = vst3()
    first.process(song, RATE_HZ, buffer_size=512)
    again = vst3()
    again.raw_state = first.raw_state
    heard = again.process(song, RATE_HZ, buffer_size=512)
    clap("new", "on 48000", f"in {raw} {size}", f"blocks 512 {size}", f"save {tmp_path}/state")
    clap("new", f"load {tmp_path}/state", "on 48000", f"in {raw} {size}", f"blocks 512 {size}", f"out {tmp_path}/out")
    wanted = read(tmp_path / "out")
    assert np.array_equal(heard[:, :-LATENCY], wanted[:, LATENCY:])
    fresh = vst3().process(song, RATE_HZ, buffer_size=512)
    assert np.abs(heard - fresh).max() > 0.01, "nothing was learned"


def test_places_in_vst3_are_for_ever():
    """DPF knows a parameter by its place: what comes to the table comes last, or projects are read wrongly."""
    *controls, behind = table.CONTROLS
    assert behind.symbol == "learn_from"  # not there in VST3
    symbols = [row.symbol for row in (*controls, *table.METERS)]
    assert symbols[:16] == [
        "amount", "target_lufs", "style_loudness", "ceiling_dbtp", "output_trim_db", "style", "style_strength",
        "boldness", "fine_tone", "listen", "freeze", "direct", "bypass", "learn", "ride", "max_trim_db",
    ]  # fmt: skip
    assert len(symbols) == 35 and symbols[26] == "momentary_lufs"
    assert len(set(ID.values())) == len(symbols) + 1


def test_every_shipped_style_has_a_number():
    from rt_automix.analysis.aim import profile

    assert sorted(filter(None, table.STYLES)) == sorted(profile.shipped())
    assert len(table.STYLES) <= table.MOST_STYLES
    assert table.STYLES[:3] == ("auto", "", "balanced") and Path(ttl.BUNDLE).suffix == ".lv2"
