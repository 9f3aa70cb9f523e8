"""Builds the plug-ins: the engine's objects and the core, linked by the system's compiler of C.

The objects are those that the package itself runs: on the same processor level both give the same bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rt_automix.errors import ConfigError, nearest
from rt_automix.native import build as native
from rt_automix.native import store
from rt_automix.native.levels import ELSEWHERE, SHIPPED, Level, host
from rt_automix.native.sources import Unit, find
from rt_automix.native.symbols import undefined
from rt_automix.plugin import made, table, ttl
from rt_automix.plugin.tools import DPF, LV2, PluginError, Tools, demand_dpf

FORMATS = ("lv2", "clap", "vst3")


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
    """The levels that a list names: `linux-x86-64-v2`, `windows-x86_64` and such, or none for this machine's.

    Raises
    ------
    ConfigError
        One is unknown.

    Thread: main. Allocates: yes.
    """
    if target is None:
        return [host()]
    known = {level.name: level for level in (*SHIPPED, *ELSEWHERE, host())}
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
    demand_dpf("CLAP's headers")
    result, version = folder / "rt_automix.clap", ".".join(map(str, table.version()))
    shim = tools.compiled("clap.c", f'-DRTM_VERSION="{version}"', f"-I{DPF / 'src'}")
    inside = result if tools.system.name != "macos" else tools.bundle(result, "rt_automix", version)
    tools.link("clap", inside, tools.compiled("core.c"), shim)
    return result


def _vst3(tools: Tools, folder: Path) -> Path:
    demand_dpf("VST3's framework")
    result, version = folder / "rt_automix.vst3", ".".join(map(str, table.version()))
    if tools.system.name == "macos":
        inside = tools.bundle(result, "rt_automix", version)
    else:
        inside = result / "Contents" / tools.system.vst3_folder.format(tools.machine) / tools.system.vst3_file
        inside.parent.mkdir(parents=True, exist_ok=True)
    numbers = zip(("MAJOR", "MINOR", "MICRO"), table.version(), strict=True)
    defined = [f"-DRTM_{name}={number}" for name, number in numbers]
    options = (f"-I{DPF}", "-DDISTRHO_PLUGIN_TARGET_VST3", *defined)
    parts = [tools.compiled(source, *options) for source in ("vst3.cpp", DPF / "DistrhoPluginMain.cpp")]
    tools.link("vst3", inside, tools.compiled("core.c"), *parts)
    return result


def make(name: str, tools: Tools, folder: Path) -> Path:
    """A plug-in of one format; where it is.

    Raises
    ------
    PluginError
        What it takes is missing, or the compiler refuses.

    Thread: main. Allocates: yes.
    """
    if name not in tools.system.formats:
        known = ",".join(tools.system.formats)
        raise PluginError(f"{name} is not built for {tools.system.name}. What is: --format {known}")
    return _MAKERS[name](tools, folder)


_MAKERS = {"lv2": _lv2, "clap": _clap, "vst3": _vst3}
