"""Memory of others by its address, as arrays: only inside a kernel.

Nobody counts who holds such an array; it is gone with the call, or lives as long as its owner lets it.
"""

from __future__ import annotations

from rt_automix.dsp.jit import COMPILES

if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np import arrayobj

    def _array_at(item, *shape):
        array_type = types.Array(item, len(shape), "C")

        def codegen(context, builder, signature, arguments):
            made = arrayobj.make_array(array_type)(context, builder)
            size = context.get_abi_sizeof(context.get_data_type(item))
            data = builder.inttoptr(arguments[0], context.get_data_type(item).as_pointer())
            strides = [ir.Constant(ir.IntType(64), size)]
            for length in reversed(arguments[2:]):
                strides.insert(0, builder.mul(strides[0], length))
            arrayobj.populate_array(made, data, arguments[1:], strides, size, None)
            return made._getvalue()

        return array_type(types.int64, *(types.int64,) * len(shape)), codegen

    @intrinsic
    def float32_at(typing_context, address, count):
        """`count` float32 at an address."""
        return _array_at(types.float32, count)

    @intrinsic
    def float32_rows_at(typing_context, address, rows, count):
        """`rows` times `count` float32 at an address."""
        return _array_at(types.float32, rows, count)

    @intrinsic
    def float64_at(typing_context, address, count):
        """`count` float64 at an address."""
        return _array_at(types.float64, count)

    @intrinsic
    def float64_rows_at(typing_context, address, rows, count):
        """`rows` times `count` float64 at an address."""
        return _array_at(types.float64, rows, count)

    @intrinsic
    def int64_at(typing_context, address, count):
        """`count` int64 at an address."""
        return _array_at(types.int64, count)

    @intrinsic
    def uint8_at(typing_context, address, count):
        """`count` bytes at an address."""
        return _array_at(types.uint8, count)

    def _call(answer, *parameters):
        """A call of a C function, all of whose numbers and addresses are int64 here."""

        def codegen(context, builder, signature, arguments):
            kind = ir.FunctionType(ir.VoidType() if answer is None else ir.IntType(answer), map(ir.IntType, parameters))
            pairs = zip(arguments[1:], parameters, strict=True)
            given = [builder.trunc(one, ir.IntType(32)) if bits == 32 else one for one, bits in pairs]
            made = builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), given)
            return ir.Constant(ir.IntType(64), 0) if answer is None else builder.zext(made, ir.IntType(64))

        return types.int64(*(types.int64,) * (1 + len(parameters))), codegen

    @intrinsic
    def call_with_pointer(typing_context, function, argument):
        """Call C's `void function(void *argument)`; 0."""
        return _call(None, 64)

    @intrinsic
    def call_for_count(typing_context, function, argument):
        """Call C's `uint32_t function(void *argument)`."""
        return _call(32, 64)

    @intrinsic
    def call_to_get(typing_context, function, into, source, index):
        """Call C's `int function(void *into, void *source, uint32_t index)`; 0 where that went well."""
        return _call(32, 64, 64, 32)

    @intrinsic
    def call_to_put(typing_context, function, into, time, data, size):
        """Call C's `int function(void *into, uint32_t time, const void *data, size_t size)`; 0 where it went well."""
        return _call(32, 64, 32, 64, 64)

    @intrinsic
    def call_for_pointer(typing_context, function, argument, count):
        """Call C's `void *function(void *argument, uint32_t count)`, all addresses as int64."""

        def codegen(context, builder, signature, arguments):
            kind = ir.FunctionType(cgutils.voidptr_t, [ir.IntType(64), ir.IntType(32)])
            pointer = builder.inttoptr(arguments[0], kind.as_pointer())
            answer = builder.call(pointer, [arguments[1], builder.trunc(arguments[2], ir.IntType(32))])
            return builder.ptrtoint(answer, ir.IntType(64))

        return types.int64(types.int64, types.int64, types.int64), codegen

else:
    # Plain Python for reading and testing.
    import ctypes

    import numpy as np

    def _array_at(item, address, count):
        return np.frombuffer((item * count).from_address(address), item)

    def float32_at(address, count):
        """`count` float32 at an address."""
        return _array_at(ctypes.c_float, address, count)

    def float32_rows_at(address, rows, count):
        """`rows` times `count` float32 at an address."""
        return _array_at(ctypes.c_float, address, rows * count).reshape(rows, count)

    def float64_at(address, count):
        """`count` float64 at an address."""
        return _array_at(ctypes.c_double, address, count)

    def float64_rows_at(address, rows, count):
        """`rows` times `count` float64 at an address."""
        return _array_at(ctypes.c_double, address, rows * count).reshape(rows, count)

    def int64_at(address, count):
        """`count` int64 at an address."""
        return _array_at(ctypes.c_int64, address, count)

    def call_for_pointer(function, argument, count):
        """Call C's `void *function(void *argument, uint32_t count)`, all addresses as int64."""
        return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)(function)(argument, count)

    def uint8_at(address, count):
        """`count` bytes at an address."""
        return _array_at(ctypes.c_uint8, address, count)

    def call_with_pointer(function, argument):
        """Call C's `void function(void *argument)`; 0."""
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(function)(argument)
        return 0

    def call_for_count(function, argument):
        """Call C's `uint32_t function(void *argument)`."""
        return ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)(function)(argument)

    def call_to_get(function, into, source, index):
        """Call C's `int function(void *into, void *source, uint32_t index)`; 0 where that went well."""
        kinds = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32
        return ctypes.CFUNCTYPE(*kinds)(function)(into, source, index)

    def call_to_put(function, into, time, data, size):
        """Call C's `int function(void *into, uint32_t time, const void *data, size_t size)`; 0 where it went well."""
        kinds = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t
        return ctypes.CFUNCTYPE(*kinds)(function)(into, time, data, size)
