"""The IR of modules to one object, for a processor: linked, optimised once, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from rt_automix.native import abi
from rt_automix.native.levels import Level
from rt_automix.native.symbols import undefined

ALLOWED = re.compile(
    r"(exp|exp2|log|log2|log10|log1p|expm1|pow|sin|cos|sincos|tan|tanh|sinh|cosh|atan|atan2|asin|acos|erf|erfc|"
    r"sqrt|cbrt|hypot|fmod|floor|ceil|trunc|rint|nearbyint|round|fma|ldexp|fmin|fmax)f?"
    r"|mem(cpy|set|move|cmp)|clock_gettime|QueryPerformance(Counter|Frequency)|write"
    r"|___chkstk_ms|__exp10|__sincos_stret|memset_pattern16|bzero"
)
"""All that an object may want from the process that loads it: C's mathematics, memory, the clock, a wake-up.

And what only Windows (a probe of the stack) and macOS (their own ways to do the same) have."""

_X86 = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define i64 @rt_flush_bits() { ret i64 32832 }
define i64 @rt_control_word() {
  %place = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %word = load i32, ptr %place
  %wide = zext i32 %word to i64
  ret i64 %wide
}
define void @rt_set_control_word(i64 %wide) {
  %place = alloca i32
  %word = trunc i64 %wide to i32
  store i32 %word, ptr %place
  call void @llvm.x86.sse.ldmxcsr(ptr %place)
  ret void
}
"""
_ARM = """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
define i64 @rt_flush_bits() { ret i64 16777216 }
define i64 @rt_control_word() {
  %word = call i64 @llvm.aarch64.get.fpcr()
  ret i64 %word
}
define void @rt_set_control_word(i64 %word) {
  call void @llvm.aarch64.set.fpcr(i64 %word)
  ret void
}
"""
_OTHER = """
define i64 @rt_flush_bits() { ret i64 0 }
define i64 @rt_control_word() { ret i64 0 }
define void @rt_set_control_word(i64 %word) { ret void }
"""
_SWITCHES = {"x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM}
"""What `dsp.atomics` calls for the processor's denormal switch."""


class EmitError(Exception):
    """An object would need more than it may."""


def object_code(bitcode: Path, bitcodes: Mapping[str, Path], level: Level, doors: Set[str]) -> bytes:
    """The object of some kernels of a module, with all that they call inside, but for doors.

    Parameters
    ----------
    bitcode : where their IR lies
    bitcodes : where that of what they may call lies, by module
    level : Level
    doors : what it may find in other objects

    Raises
    ------
    EmitError

    Thread: main. Allocates: yes.
    """
    machine = _machine(level)
    whole, mine = _linked(bitcode, bitcodes)
    switch = llvm.parse_assembly(_SWITCHES.get(level.triple.partition("-")[0], _OTHER))
    whole.triple, whole.data_layout = level.triple, str(machine.target_data)
    switch.triple, switch.data_layout = level.triple, str(machine.target_data)
    whole.link_in(switch)
    for value in (*whole.functions, *whole.global_variables):
        if not value.is_declaration and value.name not in mine:
            value.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(machine, options)
    clean = llvm.create_new_module_pass_manager()
    clean.add_global_dead_code_eliminate_pass()
    clean.run(whole, builder)  # most of what was linked nobody calls here
    # Loops the right way round before they are judged: where the loop of one kernel comes into another as
    # it was written, fewer become vectors (a tenth of the chain's time).
    early = llvm.create_new_module_pass_manager()
    early.add_loop_rotate_pass()
    early.add_instruction_combine_pass()
    early.add_jump_threading_pass()
    early.run(whole, builder)
    builder.getModulePassManager().run(whole, builder)
    clean.run(whole, builder)
    content: bytes = machine.emit_object(whole)
    _demand_plain(undefined(content) - doors)
    return content


def _linked(bitcode: Path, bitcodes: Mapping[str, Path]) -> tuple[Any, set[str]]:
    """IR with that of the modules whose kernels it calls, and so on; the names that C calls its own by."""
    whole = llvm.parse_bitcode(bitcode.read_bytes())
    defined = (value for value in whole.functions if not value.is_declaration)
    mine = {value.name for value in defined if value.linkage == llvm.Linkage.external and ":" not in value.name}
    linked: set[str] = set()
    while True:
        declared = (value.name for value in whole.functions if value.is_declaration)
        wanted = {name.partition(":")[0] for name in declared if ":" in name}
        if not wanted - linked:
            return whole, mine
        for name in sorted(wanted - linked):
            whole.link_in(llvm.parse_bitcode(bitcodes[name].read_bytes()))
        linked |= wanted


def _demand_plain(wanted: set[str]) -> None:
    """Refuse an object that would need Python, or that could raise where C would never hear of it."""
    foreign = sorted(name for name in wanted if not ALLOWED.fullmatch(name))
    raising = [name.removeprefix(abi.RAISED) for name in foreign if name.startswith(abi.RAISED)]
    if raising:
        raise EmitError(f"{', '.join(raising)} can raise an exception. Return a number that tells instead.")
    if foreign:
        raise EmitError(f"a kernel needs {', '.join(foreign)}. Only C's mathematics may be called.")


@lru_cache(maxsize=8)
def _machine(level: Level) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(level.triple)
    return target.create_target_machine(cpu=level.cpu, features=level.features, opt=3, reloc="pic", codemodel="default")
