"""What the plug-ins want from the system and show to a host, and what random hosts do to them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from rt_automix.cli import main
from rt_automix.native.emit import ALLOWED
from rt_automix.plugin import build, table
from rt_automix.plugin.tools import PluginError, system_of

SYSTEM = re.compile(
    r"(calloc|malloc|free|memcpy|memmove|memset|memcmp|str(cmp|str|tod|len|ncmp)|snprintf|vsnprintf|__.*_chk|"
    r"pthread_(create|join|mutex_(init|destroy|lock|trylock|unlock))|sem_(init|destroy|post|wait)|sched_yield|"
    r"clock_gettime|isfinite|__cxa_finalize|__gmon_start__|_ITM_.*|__stack_chk_fail)"
)
"""All that core and shims in C may want: memory, strings, a thread and its semaphore, the clock."""
ENTRIES = {"lv2": {"lv2_descriptor"}, "clap": {"clap_entry"}, "vst3": {"GetPluginFactory", "ModuleEntry", "ModuleExit"}}
MOST_BYTES = 3_000_000


def _binary(plugins, name):
    if name == "clap":
        return plugins / f".{name}" / "rt_automix.clap"
    return next((plugins / f".{name}").rglob("*.so"))


def _symbols(path, *options):
    listing = subprocess.run(["nm", "-D", *options, path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].partition("@")[0] for line in listing.splitlines()}


@pytest.mark.parametrize("name", ["lv2", "clap"])
def test_it_wants_nothing_but_c(plugins, name):
    wanted = _symbols(_binary(plugins, name), "-u")
    assert "pow" in wanted
    foreign = sorted(symbol for symbol in wanted if not (ALLOWED.fullmatch(symbol) or SYSTEM.fullmatch(symbol)))
    assert not foreign, f"{name} needs {', '.join(foreign)}"


def test_a_vst3_wants_nothing_but_c_and_its_plus_plus(plugins):
    wanted = _symbols(_binary(plugins, "vst3"), "-u")
    libraries = subprocess.run(["ldd", _binary(plugins, "vst3")], capture_output=True, text=True, check=True).stdout
    assert not [symbol for symbol in wanted if symbol.startswith(("Py", "_Py", "numba", "NRT"))]
    found = set(re.findall(r"^\s*(\w[\w+-]*)\.", libraries, re.MULTILINE)) - {"linux-vdso"}
    assert found <= {"libc", "libm", "libstdc++", "libgcc_s", "libpthread", "libdl"}, found


@pytest.mark.parametrize("name", build.FORMATS)
def test_a_host_sees_its_entry_and_nothing_else(plugins, name):
    path = _binary(plugins, name)
    assert _symbols(path, "--defined-only") == ENTRIES[name]
    assert path.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("kind", ["address,undefined", "thread"])
def test_ten_thousand_random_actions_of_a_host(sanitised, kind):
    """Blocks, events, states good and broken, resets, rates and kinds, on two threads and the worker's."""
    (said,) = sanitised("clap", kind)("new", "stress 11 10000")
    assert int(said.split()[0]) > 500


ACTIONS = int(os.environ.get("RT_AUTOMIX_ACTIONS", "1500"))


@pytest.mark.parametrize(("name", "before"), [("lv2", ()), ("vst3", ("new 48000",))])
def test_random_actions_of_other_hosts(sanitised, name, before):
    """The same for what else talks to the core; RT_AUTOMIX_ACTIONS says how many."""
    said = sanitised(name, "address,undefined")(*before, f"stress 11 {ACTIONS}")
    assert int(said[-1].split()[0]) > ACTIONS // 10


def test_without_a_compiler_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["plugin", "build", "-o", str(tmp_path)]) == 1
    assert "sudo apt install gcc" in capsys.readouterr().err


def test_what_a_system_has_no_place_for_is_refused(tmp_path):
    (level,) = build.levels_of("windows-x86_64")
    with pytest.raises(PluginError, match=r"lv2 is not built for windows\..*--format clap,vst3"):
        build.make("lv2", SimpleNamespace(system=system_of(level)), tmp_path)


def test_what_is_unknown_is_named(capsys):
    assert main(["plugin", "build", "--format", "vst2"]) == 2
    assert 'format "vst2" is unknown. Did you mean "vst3"?' in capsys.readouterr().err
    assert main(["plugin", "build", "--target", "amiga"]) == 2
    assert 'target "amiga" is unknown' in capsys.readouterr().err


def test_ranges_hold_what_the_engine_takes():
    from rt_automix.engine import controls

    for control in table.CONTROLS:
        if control.symbol in controls.RANGES:
            assert (control.low, control.high) == controls.RANGES[control.symbol]
        if control.symbol.startswith("trim_"):
            assert control.high == pytest.approx(controls.TRIM_RANGES[control.symbol.removeprefix("trim_")])
