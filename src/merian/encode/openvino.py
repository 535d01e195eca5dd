"""The encoder on OpenVINO: the fastest on a CPU, and what `merian identify` runs on; torch is not imported."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadSetting, Missing
from merian.core.store import cache_folder
from merian.encode.folder import CONFIG, WEIGHTS, FolderEncoder, ModelFolder, Run, read_folder
from merian.encode.graphs import image_graph, text_graph, tower_of
from merian.encode.pixels import Preprocess
from merian.encode.seam import Encoder, Vectors
from merian.encode.tensors import Tensors

__all__ = ["KINDS", "converted_place", "library", "open_model"]

KINDS: tuple[Literal["image", "text"], ...] = ("image", "text")
WIDE = 512
"""Width of an image tower from which bf16 pays: small ones spend their time elsewhere (docs/numbers.md)."""
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": ""}
"""Name -> what OpenVINO calls it; int8 is in the graph itself."""


def open_model(
    where: str, precision: str = "own", batch: int = 32, look: Preprocess | None = None, unit: bool = True
) -> Encoder:
    """The encoder of the model folder `where`: of the graphs that were exported there, or made of its weights.

    `precision` "own" is fp32, or that of a folder that is a conversion (merian.encode.convert). "bf16" is faster on processors that have it, at a cosine of
    0.9999; "auto" takes it there for towers that are wide enough to gain. Each but "own" opens the conversion to it that is kept, and "int8" needs one.
    With another `look` than the model's own, or without `unit` (its runners then give vectors as long as they come), graphs are made of the weights.
    A tower is compiled when it is first used.
    Raises BadData for towers that only torch can run, Missing for int8 when the model was not converted.
    """
    if precision not in (*PRECISIONS, "auto", "own"):
        raise BadSetting("precision", precision, f"is not one of {', '.join(PRECISIONS)}, auto", PRECISIONS)
    folder = _converted(read_folder(where), precision, own=look is None and unit)
    precision = folder.precision or _wanted(folder, precision)
    folder = folder if look is None else replace(folder, preprocess=look)
    options = {"INFERENCE_PRECISION_HINT": _hint(precision), "PERFORMANCE_HINT": "LATENCY"}
    exported = look is None and unit and all((folder.path / f"{kind}.xml").is_file() for kind in KINDS)
    tensors = None if exported else Tensors(folder.path / WEIGHTS)
    if tensors is not None:
        for kind in KINDS:
            tower_of(folder.config, tensors, kind)  # said now, not at the first photo
    towers = {kind: _Tower(folder, kind, tensors, unit, options) for kind in KINDS}
    return FolderEncoder(folder, folder.tokens(), "openvino", lambda kind: towers[kind].runner(), precision, batch)


class _Tower:
    """A tower that is compiled when it is first used: whoever names photos with a kept head never needs the text tower."""

    def __init__(
        self,
        folder: ModelFolder,
        kind: Literal["image", "text"],
        tensors: Tensors | None,
        unit: bool,
        options: dict[str, str],
    ) -> None:
        self.folder, self.kind, self.tensors, self.unit, self.options = folder, kind, tensors, unit, options
        self.lock, self.graph, self.packed = threading.Lock(), cast(Any, None), False

    def runner(self) -> Run:
        """The graph with a request of its own, so that several threads may run it at once."""
        with self.lock:
            if self.graph is None:
                self.graph = self._compiled()
        request = self.graph.create_infer_request()

        def run(rows: NDArray[np.generic]) -> Vectors:
            given = np.ascontiguousarray(rows)
            if self.tensors is None or self.packed:
                return cast(Vectors, request.infer([given])[0])
            with self.tensors.sparing():  # the first run packs the weights in a form of its own
                self.packed = True
                return cast(Vectors, request.infer([given])[0])

        return run

    def _compiled(self) -> Any:
        core = library().Core()
        if self.tensors is None:
            return core.compile_model(str(self.folder.path / f"{self.kind}.xml"), "CPU", self.options)
        made = _made(self.folder, self.tensors, self.kind, self.unit)
        with self.tensors.sparing():
            return core.compile_model(made, "CPU", self.options)


def _converted(folder: ModelFolder, precision: str, own: bool) -> ModelFolder:
    """The conversion of a model, where one is asked for or kept; raises Missing for int8 without one, BadSetting for another precision than a folder has."""
    if folder.conversion:
        if precision not in (folder.precision, "auto", "own"):
            rule = f"{folder.path} was converted to {folder.precision}; open the model that it was made of"
            raise BadSetting("precision", precision, rule)
        return folder
    place = converted_place(folder, _wanted(folder, precision))
    if own and precision != "own" and (place / CONFIG).is_file():
        return read_folder(place)
    if precision == "int8":
        rule = "make it once with: merian models convert MODEL --precision int8"
        raise Missing("the model in int8", folder.path, rule)
    return folder


def _hint(precision: str) -> str:
    """What OpenVINO computes in: bf16 beside eight bits, where the processor has it."""
    return PRECISIONS[precision] if precision != "int8" else "bf16" if _has_bf16() else "f32"


def _has_bf16() -> bool:
    return "BF16" in library().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _wanted(folder: ModelFolder, precision: str) -> str:
    """The precision that is meant: with "auto" bf16 where the processor multiplies in it and the image tower is wide."""
    if precision != "auto":
        return "fp32" if precision == "own" else precision
    wide = int(folder.config["vision_cfg"].get("width", 768) or 0) >= WIDE
    return "bf16" if wide and _has_bf16() else "fp32"


def converted_place(folder: ModelFolder, precision: str) -> Path:
    """Where the conversion of a model is kept when no other place is named: under the hash of weights, vocabulary and preprocessing."""
    return cache_folder("converted") / f"{folder.fingerprint('fp32').partition('-')[0]}-{precision}"


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
