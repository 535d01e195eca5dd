"""Products of rows stored in float16 with rows in float32, in tiles: the only home of Numba here. Importing it compiles, once for a machine.

Numba knows no float16 and leaves the order of a sum to the compiler. A tile is therefore written for LLVM itself: sixteen numbers at a time are widened by the
processor and added to sixteen sums, and these are folded in one order at the end. So a product has the same bits in a tile of any size.
"""

from __future__ import annotations

from typing import Any, cast

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["dots"]

LANES = 16
"""Numbers at a time: what a row's length must be a multiple of."""
NEAR = 16
"""Rows that are taken with all vectors before the next are: they stay in the nearest caches."""
INDEX, NUMBER, LANE = ir.IntType(64), ir.FloatType(), ir.IntType(32)
WIDE, NARROW = ir.VectorType(NUMBER, LANES), ir.VectorType(ir.HalfType(), LANES)
NOTHING = ir.Constant(WIDE, [ir.Constant(NUMBER, 0.0)] * LANES)


def _tile(high: int, across: int) -> Any:
    """A function for Numba: (bits of float16 [b, d], float32 [n, d], float32 [n, b] to write, i, j), for rows i to i + `high` and vectors j to j + `across`."""

    def made(typing: Any, rows: Any, vectors: Any, out: Any, i: Any, j: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            kinds = signature.args[:3]
            held, asked, written = (
                context.make_array(k)(context, builder, v) for k, v in zip(kinds, given, strict=False)
            )
            width = cgutils.unpack_tuple(builder, held.shape, 2)[1]
            i, j = (
                [builder.add(at, INDEX(k)) for k in range(count)]
                for at, count in zip(given[3:], (high, across), strict=True)
            )
            starts = [cgutils.gep_inbounds(builder, held.data, builder.mul(at, width)) for at in i]
            others = [cgutils.gep_inbounds(builder, asked.data, builder.mul(at, width)) for at in j]
            sums = [[cgutils.alloca_once(builder, WIDE) for _ in j] for _ in i]
            for place in (place for line in sums for place in line):
                builder.store(NOTHING, place)
            with cgutils.for_range_slice(builder, INDEX(0), width, INDEX(LANES), INDEX) as (k, _):
                right = [_lanes(builder, start, k, WIDE) for start in others]
                for start, line in zip(starts, sums, strict=True):
                    left = builder.fpext(_lanes(builder, start, k, NARROW), WIDE)
                    for x, place in zip(right, line, strict=True):
                        builder.store(_fused(builder, left, x, builder.load(place)), place)
            for at, line in zip(i, sums, strict=True):
                for other, place in zip(j, line, strict=True):
                    target = cgutils.get_item_pointer(context, builder, kinds[2], written, [other, at])
                    builder.store(_folded(builder, builder.load(place)), target)
            return context.get_dummy_value()

        return types.void(rows, vectors, out, i, j), code

    return intrinsic(made)


def _lanes(builder: Any, start: Any, k: Any, kind: Any) -> Any:
    """Numbers k ... of a row that begins at `start`."""
    place = builder.bitcast(cgutils.gep_inbounds(builder, start, k), kind.as_pointer())
    return builder.load(place, align=2 if kind is NARROW else 4)


def _fused(builder: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once."""
    kind = ir.FunctionType(WIDE, [WIDE] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32"), [x, y, z])


def _folded(builder: Any, lanes: Any) -> Any:
    """The sum of all lanes: of halves, of their halves, and so on."""
    step = LANES // 2
    while step:
        turned = ir.Constant(
            ir.VectorType(LANE, LANES), [ir.Constant(LANE, (at + step) % LANES) for at in range(LANES)]
        )
        lanes = builder.fadd(lanes, builder.shuffle_vector(lanes, lanes, turned))
        step //= 2
    return builder.extract_element(lanes, ir.Constant(LANE, 0))


_4x4, _1x4, _1x3, _1x2, _1x1 = _tile(4, 4), _tile(1, 4), _tile(1, 3), _tile(1, 2), _tile(1, 1)


def _line(rows: Any, vectors: Any, out: Any, i: Any, j: Any, count: Any) -> None:
    """Row i with `count` vectors, at most four, from j on."""
    if count == 4:
        _1x4(rows, vectors, out, i, j)
    elif count == 3:
        _1x3(rows, vectors, out, i, j)
    elif count == 2:
        _1x2(rows, vectors, out, i, j)
    else:
        _1x1(rows, vectors, out, i, j)


_lined = numba.njit(inline="always")(_line)


def _dots(rows: Any, vectors: Any, out: Any) -> None:
    few = len(vectors) <= 4  # they wait for the memory alone, which is read fastest a row after the other
    for low in range(0, len(rows), NEAR):
        high = min(low + NEAR, len(rows))
        squares = low if few else high - (high - low) % 4
        for j in range(0, len(vectors), 4):
            count = min(4, len(vectors) - j)
            whole = squares if count == 4 else low
            for i in range(low, whole, 4):
                _4x4(rows, vectors, out, i, j)
            for i in range(whole, high):
                _lined(rows, vectors, out, i, j, count)


dots = cast(Any, numba.njit("void(uint16[:, ::1], float32[:, ::1], float32[:, :])", nogil=True, cache=True)(_dots))
