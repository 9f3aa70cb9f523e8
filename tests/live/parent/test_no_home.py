"""Where there is no home to write to: nothing is compiled again, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from liverun import LiveRun, kill

from rt_automix.live.parent import supervisor
from rt_automix.native import build, store

pytestmark = pytest.mark.live

NO_HOME = "/proc/nonexistent"  # where not even root can make a folder


@pytest.fixture
def compiled(tmp_path):
    """A cache that somebody else has filled: what a session needs, and nothing else."""
    for _ in build.compile_missing():
        pass
    folder = tmp_path / "cache/rt_automix/objects"
    for unit in build.with_doors(None):
        found = store.object_of(unit)
        target = folder / found.parent.name / found.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, target)
    return tmp_path / "cache"


def plays(run):
    """How often it has said that it plays: the newest status may still be that of a process that is gone."""
    return sum(text.startswith("Playing") for text in run.texts("state"))


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root, to mount what root cannot write")
def test_a_cache_that_can_only_be_read_is_used_by_every_process_that_plays(compiled, tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    soundfile.write(tmp_path / "song.wav", 0.1 * np.random.default_rng(3).standard_normal((96_000, 2)), 48_000)
    mount = tmp_path / "python"
    mount.write_text(f'#!/bin/sh\nmount --bind -o ro {compiled} {compiled} || exit 9\nexec {sys.executable} "$@"\n')
    mount.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment |= {"HOME": NO_HOME, "XDG_CACHE_HOME": str(compiled), "TMPDIR": str(temporary)}
    monkeypatch.setattr(sys, "executable", "unshare")
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **how: popen([command[0], "--mount", mount, *command[1:]], **how)
    )
    with LiveRun(
        SimpleNamespace(environment=environment), tmp_path / "state.json", "--play", str(tmp_path / "song.wav")
    ) as run:
        run.wait_until_playing()
        time.sleep(supervisor.READY_S + 1.0)
        before = len(list(temporary.iterdir()))
        for starts in (2, 3):
            kill(run.status["pid"])
            run.wait_for(lambda run, starts=starts: plays(run) == starts and run.status["pid"])
        assert len(list(temporary.iterdir())) == before
    assert not [said for said in run.said if said["type"] == "compiling"]
    left = list(temporary.rglob("*"))
    assert [path.name for path in left] in ([], [f"rt_automix-{os.getuid()}"]), left


def test_all_processes_of_a_user_without_a_home_come_to_one_place(tmp_path):
    script = "from rt_automix.native import store; print(store.cache())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment |= {"HOME": NO_HOME, "TMPDIR": str(tmp_path)}
    how = {"env": environment, "capture_output": True, "text": True}
    said = {subprocess.run([sys.executable, "-c", script], **how).stdout.strip() for _ in range(2)}
    (place,) = tmp_path.iterdir()
    assert said == {str(place)} and place.stat().st_mode & 0o77 == 0


def test_a_user_of_whom_no_home_is_known_gets_no_folder_named_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store.platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache/rt_automix"))
    monkeypatch.setattr(store.tempfile, "gettempdir", lambda: str(tmp_path))
    assert store.cache.__wrapped__() == tmp_path / f"rt_automix-{os.getuid()}"
    assert not (tmp_path / "~").exists()


def test_a_cache_for_all_of_the_machine_is_used_if_nobody_else_can_write_it(tmp_path, monkeypatch):
    monkeypatch.setattr(store.platformdirs, "site_cache_path", lambda *_, **__: tmp_path)
    (tmp_path / "objects").mkdir(mode=0o755)
    assert tmp_path / "objects" in store._places()
    (tmp_path / "objects").chmod(0o777)
    assert tmp_path / "objects" not in store._places()
