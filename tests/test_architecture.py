"""The house rules, read from the sources: who may import whom, and a few lint rules of our own.

Each rule is a function from a module to messages that say what to fix; the last test feeds every
rule a module that breaks it, so that no rule passes because it looks at nothing.
"""

from __future__ import annotations

import ast
import graphlib
import os
import re
import subprocess
import sys
import tomllib
import wave
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from realtime import MARKS, holds_none

ROOT = Path(__file__).parent.parent
PACKAGE = "rt_automix"

# The house, from the ground up. A room is a folder of the package, or a file beside the folders; a module
# imports its own room (without circles) and the floors below. A new room needs a place here.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("units", "errors"),
    ("params", "checked", "owncurve", "native", "platforms", "surround"),
    ("outputs",),
    ("dsp", "midimap", "demo"),
    ("config",),
    ("analysis",),
    ("engine",),
    ("io",),
    ("live", "render", "plugin"),
    ("panel", "report"),
    ("batch",),
    ("cli",),
)
# The rooms inside of a room, from the ground up, as above; OWN are the files that lie beside them.
OWN = "."
INSIDE: dict[str, tuple[tuple[str, ...], ...]] = {
    "dsp": ((OWN,), ("vectors",), ("samples",), ("clocks", "tone", "loudness"), ("dynamics",)),
    "analysis": ((OWN,), ("hearing",), ("aim",), ("bundles", "recordings"), ("deciding",)),
    "io": (("files",), ("devices", "lossy", "pipes"), ("midi",)),
    "io.devices": ((OWN,), ("edge",), ("jack",), ("streams",)),
    "io.files": (("containers",), (OWN,)),
    "live": ((OWN,), ("desk", "takes"), ("midi",), ("playing",), ("parent",), ("watching",)),
    "batch": ((OWN,), ("album",)),
    "cli": ((OWN,), ("views",), ("commands",)),
}
NEVER = {"torch", "scipy"}
ONE_FILE_EACH = (
    "onnxruntime", "sounddevice", "jack", "rtmidi", "pedalboard", "soundfile", "soxr", "av", "mutagen", "matplotlib",
)  # fmt: skip
DSP_MAY_IMPORT = {"numpy", "numba", "llvmlite"}
LIGHT = ("config", "cli")  # what answers `--help` and `check` must not wait for a compiler
HEAVY = ("numba", "onnxruntime", "pedalboard", "soundfile")
MAY_PRINT = ("cli", "report")
# Where a library is imported by another name than it is installed.
DISTRIBUTION = {"_cffi_backend": "cffi", "pythonosc": "python-osc", "rtmidi": "python-rtmidi", "jack": "JACK-Client"}
MOST_LINES = 360
MOST_FILES = 15


@dataclass(frozen=True)
class Module:
    """One source file of the package; `name` is its dotted name without the package's."""

    name: str
    path: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """(line, dotted name) of everything imported anywhere in the file; `from a import b` is `a.b`."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    here = [PACKAGE, *self.name.split(".")] if self.name else [PACKAGE]
                    parents = here[: len(here) - node.level + self.is_package]
                    base = ".".join([*parents, *([base] if base else [])])
                found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        return found

    def imports_inside(self, known: set[str]) -> list[tuple[int, str]]:
        """(line, module name) of the package's own modules that it imports."""
        own = [(line, name.split(".")[1:]) for line, name in self.imports if name.split(".")[0] == PACKAGE]
        return [(line, _longest_known(parts, known)) for line, parts in own]

    def imports_outside(self) -> list[tuple[int, str]]:
        """(line, top-level name) of the libraries that it imports, the standard library left out."""
        tops = [(line, name.split(".")[0]) for line, name in self.imports]
        return [(line, top) for line, top in tops if top != PACKAGE and top not in sys.stdlib_module_names]


def _longest_known(parts: list[str], known: set[str]) -> str:
    while parts and ".".join(parts) not in known:
        parts = parts[:-1]
    return ".".join(parts)


def _modules() -> list[Module]:
    found = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(name, path.relative_to(ROOT).as_posix(), text, is_package))
    return found


MODULES = _modules()
KNOWN = {module.name for module in MODULES}


def _room(name: str) -> str:
    """The room of a module; who runs the package enters by the command line."""
    return "cli" if name == "__main__" else name.split(".")[0]


def _floor(name: str) -> int | None:
    """Number of the floor, 1 at the ground; None for a room that is not in the house."""
    return next((number for number, rooms in enumerate(FLOORS, 1) if _room(name) in rooms), None)


# The rules: each takes a module and yields what is wrong with it ------------------------------------


def has_a_floor(module: Module) -> Iterator[str]:
    if module.name and _floor(module.name) is None:
        yield f"{module.path} has no floor. Add {_room(module.name)!r} to FLOORS in tests/test_architecture.py."


