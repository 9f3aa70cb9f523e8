"""An installation brings its kernels along: its first run compiles nothing. Without a compiler it is one as well."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.native import build, sources, store
from rt_automix.native.levels import host

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="about compiled code")

NO_COMPILER = "raise ImportError('numba must not be needed here')\n"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
COMMANDS = (
    "analyze in.wav",
    "profile make in.wav -o made.toml",
    "render in.wav live.wav --lookahead live",
    "render in.wav song.wav --lookahead song --report report.html",
)
LOADS = """
import atexit
from rt_automix.cli import main
from rt_automix.native import loader
atexit.register(lambda: print("loaded", *[path.name for path in loader._LOADED]))
main()
"""
PLAYS = """
import numpy as np
from rt_automix.dsp.jit import address_of
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge import callbacks
for analysis in ("inline", "thread"):
    engine = Engine(analysis=analysis)
    engine.prepare(48000)
    for _ in range(100):
        engine.process(0.1 * np.random.default_rng(1).standard_normal((2, 480)).astype(np.float32))
    engine.meters()
    engine.close()
for name in ("jack", "portaudio", "capture", "playback"):
    address_of(getattr(callbacks, f"{name}_callback"))
"""


def _run(folder: Path, *command: object, **environment: str) -> str:
    """Run a command in a folder, where nothing but what is installed is found; what it says."""
    run = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": "", "COLUMNS": "100", **environment},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def _wheel(folder: Path, **environment: str) -> tuple[Path, str]:
    """A wheel of a copy of this checkout, and what was said while it was built."""
    checkout = folder / "checkout"
    for name in (sources.PACKAGE, "models"):
        shutil.copytree(sources.ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy2(sources.ROOT / name, checkout)
    pip = [*PIP[:-1], "wheel", "-v", "--no-deps", "--no-build-isolation", "-w", folder, checkout]
    said = _run(folder, *pip, **environment)
    (wheel,) = folder.glob("*.whl")
    return wheel, said


def _objects(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return {name for name in file.namelist() if name.endswith(".o")}


@pytest.fixture(scope="module")
def all_compiled():
    for _ in build.compile_missing():
        pass


@pytest.fixture(scope="module")
def wheel(all_compiled, tmp_path_factory):
    """Made of what is in the cache."""
    return _wheel(tmp_path_factory.mktemp("built"))[0]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel, everything that it depends on, and no compiler."""
    fresh = tmp_path_factory.mktemp("installed")
    _run(fresh, sys.executable, "-m", "venv", "--without-pip", fresh)
    _run(fresh, *PIP, "--python", fresh / "bin" / "python", "install", "--no-deps", wheel)
    (packages,) = fresh.glob("lib/python*/site-packages")
    (packages / "numba.py").write_text(NO_COMPILER, encoding="utf-8")
    places = [entry for entry in sys.path if entry.endswith("site-packages")]
    (packages / "beside.pth").write_text("\n".join(places), encoding="utf-8")  # behind its own, so that those win
    return fresh / "bin"


def test_a_wheel_holds_every_door_for_this_processor(wheel):
    folder = f"rt_automix/native/objects/{store.folder_of(host())}"
    assert _objects(wheel) == {f"{folder}/{unit.file_name}.o" for unit in sources.with_doors()}


@pytest.mark.parametrize(
    "command",
    [*(["rt-automix", *line.split()] for line in COMMANDS), ["python", "-c", PLAYS]],
    ids=lambda command: " ".join(command[1:3]).partition("\n")[0],
)
def test_a_first_run_compiles_nothing(command, installed, tmp_path):
    sf.write(tmp_path / "in.wav", 0.1 * np.random.default_rng(1).standard_normal((96000, 2)), 48000)
    places = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state")}
    said = _run(tmp_path, installed / command[0], *command[1:], **places)
    assert "ompiling" not in said
    assert [path for path in (tmp_path / "cache").rglob("*") if path.suffix in (".o", ".bc")] == []


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_calls_nothing_but_what_it_has_compiled_beforehand(line, all_compiled, tmp_path):
    sf.write(tmp_path / "in.wav", 0.1 * np.random.default_rng(1).standard_normal((96000, 2)), 48000)
    said = _run(tmp_path, sys.executable, "-c", LOADS, *line.split(), PYTHONPATH=str(sources.ROOT))
    loaded = set(said.rpartition("loaded ")[2].split())
    user = "rt_automix.render" if line.startswith("render") else "rt_automix.cli.commands.measuring"
    assert loaded and loaded <= {f"{unit.file_name}.o" for unit in sources.with_doors(user)}


def test_a_render_compiles_nothing_of_live():
    names = {unit.source.name for unit in sources.with_doors("rt_automix.render")}
    assert "rt_automix.engine.chain" in names and not any(".devices." in name for name in names)
    assert names < {unit.source.name for unit in sources.with_doors()}


def test_an_object_of_another_source_or_llvm_is_not_used(installed, tmp_path):
    """It is looked for by what it is made of: one file is edited, or LLVM is another."""
    asks = "from rt_automix.native import store; from rt_automix.native.sources import with_doors; "
    asks += "print(*[unit.source.name for unit in with_doors() if store.object_of(unit) is None])"
    other = "import llvmlite.binding as llvm; llvm.llvm_version_info = (1, 0, 0); "
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert _run(tmp_path, installed / "python", "-c", asks, **cache).split() == []
    everything = _run(tmp_path, installed / "python", "-c", other + asks, **cache).split()
    assert everything == [unit.source.name for unit in sources.with_doors()]
    (package,) = installed.parent.glob("lib/python*/site-packages/rt_automix")
    shutil.copytree(package, tmp_path / "rt_automix")
    with (tmp_path / "rt_automix" / "engine" / "chain.py").open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    missing = _run(tmp_path, installed / "python", "-c", asks, **cache).split()
    assert "rt_automix.engine.chain" in missing and "rt_automix.dsp.samples.mix" not in missing


def test_an_installation_without_a_compiler_says_so_and_ends_well(tmp_path):
    (tmp_path / "numba.py").write_text(NO_COMPILER, encoding="utf-8")
    wheel, said = _wheel(tmp_path, PYTHONPATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert _objects(wheel) == set()
    assert "the first run will" in said and "numba must not be needed here" in said
