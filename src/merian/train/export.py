"""A trained model as files that others open: open_clip's own layout, OpenVINO, ONNX."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save

from merian.core import store
from merian.core.errors import MissingExtra
from merian.core.progress import track
from merian.encode.clip import is_clip
from merian.encode.folder import CONFIG, TOKENIZER, WEIGHTS
from merian.encode.openvino import library
from merian.encode.pixels import Preprocess
from merian.encode.tokens import Tokens
from merian.encode.torch import ImageGraph, TextGraph
from merian.train.vocabulary import tokenizer_config
from merian.train.weights import PROJECTORS

__all__ = ["export"]

LOCAL = "local-dir"
"""What `hf_tokenizer_name` says: any name has open_clip look into the folder itself. On a hub, it must be the name of the repository."""


def export(
    model: Any,
    config: dict[str, Any],
    tokens: Tokens,
    preprocess: Preprocess,
    folder: Path,
    onnx: bool,
    projectors: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> None:
    """Write `model` to `folder` in every form; see `merian.encode.folder` for the files.

    `projectors [w, d]` that are not open_clip's own go beside, to `projectors.safetensors`.
    """
    model.eval()
    weights = save({k: v.contiguous() for k, v in model.state_dict().items()}, {"format": "pt"})
    with store.atomic(folder / WEIGHTS) as stream:
        stream.write(weights)
    store.write_text(folder / TOKENIZER, tokens.tokenizer.to_str(pretty=True))
    store.write_json(folder / "tokenizer_config.json", tokenizer_config(tokens))
    if not is_clip(tokens):  # open_clip takes CLIP's own vocabulary where none is named
        config = config | {"text_cfg": config["text_cfg"] | {"hf_tokenizer_name": LOCAL}}
    if projectors:
        plain = {name: value.detach().cpu().float().contiguous() for name, value in projectors.items()}
        with store.atomic(folder / PROJECTORS) as stream:
            stream.write(save(plain))
    own = {"weights": store.digest_bytes(weights), "logit_scale": math.exp(model.logit_scale.item())}
    document = {"model_cfg": config, "preprocess_cfg": preprocess.as_config(), "merian": own}
    store.write_json(folder / CONFIG, document)
    size = preprocess.size
    graphs = {
        "image": (ImageGraph(model, preprocess).eval(), torch.zeros(2, size, size, 3, dtype=torch.uint8)),
        "text": (TextGraph(model).eval(), torch.zeros(2, tokens.context, dtype=torch.int64)),
    }
    with track("Exporting", total=len(graphs) * (2 if onnx else 1), unit="graphs") as advance:
        for name, (graph, example) in graphs.items():
            with warnings.catch_warnings():
                # What the exporters say of their own innards is of no use to whoever trains.
                warnings.simplefilter("ignore")
                rows = torch.export.Dim("rows", min=1)
                program = torch.export.export(graph, (example,), dynamic_shapes=({0: rows},))
                _openvino(program, folder / f"{name}.xml")
                advance(1)
                if onnx:
                    _onnx(program, example, folder / f"{name}.onnx")
                    advance(1)


def _openvino(program: torch.export.ExportedProgram, path: Path) -> None:
    """One graph as OpenVINO's .xml and .bin, any number of rows at a time."""
    openvino = library()
    converted = openvino.convert_model(program)
    # OpenVINO numbers what it makes through the life of the process; numbered anew, the same model gives the same file.
    converted.set_friendly_name(path.stem)
    for number, operation in enumerate(converted.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
    converted.inputs[0].get_tensor().set_names({"rows"})
    converted.outputs[0].get_tensor().set_names({"vectors"})
    with store.full_disk_told(path):
        openvino.save_model(converted, str(path), compress_to_fp16=False)


def _onnx(program: torch.export.ExportedProgram, example: torch.Tensor, path: Path) -> None:
    """One graph as a single .onnx file, any number of rows at a time."""
    try:
        import onnxscript  # noqa: F401  # torch's exporter needs it, and says so less plainly
    except ImportError as error:
        raise MissingExtra("onnx and onnxscript", "train") from error
    made = torch.onnx.export(
        program, (example,), dynamo=True, input_names=["rows"], output_names=["vectors"], verbose=False
    )
    if made is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    with store.full_disk_told(path):
        made.save(str(path), external_data=False)
