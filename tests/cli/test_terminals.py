"""Names that are no text, terminals that lack characters, no terminal at all: a finished job ends as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
RUN = "import sys; from rt_automix.cli import main; sys.exit(main(sys.argv[1:]))"


def run(folder: Path, *words: str, encoding: str = "utf-8", code: str = RUN) -> subprocess.CompletedProcess[bytes]:
    surroundings = {**os.environ, "PYTHONIOENCODING": encoding}
    surroundings["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=folder, env=surroundings, capture_output=True)


@pytest.fixture
def odd(tmp_path: Path) -> str:
    """A song whose name is Latin-1, as old discs have it."""
    name = "Bj\udcf6rk → 1.wav"
    noise = np.random.default_rng(1).normal(0, 0.05, (2 * 48000, 2))
    soundfile.write(tmp_path / "plain.wav", noise, 48000, "PCM_16")
    (tmp_path / "plain.wav").rename(tmp_path / name)
    return name


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "latin-1"])
def test_every_output_takes_every_name(tmp_path: Path, odd: str, encoding: str) -> None:
    out = odd.replace("1.wav", "2.flac")
    report = ("--report", odd.replace("1.wav", "3.html")) if encoding == "ascii" else ()  # what draws starts slowly
    done = run(tmp_path, "render", odd, out, *report, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / out).is_file() and all((tmp_path / name).is_file() for name in report[1:])
    done = run(tmp_path, "analyze", odd, out, encoding=encoding)
    assert done.returncode == 0 and b"rk" in done.stdout, done.stderr
    done = run(tmp_path, "analyze", odd, "--json", encoding=encoding)
    assert json.loads(done.stdout)["files"][0]["file"] == odd


def test_errors_take_every_name_too(tmp_path: Path) -> None:
    done = run(tmp_path, "analyze", "n\udcf6wh\udce9re.wav", encoding="ascii")
    assert done.returncode == 2 and b"no such file" in done.stderr


def test_a_profile_is_made_of_an_odd_name(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, (20 * 48000, 2))
    soundfile.write(tmp_path / "plain.wav", noise, 48000, "PCM_16")
    (tmp_path / "plain.wav").rename(tmp_path / "n\udcf6ise.wav")
    done = run(tmp_path, "profile", "make", "n\udcf6ise.wav", "-o", "mine.toml")
    assert done.returncode == 0, done.stderr
    assert "bands_db" in (tmp_path / "mine.toml").read_text(encoding="utf-8")


def test_no_output_at_all_is_no_error(tmp_path: Path, odd: str) -> None:
    """As pythonw starts it: stdout and stderr are None."""
    code = f"import sys; sys.stdout = sys.stderr = None; {RUN.removeprefix('import sys; ')}"
    assert run(tmp_path, "render", odd, "out.wav", code=code).returncode == 0
    assert soundfile.info(tmp_path / "out.wav").frames == 2 * 48000
    assert run(tmp_path, "render", "nowhere.wav", "out2.wav", code=code).returncode == 2
