"""The compiler that plug-ins are built with: the system's for its own kind, else zig's, and what each system wants."""

from __future__ import annotations

import importlib.util
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rt_automix.errors import AutomixError
from rt_automix.native.levels import Level, host

HERE = Path(__file__).resolve().parent
DPF, LV2 = Path("/usr/share/dpf/distrho"), Path("/usr/include/lv2")
_OPTIONS = ("-O2", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-ffunction-sections", "-D_GNU_SOURCE")
C_OPTIONS = (*_OPTIONS, "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable")
PLUS_PLUS_OPTIONS = (*_OPTIONS, "-Os", "-std=c++17", "-w")  # of a host's format only: nothing of it touches sound
"""No fused operations but those of the kernels: the core adds and multiplies as Python does."""

_ENTRIES = {
    "lv2": ("lv2_descriptor",),
    "clap": ("clap_entry",),
    "vst3": ("GetPluginFactory", "ModuleEntry", "ModuleExit"),
}
"""All that a host may see of a plug-in, whatever its format: two in one process must not find each other's kernels.

On Windows that is what says so in the source, and on macOS nobody looks for anything in another library."""


class PluginError(AutomixError):
    """A plug-in cannot be built here; says why, and what to do."""


@dataclass(frozen=True)
class System:
    """What plug-ins look like on a system; `zig` is how zig calls it."""

    name: str
    zig: str
    formats: tuple[str, ...]
    vst3_folder: str = ""
    vst3_file: str = ""
    linked_with: tuple[str, ...] = ()


_LINUX = System("linux", "linux-gnu.2.31", ("lv2", "clap", "vst3"), "{}-linux", "rt_automix.so", ("-lm", "-lpthread"))
_WINDOWS = System("windows", "windows-gnu", ("clap", "vst3"), "{}-win", "rt_automix.vst3", ("-lpthread",))
_MACOS = System("macos", "macos.11.0", ("clap", "vst3"))


def system_of(level: Level) -> System:
    """That of a level. Thread: main. Allocates: no."""
    return next((each for each in (_WINDOWS, _MACOS) if each.name in level.triple), _LINUX)


def demand_dpf(what: str) -> None:
    """Refuse where DPF is not. Thread: main. Allocates: yes."""
    if not DPF.is_dir():
        raise PluginError(f"{what} are not here: {DPF} is missing. Install them: sudo apt install dpf-source")


class Tools:
    """The compiler, and a folder for what it makes."""

    def __init__(self, place: Path, level: Level, options: Sequence[str] = ()) -> None:
        self._place, self._options = place, tuple(options)
        self.machine, self.system = _machine(level), system_of(level)
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
        new = result.with_name(f"{result.name}.new")  # a host that has the old one mapped keeps it
        command = (*self._of(name == "vst3"), "-shared", *parts, *self.objects, *self._hidden(name))
        _run(*command, "-o", new, *self.system.linked_with)
        for rest in new.parent.glob("*.lib"):  # zig leaves what another program would link with
            rest.unlink()
        new.replace(result)

    def _hidden(self, name: str) -> tuple[str, ...]:
        if self.system.name == "macos":
            return ("-s", "-Wl,-dead_strip")
        if self.system.name == "windows":
            return ("-s", "-Wl,--gc-sections")
        exported = self._place / f"{name}.map"
        entries = " ".join(f"{entry};" for entry in _ENTRIES[name])
        exported.write_text(f"{{ global: {entries} local: *; }};\n", encoding="utf-8")
        options = self._options or ("-s", "-Wl,--no-undefined")
        return (f"-Wl,--version-script={exported}", "-Wl,--gc-sections", *options)

    def bundle(self, folder: Path, name: str, version: str) -> Path:
        """Where the library of a bundle as macOS has them is to lie. Thread: main. Allocates: yes."""
        inside = folder / "Contents" / "MacOS" / name
        inside.parent.mkdir(parents=True, exist_ok=True)
        told = {
            "CFBundleExecutable": name,
            "CFBundleIdentifier": f"rt-automix.{folder.suffix.removeprefix('.')}",
            "CFBundleName": "RT Automix",
            "CFBundlePackageType": "BNDL",
            "CFBundleShortVersionString": version,
            "CFBundleVersion": version,
        }
        (folder / "Contents" / "Info.plist").write_bytes(plistlib.dumps(told))
        (folder / "Contents" / "PkgInfo").write_text("BNDL????", encoding="utf-8")
        return inside

    def _of(self, plus_plus: bool) -> list[str]:
        if plus_plus and not self._plus_plus:
            raise PluginError("No compiler of C++ is here, which VST3 needs. Install one: sudo apt install g++")
        return self._plus_plus if plus_plus else self._c


def _machine(level: Level) -> str:
    return level.triple.partition("-")[0]


def _compilers(level: Level) -> tuple[list[str], list[str]]:
    """Commands that compile C and C++: the system's for its own kind of processor, else zig's."""
    if (_machine(level), system_of(level)) == (_machine(host()), system_of(host())):
        c, plus_plus = _first("cc", "gcc", "clang"), _first("c++", "g++", "clang++")
        if not c:
            raise PluginError(
                "No compiler of C is here to link a plug-in with. Install one: sudo apt install gcc libc6-dev"
            )
        return c, plus_plus
    return zig(level, "cc"), zig(level, "c++")


def zig(level: Level, tool: str) -> list[str]:
    """zig's `cc` or `c++` for another system or processor.

    Raises
    ------
    PluginError
        It is not here.

    Thread: main. Allocates: yes.
    """
    if importlib.util.find_spec("ziglang") is None:
        raise PluginError(
            f"To build for {level.name} takes a compiler for it. Install one: pip install rt-automix[plugin]"
        )
    machine = _machine(level).replace("arm64", "aarch64")
    return [sys.executable, "-m", "ziglang", tool, "-target", f"{machine}-{system_of(level).zig}"]


def _first(*names: str) -> list[str]:
    return next(([found] for found in map(shutil.which, names) if found), [])


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PluginError(f"The compiler refuses: {done.stderr.strip()[-2000:]}")
