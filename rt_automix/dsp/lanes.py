"""Left and right side by side: two float64 in one register, for recursions that no loop can vectorise.

Inside a kernel, a pair adds, subtracts and multiplies like a number; a plain number times a pair
counts for both lanes. The arithmetic takes the kernel's own flags, so that it fuses like any other.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

from rt_automix.dsp.jit import JIT_ENABLED

if JIT_ENABLED:
    _VECTOR = ir.VectorType(ir.DoubleType(), 2)

    class _Lanes(types.Type):
        def __init__(self):
            super().__init__(name="Lanes")

    @register_model(_Lanes)
    class _LanesModel(models.PrimitiveModel):
        def __init__(self, manager, lanes_type):
            super().__init__(manager, lanes_type, _VECTOR)

    _LANES = _Lanes()

    def _index(lane):
        return ir.Constant(ir.IntType(32), lane)

    def _paired(builder, left, right):
        half = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), left, _index(0))
        return builder.insert_element(half, right, _index(1))

    @intrinsic
    def pair(typing_context, left, right):
        """Two float64 as lanes."""

        def codegen(context, builder, signature, args):
            return _paired(builder, *args)

        return _LANES(types.float64, types.float64), codegen

    @intrinsic
    def first(typing_context, lanes):
        """What lies in the left lane."""

        def codegen(context, builder, signature, args):
            return builder.extract_element(args[0], _index(0))

        return types.float64(_LANES), codegen

    @intrinsic
    def second(typing_context, lanes):
        """What lies in the right lane."""

        def codegen(context, builder, signature, args):
            return builder.extract_element(args[0], _index(1))

        return types.float64(_LANES), codegen

    @type_callable(operator.add)
    @type_callable(operator.sub)
    @type_callable(operator.mul)
    def _type_of_lanes(context):
        def typer(p, q):
            return _LANES if p == q == _LANES else None

        return typer

    @type_callable(operator.mul)
    def _type_of_scaled(context):
        def typer(factor, p):
            return _LANES(types.float64, _LANES) if isinstance(factor, types.Float) and p == _LANES else None

        return typer

    @lower_builtin(operator.add, _Lanes, _Lanes)
    def _add(context, builder, signature, args):
        return builder.fadd(*args)

    @lower_builtin(operator.sub, _Lanes, _Lanes)
    def _subtract(context, builder, signature, args):
        return builder.fsub(*args)

    @lower_builtin(operator.mul, _Lanes, _Lanes)
    def _multiply(context, builder, signature, args):
        return builder.fmul(*args)

    @lower_builtin(operator.mul, types.float64, _Lanes)
    def _scale(context, builder, signature, args):
        factor, lanes = args
        return builder.fmul(_paired(builder, factor, factor), lanes)

else:
    # Plain Python for reading and testing.
    def pair(left, right):
        """Two numbers as lanes."""
        return np.array([left, right])

    def first(lanes):
        """What lies in the left lane."""
        return lanes[0]

    def second(lanes):
        """What lies in the right lane."""
        return lanes[1]
