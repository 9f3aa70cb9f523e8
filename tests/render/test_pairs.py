"""Pairs: every two channels are what they would be as a file of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song
from oversampled import true_peak_dbtp

from rt_automix.config import Config
from rt_automix.errors import AutomixError
from rt_automix.render import render
from rt_automix.render.pairs import render_pairs

RATE_HZ, SECONDS = 48_000, 4
PIPE = [sys.executable, "-m", "rt_automix", "pipe", "--pairs", "own"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of three pairs, of which one is loud and one silent, and each of them alone."""
    folder, song = tmp_path_factory.mktemp("pairs"), demo_song(RATE_HZ)
    parts = [song[:, start * RATE_HZ : (start + SECONDS) * RATE_HZ] for start in (5, 9)]
    pairs = [parts[0], 0.1 * parts[1], np.zeros_like(parts[0])]
    sf.write(folder / "all.wav", np.concatenate(pairs).T, RATE_HZ, "FLOAT")
    for number, pair in enumerate(pairs):
        sf.write(folder / f"{number}.wav", pair.T, RATE_HZ, "FLOAT")
    return folder


def samples(path):
    return sf.read(path, dtype="float32")[0].T


@pytest.mark.parametrize("lookahead", ["live", "song"])
def test_a_file_of_pairs_is_several_files(folder, tmp_path, lookahead):
    results = render_pairs(folder / "all.wav", tmp_path / "out.wav", bits=32, lookahead=lookahead)
    out = samples(tmp_path / "out.wav")
    for number, result in enumerate(results):
        alone = render(folder / f"{number}.wav", tmp_path / f"{number}.wav", bits=32, lookahead=lookahead)
        assert np.array_equal(out[2 * number : 2 * number + 2], samples(tmp_path / f"{number}.wav"))
        assert result.output == alone.output
    assert len(results) == 3 and not out[4:].any()
    gains_db = [result.output.integrated_lufs - result.input.integrated_lufs for result in results[:2]]
    assert gains_db[1] - gains_db[0] > 5.0  # each has its own


def test_a_pipe_of_pairs_has_the_bits_of_several_renders(folder, tmp_path):
    words = ["--format", "f32le", "--channels", "6", "--json-lines"]
    data = samples(folder / "all.wav").T.tobytes()
    bare = subprocess.run([*PIPE, *words], input=data, capture_output=True, check=True)
    wav = subprocess.run(PIPE, stdin=(folder / "all.wav").open("rb"), capture_output=True, check=True).stdout
    out = np.frombuffer(bare.stdout, "<f4").reshape(-1, 6).T
    assert wav.endswith(bare.stdout)
    for number in range(3):
        render(folder / f"{number}.wav", tmp_path / f"{number}.wav", bits=32, lookahead="live")
        assert np.array_equal(out[2 * number : 2 * number + 2], samples(tmp_path / f"{number}.wav"))
    said = [json.loads(line) for line in bare.stderr.decode().splitlines()]
    assert [one["pair"] for one in said if one["seconds"] == SECONDS] == [1, 2, 3]


