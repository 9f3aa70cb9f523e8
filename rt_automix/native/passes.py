"""What numba does to a kernel, cut to what a kernel needs: two thirds of the time of its usual way.

Imported before anything is compiled, and only in a process that compiles.
"""

from __future__ import annotations

import functools
from typing import Any

from numba.core import base, compiler, typed_passes, types, untyped_passes
from numba.core.compiler_machinery import PassManager

_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.DeadBranchPrune,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)
"""Left out: what is for closures, array expressions, generators, literals, loops over tuples, and parallel loops,
none of which a kernel has; and the pass that notes where a variable ends, as nothing is counted that could end."""


class Pipeline(compiler.CompilerBase):  # type: ignore[misc]
    """numba's way from a function to IR, for kernels."""

    def define_pipelines(self) -> list[Any]:
        """What is done, in order."""
        passes = PassManager("kernel")
        for each in _PASSES:
            passes.add_pass(each, each.__name__)
        passes.finalize()
        return [passes]


def remember() -> None:
    """Let numba remember what it would look up again for every operation of every kernel.

    Which function an operator stands for, once it is known for some types, does not change; neither does
    whether an implementation takes a location, nor that an array is nothing but an array.

    Thread: main. Allocates: yes.
    """
    base._has_loc = functools.cache(base._has_loc)
    known: dict[Any, Any] = {}
    operators: Any = types.functions.BaseFunction
    decide = operators.get_call_type

    def get_call_type(self: Any, context: Any, arguments: Any, named: Any) -> Any:
        key = self, tuple(arguments), tuple(named.items())
        found = known.get(key)
        if found is None:
            found = decide(self, context, arguments, named)
            # With a tuple it may be one of two functions, and numba goes by which of them was last asked for.
            if found is not None and not any(isinstance(kind, types.BaseTuple) for kind in found.args):
                known[key] = found
        return found

    operators.get_call_type = get_call_type
    implementations: Any = base.BaseContext
    find = implementations.get_function

    def get_function(self: Any, function: Any, *arguments: Any, **named: Any) -> Any:
        if function == "__array__":
            raise NotImplementedError("asked at every access to an array, and never there")
        return find(self, function, *arguments, **named)

    implementations.get_function = get_function
