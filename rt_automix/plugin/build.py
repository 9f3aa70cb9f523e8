"""Builds the plug-ins: the engine's objects and the core, linked by the system's compiler of C.

The objects are those that the package itself runs: on the same processor level both give the same bits.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from rt_automix.errors import AutomixError
from rt_automix.native import build as native
from rt_automix.native import store
from rt_automix.native.levels import Level, host
from rt_automix.native.sources import Unit, find
from rt_automix.native.symbols import undefined
from rt_automix.plugin import made, ttl

HERE = Path(__file__).resolve().parent
FORMATS = ("lv2",)
OPTIONS = ("-O2", "-std=c11", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-D_GNU_SOURCE")
"""No fused operations but those of the kernels: the core adds and multiplies as Python does."""
_EXPORTED = {"lv2": ("lv2_descriptor", "lib_descriptor")}


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
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise PluginError("No compiler of C is here to link a plug-in with. Install one: sudo apt install gcc libc6-dev")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        progress("compiling the engine")
        objects = engine_objects(level)
        progress("making tables")
        header, data = made.everything()
        (place / "made.h").write_text(header, encoding="utf-8")
        (place / "data.o").write_bytes(data_object(data, level))
        results = []
        for name in formats:
            progress(f"linking {name}")
            results.append(_MAKERS[name](compiler, place, [*objects, place / "data.o"], folder))
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


def _lv2(compiler: str, place: Path, objects: list[Path], folder: Path) -> Path:
    bundle = folder / ttl.BUNDLE
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "manifest.ttl").write_text(ttl.manifest(), encoding="utf-8")
    (bundle / "rt_automix.ttl").write_text(ttl.description(), encoding="utf-8")
    exported = place / "lv2.map"
    exported.write_text("{ global: lv2_descriptor; local: *; };\n", encoding="utf-8")
    _run(
        compiler, *OPTIONS, f'-DRTM_URI="{ttl.URI}"', f"-I{place}", f"-I{HERE}", "-shared",
        HERE / "core.c", HERE / "lv2.c", *objects, f"-Wl,--version-script={exported}", "-Wl,--no-undefined", "-Wl,--gc-sections",
        "-s", "-o", bundle / ttl.BINARY, "-lm", "-lpthread",
    )  # fmt: skip
    return bundle


_MAKERS = {"lv2": _lv2}


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PluginError(f"The compiler refuses: {done.stderr.strip()[-2000:]}")
