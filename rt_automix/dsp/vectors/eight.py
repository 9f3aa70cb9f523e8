"""Eight float32 in one register: for loops over arrays of which a compiler could not tell that they do not overlap.

Only inside a kernel. `load` and `store` take eight neighbours of an array from an index that is not
negative, aligned or not; nothing checks the bounds. A factor is a number, which counts for all lanes,
or lanes itself. As in `lanes`, sums of products are spelled out so that each rounds in one way.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import COMPILES

COUNT = 8

if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic, models, register_model
    from numba.np import arrayobj

    _VECTOR = ir.VectorType(ir.FloatType(), COUNT)
    _ZERO = ir.Constant(_VECTOR, [0.0] * COUNT)

    class _Eight(types.Type):
        def __init__(self):
            super().__init__(name="Eight")

    @register_model(_Eight)
    class _EightModel(models.PrimitiveModel):
        def __init__(self, manager, eight_type):
            super().__init__(manager, eight_type, _VECTOR)

    _EIGHT = _Eight()

    def _shuffled(builder, p, q, order):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order))
        return builder.shuffle_vector(p, q, mask)

    def _widened(builder, factor):
        if factor.type == _VECTOR:
            return factor
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), factor, ir.Constant(ir.IntType(32), 0))
        return _shuffled(builder, one, one, [0] * COUNT)

    def _factor_type(factor):
        return factor if factor == _EIGHT else types.float32

    def _fused(builder, factor, p, q):
        function_type = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.fmuladd.v8f32")
        return builder.call(function, [factor, p, q])

    def _pointer(context, builder, array_type, array, index):
        data = arrayobj.make_array(array_type)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())

    @intrinsic
    def load(typing_context, array, index):
        """`array[index : index + 8]`."""

        def codegen(context, builder, signature, args):
            return builder.load(_pointer(context, builder, signature.args[0], *args), align=4)

        return _EIGHT(array, types.intp), codegen

    @intrinsic
    def store(typing_context, array, index, p):
        """`array[index : index + 8] = p`."""

        def codegen(context, builder, signature, args):
            builder.store(args[2], _pointer(context, builder, signature.args[0], args[0], args[1]), align=4)
            return context.get_dummy_value()

        return types.void(array, types.intp, _EIGHT), codegen

    @intrinsic
    def zeros(typing_context):
        """Eight times 0."""

        def codegen(context, builder, signature, args):
            return _ZERO

        return _EIGHT(), codegen

    @intrinsic
    def plus(typing_context, p, q):
        """`p + q`."""

        def codegen(context, builder, signature, args):
            return builder.fadd(*args)

        return _EIGHT(_EIGHT, _EIGHT), codegen

    @intrinsic
    def minus(typing_context, p, q):
        """`p - q`."""

        def codegen(context, builder, signature, args):
            return builder.fsub(*args)

        return _EIGHT(_EIGHT, _EIGHT), codegen

    @intrinsic
    def mul(typing_context, factor, p):
        """`factor * p`."""

        def codegen(context, builder, signature, args):
            return builder.fmul(_widened(builder, args[0]), args[1])

        return _EIGHT(_factor_type(factor), _EIGHT), codegen

    @intrinsic
    def mul_add(typing_context, factor, p, q):
        """`factor * p + q`, rounded once where the processor can."""

        def codegen(context, builder, signature, args):
            factor, p, q = args
            return _fused(builder, _widened(builder, factor), p, q)

        return _EIGHT(_factor_type(factor), _EIGHT, _EIGHT), codegen

    @intrinsic
    def minus_mul(typing_context, factor, p, q):
        """`q - factor * p`, rounded once where the processor can."""

        def codegen(context, builder, signature, args):
            factor, p, q = args
            return _fused(builder, builder.fneg(_widened(builder, factor)), p, q)

        return _EIGHT(_factor_type(factor), _EIGHT, _EIGHT), codegen

    @intrinsic
    def largest(typing_context, p, q):
        """The larger one of each lane; `q` where `p` is no number."""

        def codegen(context, builder, signature, args):
            p, q = args
            return builder.select(builder.fcmp_ordered(">", p, q), p, q)

        return _EIGHT(_EIGHT, _EIGHT), codegen

    @intrinsic
    def magnitude(typing_context, p):
        """`abs(p)`."""

        def codegen(context, builder, signature, args):
            function_type = ir.FunctionType(_VECTOR, [_VECTOR])
            return builder.call(cgutils.get_or_insert_function(builder.module, function_type, "llvm.fabs.v8f32"), args)

        return _EIGHT(_EIGHT), codegen

    @intrinsic
    def within(typing_context, limit, p):
        """`p` held within -limit and limit, 0 where it is no number."""

        def codegen(context, builder, signature, args):
            limit, p = _widened(builder, args[0]), args[1]
            p = builder.select(builder.fcmp_ordered("ord", p, p), p, _ZERO)
            p = builder.select(builder.fcmp_ordered(">", p, limit), limit, p)
            low = builder.fneg(limit)
            return builder.select(builder.fcmp_ordered("<", p, low), low, p)

        return _EIGHT(types.float32, _EIGHT), codegen

    @intrinsic
    def highest(typing_context, p):
        """The largest lane."""

        def codegen(context, builder, signature, args):
            most = args[0]
            for half in (4, 2, 1):
                other = _shuffled(builder, most, most, [(k + half) % COUNT for k in range(COUNT)])
                most = builder.select(builder.fcmp_ordered(">", most, other), most, other)
            return builder.extract_element(most, ir.Constant(ir.IntType(32), 0))

        return types.float32(_EIGHT), codegen

    @intrinsic
    def turned_round(typing_context, p):
        """The last lane first."""

        def codegen(context, builder, signature, args):
            return _shuffled(builder, args[0], args[0], range(COUNT - 1, -1, -1))

        return _EIGHT(_EIGHT), codegen

    @intrinsic
    def total(typing_context, p):
        """Sum of the lanes: halves first, then quarters."""

        def codegen(context, builder, signature, args):
            sums = args[0]
            for half in (4, 2, 1):
                sums = builder.fadd(sums, _shuffled(builder, sums, sums, [(k + half) % COUNT for k in range(COUNT)]))
            return builder.extract_element(sums, ir.Constant(ir.IntType(32), 0))

        return types.float32(_EIGHT), codegen

    @intrinsic
    def transposed(typing_context, a, b, c, d, e, f, g, h):
        """Eight registers as the rows of a square; its columns."""

        def codegen(context, builder, signature, rows):
            for apart, masks in (
                (1, ([0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15])),
                (2, ([0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15])),
                (4, ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15])),
            ):
                mixed = list(rows)
                for k in range(COUNT):
                    if not k & apart:
                        for which, mask in enumerate(masks):
                            mixed[k + which * apart] = _shuffled(builder, rows[k], rows[k + apart], mask)
                rows = mixed
            rows = [rows[k] for k in (0, 2, 1, 3, 4, 6, 5, 7)]
            return context.make_tuple(builder, signature.return_type, rows)

        return types.UniTuple(_EIGHT, COUNT)(*[_EIGHT] * COUNT), codegen

else:
    # Plain Python for reading and testing.
    def load(array, index):
        """`array[index : index + 8]`."""
        assert index >= 0 and index + COUNT <= array.size
        return array[index : index + COUNT].copy()

    def store(array, index, p):
        """`array[index : index + 8] = p`."""
        assert index >= 0 and index + COUNT <= array.size
        array[index : index + COUNT] = p

    def zeros():
        """Eight times 0."""
        return np.zeros(COUNT, np.float32)

    def plus(p, q):
        """`p + q`."""
        return p + q

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

    def largest(p, q):
        """The larger one of each lane; `q` where `p` is no number."""
        return np.where(p > q, p, q)

    def magnitude(p):
        """`abs(p)`."""
        return np.abs(p)

    def within(limit, p):
        """`p` held within -limit and limit, 0 where it is no number."""
        return np.clip(np.where(np.isnan(p), np.float32(0.0), p), -limit, limit)

    def highest(p):
        """The largest lane."""
        return p.max()

    def turned_round(p):
        """The last lane first."""
        return p[::-1]

    def total(p):
        """Sum of the lanes."""
        return np.float32(p.sum())

    def transposed(*rows):
        """Eight registers as the rows of a square; its columns."""
        return tuple(np.ascontiguousarray(np.array(rows).T))
