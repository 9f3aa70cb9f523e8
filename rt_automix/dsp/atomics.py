"""Lock-free exchange between threads, and the processor's denormal switch, for compiled code.

Numba has no atomics; LLVM does. The triple buffer is wait-free on both sides: the writer never
waits for the reader, the reader always gets the newest whole message.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp.jit import COMPILES, kernel

_FRESH = 4

if COMPILES:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np import arrayobj

    def _element(context, builder, signature, args):
        array_type = signature.args[0]
        array = arrayobj.make_array(array_type)(context, builder, args[0])
        index = context.cast(builder, args[1], signature.args[1], types.intp)
        return cgutils.get_item_pointer(context, builder, array_type, array, [index], wraparound=False)

    @intrinsic
    def load_acquire(typing_context, array, index):
        """`array[index]` of int64, ordered before all later reads."""

        def codegen(context, builder, signature, args):
            pointer = _element(context, builder, signature, args)
            return builder.load_atomic(pointer, "acquire", 8, typ=ir.IntType(64))

        return types.int64(array, index), codegen

    @intrinsic
    def store_release(typing_context, array, index, value):
        """`array[index] = value` of int64, ordered after all earlier writes."""

        def codegen(context, builder, signature, args):
            pointer = _element(context, builder, signature, args)
            builder.store_atomic(context.cast(builder, args[2], signature.args[2], types.int64), pointer, "release", 8)
            return context.get_dummy_value()

        return types.void(array, index, value), codegen

    @intrinsic
    def exchange(typing_context, array, index, value):
        """Store `value` in `array[index]` and return what was there, in one step."""

        def codegen(context, builder, signature, args):
            pointer = _element(context, builder, signature, args)
            value = context.cast(builder, args[2], signature.args[2], types.int64)
            return builder.atomic_rmw("xchg", pointer, value, "acq_rel")

        return types.int64(array, index, value), codegen

    # The denormal switch of the processor that an object is for: `native.emit` has one for each.
    _control_word = types.ExternalFunction("rt_control_word", types.int64())
    _set_control_word = types.ExternalFunction("rt_set_control_word", types.void(types.int64))
    _flush_bits = types.ExternalFunction("rt_flush_bits", types.int64())

else:
    # Plain Python for reading and testing; one thread, so order needs no care.
    def load_acquire(array, index):
        """`array[index]`."""
        return int(array[index])

    def store_release(array, index, value):
        """`array[index] = value`."""
        array[index] = value

    def exchange(array, index, value):
        """Store `value` in `array[index]` and return what was there."""
        old = int(array[index])
        array[index] = value
        return old

    def _control_word():
        """No control register in plain Python."""
        return 0

    def _set_control_word(word):
        """No control register in plain Python."""

    def _flush_bits():
        """No control register in plain Python."""
        return 0


@kernel("int64()")
def flush_denormals():
    """Treat denormals as zero on this thread; returns the word for `restore_denormals`.

    A filter's tail sinks into denormals in silence, which cost 35 times as much.
    Thread: audio. Allocates: no.
    """
    word = np.int64(_control_word())
    _set_control_word(np.int64(word | _flush_bits()))
    return word


@kernel("void(int64)")
def restore_denormals(word):
    """Undo `flush_denormals`.

    Thread: audio. Allocates: no.
    """
    _set_control_word(word)


@kernel("void(int64[::1])", door=True)
def triple_reset(index):
    """Make the three slots the writer's, the middle and the reader's: int64, shape (3,).

    Thread: main. Allocates: no.
    """
    index[0], index[1], index[2] = 1, 0, 2


@kernel("void(int64[::1], float64[::1], float64[::1])", door=True)
def triple_publish(index, slots, message):
    """Writer: publish a message; one thread at a time.

    Parameters
    ----------
    index : int64, shape (3,)
        Middle slot (with a flag when it is news), writer's slot, reader's slot.
    slots : float64, shape (3 n,)
    message : float64, shape (n,)

    Thread: audio | worker | main. Allocates: no.
    """
    size = message.shape[0]
    mine = index[1]
    for i in range(size):
        slots[mine * size + i] = message[i]
    index[1] = exchange(index, 0, mine | _FRESH) & 3


@kernel("int64(int64[::1])", door=True)
def triple_fetch(index):
    """Reader: the slot that holds the newest message, this thread's until the next fetch.

    Thread: audio | worker | main. Allocates: no.
    """
    if load_acquire(index, 0) & _FRESH:
        index[2] = exchange(index, 0, index[2]) & 3
    return index[2]
