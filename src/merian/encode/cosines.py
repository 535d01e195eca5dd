"""Cosines of many rows: the widest products of a head. Rows in float32 by OpenVINO; rows stored in float16, which it and NumPy are slow with, by Numba.

A number does not depend on the other rows, nor on how many are compared at once: either side computes each in an order of its own that is always the same.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.core.workers import cores
from merian.encode.openvino import library

__all__ = ["Cosines"]

Floats = npt.NDArray[np.float32]
LEAST = 2
"""Rows on either side below which OpenVINO takes another kernel, with other last digits: fewer are filled up."""
LANES = 16
"""What the length of rows in float16 must be a multiple of; others are widened beforehand."""
PART = 8192
"""Rows that a thread takes."""


class Cosines:
    """What vectors [n, d] of length 1 have with blocks of others: cosines, and exponentials of these as a softmax needs them."""

    def __init__(self, vectors: Floats, scale: float) -> None:
        self.count, self.scale = len(vectors), np.float32(scale)
        self.vectors = np.ascontiguousarray(vectors, np.float32)
        self.request: Any = None
        self.room = np.empty((2, 0), np.float32)

    def __call__(self, held: npt.NDArray[Any], reference: Floats) -> tuple[Floats, Floats]:
        """For rows `held` [b, d] in float32 or float16: cosines [n, b], and exp(scale (cosine - `reference` [n])) [n, b].

        Both are overwritten by the next call.
        """
        if self._is_narrow(held):
            return self._narrow(held, reference)
        return self._wide(held, reference)

    def again(self, held: npt.NDArray[Any], reference: Floats, changed: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """What the last call gave, for the same `held`, where the reference of `changed` [n] rows is another now."""
        if not self._is_narrow(held):
            return self(held, reference)
        cosines, odds = self._room(len(held))
        for row in np.flatnonzero(changed):
            self._odds(cosines[row], reference[row], odds[row])
        return cosines, odds

    def _is_narrow(self, held: npt.NDArray[Any]) -> bool:
        return held.dtype == np.float16 and held.shape[1] % LANES == 0 and _widens()

    def _room(self, labels: int) -> npt.NDArray[np.float32]:
        """Where cosines and exponentials [2, n, b] are written."""
        size = self.count * labels
        if self.room.shape[1] < size:
            self.room = np.empty((2, size), np.float32)
        return self.room[:, :size].reshape(2, self.count, labels)

    def _odds(self, cosines: Floats, reference: Any, out: Floats) -> None:
        np.subtract(cosines, reference, out=out)
        np.multiply(out, self.scale, out=out)
        with np.errstate(over="ignore"):  # above a reference that is then raised, and this done again
            np.exp(out, out=out)

    def _wide(self, held: npt.NDArray[Any], reference: Floats) -> tuple[Floats, Floats]:
        rows = _open(_filled(np.asarray(held, np.float32), LEAST))
        self.request = self.request or _graph(self.vectors.shape[1]).create_infer_request()
        low = _filled(reference[:, None].astype(np.float32), LEAST)
        given = rows, _filled(self.vectors, LEAST), low, self.scale.reshape(1)
        # named, for they must outlive the loop
        for port, values in enumerate(given):
            self.request.set_input_tensor(port, library().Tensor(values, shared_memory=True))
        self.request.infer()
        cosines, odds = (self.request.get_output_tensor(port).data[: self.count, : len(held)] for port in (0, 1))
        return cosines, odds

    def _narrow(self, held: npt.NDArray[Any], reference: Floats) -> tuple[Floats, Floats]:
        dots, rows = _dots(), _open(held).view(np.uint16)
        cosines, odds = self._room(len(rows))

        def part(start: int) -> None:
            own = slice(start, min(start + PART, len(rows)))
            dots(rows[own], self.vectors, cosines[:, own])
            self._odds(cosines[:, own], reference[:, None], odds[:, own])

        list(_threads().map(part, range(0, len(rows), PART)))
        return cosines, odds


def _filled(rows: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """`rows` with zeros behind, `count` in all."""
    more = count - len(rows)
    return np.concatenate([rows, np.zeros((more, *rows.shape[1:]), rows.dtype)]) if more > 0 else rows


def _open(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`rows` side by side and not locked against writing: OpenVINO and Numba take no others, though they write nothing."""
    rows = np.ascontiguousarray(rows)
    return rows if rows.flags.writeable else rows.copy()


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "merian-cosines")


@functools.cache
def _graph(dim: int) -> Any:
    library_ = library()
    op = library_.opset13
    held = op.parameter([-1, dim], np.float32, name="held")
    vectors = op.parameter([-1, dim], np.float32, name="vectors")
    reference, scale = op.parameter([-1, 1], np.float32, name="reference"), op.parameter([1], np.float32, name="scale")
    cosines = op.matmul(vectors, held, False, True)
    odds = op.exp(op.multiply(op.subtract(cosines, reference), scale))
    model = library_.Model([op.result(cosines), op.result(odds)], [held, vectors, reference, scale])
    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return library_.Core().compile_model(model, "CPU", options)


@functools.cache
def _dots() -> Any:
    """(bits of float16 [b, d], float32 [n, d], float32 [n, b] to write). Compiled once for a machine and kept."""
    from merian.encode.tiles import dots

    return dots


@functools.cache
def _widens() -> bool:
    """Whether the processor widens float16 and multiplies and adds at once by itself, as all since 2013 do."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return all(bool(features.get(name, True)) for name in ("f16c", "fma"))  # others than x86 name neither
