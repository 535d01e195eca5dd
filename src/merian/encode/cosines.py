"""Cosines of many rows, on OpenVINO: the widest products of a head, which NumPy has no fast kernel for when rows are stored in sixteen bits."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from merian.encode.openvino import library

__all__ = ["Cosines"]

Floats = npt.NDArray[np.float32]
LEAST = 2
"""Rows on either side below which another kernel, with other last digits, is taken: fewer are filled up."""


class Cosines:
    """What vectors [n, d] of length 1 have with blocks of others: cosines, and exponentials of these as a softmax needs them.

    The numbers of a row do not depend on the other rows, nor on the size of the block.
    """

    def __init__(self, vectors: Floats, scale: float) -> None:
        self.count = len(vectors)
        self.vectors = np.ascontiguousarray(_filled(vectors), np.float32)
        self.scale = np.array([scale], np.float32)
        self.requests: dict[str, Any] = {}

    def __call__(self, held: npt.NDArray[Any], reference: Floats) -> tuple[Floats, Floats]:
        """For rows `held` [b, d] in float32 or float16: cosines [n, b], and exp(scale (cosine - `reference` [n])) [n, b].

        Both are overwritten by the next call.
        """
        size = len(held)
        rows = held if held.dtype == np.float16 else np.asarray(held, np.float32)
        rows = _filled(rows) if size < LEAST else np.ascontiguousarray(rows)
        rows = rows if rows.flags.writeable else rows.copy()  # OpenVINO takes no other, though it writes nothing
        kind = rows.dtype.name
        if kind not in self.requests:
            self.requests[kind] = _graph(self.vectors.shape[1], kind).create_infer_request()
        request, tensor = self.requests[kind], library().Tensor
        low = _filled(reference[:, None].astype(np.float32))
        for port, given in enumerate((rows, self.vectors, low, self.scale)):
            request.set_input_tensor(port, tensor(given, shared_memory=True))
        request.infer()
        cosines, odds = (request.get_output_tensor(port).data[: self.count, :size] for port in (0, 1))
        return cosines, odds


def _filled(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`rows` with zeros behind, so that there are LEAST."""
    more = LEAST - len(rows)
    return rows if more <= 0 else np.concatenate([rows, np.zeros((more, *rows.shape[1:]), rows.dtype)])


@functools.cache
def _graph(dim: int, kind: str) -> Any:
    library_ = library()
    op = library_.opset13
    held = op.parameter([-1, dim], np.dtype(kind).type, name="held")
    vectors = op.parameter([-1, dim], np.float32, name="vectors")
    reference, scale = op.parameter([-1, 1], np.float32, name="reference"), op.parameter([1], np.float32, name="scale")
    wide = op.convert(held, "f32") if kind == "float16" else held
    cosines = op.matmul(vectors, wide, False, True)
    odds = op.exp(op.multiply(op.subtract(cosines, reference), scale))
    model = library_.Model([op.result(cosines), op.result(odds)], [held, vectors, reference, scale])
    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return library_.Core().compile_model(model, "CPU", options)
