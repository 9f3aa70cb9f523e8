"""Left and right side by side: two float64 in one register, for recursions that no loop can vectorise.

Only inside a kernel. A factor is a number, which counts for both lanes, or lanes itself. Sums of
products are spelled out, so that each rounds in one way wherever the compiler puts it: left to
choose which product to fuse with a sum, it chose otherwise in the remainder of an unrolled loop.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import COMPILES

if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic, models, register_model

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

    def _factor_type(factor):
        return factor if factor == _LANES else types.float64

    def _widened(builder, factor):
        return factor if factor.type == _VECTOR else _paired(builder, factor, factor)

    def _fused(builder, factor, p, q):
        function_type = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.fmuladd.v2f64")
        return builder.call(function, [factor, p, q])

    @intrinsic
    def pair(typing_context, left, right):
        """Two float64 as lanes."""

        def codegen(context, builder, signature, args):
            return _paired(builder, *args)

        return _LANES(types.float64, types.float64), codegen

    @intrinsic
    def first(typing_context, p):
        """What lies in the left lane."""

        def codegen(context, builder, signature, args):
            return builder.extract_element(args[0], _index(0))

        return types.float64(_LANES), codegen

    @intrinsic
    def second(typing_context, p):
        """What lies in the right lane."""

        def codegen(context, builder, signature, args):
            return builder.extract_element(args[0], _index(1))

        return types.float64(_LANES), codegen

    @intrinsic
    def minus(typing_context, p, q):
        """`p - q`."""

        def codegen(context, builder, signature, args):
            return builder.fsub(*args)

        return _LANES(_LANES, _LANES), codegen

    @intrinsic
    def mul(typing_context, factor, p):
        """`factor * p`."""

        def codegen(context, builder, signature, args):
            return builder.fmul(_widened(builder, args[0]), args[1])

        return _LANES(_factor_type(factor), _LANES), codegen

    @intrinsic
    def mul_add(typing_context, factor, p, q):
        """`factor * p + q`, rounded once where the processor can."""

        def codegen(context, builder, signature, args):
            factor, p, q = args
            return _fused(builder, _widened(builder, factor), p, q)

        return _LANES(_factor_type(factor), _LANES, _LANES), codegen

    @intrinsic
    def minus_mul(typing_context, factor, p, q):
        """`q - factor * p`, rounded once where the processor can."""

        def codegen(context, builder, signature, args):
            factor, p, q = args
            return _fused(builder, builder.fneg(_widened(builder, factor)), p, q)

        return _LANES(_factor_type(factor), _LANES, _LANES), codegen

else:
    # Plain Python for reading and testing.
    def pair(left, right):
        """Two numbers as lanes."""
        return np.array([left, right])

    def first(p):
        """What lies in the left lane."""
        return p[0]

    def second(p):
        """What lies in the right lane."""
        return p[1]

    def minus(p, q):
        """`p - q`."""
        return p - q

    def mul(factor, p):
        """`factor * p`."""
        return factor * p

    def mul_add(factor, p, q):
        """`factor * p + q`."""
        return factor * p + q

    def minus_mul(factor, p, q):
        """`q - factor * p`."""
        return q - factor * p
