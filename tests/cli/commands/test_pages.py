"""Commands of docs/surround.md and settings of docs/outputs.md, as they are written there; live ones: tests/live."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from pages import arguments, settings, shown

from rt_automix import config as configuration

RATE_HZ = 48_000


def sound(channels, seconds=2.0):
    """Frames of a beat over a tone, another in each channel."""
    rng, t = np.random.default_rng(channels), np.arange(round(seconds * RATE_HZ))[:, None] / RATE_HZ
    tones = 0.1 * np.sin(2 * np.pi * 55.0 * np.arange(1, channels + 1) * t)
    return tones + 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((len(t), channels))


def test_no_line_is_left_out():
    assert len(shown("surround.md")) == len(shown("surround.md", "rt-automix")) == 10
    assert len(shown("surround.md", "rt-automix live")) == 5  # by tests/live
    assert len(settings("outputs.md")) == 4


@pytest.fixture
def played(run):
    """Run the line of docs/surround.md that has a word: what it said."""

    def played(word):
        code, out, err = run(*arguments("surround.md", word))
        assert code == 0, err
        return out

    return played


def test_a_film(played, run):
    sf.write("film.wav", sound(6), RATE_HZ, "PCM_24")
    played("render film.wav")
    assert "film.wav" in played("analyze film.wav")
    _, out, _ = run("analyze", "--json", "master.wav")
    (master,) = json.loads(out)["files"]
    assert master["integrated_lufs"] == pytest.approx(-23.0, abs=0.1) and master["layout"] == "5.1"


def test_pairs_in_a_file(played):
    """With `own` each comes to the loudness, with `linked` what lies between them stays."""
    frames = sound(6)
    frames[:, 2:4] *= 0.25
    for name in ("languages", "stems"):
        sf.write(f"{name}.wav", frames, RATE_HZ, "PCM_24")
    played("languages.wav")
    own = sf.read("masters.wav")[0]
    Path("masters.wav").unlink()
    played("stems.wav")
    linked = sf.read("masters.wav")[0]
    levels = [20.0 * np.log10(np.sqrt((one**2).reshape(len(one), 3, 2).mean(axis=(0, 2)))) for one in (own, linked)]
    assert abs(levels[0][0] - levels[0][1]) < 3.0 < 9.0 < levels[1][0] - levels[1][1]


def test_pairs_in_a_pipe(tmp_path):
    (line,) = shown("surround.md", "rt-automix pipe")
    frames = (sound(8) * (1 << 23)).astype("<i4")
    raw = np.ascontiguousarray(frames).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    (tmp_path / "in.raw").write_bytes(raw)
    program = f'rt-automix() {{ {sys.executable} -m rt_automix "$@"; }}'
    subprocess.run(["bash", "-c", f"{program}; {line}"], cwd=tmp_path, check=True)
    out = (tmp_path / "out.raw").read_bytes()
    assert len(out) == len(raw) and out != raw


@pytest.mark.parametrize("text", settings("outputs.md"))
def test_settings_are_read(text, tmp_path):
    (tmp_path / "page.toml").write_text(text)
    found = configuration.load(tmp_path / "page.toml")
    assert found != configuration.load(None)
