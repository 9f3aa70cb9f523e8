"""Plug-ins, built once; a song; what the engine makes of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hosting import HERE, driver, lilv, master, new_vst3_host

from rt_automix.cli import main
from rt_automix.demo.song import render_song
from rt_automix.native.levels import host
from rt_automix.plugin import build


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where there is nothing to build with."""
    missing = [name for name in ("cc", "c++") if shutil.which(name) is None]
    missing += [str(path) for path in (build.DPF, Path("/usr/include/lv2")) if not path.is_dir()]
    if missing:
        reason = f"{', '.join(missing)} missing: sudo apt install g++ lv2-dev lilv-utils jalv dpf-source"
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a plug-in of each format for this machine, as the command line puts them there."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "home"  # once for all processes
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "built").exists():
            patch.setattr(Path, "home", lambda: home)
            assert main(["plugin", "install"]) == 0
            (home / "built").touch()
    return home


@pytest.fixture(scope="session")
def clap(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Have the CLAP do what lines say in the tests' own host; what it prints."""
    return driver(plugins / ".clap" / "rt_automix.clap", tmp_path_factory.mktemp("claphost"))


@pytest.fixture(scope="session")
def sanitised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Callable[..., list[str]]]:
    """A plug-in and its host, compiled so that a fault ends them; by format and the name of what looks for it."""
    hosts = {
        "lv2": lambda bundle, *rest: lilv(bundle.parent, *rest),
        "clap": driver,
        "vst3": lambda bundle, *rest: new_vst3_host(next(bundle.rglob("*.so")), *rest),
    }

    def made(name: str, kind: str) -> Callable[..., list[str]]:
        folder = tmp_path_factory.mktemp("sanitised")
        fast = ("-O0",) if name == "vst3" else ("-g", "-O1")  # DPF takes long to compile
        options = (f"-fsanitize={kind}", "-fno-sanitize-recover=all", *fast)
        tools = build.prepared(folder, host(), lambda doing: None, options)
        place = folder / name
        place.mkdir()
        return hosts[name](build.make(name, tools, place), folder, *options)

    return made


@pytest.fixture(scope="session")
def late(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, str]]:
    """An environment in which a worker that is woken works so many milliseconds later."""
    library = tmp_path_factory.mktemp("late") / "late.so"
    source = HERE / "hosts" / "late.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", source, "-o", library, "-ldl"], check=True)
    return lambda ms: {**os.environ, "LD_PRELOAD": str(library), "LATE_MS": str(ms)}


@pytest.fixture(scope="session")
def song() -> np.ndarray:
    """Eight seconds of music, at 48 kHz: float32, shape (2, n)."""
    return np.ascontiguousarray(render_song(48_000)[:, 10 * 48_000 : 18 * 48_000], np.float32)


@pytest.fixture(scope="session")
def raw(song: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The song as the CLAP's host reads it: one channel after the other."""
    path = tmp_path_factory.mktemp("song") / "song.raw"
    song.tofile(path)
    return path


@pytest.fixture(scope="session")
def mastered(song: np.ndarray) -> np.ndarray:
    """The song as the engine masters it."""
    return master(song)
