"""The encoder on OpenVINO: the fastest on a CPU, and what `merian identify` runs on; torch is not imported."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np

from merian.core.errors import BadData
from merian.encode.folder import WEIGHTS, FolderEncoder, ModelFolder, Run, read_folder
from merian.encode.graphs import image_graph, text_graph, tower_of
from merian.encode.pixels import Preprocess
from merian.encode.seam import Encoder, Vectors
from merian.encode.tensors import Tensors

__all__ = ["library", "open_model"]

KINDS: tuple[Literal["image", "text"], ...] = ("image", "text")
WIDE = 512
"""Width of an image tower from which bf16 pays: small ones spend their time elsewhere (docs/numbers.md)."""
PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def open_model(
    where: str, precision: str = "fp32", batch: int = 32, look: Preprocess | None = None, unit: bool = True
) -> Encoder:
    """The encoder of the model folder `where`: of the graphs that were exported there, or made of its weights.

    `precision` "bf16" is faster on processors that have it, at a cosine of 0.9999; "auto" takes it there for towers that are wide enough to gain. With
    another `look` than the model's own, or without `unit` (its runners then give vectors as long as they come), graphs are made of the weights.
    Raises BadData for towers that only torch can run.
    """
    if precision not in (*PRECISIONS, "auto"):
        raise BadData("precision", f"{precision!r} is not one of {', '.join(PRECISIONS)}, auto")
    folder = read_folder(where)
    precision = _suited(folder) if precision == "auto" else precision
    folder = folder if look is None else replace(folder, preprocess=look)
    options = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision], "PERFORMANCE_HINT": "LATENCY"}
    core = library().Core()
    exported = look is None and unit and all((folder.path / f"{kind}.xml").is_file() for kind in KINDS)
    # the graphs use the weights where they lie on the disk, so these must live as long
    tensors = None if exported else Tensors(folder.path / WEIGHTS)
    models = {
        kind: str(folder.path / f"{kind}.xml") if tensors is None else _made(folder, tensors, kind, unit)
        for kind in KINDS
    }
    graphs = {kind: core.compile_model(model, "CPU", options) for kind, model in models.items()}

    def runner(kind: Literal["image", "text"], held: Tensors | None = tensors) -> Run:
        request = graphs[kind].create_infer_request()
        return lambda rows: cast(Vectors, request.infer([np.ascontiguousarray(rows)])[0])

    return FolderEncoder(folder, folder.tokens(), "openvino", runner, precision, batch)


def _suited(folder: ModelFolder) -> str:
    """bf16 where the processor multiplies in it and the image tower is wide, else fp32."""
    wide = int(folder.config["vision_cfg"].get("width", 768) or 0) >= WIDE
    return "bf16" if wide and "BF16" in library().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"


def _made(folder: ModelFolder, tensors: Tensors, kind: str, unit: bool) -> Any:
    tower = tower_of(folder.config, tensors, kind)
    return image_graph(tower, folder.preprocess, unit) if kind == "image" else text_graph(tower, folder.context, unit)


def library() -> Any:
    """The openvino module, loaded without its telemetry, which would send an event over the network at every import."""
    if "openvino" not in sys.modules:
        # None makes `import openvino_telemetry` fail, and openvino then takes its own silent stand-in.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
