"""Base-2 logarithm and exponential for vector loops, in float32.

`math.log2` is a call per sample; these are polynomials that compile to plain vector arithmetic.
Both are exact at the neutral point: `log2(1) == 0` and `exp2(0) == 1`.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import COMPILES, kernel

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_MANTISSA = np.int32(0x007FFFFF)

# Chebyshev fits of log2(1 + u) / u on sqrt(1/2)..sqrt(2) and of (2^f - 1) / f on -1/2..1/2.
_L0, _L1, _L2, _L3 = np.float32(1.4426960), np.float32(-0.72135814), np.float32(0.48067614), np.float32(-0.35965643)
_L4, _L5, _L6 = np.float32(0.29510991), np.float32(-0.26626509), np.float32(0.17001604)
_E0, _E1, _E2 = np.float32(0.69314719), np.float32(0.24022421), np.float32(0.055503674)
_E3, _E4 = np.float32(0.0096610087), np.float32(0.0013385655)

if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def bits_of(typing_context, value):
        """The int32 whose bits are those of a float32."""

        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], ir.IntType(32))

        return types.int32(types.float32), codegen

    @intrinsic
    def float_of(typing_context, value):
        """The float32 whose bits are those of an int32."""

        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], ir.FloatType())

        return types.float32(types.int32), codegen

else:

    def bits_of(value):
        """The int32 whose bits are those of a float32."""
        return np.float32(value).view(np.int32)

    def float_of(value):
        """The float32 whose bits are those of an int32."""
        return np.int32(value).view(np.float32)


@kernel("float32(float32)")
def log2(x):
    """Base-2 logarithm of a positive normal float32, error below 4e-6 (2e-5 dB).

    Thread: audio. Allocates: no.
    """
    shifted = np.int32(bits_of(x) - _ROOT_HALF_BITS)
    exponent = np.int32(shifted >> np.int32(23))
    mantissa = float_of(np.int32(np.int32(shifted & _MANTISSA) + _ROOT_HALF_BITS))
    u = mantissa - _ONE
    return np.float32(exponent) + u * (_L0 + u * (_L1 + u * (_L2 + u * (_L3 + u * (_L4 + u * (_L5 + u * _L6))))))


@kernel("float32(float32)")
def exp2(x):
    """Two to the power of x for x in -100..100, relative error below 6e-7.

    Thread: audio. Allocates: no.
    """
    whole = np.int32(np.floor(x + _HALF))
    f = x - np.float32(whole)
    power = float_of(np.int32(np.int32(whole + np.int32(127)) << np.int32(23)))
    return power * (_ONE + f * (_E0 + f * (_E1 + f * (_E2 + f * (_E3 + f * _E4)))))