def test_what_is_no_pair_is_refused(folder, tmp_path):
    sf.write(tmp_path / "five.wav", np.zeros((100, 5), np.float32), RATE_HZ)
    with pytest.raises(AutomixError, match="5 channels are no pairs: allowed are 2, 4"):
        render_pairs(tmp_path / "five.wav", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def linked(folder, target, **how):
    config = Config().with_overrides(**{"engine.pairs": "linked", "limiter.ceiling_dbtp": -2.0, **how.pop("said", {})})
    return render(folder / "all.wav", target, config=config, bits=32, **how)


@pytest.mark.parametrize("lookahead", ["live", "song"])
def test_linked_pairs_are_one_programme(folder, tmp_path, lookahead):
    result = linked(folder, tmp_path / "out.wav", lookahead=lookahead)
    out, source = samples(tmp_path / "out.wav"), samples(folder / "all.wav")
    assert out.shape == source.shape and not out[4:].any()
    levels_db = [10 * np.log10(np.square(sound).reshape(3, -1)[:2].mean(axis=1)) for sound in (out, source)]
    assert np.ptp(levels_db[0]) == pytest.approx(np.ptp(levels_db[1]), abs=1.0)  # what lay between them still does
    assert max(true_peak_dbtp(channel) for channel in out[:4]) <= -2.0 + 0.02
    if lookahead == "song":
        assert result.output.integrated_lufs == pytest.approx(result.target_lufs, abs=0.1), result.missed


def test_alone_a_linked_pair_is_a_stereo_file_whichever_it_is(folder, tmp_path):
    """The rows of a centre and an LFE have filters, width and meter like any other, where there are pairs."""
    song = samples(folder / "0.wav")
    masters = []
    for place in range(3):
        programme = np.zeros((6, song.shape[1]), np.float32)
        programme[2 * place : 2 * place + 2] = song
        sf.write(tmp_path / "all.wav", programme.T, RATE_HZ, "FLOAT")
        linked(tmp_path, tmp_path / "out.wav", lookahead="live", force=True)
        masters.append(samples(tmp_path / "out.wav")[2 * place : 2 * place + 2])
    config = Config().with_overrides(**{"limiter.ceiling_dbtp": -2.0})
    render(folder / "0.wav", tmp_path / "alone.wav", config=config, bits=32, lookahead="live")
    for master in masters:
        assert np.abs(master - samples(tmp_path / "alone.wav")).max() < 1e-5


def test_sixteen_linked_channels_through_a_pipe_are_the_render(folder, tmp_path):
    programme = np.tile(samples(folder / "0.wav")[:, : 2 * RATE_HZ], (8, 1)) * np.linspace(0.1, 0.4, 16)[:, None]
    sf.write(tmp_path / "all.wav", programme.T, RATE_HZ, "FLOAT")
    linked(tmp_path, tmp_path / "out.wav", lookahead="live", said={"limiter.ceiling_dbtp": -1.0})
    words = [*PIPE[:-1], "linked", "--format", "f32le", "--channels", "16"]
    data = samples(tmp_path / "all.wav").T.tobytes()
    done = subprocess.run(words, input=data, capture_output=True, check=True).stdout
    assert np.array_equal(np.frombuffer(done, "<f4").reshape(-1, 16).T, samples(tmp_path / "out.wav"))


@pytest.mark.parametrize("channels", [10, 16])
def test_as_many_as_are_allowed_are_dithered_too(tmp_path, channels):
    noise = 0.1 * np.random.default_rng(3).standard_normal((channels, RATE_HZ))
    sf.write(tmp_path / "many.wav", noise.T, RATE_HZ, "PCM_24")
    render_pairs(tmp_path / "many.wav", tmp_path / "out.wav", bits=24)
    assert sf.info(tmp_path / "out.wav").channels == channels
    with pytest.raises(AutomixError, match="FLAC holds 8 channels"):
        render_pairs(tmp_path / "many.wav", tmp_path / "out.flac")
    piped = subprocess.run(PIPE, stdin=(tmp_path / "many.wav").open("rb"), capture_output=True)
    assert piped.returncode == 0, piped.stderr


def test_what_is_to_be_said_of_the_file_is_said(tmp_path, capsys):
    sf.write(tmp_path / "quad.wav", np.random.default_rng(3).uniform(-0.1, 0.1, (30_000, 4)), 22_050, "PCM_16")
    with (tmp_path / "quad.wav").open("ab") as handle:
        handle.write(b"iXML" + (4).to_bytes(4, "little") + b"<x/>")
    first, other = render_pairs(tmp_path / "quad.wav", tmp_path / "out.wav")
    assert any("resampled from 22050" in note for note in first.source_notes) and not other.source_notes
    assert "iXML" in first.tags_note and not other.tags_note
