"""Samples of two channels into quads (`quads`), and back: four of each at a time.

Only inside a kernel, as quads are.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import COMPILES
from rt_automix.dsp.vectors.quads import SIZE

if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    from rt_automix.dsp.vectors.quads import QUAD, VECTOR, address, made_of, shuffled

    _SINGLE = ir.VectorType(ir.FloatType(), SIZE)

    @intrinsic
    def load_single(typing_context, array, index):
        """Four float32 neighbours from `array[index]` on."""

        def codegen(context, builder, signature, args):
            loaded = builder.load(address(context, builder, signature.args[0], *args, _SINGLE))
            loaded.align = 4
            return builder.fpext(loaded, VECTOR)

        return QUAD(array, types.intp), codegen

    @intrinsic
    def store_single(typing_context, array, index, p):
        """Lanes as float32 to `array[index : index + 4]`."""

        def codegen(context, builder, signature, args):
            rounded = builder.fptrunc(args[2], _SINGLE)
            builder.store(rounded, address(context, builder, signature.args[0], *args[:2], _SINGLE)).align = 4
            return context.get_dummy_value()

        return types.void(array, types.intp, QUAD), codegen

    @intrinsic
    def counted(typing_context, first):
        """`first`, and on in steps of 1."""

        def codegen(context, builder, signature, args):
            steps = ir.Constant(VECTOR, [float(lane) for lane in range(SIZE)])
            return builder.fadd(made_of(builder, *args * SIZE), steps)

        return QUAD(types.float64), codegen

    @intrinsic
    def laid_out(typing_context, left, right):
        """Four samples of each channel as they come, one after another: each in both places of its channel."""

        def codegen(context, builder, signature, args):
            quads = [shuffled(builder, *args, [k, k, SIZE + k, SIZE + k]) for k in range(SIZE)]
            return context.make_tuple(builder, signature.return_type, quads)

        return types.UniTuple(QUAD, SIZE)(QUAD, QUAD), codegen

    @intrinsic
    def by_channel(typing_context, a, b, c, d):
        """What lies in place B of four samples one after another: that of the left channel, that of the right."""

        def codegen(context, builder, signature, args):
            early, late = (shuffled(builder, *args[k : k + 2], [1, 5, 3, 7]) for k in (0, 2))
            quads = [shuffled(builder, early, late, lanes) for lanes in ([0, 1, 4, 5], [2, 3, 6, 7])]
            return context.make_tuple(builder, signature.return_type, quads)

        return types.UniTuple(QUAD, 2)(*[QUAD] * SIZE), codegen

else:
    # Plain Python for reading and testing.
    def load_single(array, index):
        """Four float32 neighbours from `array[index]` on."""
        assert index >= 0 and index + SIZE <= array.size
        return np.array(array[index : index + SIZE], np.float64)

    def store_single(array, index, p):
        """Lanes as float32 to `array[index : index + 4]`."""
        assert index >= 0 and index + SIZE <= array.size
        array[index : index + SIZE] = p

    def counted(first):
        """`first`, and on in steps of 1."""
        return first + np.arange(float(SIZE))

    def laid_out(left, right):
        """Four samples of each channel as they come, one after another: each in both places of its channel."""
        return tuple(np.array([a, a, b, b]) for a, b in zip(left, right, strict=True))

    def by_channel(a, b, c, d):
        """What lies in place B of four samples one after another: that of the left channel, that of the right."""
        together = np.stack([a, b, c, d])
        return together[:, 1], together[:, 3]
