"""Functions compiled to machine code by Numba, kept on disk, without the interpreter's lock.

What is kept is made anew when the file of a function changes, not when one that it calls does: after changing a function that other files call, delete
`__pycache__` below merian/twin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code, compiled at its first call. Divisions by zero give infinity or NaN, as in NumPy; `.py_func` is the function itself."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
