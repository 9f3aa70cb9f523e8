"""Builds the plug-ins: the engine's objects and the core, linked by the system's compiler of C.

The objects are those that the package itself runs: on the same processor level both give the same bits.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rt_automix.errors import AutomixError, ConfigError, nearest
from rt_automix.native import build as native
from rt_automix.native import store
from rt_automix.native.levels import SHIPPED, Level, host
from rt_automix.native.sources import Unit, find
from rt_automix.native.symbols import undefined
from rt_automix.plugin import made, table, ttl

HERE = Path(__file__).resolve().parent
FORMATS = ("lv2", "clap", "vst3")
DPF, LV2 = Path("/usr/share/dpf/distrho"), Path("/usr/include/lv2")
_OPTIONS = ("-O2", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-ffunction-sections", "-D_GNU_SOURCE")
C_OPTIONS = (*_OPTIONS, "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable")
PLUS_PLUS_OPTIONS = (*_OPTIONS, "-Os", "-std=c++17", "-w")  # of a host's format only: nothing of it touches sound
"""No fused operations but those of the kernels: the core adds and multiplies as Python does."""


class PluginError(AutomixError):
    """A plug-in cannot be built here; says why, and what to do."""


def build(
    folders: Mapping[str, Path], level: Level | None = None, progress: Callable[[str], None] = lambda doing: None
) -> list[Path]:
    """Build plug-ins; what was made.

    Parameters
    ----------
    folders : folder by format
        Where each of some FORMATS goes.
    level : Level, optional
        By default this machine's.
    progress : function of a str
        Told what is done.

    Raises
    ------
    PluginError
        There is no compiler, or it refuses.

    Thread: main. Allocates: yes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        tools = prepared(Path(temporary), level or host(), progress)
        results = []
        for name, folder in folders.items():
            progress(f"linking {name}")
            folder.mkdir(parents=True, exist_ok=True)
            results.append(make(name, tools, folder))
    return results


def prepared(place: Path, level: Level, progress: Callable[[str], None], options: Sequence[str] = ()) -> Tools:
    """A compiler with all that the core needs.

    Parameters
    ----------
    place : path
        An empty folder.
    level : Level
    progress : function of a str
    options : sequence of str
        For the compiler, beside the usual ones.

    Raises
    ------
    PluginError
        There is no compiler.

    Thread: main. Allocates: yes.
    """
    tools = Tools(place, level, options)
    progress("compiling the engine")
    engine = engine_objects(level)
    progress("making tables")
    header, data = made.everything()
    (place / "made.h").write_text(header, encoding="utf-8")
    (place / "made.bin").write_bytes(data)
    tools.objects = [*engine, tools.compiled("data.c", f'-DRTM_DATA="{place / "made.bin"}"')]
    return tools


def levels_of(target: str | None) -> list[Level]:
    """The levels that a list names: `linux-x86-64-v2` and such, or none for this machine's.

    Raises
    ------
    ConfigError
        One is unknown.

    Thread: main. Allocates: yes.
    """
    if target is None:
        return [host()]
    known = {level.name: level for level in (*SHIPPED, host())}
    names = [name.strip() for name in target.split(",")]
    for name in names:
        if name not in known:
            raise ConfigError(f'target "{name}" is unknown.{nearest(name, known)} Known: {", ".join(known)}.')
    return [known[name] for name in names]


def engine_objects(level: Level) -> list[Path]:
    """Objects of all that the core calls, and of all that those call; compiled where they have not been.

    Thread: main. Allocates: yes.
    """
    names = dict.fromkeys(door.py_func.__module__ for door in made.DOORS)
    sources = [source for source in map(find, names) if source]
    for _ in native.build(map(Unit, sources), [level]):
        pass
    found: dict[Unit, Path] = {}
    waiting = [Unit(source) for source in sources]
    while waiting:
        unit = waiting.pop()
        if unit in found:
            continue
        path = store.object_of(unit, level)
        assert path is not None
        found[unit] = path
        wanted = undefined(path.read_bytes())
        doors = {
            native.abi.symbol(called.source.name, door): called for called in unit.calls for door in called.source.doors
        }
        waiting += [called for symbol, called in doors.items() if symbol in wanted]
    return sorted(found.values())


def _lv2(tools: Tools, folder: Path) -> Path:
    if not LV2.is_dir():
        raise PluginError(f"LV2's headers are not here: {LV2} is missing. Install them: sudo apt install lv2-dev")
    bundle = folder / ttl.BUNDLE
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "manifest.ttl").write_text(ttl.manifest(), encoding="utf-8")
    (bundle / "rt_automix.ttl").write_text(ttl.description(), encoding="utf-8")
    tools.link("lv2", bundle / ttl.BINARY, tools.compiled("core.c"), tools.compiled("lv2.c", f'-DRTM_URI="{ttl.URI}"'))
    return bundle


def _clap(tools: Tools, folder: Path) -> Path:
    _demand_dpf("CLAP's headers")
    result, version = folder / "rt_automix.clap", ".".join(map(str, table.version()))
    shim = tools.compiled("clap.c", f'-DRTM_VERSION="{version}"', f"-I{DPF / 'src'}")
    tools.link("clap", result, tools.compiled("core.c"), shim)
    return result


