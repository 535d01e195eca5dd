"""The encoder on OpenVINO: the fastest on a CPU, and what `merian identify` runs on; torch is not imported."""

from __future__ import annotations

import sys
from typing import Any, Literal, cast

import numpy as np

from merian.core.errors import BadData
from merian.encode.folder import FolderEncoder, Run, read_folder
from merian.encode.seam import Encoder, Vectors

__all__ = ["library", "open_model"]

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def open_model(where: str, precision: str = "fp32", batch: int = 32) -> Encoder:
    """The encoder of the model folder `where`.

    `precision` "bf16" is faster on processors that have it, at a cosine of 0.9999.
    """
    if precision not in PRECISIONS:
        raise BadData("precision", f"{precision!r} is not one of {', '.join(PRECISIONS)}")
    folder = read_folder(where)
    options = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision], "PERFORMANCE_HINT": "LATENCY"}
    core = library().Core()
    graphs = {kind: core.compile_model(str(folder.file(f"{kind}.xml")), "CPU", options) for kind in ("image", "text")}

    def runner(kind: Literal["image", "text"]) -> Run:
        request = graphs[kind].create_infer_request()
        return lambda rows: cast(Vectors, request.infer([np.ascontiguousarray(rows)])[0])

    return FolderEncoder(folder, folder.tokens(), "openvino", runner, precision, batch)


def library() -> Any:
    """The openvino module, loaded without its telemetry, which would send an event over the network at every import."""
    if "openvino" not in sys.modules:
        # None makes `import openvino_telemetry` fail, and openvino then takes its own silent stand-in.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
