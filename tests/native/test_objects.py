"""Kernels as objects: what they may need, what is refused, what is compiled again, and by whom."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import every_kind
import llvmlite.binding as llvm
import numpy as np
import pytest

from rt_automix.dsp.jit import JIT_ENABLED, bound, source_of
from rt_automix.dsp.samples import mix
from rt_automix.native import abi, build, levels, loader, sources, store, symbols
from rt_automix.native.levels import SHIPPED, host

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="about compiled code")

# C's mathematics, memory, and the clock; written out here once more, so that nobody widens it unseen.
HARMLESS = {
    "sqrt", "exp", "exp2", "expf", "exp2f", "log", "log2", "log10", "logf", "log2f", "log10f", "pow", "powf", "sin",
    "cos", "sinf", "cosf", "tan", "tanf", "atan", "atan2", "tanh", "erf", "hypot", "ldexp", "floor", "floorf", "fmod",
    "memset", "memcpy", "memmove", "clock_gettime",
}  # fmt: skip


# What an object holds --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_compiled():
    for _ in build.compile_missing():
        pass


def _doors() -> set[str]:
    return {abi.symbol(unit.source.name, door) for unit in sources.with_doors() for door in unit.source.doors}


@pytest.mark.parametrize("unit", sources.with_doors(), ids=lambda unit: unit.source.name)
def test_an_object_needs_nothing_but_mathematics_memory_the_clock_and_doors(unit, all_compiled):
    path = store.object_of(unit)
    assert path is not None and symbols.undefined(path.read_bytes()) <= HARMLESS | _doors()


@pytest.mark.parametrize("level", SHIPPED, ids=lambda level: level.name)
@pytest.mark.parametrize("name", ["rt_automix.dsp.atomics", "rt_automix.io.devices.edge.callbacks"])
def test_objects_are_made_for_every_level(name, level):
    """The denormal switch differs from one architecture to the next; the rest is the same IR."""
    unit = sources.Unit(sources.find(name))
    list(build.build([unit], [level]))
    content = store.object_of(unit, level).read_bytes()
    machine = int.from_bytes(content[18:20], "little")
    assert machine == {"x86_64": 62, "aarch64": 183}[level.triple.partition("-")[0]]
    assert symbols.undefined(content) <= HARMLESS | _doors()


@pytest.mark.parametrize(
    "triple", ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "arm64-apple-darwin", "x86_64-pc-windows-gnu"]
)
def test_undefined_names_are_read_from_every_format(triple):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    text = "declare double @wanted(double)\ndefine double @given(double %x) {\n  %y = call double @wanted(double %x)\n"
    module = llvm.parse_assembly(text + "  ret double %y\n}")
    module.triple = triple
    content = (
        llvm.Target.from_triple(triple).create_target_machine(reloc="pic", codemodel="default").emit_object(module)
    )
    assert symbols.undefined(content) == {"wanted"}


def test_what_this_process_does_not_have_is_not_loaded(tmp_path):
    """LLVM would load it without a word and jump to nowhere."""
    module = llvm.parse_assembly(
        "declare void @nobody_has_this()\ndefine void @f() {\n  call void @nobody_has_this()\n  ret void\n}"
    )
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    path = tmp_path / "x.o"
    path.write_bytes(llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine().emit_object(module))
    with pytest.raises(loader.LoadError, match="nobody_has_this"):
        loader.load(path)


# What a kernel takes ---------------------------------------------------------------------------------


def test_every_kind_goes_in_and_comes_out():
    assert every_kind.weighted(1.0, 2.0, 3, 4, 5, True) == 154321.0
    assert every_kind.weighted(1, np.float32(2.0), np.int64(3), np.int32(4), np.uint8(5), False) == 54321.0
    assert every_kind.weighted(0.0, 0.0, -3, -4, 255, False) == 2545700.0
    assert every_kind.half(np.float32(3.0)) == 1.5 and every_kind.negative(5) == -5 and every_kind.seven() == 7
    assert every_kind.is_finite(1.0) is True and every_kind.is_finite(math.nan) is False
    out = np.zeros(4, np.int64)
    every_kind.shape_and_last(np.arange(24.0).reshape(2, 3, 4), out)
    assert out.tolist() == [2, 3, 4, 23]
    power = np.zeros(2, np.float32)
    every_kind.squared(np.array([3 + 4j, 1j], np.complex64), power)
    assert power.tolist() == [25.0, 1.0]
    assert every_kind.row_sum(np.arange(6.0).reshape(2, 3), 1) == 12.0
    assert every_kind.vector_sum(np.zeros(0)) == 0.0


def _read_only():
    array = np.zeros(4)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "wrong", [np.zeros(4, np.float32), np.zeros((2, 2)), np.zeros(8)[::2], [0.0], None, 1.0, "x", _read_only()],
    ids=lambda value: type(value).__name__ + str(getattr(value, "dtype", "")),
)  # fmt: skip
def test_an_array_of_another_kind_is_refused_by_name(wrong):
    with pytest.raises(TypeError, match=r"vector_sum\(vector\): vector is float64\[::1\], not "):
        every_kind.vector_sum(wrong)


@pytest.mark.parametrize("arguments", [(), (np.zeros(2), 1)])
def test_arguments_are_counted(arguments):
    with pytest.raises(TypeError, match="argument"):
        every_kind.vector_sum(*arguments)


@pytest.mark.parametrize("wrong", [1.5, "x", None, np.zeros(1)])
def test_a_scalar_of_another_kind_is_refused(wrong):
    with pytest.raises(TypeError):
        every_kind.negative(wrong)


@pytest.mark.parametrize("wrong", [np.float32(2.7), np.float64(2.0), 2.0])
def test_no_float_is_cut_to_a_whole_number(wrong):
    left, right = np.ones((2, 8), np.float32)
    with pytest.raises(TypeError):
        mix.gain(left, right, wrong, np.float32(1.0), np.float32(0.0))
    with pytest.raises(TypeError):
        bound(mix.gain, wrong, np.float32(1.0), np.float32(0.0))


def test_an_array_that_travelled_between_processes_is_as_good():
    import pickle

    array = pickle.loads(pickle.dumps(np.arange(3.0)))
    assert every_kind.vector_sum(array) == 3.0
    assert every_kind.vector_sum(np.frombuffer(bytearray(array.tobytes()), ">f8".replace(">", "<"))) == 3.0


@pytest.mark.parametrize(
    "text", ["void(float32[:])", "void(float32[:, :])", "tuple(int64)", "void(list)", "void", "void(complex64)"]
)
def test_a_signature_that_c_could_not_call_is_refused(text):
    with pytest.raises(TypeError, match=re.escape(text.partition("(")[0])):
        abi.parse(text)


def test_a_signature_is_said_as_it_is_written():
    for text in ("void()", "float64(float32[:, ::1], int64, boolean)", "void(complex64[:, :, ::1], int8[::1])"):
        assert str(abi.parse(text)) == text


# What is refused, and said, when it is compiled ------------------------------------------------------

HEAD = "import numpy as np\nfrom rt_automix.dsp.jit import kernel\n\n"
REFUSED = {
    "allocates": ('@kernel("void(float64[::1])")\ndef f(x):\n    x[0] = np.zeros(int(x[0]))[2]\n', "NRT|not"),
    "raises": ('@kernel("void(float64[::1])")\ndef f(x):\n    if x[0] > 1:\n        raise ValueError\n', "exception"),
    "has no such type": ('@kernel("void(float64[::1])")\ndef f(x):\n    x[0] = "a"\n', "f does not compile"),
    "returns something else": ('@kernel("int64(float64)")\ndef f(x):\n    return "a"\n', "f does not compile"),
    "calls with other arrays": (
        '@kernel("float64(float64[::1])")\ndef g(x):\n    return x[0]\n\n'
        '@kernel("float64(float32[::1])")\ndef f(x):\n    return g(x)\n', "f does not compile"),
    "runs while it is imported": (
        '@kernel("float64(float64)")\ndef f(x):\n    return x\n\nTABLE = f(1.0)\n', "while a module is imported"),
    "is no Python": ('@kernel("int64()")\ndef f(:\n', "SyntaxError"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_leave_python_is_refused_with_the_reason(text, reason, tmp_path):
    path = tmp_path / "refused.py"
    path.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(build.BuildError, match=f"(?s)refused: .*({reason})"):
        list(build.build(sources.at("refused", path).units, [host()]))


def test_one_module_that_fails_stops_no_other(tmp_path):
    bad, good = tmp_path / "bad.py", tmp_path / f"good{os.getpid()}.py"
    bad.write_text(HEAD + REFUSED["raises"][0], encoding="utf-8")
    good.write_text(HEAD + '@kernel("int64()")\ndef f():\n    return 1\n', encoding="utf-8")
    both = [sources.Unit(sources.at(path.stem, path), doors=False) for path in (bad, good)]
    with pytest.raises(build.BuildError) as raised:
        list(build.build(both, [host()]))
    assert "good" not in str(raised.value)
    assert store.object_of(both[0]) is None and store.object_of(both[1]) is not None


@pytest.mark.parametrize(("interpreter", "said"), [("nowhere", "No process"), ("#!/bin/sh\nexit 3\n", "ended with 3")])
def test_a_process_that_cannot_be_had_or_dies_is_told_of(interpreter, said, tmp_path, monkeypatch):
    script = tmp_path / "interpreter"
    if interpreter.startswith("#!"):
        script.write_text(interpreter, encoding="utf-8")
        script.chmod(0o755)
    path = tmp_path / "module.py"
    path.write_text(HEAD + '@kernel("int64()")\ndef f():\n    return 2\n', encoding="utf-8")
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(build.BuildError, match=said):
        list(build.build(sources.at("module", path).units, [host()]))


def test_progress_counts_every_step(tmp_path):
    path = tmp_path / "steps.py"
    path.write_text(HEAD + f'@kernel("int64()")\ndef f():\n    return {os.getpid()}\n', encoding="utf-8")
    units = sources.at("steps", path).units
    assert list(build.build(units, [host()])) == [(1, 2), (2, 2)]
    assert list(build.build(units, [host()])) == []


# What is compiled again ------------------------------------------------------------------------------


def _digest(folder: Path, name: str) -> str:
    """As another process would see it."""
    code = f"print(sources.at({name!r}, Path({str(folder)!r}, {name!r} + '.py')).digest)"
    code = f"from pathlib import Path; from rt_automix.native import sources; {code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_an_edit_is_noticed_wherever_it_matters_and_nowhere_else(tmp_path):
    files = {"top": "from middle import a\n", "middle": "import bottom\n", "bottom": "a = 1\n", "beside": "a = 1\n"}
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    before = {name: _digest(tmp_path, name) for name in files}
    (tmp_path / "bottom.py").write_text("a = 2\n", encoding="utf-8")
    after = {name: _digest(tmp_path, name) for name in files}
    assert {name for name in files if before[name] != after[name]} == {"top", "middle", "bottom"}


def test_imports_are_found_in_every_way_of_writing_them():
    chain = sources.find("rt_automix.engine.chain")
    names = {source.name.removeprefix("rt_automix.") for source in chain.closure}
    assert {
        "engine.chain",
        "engine.layout",
        "engine.steering",
        "params",
        "dsp.jit",
        "dsp.samples.mix",
        "units",
    } <= names
    assert not any(name.startswith(("numpy", "io.", "analysis.")) for name in names)
    assert {source.name for source in sources.find("rt_automix.dsp.vectors.logexp").closure} < {
        source.name for source in chain.closure
    }


def test_a_kernel_knows_its_module():
    assert source_of(mix.gain) == sources.find("rt_automix.dsp.samples.mix")


# Where objects lie -----------------------------------------------------------------------------------

WHERE = "from rt_automix.native import store; print(store.cache())"


def _run(code: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_without_a_place_for_caches_there_is_one_that_stays(tmp_path):
    """Two processes of a user whose home cannot be written meet in one folder; nobody else can write there."""
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder", encoding="utf-8")
    places = {_run(WHERE, XDG_CACHE_HOME=str(blocked), TMPDIR=str(tmp_path)) for _ in range(2)}
    assert len(places) == 1
    (place,) = map(Path, places)
    assert place.parent == tmp_path and place.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="about permissions of Unix")
def test_a_folder_that_others_can_write_is_not_trusted(tmp_path):
    blocked, foreign = tmp_path / "blocked", tmp_path / f"rt_automix-{os.getuid()}"
    blocked.write_text("no folder", encoding="utf-8")
    foreign.mkdir()
    foreign.chmod(0o777)
    with pytest.raises(subprocess.CalledProcessError) as raised:
        _run(WHERE, XDG_CACHE_HOME=str(blocked), TMPDIR=str(tmp_path))
    assert "no place for compiled code" in raised.value.stderr


def test_the_level_of_this_machine_is_one_that_is_shipped_or_its_own():
    level = levels.host()
    assert level in SHIPPED or level.cpu == llvm.get_host_cpu_name()


def test_running_imports_no_compiler():
    code = (
        "import sys, numpy as np; from rt_automix.io.devices.edge import callbacks;"
        "from rt_automix.dsp.jit import address_of; from rt_automix.engine.engine import Engine;"
        "e = Engine(analysis='off'); e.prepare(48000); e.process(np.zeros((2, 480), np.float32));"
        "address_of(callbacks.jack_callback); print('numba' in sys.modules)"
    )
    assert _run(code) == "False"


def test_a_kernel_with_its_last_arguments_bound_does_the_same():
    left, right = np.ones((2, 8), np.float32)
    again = left.copy(), right.copy()
    mix.gain(left, right, 3, np.float32(0.5), np.float32(0.01))
    bound(mix.gain, 3, np.float32(0.5), np.float32(0.01))(*again)
    assert np.array_equal(left, again[0]) and np.array_equal(right, again[1])


def test_what_is_bound_is_kept_not_copied_and_checked_once():
    left, right = np.zeros((2, 8), np.float32)
    peak = bound(mix.peak, right)
    right[5] = -0.75
    assert peak(left) == 0.75
    with pytest.raises(TypeError, match="right is float32"):
        bound(mix.peak, np.zeros(8))
    with pytest.raises(TypeError, match="left is float32"):
        peak(np.zeros(8))