def imports_only_downwards(module: Module) -> Iterator[str]:
    floor = _floor(module.name)
    for line, target in module.imports_inside(KNOWN):
        target_floor = _floor(target) if target else 0  # the root: it imports nothing
        if floor is None or target_floor is None or _room(target) == _room(module.name):
            continue
        if target_floor >= floor:
            yield (
                f"{module.path}:{line} (floor {floor}) imports {PACKAGE}.{target} (floor {target_floor}). "
                "Move what it needs down, or pass it in as an argument."
            )


def _inside(name: str, room: str) -> str:
    """Which of the rooms inside of a room a module is in; OWN for a file that lies beside them."""
    first, *more = name.removeprefix(f"{room}.").split(".")
    return first if more or any(known.startswith(f"{room}.{first}.") for known in KNOWN) else OWN


def rooms_import_only_downwards_inside(module: Module) -> Iterator[str]:
    for room, floors in INSIDE.items():
        if not module.name.startswith(f"{room}."):
            continue
        floor_of = {inner: number for number, rooms in enumerate(floors, 1) for inner in rooms}
        mine = _inside(module.name, room)
        if mine not in floor_of:
            yield f"{module.path} has no floor. Add {mine!r} to INSIDE[{room!r}] in tests/test_architecture.py."
            continue
        for line, target in module.imports_inside(KNOWN):
            other = _inside(target, room) if target.startswith(f"{room}.") else mine
            if other != mine and floor_of.get(other, 0) >= floor_of[mine]:
                yield (
                    f"{module.path}:{line} (floor {floor_of[mine]} of {room}) imports {PACKAGE}.{target} "
                    f"(floor {floor_of[other]}). Move what it needs down, or pass it in as an argument."
                )


def rooms_inside_have_an_order(module: Module) -> Iterator[str]:
    outer = module.name.rpartition(".")[0]
    if module.is_package and outer and outer not in INSIDE:
        yield f"{module.path} is a room inside of {outer}. Say in INSIDE (tests/test_architecture.py) on which floor."


def root_is_for_users(module: Module) -> Iterator[str]:
    """What the root hands out by name comes from a floor that the import does not show."""
    for line, name in module.imports:
        if name.startswith(f"{PACKAGE}.") and not _longest_known(name.split(".")[1:], KNOWN):
            yield f"{module.path}:{line} imports {name} by way of the root. Import it from its own module."


def package_root_imports_nothing(module: Module) -> Iterator[str]:
    """Whoever imports one module runs the root first, so an import there is everybody's import."""
    if not module.name:
        for node in module.tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", "") != "__future__":
                yield f"{module.path}:{node.lineno} imports at the top. Import inside a module `__getattr__` instead."


def dsp_stays_pure(module: Module) -> Iterator[str]:
    if _room(module.name) == "dsp":
        for line, target in module.imports_inside(KNOWN):
            if target != "units" and _room(target) not in ("dsp", "native"):
                yield f"{module.path}:{line} imports {PACKAGE}.{target}. dsp/ imports only units, native/ and dsp/."
        for line, library in module.imports_outside():
            if library not in DSP_MAY_IMPORT:
                yield f"{module.path}:{line} imports {library}. dsp/ imports only {sorted(DSP_MAY_IMPORT)}."


def no_training_library(module: Module) -> Iterator[str]:
    for line, library in module.imports_outside():
        if library in NEVER:
            yield f"{module.path}:{line} imports {library}, which belongs in training/, bench/ or tests/."


def libraries_are_declared(module: Module) -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
    declared = {re.split(r"[^\w-]", line)[0] for group in groups for line in group}
    for line, library in module.imports_outside():
        if DISTRIBUTION.get(library, library) not in declared:
            yield f"{module.path}:{line} imports {library}, which pyproject.toml does not declare."


def no_fastmath(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.keyword) and node.arg == "fastmath":
            if isinstance(node.value, ast.Constant) and node.value.value:
                yield f"{module.path}:{node.lineno} sets fastmath, under which NaN guards vanish. Use dsp/jit.kernel."
            elif module.name != "native.frontend":
                yield f"{module.path}:{node.lineno} sets compiler flags. All of them live in native/frontend.py."


