"""Two bands of two channels side by side: four float64 in one register, for filters in series.

Lanes hold band A left, band B left, band A right, band B right, so that handing a sample on from
band to band is one shuffle that crosses no half of the register. As in `lanes`, sums of products
are spelled out and round in one way wherever they stand. Only inside a kernel.

Of a biquad y = x + s1, s1' = c1 x - a1 s1 + s2, s2' = c2 x - a2 s1 the coefficients c1, c2, -a1, -a2
lie PART apart in an array, and stay there: a multiplication takes them from memory for nothing, and
registers are left for the state.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import COMPILES

SIZE = 4
PART = 12
"""From one kind of coefficient to the next: six bands of two channels."""

ROW = 4 * PART
"""All coefficients of six bands."""

if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic, models, register_model

    VECTOR = ir.VectorType(ir.DoubleType(), SIZE)

    class _Quad(types.Type):
        def __init__(self):
            super().__init__(name="Quad")

    @register_model(_Quad)
    class _QuadModel(models.PrimitiveModel):
        def __init__(self, manager, quad_type):
            super().__init__(manager, quad_type, VECTOR)

    QUAD = _Quad()

    def shuffled(builder, p, q, lanes):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), SIZE), lanes)
        return builder.shuffle_vector(p, q, mask)

    def address(context, builder, array_type, array, index, vector=VECTOR):
        data = context.make_array(array_type)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())

    def _loaded(context, builder, array_type, array, index):
        loaded = builder.load(address(context, builder, array_type, array, index))
        loaded.align = 8
        return loaded

    @intrinsic
    def load(typing_context, array, index):
        """Lanes from `array[index : index + 4]`."""

        def codegen(context, builder, signature, args):
            return _loaded(context, builder, signature.args[0], *args)

        return QUAD(array, index), codegen

    def _store(context, builder, array_type, array, index, p):
        stored = builder.store(p, address(context, builder, array_type, array, index))
        stored.align = 8

    @intrinsic
    def store(typing_context, array, index, p):
        """Lanes to `array[index : index + 4]`."""

        def codegen(context, builder, signature, args):
            _store(context, builder, signature.args[0], *args)
            return context.get_dummy_value()

        return types.void(array, index, QUAD), codegen

    @intrinsic
    def store_three(typing_context, array, index, p, q, r):
        """Lanes to `array[index : index + 12]`."""

        def codegen(context, builder, signature, args):
            for k, lanes in enumerate(args[2:]):
                offset = builder.add(args[1], ir.Constant(args[1].type, SIZE * k))
                _store(context, builder, signature.args[0], args[0], offset, lanes)
            return context.get_dummy_value()

        return types.void(array, index, QUAD, QUAD, QUAD), codegen

    def made_of(builder, *numbers):
        lanes = ir.Constant(VECTOR, ir.Undefined)
        for lane, number in enumerate(numbers):
            lanes = builder.insert_element(lanes, number, ir.Constant(ir.IntType(32), lane))
        return lanes

    @intrinsic
    def made(typing_context, a, b, c, d):
        """Four numbers as lanes."""

        def codegen(context, builder, signature, args):
            return made_of(builder, *args)

        return QUAD(*[types.float64] * SIZE), codegen

    @intrinsic
    def lane(typing_context, p, number):
        """What lies in one lane."""

        def codegen(context, builder, signature, args):
            return builder.extract_element(*args)

        return types.float64(QUAD, types.intp), codegen

    @intrinsic
    def add(typing_context, p, q):
        """`p + q`."""

        def codegen(context, builder, signature, args):
            return builder.fadd(*args)

        return QUAD(QUAD, QUAD), codegen

    @intrinsic
    def minus(typing_context, p, q):
        """`p - q`."""

        def codegen(context, builder, signature, args):
            return builder.fsub(*args)

        return QUAD(QUAD, QUAD), codegen

    @intrinsic
    def mul(typing_context, p, q):
        """`p * q`."""

        def codegen(context, builder, signature, args):
            return builder.fmul(*args)

        return QUAD(QUAD, QUAD), codegen

    @intrinsic
    def mul_add(typing_context, factor, p, q):
        """`factor * p + q`, rounded once where the processor can."""

        def codegen(context, builder, signature, args):
            return _fused(builder, *args)

        return QUAD(QUAD, QUAD, QUAD), codegen

    def _fused(builder, factor, p, q):
        function_type = ir.FunctionType(VECTOR, [VECTOR] * 3)
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.fmuladd.v4f64")
        return builder.call(function, [factor, p, q])

    def _coefficient(context, builder, array_type, array, index, kind):
        offset = builder.add(index, ir.Constant(index.type, kind * PART))
        return _loaded(context, builder, array_type, array, offset)

    @intrinsic
    def along(typing_context, ramp, index, steps):
        """Coefficients from `ramp[index]` on, after so many steps of those that lie a row behind."""

        def codegen(context, builder, signature, args):
            start = _loaded(context, builder, signature.args[0], *args[:2])
            behind = builder.add(args[1], ir.Constant(args[1].type, ROW))
            step = _loaded(context, builder, signature.args[0], args[0], behind)
            factor = VECTOR(ir.Undefined)
            for lane in range(SIZE):
                factor = builder.insert_element(factor, args[2], ir.Constant(ir.IntType(32), lane))
            return _fused(builder, factor, step, start)

        return QUAD(ramp, index, types.float64), codegen

    def _through(kept):
        """What two bands say, and their memory, of which `kept` takes lanes from what it was."""

        def codegen(context, builder, signature, args):
            where, (x, s1, s2) = (context, builder, signature.args[0], *args[:2]), args[2:]
            said = builder.fadd(x, s1)
            # What the next step waits for longest comes first: a processor takes the oldest (5 to 14 % of the time).
            half = _fused(builder, _coefficient(*where, 0), x, s2)
            second = _fused(builder, _coefficient(*where, 3), s1, builder.fmul(_coefficient(*where, 1), x))
            first = _fused(builder, _coefficient(*where, 2), s1, half)
            memory = shuffled(builder, first, s1, kept), shuffled(builder, second, s2, kept)
            return context.make_tuple(builder, signature.return_type, [said, *memory])

        return codegen

    @intrinsic
    def bands(typing_context, array, index, x, s1, s2):
        """What two bands whose c1 lie at `array[index]` say to `x`, and their next `s1` and `s2`."""
        return types.UniTuple(QUAD, 3)(array, index, QUAD, QUAD, QUAD), _through([0, 1, 2, 3])

    @intrinsic
    def bands_a(typing_context, array, index, x, s1, s2):
        """As `bands`, while only A hears: B's memory stays."""
        return types.UniTuple(QUAD, 3)(array, index, QUAD, QUAD, QUAD), _through([0, 5, 2, 7])

    @intrinsic
    def bands_b(typing_context, array, index, x, s1, s2):
        """As `bands`, while only B hears: A's memory stays."""
        return types.UniTuple(QUAD, 3)(array, index, QUAD, QUAD, QUAD), _through([4, 1, 6, 3])

    @intrinsic
    def handed_on(typing_context, before, p):
        """B of one pair of bands to A, A of another to B."""

        def codegen(context, builder, signature, args):
            return shuffled(builder, *args, [1, 4, 3, 6])

        return QUAD(QUAD, QUAD), codegen

    @intrinsic
    def both_added(typing_context, p):
        """A and B of each channel added, in both places."""

        def codegen(context, builder, signature, args):
            return builder.fadd(args[0], shuffled(builder, args[0], args[0], [1, 0, 3, 2]))

        return QUAD(QUAD), codegen

