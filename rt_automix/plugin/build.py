"""Builds the plug-ins: the engine's objects and the core, linked by the system's compiler of C.

The objects are those that the package itself runs: on the same processor level both give the same bits.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import rt_automix
from rt_automix.errors import AutomixError
from rt_automix.native import build as native
from rt_automix.native import store
from rt_automix.native.levels import Level, host
from rt_automix.native.sources import Unit, find
from rt_automix.native.symbols import undefined
from rt_automix.plugin import made, ttl

HERE = Path(__file__).resolve().parent
FORMATS = ("lv2", "clap", "vst3")
DPF = Path("/usr/share/dpf/distrho")
_OPTIONS = ("-O2", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-ffunction-sections", "-D_GNU_SOURCE")
C_OPTIONS = (*_OPTIONS, "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable")
PLUS_PLUS_OPTIONS = (*_OPTIONS, "-std=c++17", "-w")
"""No fused operations but those of the kernels: the core adds and multiplies as Python does."""


class PluginError(AutomixError):
    """A plug-in cannot be built here; says why, and what to do."""


def build(formats: Iterable[str], folder: Path, level: Level | None = None, progress: Callable[[str], None] = print) -> list[Path]:
    """Build plug-ins into a folder; what was made.

    Parameters
    ----------
    formats : names out of FORMATS
    folder : path
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
    level = level or host()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        tools = _Tools(place)
        progress("compiling the engine")
        tools.objects = [*engine_objects(level), place / "data.o"]
        progress("making tables")
        header, data = made.everything()
        (place / "made.h").write_text(header, encoding="utf-8")
        (place / "data.o").write_bytes(data_object(data, level))
        results = []
        for name in formats:
            progress(f"linking {name}")
            results.append(_MAKERS[name](tools, folder))
    return results


def engine_objects(level: Level) -> list[Path]:
    """Objects of all that the core calls, and of all that those call; compiled where they have not been.

    Thread: main. Allocates: yes.
    """
    names = dict.fromkeys(door.py_func.__module__ for door in made.DOORS)  # type: ignore[attr-defined]
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
        doors = {native.abi.symbol(called.source.name, door): called for called in unit.calls for door in called.source.doors}
        waiting += [called for symbol, called in doors.items() if symbol in wanted]
    return sorted(found.values())


def data_object(content: bytes, level: Level) -> bytes:
    """An object that holds a constant, `rtm_data`, for any processor and system.

    Thread: main. Allocates: yes.
    """
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(level.triple).create_target_machine(
        cpu=level.cpu, features=level.features, reloc="pic", codemodel="default"
    )
    text = "".join(f"\\{byte:02x}" for byte in content)
    module = llvm.parse_assembly(f'@rtm_data = hidden constant [{len(content)} x i8] c"{text}", align 64')
    module.triple, module.data_layout = level.triple, str(machine.target_data)
    made: bytes = machine.emit_object(module)
    return made


def _lv2(tools: _Tools, folder: Path) -> Path:
    bundle = folder / ttl.BUNDLE
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "manifest.ttl").write_text(ttl.manifest(), encoding="utf-8")
    (bundle / "rt_automix.ttl").write_text(ttl.description(), encoding="utf-8")
    tools.link(bundle / ttl.BINARY, tools.compiled("core.c"), tools.compiled("lv2.c", f'-DRTM_URI="{ttl.URI}"'))
    return bundle


def _clap(tools: _Tools, folder: Path) -> Path:
    _demand_dpf("CLAP's headers")
    result = folder / "rt_automix.clap"
    shim = tools.compiled("clap.c", f'-DRTM_VERSION="{rt_automix.__version__}"', f"-I{DPF / 'src'}")
    tools.link(result, tools.compiled("core.c"), shim)
    return result


def _vst3(tools: _Tools, folder: Path) -> Path:
    _demand_dpf("VST3's framework")
    inside = folder / "rt_automix.vst3" / "Contents" / "x86_64-linux"
    inside.mkdir(parents=True, exist_ok=True)
    options = (f"-I{DPF}", "-DDISTRHO_PLUGIN_TARGET_VST3")
    parts = zip(("MAJOR", "MINOR", "MICRO"), rt_automix.__version__.split("."), strict=False)
    options += tuple(f"-DRTM_{name}={number}" for name, number in parts)
    parts = [tools.compiled(source, *options) for source in ("vst3.cpp", DPF / "DistrhoPluginMain.cpp")]
    tools.link(inside / "rt_automix.so", tools.compiled("core.c"), *parts, plus_plus=True)
    return folder / "rt_automix.vst3"


def _demand_dpf(what: str) -> None:
    if not DPF.is_dir():
        raise PluginError(f"{what} are not here: {DPF} is missing. Install them: sudo apt install dpf-source")


_MAKERS = {"lv2": _lv2, "clap": _clap, "vst3": _vst3}
_ENTRIES = ("lv2_descriptor", "clap_entry", "GetPluginFactory", "ModuleEntry", "ModuleExit")
"""All that a host may see of a plug-in, whatever its format: two in one process must not find each other's kernels."""


class _Tools:
    """The compiler, and a folder for what it makes."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.objects: list[Path] = []
        self._c, self._plus_plus = _compiler("cc", "gcc", "clang"), _compiler("c++", "g++", "clang++")
        if not self._c:
            raise PluginError(
                "No compiler of C is here to link a plug-in with. Install one: sudo apt install gcc libc6-dev"
            )
        self._exported = place / "exported.map"
        names = " ".join(f"{name};" for name in _ENTRIES)
        self._exported.write_text(f"{{ global: {names} local: *; }};\n", encoding="utf-8")

    def compiled(self, source: str | Path, *options: str) -> Path:
        """The object of a source; one of ours by its name."""
        path = HERE / source
        result = self._place / f"{path.name}.o"
        if not result.exists():
            is_plus_plus = path.suffix == ".cpp"
            kind = PLUS_PLUS_OPTIONS if is_plus_plus else C_OPTIONS
            _run(self._of(is_plus_plus), *kind, *options, f"-I{self._place}", f"-I{HERE}", "-c", path, "-o", result)
        return result

    def link(self, result: Path, *parts: Path, plus_plus: bool = False) -> None:
        """One shared library of some parts and the engine."""
        new = result.with_name(f"{result.name}.new")  # a host that has the old one mapped keeps it
        _run(
            self._of(plus_plus), "-shared", *parts, *self.objects, f"-Wl,--version-script={self._exported}",
            "-Wl,--no-undefined", "-Wl,--gc-sections", "-s", "-o", new, "-lm", "-lpthread",
        )  # fmt: skip
        new.replace(result)

    def _of(self, plus_plus: bool) -> str:
        if plus_plus and not self._plus_plus:
            raise PluginError("No compiler of C++ is here, which VST3 needs. Install one: sudo apt install g++")
        return self._plus_plus if plus_plus else self._c


def _compiler(*names: str) -> str:
    return next((found for found in map(shutil.which, names) if found), "")


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PluginError(f"The compiler refuses: {done.stderr.strip()[-2000:]}")