def no_print(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        if is_print and _room(module.name) not in MAY_PRINT:
            yield f"{module.path}:{node.lineno} prints. Only cli and report modules talk to the terminal."


def dsp_functions_name_their_thread(module: Module) -> Iterator[str]:
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and module.name.startswith("dsp."):
            last = (ast.get_docstring(node) or "").splitlines()[-1:]
            if not last or not re.match(r"Thread: .*(audio|worker|main).* Allocates: (yes|no)\b", last[0]):
                yield (
                    f"{module.path}:{node.lineno} {node.name}(): the docstring must end with "
                    "`Thread: audio | worker | main. Allocates: yes | no.`"
                )


def not_too_long(module: Module) -> Iterator[str]:
    lines = module.text.count("\n")
    if lines > MOST_LINES:
        yield f"{module.path} has {lines} lines, more than {MOST_LINES}. Split it where a second subject begins."


RULES = (
    has_a_floor,
    imports_only_downwards,
    rooms_import_only_downwards_inside,
    rooms_inside_have_an_order,
    root_is_for_users,
    package_root_imports_nothing,
    dsp_stays_pure,
    no_training_library,
    libraries_are_declared,
    no_fastmath,
    no_print,
    dsp_functions_name_their_thread,
    not_too_long,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule):
    broken = [message for module in MODULES for message in rule(module)]
    assert not broken, "\n" + "\n".join(broken)


def crowded(paths: list[Path]) -> list[str]:
    """What is wrong with folders of so many modules that nobody finds one; what only opens a folder does not count."""
    counts = Counter(path.parent.as_posix() for path in paths if path.stem not in ("__init__", "__main__", "conftest"))
    full = ((folder, count) for folder, count in counts.items() if count > MOST_FILES)
    return [
        f"{folder} has {count} modules, more than {MOST_FILES}. Give those of one subject a room."
        for folder, count in full
    ]


def test_no_folder_is_crowded():
    listed = _listed("*.py")
    assert len(listed) > 400 and crowded(listed) == []
    assert crowded([Path("dsp/__init__.py"), *(Path(f"dsp/{name}.py") for name in range(MOST_FILES))]) == []
    assert len(crowded([Path(f"dsp/{name}.py") for name in range(MOST_FILES + 1)])) == 1


def test_no_import_circles():
    graph = {m.name: {target for _, target in m.imports_inside(KNOWN)} - {"", m.name} for m in MODULES if m.name}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("these modules import each other in a circle: " + " <- ".join(error.args[1]))


@pytest.mark.parametrize("library", ONE_FILE_EACH)
def test_one_library_one_file(library):
    users = {module.path for module in MODULES for _, name in module.imports_outside() if name == library}
    assert len(users) <= 1, f"{library} is imported in {', '.join(sorted(users))}. Keep it behind one of them."


@pytest.mark.parametrize("name", [name for name in LIGHT if name in KNOWN])
def test_light_modules_start_without_the_heavy_ones(name):
    code = f"import sys, {PACKAGE}.{name}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "", (
        f"importing {PACKAGE}.{name} pulls in {run.stdout.strip()}: import it inside the function that needs it "
        f"(`python -X importtime -c 'import {PACKAGE}.{name}'` shows who does)"
    )


LATER = (
    "aiohttp", "av", "rich.progress", "sounddevice", "soxr", "rtmidi", "tomlkit", "segno", "matplotlib", "onnxruntime",
    "mutagen", "numba", "numpy.ma", "multiprocessing", "concurrent.futures", "logging", "importlib.metadata",
)  # fmt: skip


def test_a_render_of_a_short_file_waits_for_nothing_that_it_does_not_need(tmp_path):
    """Nor for the network, which a second of sound never asks, and the tags that a bare WAV has not got."""
    with wave.open(str(tmp_path / "in.wav"), "wb") as bare:
        bare.setparams((1, 2, 48_000, 0, "NONE", ""))
        bare.writeframes(bytes(2 * 48_000))
    code = (
        "import sys; from rt_automix.cli import main; code = main(['render', 'in.wav', 'out.wav', '--force'])\n"
        f"print(code, *sorted(set({LATER!r}) & set(sys.modules)), file=sys.stderr)"
    )
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(2):  # the first may have to compile
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=surroundings, capture_output=True, text=True
        )
    assert run.stderr == "0\n", f"imported: {run.stderr.strip()}"


# A slash, a top folder of someone's machine, and something in it; not the middle of a longer path or address.
MACHINE_PATH = re.compile(r"(?<![\w./~-])(?:/(?:home|root|work|tmp|Users)/\w|[A-Z]:\\Users\\)")