def _vst3(tools: Tools, folder: Path) -> Path:
    _demand_dpf("VST3's framework")
    inside = folder / "rt_automix.vst3" / "Contents" / f"{tools.machine}-linux"
    inside.mkdir(parents=True, exist_ok=True)
    numbers = zip(("MAJOR", "MINOR", "MICRO"), table.version(), strict=True)
    defined = [f"-DRTM_{name}={number}" for name, number in numbers]
    options = (f"-I{DPF}", "-DDISTRHO_PLUGIN_TARGET_VST3", *defined)
    parts = [tools.compiled(source, *options) for source in ("vst3.cpp", DPF / "DistrhoPluginMain.cpp")]
    tools.link("vst3", inside / "rt_automix.so", tools.compiled("core.c"), *parts)
    return folder / "rt_automix.vst3"


def _demand_dpf(what: str) -> None:
    if not DPF.is_dir():
        raise PluginError(f"{what} are not here: {DPF} is missing. Install them: sudo apt install dpf-source")


def make(name: str, tools: Tools, folder: Path) -> Path:
    """A plug-in of one format; where it is. Thread: main. Allocates: yes."""
    return _MAKERS[name](tools, folder)


_MAKERS = {"lv2": _lv2, "clap": _clap, "vst3": _vst3}
_ENTRIES = {
    "lv2": ("lv2_descriptor",),
    "clap": ("clap_entry",),
    "vst3": ("GetPluginFactory", "ModuleEntry", "ModuleExit"),
}
"""All that a host may see of a plug-in, whatever its format: two in one process must not find each other's kernels."""


class Tools:
    """The compiler, and a folder for what it makes."""

    def __init__(self, place: Path, level: Level, options: Sequence[str] = ()) -> None:
        self._place, self._options, self.machine = place, tuple(options), _machine(level)
        self.objects: list[Path] = []
        self._c, self._plus_plus = _compilers(level)
        # Of the system's headers those alone: a compiler for another system brings the rest.
        self._headers = place / "include"
        self._headers.mkdir()
        if LV2.is_dir():
            (self._headers / "lv2").symlink_to(LV2)

    def compiled(self, source: str | Path, *options: str) -> Path:
        """The object of a source; one of ours by its name. Thread: main. Allocates: yes."""
        path = HERE / source
        result = self._place / f"{path.name}.o"
        if not result.exists():
            is_plus_plus = path.suffix == ".cpp"
            kind = (*(PLUS_PLUS_OPTIONS if is_plus_plus else C_OPTIONS), *self._options, *options)
            places = (f"-I{self._place}", f"-I{HERE}", f"-I{self._headers}", "-c", path, "-o", result)
            _run(*self._of(is_plus_plus), *kind, *places)
        return result

    def link(self, name: str, result: Path, *parts: Path) -> None:
        """One shared library of a format, some parts and the engine. Thread: main. Allocates: yes."""
        exported = self._place / f"{name}.map"
        entries = " ".join(f"{entry};" for entry in _ENTRIES[name])
        exported.write_text(f"{{ global: {entries} local: *; }};\n", encoding="utf-8")
        new = result.with_name(f"{result.name}.new")  # a host that has the old one mapped keeps it
        options = self._options or ("-s", "-Wl,--no-undefined")
        hidden = (f"-Wl,--version-script={exported}", "-Wl,--gc-sections")
        _run(
            *self._of(name == "vst3"),
            "-shared",
            *parts,
            *self.objects,
            *hidden,
            *options,
            "-o",
            new,
            "-lm",
            "-lpthread",
        )
        new.replace(result)

    def _of(self, plus_plus: bool) -> list[str]:
        if plus_plus and not self._plus_plus:
            raise PluginError("No compiler of C++ is here, which VST3 needs. Install one: sudo apt install g++")
        return self._plus_plus if plus_plus else self._c


def _machine(level: Level) -> str:
    return level.triple.partition("-")[0]


def _compilers(level: Level) -> tuple[list[str], list[str]]:
    """Commands that compile C and C++: the system's for its own kind of processor, else zig's."""
    if _machine(level) == _machine(host()):
        c, plus_plus = _first("cc", "gcc", "clang"), _first("c++", "g++", "clang++")
        if not c:
            raise PluginError(
                "No compiler of C is here to link a plug-in with. Install one: sudo apt install gcc libc6-dev"
            )
        return c, plus_plus
    if importlib.util.find_spec("ziglang") is None:
        raise PluginError(
            f"To build for {level.name} takes a compiler for it. Install one: pip install rt-automix[plugin]"
        )
    zig = [sys.executable, "-m", "ziglang"]
    target = ["-target", f"{_machine(level)}-linux-gnu.2.31"]
    return [*zig, "cc", *target], [*zig, "c++", *target]


def _first(*names: str) -> list[str]:
    return next(([found] for found in map(shutil.which, names) if found), [])


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PluginError(f"The compiler refuses: {done.stderr.strip()[-2000:]}")
