"""Converted models: the graphs of a model as files that OpenVINO opens at once, in half the bytes, or computing in eight bits. No torch is needed.

A conversion is a model folder of its own, with the model's card and vocabulary and without its weights; its card says what it was made of. The only home of
NNCF, which finds the ranges of eight-bit numbers from photos (post-training quantisation with SmoothQuant: Xiao et al. 2023, arXiv:2211.10438).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from merian.core import store
from merian.core.errors import BadData, BadSetting, Missing, MissingExtra
from merian.encode.folder import CONFIG, TOKENIZER, WEIGHTS, ModelFolder, read_config, read_folder
from merian.encode.graphs import image_graph, text_graph, tower_of, unknown
from merian.encode.openvino import KINDS, library
from merian.encode.pixels import Pixels
from merian.encode.tensors import Tensors

__all__ = ["CONVERSIONS", "convert", "note"]

CONVERSIONS = ("fp32", "bf16", "int8")
AT_ONCE = 4
"""Photos at a time while ranges are found: what ViT-L/14 holds of them is some 2 GB."""


def convert(model: Path, out: Path, precision: str, pixels: Pixels | None = None) -> ModelFolder:
    """The conversion of the model folder `model`, written to `out`, which appears when it is whole.

    fp32 keeps all numbers; bf16 stores weights in sixteen bits and computes in bf16; int8 multiplies weights and activations of the image tower in eight bits,
    with ranges found on `pixels` `uint8 [n, s, s, 3]` (n a hundred or more), and stores the rest in sixteen.
    Raises BadSetting for another precision, BadData for int8 without pixels or a model that only torch can run, MissingExtra for int8 without NNCF.
    """
    if precision not in CONVERSIONS:
        raise BadSetting("precision", precision, f"is not one of {', '.join(CONVERSIONS)}", CONVERSIONS)
    folder = read_folder(model)
    if folder.conversion:
        raise BadData(model, "is a conversion already; name the model that it was made of")
    scratch = out.with_name(f".{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        for kind, graph in _graphs(folder).items():
            made = _in_eight_bits(graph, pixels) if (kind, precision) == ("image", "int8") else graph
            with store.full_disk_told(out):
                library().save_model(made, str(scratch / f"{kind}.xml"), compress_to_fp16=precision != "fp32")
        if (folder.path / TOKENIZER).is_file():
            shutil.copyfile(folder.path / TOKENIZER, scratch / TOKENIZER)
        made_of = store.digest(scratch / "image.bin")[:16]
        own = {"weights": folder.weights, "logit_scale": folder.logit_scale}
        config = dict(read_config(folder.path))
        config["merian"] = config.get("merian", {}) | own | {"precision": precision, "conversion": made_of}
        store.write_json(scratch / CONFIG, config)
        shutil.rmtree(out, ignore_errors=True)
        scratch.replace(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return read_folder(out)


def note(out: Path, agreement: dict[str, Any]) -> None:
    """Write into the card of the conversion `out` how well it agrees with its model."""
    config = json.loads((out / CONFIG).read_text(encoding="utf-8"))
    config["merian"]["agreement"] = agreement
    store.write_json(out / CONFIG, config)


def _graphs(folder: ModelFolder) -> dict[str, Any]:
    """The fp32 graphs of both towers: of the weights, else those that were exported."""
    if (folder.path / WEIGHTS).is_file() and not any(_strange(folder)):
        tensors = Tensors(folder.path / WEIGHTS)
        image, text = (tower_of(folder.config, tensors, kind) for kind in KINDS)
        return {"image": image_graph(image, folder.preprocess), "text": text_graph(text, folder.context)}
    core, paths = library().Core(), {kind: folder.path / f"{kind}.xml" for kind in KINDS}
    if not all(path.is_file() for path in paths.values()):
        strange = list(_strange(folder))
        raise Missing("graphs that can be built", folder.path, f"only torch runs its towers ({', '.join(strange)})")
    return {kind: core.read_model(str(path)) for kind, path in paths.items()}


def _strange(folder: ModelFolder) -> list[str]:
    return [what for kind in KINDS for what in unknown(folder.config, kind)]


def _in_eight_bits(graph: Any, pixels: Pixels | None) -> Any:
    """`graph` with its matrix products in eight bits, their ranges as on `pixels`."""
    if pixels is None or not len(pixels):
        raise BadData("int8", "needs photos to find its ranges on: name a folder of them")
    library()
    parts = [pixels[at : at + AT_ONCE] for at in range(0, len(pixels), AT_ONCE)]
    with _unseen("torch"):  # NNCF imports torch wherever it is installed, which takes seconds and has no use here
        try:
            import nncf
        except ImportError as error:
            raise MissingExtra("nncf", "convert") from error
        nncf.set_log_level(40)  # errors alone
        kind = None if _convolves(graph) else nncf.ModelType.TRANSFORMER
        preset = nncf.QuantizationPreset.MIXED
        return nncf.quantize(graph, nncf.Dataset(parts), model_type=kind, preset=preset, subset_size=len(parts))


def _convolves(graph: Any) -> bool:
    """Whether the tower is one of convolutions: these are more than its matrix products."""
    kinds = [operation.get_type_name() for operation in graph.get_ordered_ops()]
    return kinds.count("Convolution") + kinds.count("GroupConvolution") > kinds.count("MatMul")


@contextlib.contextmanager
def _unseen(package: str) -> Iterator[None]:
    """As if `package`, unless it is imported already, were not installed."""

    class Blind:
        def __init__(self, finder: Any) -> None:
            self.finder = finder

        def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
            return None if name.partition(".")[0] == package else self.finder.find_spec(name, path, target)

    seeing = sys.meta_path[:]
    sys.meta_path[:] = [Blind(finder) for finder in seeing]
    try:
        yield
    finally:
        sys.meta_path[:] = seeing