def _listed(*patterns: str) -> list[Path]:
    """What git knows and what it would be told of, from the root; not what is deleted but not yet committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listing.split("\0") if name and (ROOT / name).exists()]


def test_no_path_of_a_machine_in_any_file():
    broken = []
    for name in _listed():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, IsADirectoryError):
            continue  # pictures, models; a nested checkout
        lines = enumerate(text.splitlines(), 1)
        broken += [f"{name}:{number} {line.strip()}" for number, line in lines if MACHINE_PATH.search(line)]
    assert not broken, "paths of one machine; make them relative:\n" + "\n".join(broken)


def test_the_path_rule_tells_machine_paths_from_others():
    folder = "/" + "home"
    assert MACHINE_PATH.search(f'open("{folder}/ann/song.wav")') and MACHINE_PATH.search("C:" + r"\Users\ann")
    assert not MACHINE_PATH.search("https://example.org/home/page src/tmp/x ~/home/x /usr/share/x a /work b")


def test_what_plays_in_real_time_is_marked():
    """What computes would disturb it: `make test` runs what is marked behind what is not."""
    helpers = re.compile(
        r"^from (jackserver|pipewireserver|jackclient|liverun|browser_house|midi_controller) import", re.M
    )
    paths = list((ROOT / "tests").rglob("test_*.py"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    real = {name for name, text in texts.items() if helpers.search(text)}
    assert "test_survival.py" in real and "test_browser.py" in real
    assert not [name for name in real if not re.search(r"^pytestmark = .*mark\.(alone|live)", texts[name], re.M)]


def test_what_is_not_asked_for_is_not_collected():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    marked = {
        mark: [text for text in texts if re.search(rf"^(pytestmark|@).*mark\.{mark}\b", text, re.M)] for mark in MARKS
    }
    assert all(5 < len(found) < len(texts) / 2 for found in marked.values())
    for mark, found in marked.items():
        assert [text for text in texts if not holds_none(text, mark)] == found
        assert not any(holds_none(text, "live or alone") for text in found)
    assert not any(holds_none(text, expression) for text in texts for expression in ("", "not live and not alone"))


def _module(name: str, text: str) -> Module:
    return Module(name, f"{PACKAGE}/{name.replace('.', '/')}.py", text)


@pytest.mark.parametrize(
    ("rule", "broken", "whole"),
    [
        (has_a_floor, _module("mystery", ""), _module("units", "")),
        (
            imports_only_downwards,
            _module("dsp.x", "def f():\n    from ..config import load"),
            _module("cli", "from rt_automix import config"),
        ),
        (
            imports_only_downwards,
            _module("analysis.x", "from rt_automix.engine import layout"),
            _module("engine.x", "from rt_automix.analysis.deciding import analyst\nfrom . import layout"),
        ),
        (  # not the neighbour on the same floor, either
            imports_only_downwards,
            _module("report.x", "from rt_automix.panel import api"),
            _module("report.x", "from rt_automix import render, report"),
        ),
        (
            rooms_import_only_downwards_inside,
            _module("dsp.tone.fine", "from rt_automix.dsp.dynamics import limiter"),
            _module("dsp.dynamics.bed", "from rt_automix.dsp.loudness import truepeak\nfrom rt_automix.dsp import jit"),
        ),
        (  # nor the files beside the rooms
            rooms_import_only_downwards_inside,
            _module("dsp.jit", "from rt_automix.dsp.tone import fine"),
            _module("io.files.audio", "from rt_automix.io.files.containers import riff\nfrom rt_automix import errors"),
        ),
        (
            rooms_inside_have_an_order,
            Module("engine.cellar", "", "", is_package=True),
            Module("dsp.tone", "", "", is_package=True),
        ),
        (
            rooms_import_only_downwards_inside,
            _module("dsp.cellar.x", ""),
            _module("engine.layout", "from rt_automix.dsp.tone import fine"),
        ),
        (
            root_is_for_users,
            _module("cli.x", "from rt_automix import Engine"),
            _module("cli.x", "import rt_automix.units"),
        ),
        (package_root_imports_nothing, _module("", "import rt_automix.units"), _module("", "x = 1")),
        (dsp_stays_pure, _module("dsp.x", "import onnxruntime"), _module("dsp.x", "import math, numpy, numba")),
        (dsp_stays_pure, _module("dsp.x", "from rt_automix import params"), _module("dsp.x", "from . import jit")),
        (no_training_library, _module("analysis.x", "import torch.nn"), _module("analysis.x", "import numpy")),
        (
            libraries_are_declared,
            _module("analysis.x", "import requests"),
            _module("analysis.x", "import numpy, json"),
        ),
        (
            no_fastmath,
            _module("native.frontend", "njit(fastmath=True)"),
            _module("native.frontend", "njit(fastmath=set(FLAGS))"),
        ),
        (no_fastmath, _module("dsp.x", "njit(fastmath={'nsz'})"), _module("dsp.x", "njit(cache=True)")),
        (no_print, _module("engine.x", "def f():\n    print(1)"), _module("cli", "print(1)")),
        (
            dsp_functions_name_their_thread,
            _module("dsp.x", 'def f():\n    """Does."""'),
            _module("dsp.x", 'def f():\n    """Does.\n\n    Thread: audio. Allocates: no.\n    """\ndef _g(): ...'),
        ),
        (not_too_long, _module("units", "x = 1\n" * (MOST_LINES + 1)), _module("units", "x = 1\n" * 330)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_every_rule_can_fail(rule, broken, whole):
    assert len(list(rule(broken))) == 1 and list(rule(whole)) == []
