"""Songs to master, and commands run in this process."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song

from rt_automix import cli
from rt_automix.cli import kernels


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    kernels.ensure_compiled("rt_automix.render")  # so that no test meets the remark of a first run


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="session")
def mix(tmp_path_factory):
    """Eight seconds of the demo song."""
    path = tmp_path_factory.mktemp("mix") / "mix.wav"
    sf.write(path, demo_song(44100)[:, 800_000:1_152_800].T, 44100, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def long_mix(tmp_path_factory):
    """Ten minutes: long enough to be stopped in the middle."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    song = (demo_song(48000)[:, : 40 * 48000].T * 32767.0).astype(np.int16)
    with sf.SoundFile(path, "w", 48000, 2, "PCM_16") as file:
        for _ in range(15):
            file.write(song)
    return path
