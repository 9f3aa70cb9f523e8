"""What compiled code can reach: its LLVM module, walked from a function on."""

from __future__ import annotations

import re

import llvmlite.binding as llvm

HARMLESS = re.compile(
    r"NRT_MemInfo_call_dtor|llvm\.|mem(cpy|set|move)|exp2?f?$|log(10|2)?f?$|pow$|sqrt$|floorf?$|ldexpf?$"
)
"""What compiled code may call beyond itself: arithmetic, moving memory, and what would run if the last
reference to an array were dropped; the arrays are the caller's, so it never is."""


def functions_of(llvm_text):
    """The functions of a module that have a body, by name."""
    module = llvm.parse_assembly(llvm_text)
    return {function.name: function for function in module.functions if not function.is_declaration}


def reached_from(functions, entry):
    """Every instruction that a function of the module can reach inside it, as text."""
    reached, waiting, instructions = {entry}, [entry], []
    while waiting:
        for block in functions[waiting.pop()].blocks:
            for instruction in map(str, block.instructions):
                instructions.append(instruction)
                new = {callee for callee in _callees(instruction) if callee in functions} - reached
                reached |= new
                waiting += new
    return instructions


def _callees(instruction):
    return re.findall(r"@\"?([\w.$]+)", instruction) if "call" in instruction else []


def calls_beyond(functions, entry):
    """Names of everything but arithmetic outside the module that a function of it can reach."""
    called = {callee for instruction in reached_from(functions, entry) for callee in _callees(instruction)}
    outside = {name for name in called - set(functions) if not name.startswith((".const", "_ZN08NumbaEnv"))}
    return {name for name in outside if not HARMLESS.search(name)}


def can_raise(functions, entry):
    """Whether a function can report an exception: numba keeps each as a pickled constant."""
    return any("picklebuf" in instruction for instruction in reached_from(functions, entry))
