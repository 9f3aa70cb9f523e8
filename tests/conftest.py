"""What all tests share: real music where there is some, property tests that repeat, and compiled kernels."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from realtime import holds_none

from rt_automix.native import build

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile what has not been before there are several processes, each of which would compile all of it.

    A shell has what runs in the background ignore Ctrl-C, and so all that this starts; what is caught is not ignored.
    """
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
            signal.signal(getattr(signal, name), lambda *_: None)
    if getattr(session.config.option, "numprocesses", None):
        for _ in build.compile_missing():
            pass


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files that hold nothing of what is asked for, where that is what keeps real time."""
    if not collection_path.match("test_*.py"):
        return None
    return holds_none(collection_path.read_text(encoding="utf-8"), config.option.markexpr) or None


@pytest.fixture(scope="session")
def music_folder() -> Path:
    """The folder that RT_AUTOMIX_MUSIC names, a folder of songs for each package; skips where there is none."""
    folder = Path(os.environ.get("RT_AUTOMIX_MUSIC") or "nowhere")
    if not folder.is_dir():
        pytest.skip("RT_AUTOMIX_MUSIC names no folder of music; fetch some with: make music")
    return folder


@pytest.fixture(scope="session")
def songs(music_folder: Path) -> list[Path]:
    """The biggest song of each folder of music, in order; skips where there is none."""
    packages = sorted(path for path in music_folder.iterdir() if path.is_dir())
    sized = [[(song.stat().st_size, song) for song in path.rglob("*.ogg")] for path in packages]
    found = [max(songs)[1] for songs in sized if songs and max(songs)[0] > 700_000]
    if not found:
        pytest.skip(f"RT_AUTOMIX_MUSIC={music_folder} holds no .ogg file above 700 kB")
    return found