else:
    # Plain Python for reading and testing.
    def load(array, index):
        """Lanes from `array[index : index + 4]`."""
        return np.array(array[index : index + SIZE])

    def store(array, index, p):
        """Lanes to `array[index : index + 4]`."""
        array[index : index + SIZE] = p

    def store_three(array, index, p, q, r):
        """Lanes to `array[index : index + 12]`."""
        array[index : index + 3 * SIZE] = np.concatenate((p, q, r))

    def made(a, b, c, d):
        """Four numbers as lanes."""
        return np.array([a, b, c, d], np.float64)

    def lane(p, number):
        """What lies in one lane."""
        return p[number]

    def add(p, q):
        """`p + q`."""
        return p + q

    def minus(p, q):
        """`p - q`."""
        return p - q

    def mul(p, q):
        """`p * q`."""
        return p * q

    def mul_add(factor, p, q):
        """`factor * p + q`."""
        return factor * p + q

    def along(ramp, index, steps):
        """Coefficients from `ramp[index]` on, after so many steps of those that lie a row behind."""
        return load(ramp, index) + steps * load(ramp, index + ROW)

    def bands(array, index, x, s1, s2):
        """What two bands whose c1 lie at `array[index]` say to `x`, and their next `s1` and `s2`."""
        first = load(array, index + 2 * PART) * s1 + (load(array, index) * x + s2)
        return x + s1, first, load(array, index + 3 * PART) * s1 + load(array, index + PART) * x

    def bands_a(array, index, x, s1, s2):
        """As `bands`, while only A hears: B's memory stays."""
        said, first, second = bands(array, index, x, s1, s2)
        first[1::2], second[1::2] = s1[1::2], s2[1::2]
        return said, first, second

    def bands_b(array, index, x, s1, s2):
        """As `bands`, while only B hears: A's memory stays."""
        said, first, second = bands(array, index, x, s1, s2)
        first[::2], second[::2] = s1[::2], s2[::2]
        return said, first, second

    def handed_on(before, p):
        """B of one pair of bands to A, A of another to B."""
        return np.array([before[1], p[0], before[3], p[2]])

    def both_added(p):
        """A and B of each channel added, in both places."""
        return p + p[[1, 0, 3, 2]]
