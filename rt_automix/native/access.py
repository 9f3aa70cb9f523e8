"""How a kernel gets at an item or a part of a vector: numba's meaning, in a few instructions.

numba unfolds an array into a structure in memory at each access and leaves it to LLVM to see through that: a sixth
of the time to make IR, and of that to optimise it. Any other array, and any other index, is left to it.
"""

from __future__ import annotations

import operator
from typing import Any

from numba.core import types
from numba.core.imputils import lower_builtin
from numba.np import arrayobj

_ITEMS, _DATA, _LENGTH = 2, 4, (5, 0)
"""Where numba's array has the number of its items, the place of the first, and the length of its first axis."""


def _is_vector(array: Any) -> bool:
    return array.ndim == 1 and array.layout == "C"


def _place(context: Any, builder: Any, array: Any, kind: Any, index: Any) -> Any:
    """Where an item is; a negative index counts from the end."""
    place = arrayobj.fix_integer_index(context, builder, kind, index, builder.extract_value(array, _LENGTH))
    return builder.gep(builder.extract_value(array, _DATA), [place])


def _get_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (of, kind), (array, index) = sig.args, args
    if not _is_vector(of):
        return arrayobj.getitem_arraynd_intp(context, builder, sig, args)
    return arrayobj.load_item(context, builder, of, _place(context, builder, array, kind, index))


def _set_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (to, kind, given), (array, index, value) = sig.args, args
    if not _is_vector(to) or isinstance(given, types.Buffer):
        return arrayobj.setitem_array(context, builder, sig, args)
    value = context.cast(builder, value, given, to.dtype)
    return arrayobj.store_item(context, builder, to, value, _place(context, builder, array, kind, index))


def _get_part(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (of, kind), (array, part) = sig.args, args
    if not _is_vector(of) or kind.has_step or sig.return_type.layout != "C":
        return arrayobj.getitem_arraynd_intp(context, builder, sig, args)
    length = builder.extract_value(array, _LENGTH)
    zero = length.type(0)

    def within(bound: Any) -> Any:
        from_end = builder.select(builder.icmp_signed("<", bound, zero), builder.add(bound, length), bound)
        not_before = builder.select(builder.icmp_signed("<", from_end, zero), zero, from_end)
        return builder.select(builder.icmp_signed(">", not_before, length), length, not_before)

    start, stop = within(builder.extract_value(part, 0)), within(builder.extract_value(part, 1))
    count = builder.sub(stop, start)
    count = builder.select(builder.icmp_signed("<", count, zero), zero, count)
    array = builder.insert_value(array, count, _ITEMS)
    array = builder.insert_value(array, builder.gep(builder.extract_value(array, _DATA), [start]), _DATA)
    return builder.insert_value(array, count, _LENGTH)


def register() -> None:
    """Have numba prefer these to its own. Thread: main. Allocates: yes."""
    lower_builtin(operator.getitem, types.Array, types.Integer)(_get_item)
    lower_builtin(operator.setitem, types.Array, types.Integer, types.Any)(_set_item)
    lower_builtin(operator.getitem, types.Array, types.SliceType)(_get_part)
