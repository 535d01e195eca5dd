"""Functions compiled to machine code by Numba, kept on disk, without the interpreter's lock.

What is kept is made anew when the file of a function changes, not when one that it calls does: after changing a function that other files call, delete
`__pycache__` below merian/twin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["compiled", "fetch"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code, compiled at its first call. Divisions by zero give infinity or NaN, as in NumPy; `.py_func` is the function itself."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def _fetch(typing: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """What Numba asks of a function written in instructions: its signature, and what writes it."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind, _ = signature.args
        values = context.make_array(kind)(context, builder, given[0])
        place = cgutils.get_item_pointer(context, builder, kind, values, [given[1]], wraparound=False)
        byte, word = builder.bitcast(place, ir.IntType(8).as_pointer()), ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", (byte.type,), ir.FunctionType(ir.VoidType(), [byte.type, word, word, word])
        )
        # to be read, kept in all caches, data
        builder.call(hint, [byte, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return numba.types.void(array, index), write


fetch = cast(Callable[[npt.NDArray[Any], int], None], intrinsic(_fetch))
"""In a compiled function: bring the line of memory with `array[index]` (of one axis) toward the processor and go on without waiting for it. What is computed
stays the same. So misses of the caches overlap where a loop knows to which cells it will come some tens of turns ahead. The index must lie within."""
