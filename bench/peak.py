"""How fast this machine multiplies and adds at its very best, and reads memory: what the other benches call its peak.

    .venv/bin/python bench/peak.py

Each core runs a loop of independent multiply-adds on registers alone: fp32 as every processor with AVX-512 has them, bf16 (`vdpbf16ps`) and eight bits
(`vpdpbusd`) where it has those. No program that also reads its numbers can be faster. A multiply and an add count as two.
"""

from __future__ import annotations

import functools
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

NUMBER, INDEX = ir.FloatType(), ir.IntType(64)
binding.initialize_native_asmparser()
WIDE = ir.VectorType(NUMBER, 16)
SUMS = 14
"""Independent sums: more than a multiply-add takes cycles."""
TURNS = 10_000_000
KINDS = {
    "fp32": ("avx512f", "vfmadd231ps $2, $1, $0", 32),
    "bf16": ("avx512bf16", "vdpbf16ps $2, $1, $0", 64),
    "int8": ("avx512vnni", "vpdpbusd $2, $1, $0", 128),
}
"""What a processor must have, the instruction, and its operations."""


def loop(instruction: str) -> Any:
    """A function of a number of turns, each SUMS times the instruction."""

    @intrinsic
    def made(typing: Any, turns: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            kind = ir.FunctionType(WIDE, [WIDE, WIDE, WIDE])
            step = ir.InlineAsm(kind, instruction, "=v,v,v,0", side_effect=True)
            zero = ir.Constant(WIDE, [ir.Constant(NUMBER, 0.0)] * 16)
            sums = [cgutils.alloca_once(builder, WIDE) for _ in range(SUMS)]
            for place in sums:
                builder.store(zero, place)
            with cgutils.for_range(builder, given[0]):
                for place in sums:
                    builder.store(builder.call(step, [zero, zero, builder.load(place)]), place)
            return context.get_dummy_value()

        return types.void(turns), code

    return numba.njit("void(int64)", nogil=True)(lambda turns: made(turns))


@functools.cache
def peak(kind: str, cores: int | None = None) -> float | None:
    """Operations a second of all cores with "fp32", "bf16" or "int8", the best of five; None where the processor has no such instruction."""
    needs, instruction, operations = KINDS[kind]
    if not binding.get_host_cpu_features().get(needs):
        return None
    run, cores = loop(instruction), cores or os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(run, [TURNS] * cores))
            seconds.append(time.perf_counter() - start)
    return operations * SUMS * TURNS * cores / min(seconds)


def reading(gigabytes: float = 1.0) -> float:
    """Bytes a second that all cores read from memory together, the median of five."""
    cores = os.cpu_count() or 1
    values = np.ones(int(gigabytes * 1e9) // 8, np.uint64)
    with ThreadPoolExecutor(cores) as pool:
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(lambda part: part.max(), np.array_split(values, cores)))
            seconds.append(time.perf_counter() - start)
    return values.nbytes / statistics.median(seconds)


if __name__ == "__main__":
    for name in KINDS:
        found = peak(name)
        print(
            f"{name}: {found / 1e9:.0f} G operations a second"
            if found
            else f"{name}: this processor has no {KINDS[name][0]}"
        )
    print(f"memory: {reading() / 1e9:.0f} GB a second")
