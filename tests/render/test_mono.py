"""A mono file: as it sounds from two loudspeakers, or as one channel; said, and as loud as ffmpeg reads it."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song

from rt_automix.render import render
from rt_automix.report import notes

RATE_HZ = 48_000
SIDES_LU = 10.0 * np.log10(2.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same channel once, and as both sides of a stereo file."""
    folder, one = tmp_path_factory.mktemp("mono"), demo_song(RATE_HZ)[0, 5 * RATE_HZ : 25 * RATE_HZ]
    sf.write(folder / "mono.wav", one, RATE_HZ, subtype="PCM_24")
    sf.write(folder / "both.wav", np.stack([one, one], axis=1), RATE_HZ, subtype="PCM_24")
    return folder


def _ffmpeg_lufs(path, options=""):
    command = ["ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", f"ebur128{options}", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr.split("Summary:")[1]
    return float(re.search(r"I:\s+(\S+) LUFS", said)[1])


@pytest.mark.parametrize("lookahead", ["live", "song"])
def test_dual_is_the_stereo_file_of_two_equal_channels(files, tmp_path, lookahead):
    both = render(files / "both.wav", tmp_path / "both.wav", lookahead=lookahead)
    dual = render(files / "mono.wav", tmp_path / "dual.wav", lookahead=lookahead)
    written = sf.read(tmp_path / "dual.wav", dtype="int32")[0]
    assert np.array_equal(written, sf.read(tmp_path / "both.wav", dtype="int32")[0][:, 0])
    assert (dual.channels, dual.mono, both.mono) == (1, "dual", "")
    assert dual.output == both.output and dual.input == both.input


@pytest.mark.parametrize(("mono", "options"), [("dual", "=dualmono=true"), ("single", "")])
def test_each_meets_the_target_as_it_is_read(files, tmp_path, mono, options):
    result = render(files / "mono.wav", tmp_path / "out.wav", lookahead="song", mono=mono)
    assert result.output.integrated_lufs == pytest.approx(-14.0, abs=0.1)
    assert _ffmpeg_lufs(tmp_path / "out.wav", options) == pytest.approx(-14.0, abs=0.15)
    assert result.output.true_peak_dbtp <= result.ceiling_dbtp + 0.02


def test_both_figures_are_in_the_report(files, tmp_path):
    dual = render(files / "mono.wav", tmp_path / "dual.wav", lookahead="song")
    single = render(files / "mono.wav", tmp_path / "single.wav", lookahead="song", mono="single")
    one_lufs, two_lufs = dual.output.integrated_lufs - SIDES_LU, single.output.integrated_lufs + SIDES_LU
    shown = [f"−{abs(lufs):.1f} LUFS" for lufs in (one_lufs, two_lufs)]
    facts = [dict(notes.run_facts(result))["Loudness measured"] for result in (dual, single)]
    assert facts[0] == f"as it sounds from two loudspeakers; as one channel {shown[0]}"
    assert facts[1] == f"as one channel; from two loudspeakers {shown[1]}"
    both = render(files / "both.wav", tmp_path / "both.wav")
    assert "Loudness measured" not in dict(notes.run_facts(both))
