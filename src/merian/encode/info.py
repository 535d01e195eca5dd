"""What a model folder holds, in words and numbers, without computing anything."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from merian.encode.folder import CONFIG, WEIGHTS, read_config, read_folder
from merian.encode.graphs import unknown
from merian.encode.openvino import converted_place
from merian.encode.tensors import Tensors

__all__ = ["CARD", "described", "said"]

CARD = "card.json"
"""What a model folder tells of its model: `about`, a sentence or two for whoever uses it, and numbers."""


def said(folder: Path) -> str:
    """What the card of a model folder says to whoever uses the model; "" without one."""
    try:
        return str(json.loads((folder / CARD).read_text(encoding="utf-8"))["about"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def described(folder: Path) -> dict[str, str]:
    """Facts of the model in `folder` by name; raises Missing or BadData when it holds none."""
    known = read_folder(folder)
    look, config = known.preprocess, known.config
    facts = {"folder": str(folder)}
    for kind, part in (("image", "vision_cfg"), ("text", "text_cfg")):
        own = config[part]
        tower = own.get("timm_model_name") or own.get("hf_model_name") or f"{own.get('layers', 12)} blocks"
        facts[f"{kind} tower"] = f"{tower}, width {own.get('width', 768 if kind == 'image' else 512)}"
        if strange := unknown(config, kind):
            facts[f"{kind} tower"] += f" (needs torch: {', '.join(strange)})"
    facts["image tower"] += f", patches of {config['vision_cfg'].get('patch_size', 16)} px"
    facts["vectors"] = f"{known.dim} numbers, cosines times {known.logit_scale:.1f}"
    facts["photos"] = f"{look.size} px ({look.mode}), mean {_few(look.mean)}, deviation {_few(look.std)}"
    facts["captions"] = f"at most {known.context} tokens"
    if (folder / WEIGHTS).is_file():
        tensors = Tensors(folder / WEIGHTS)
        count = sum(int(np.prod(tensors.shape(name))) for name in tensors)
        facts["weights"] = f"{count / 1e6:,.1f} million, {(folder / WEIGHTS).stat().st_size / 1e6:,.0f} MB"
    exported = [
        name
        for name in ("OpenVINO", "ONNX")
        if (folder / {"OpenVINO": "image.xml", "ONNX": "image.onnx"}[name]).is_file()
    ]
    facts["exported"] = ", ".join(exported) or "no (OpenVINO runs it from its weights)"
    kept = [name for name in ("fp32", "bf16", "int8") if (converted_place(known, name) / CONFIG).is_file()]
    if known.conversion:
        facts["converted"] = f"to {known.precision}{_agreement(folder)}"
    elif kept:
        told = [f"{name}{_agreement(converted_place(known, name))}" for name in kept]
        facts["converted"] = f"{'; '.join(told)}: --precision takes it"
    heads = [p.name for p in sorted(folder.iterdir()) if (p / "head.json").is_file()]
    facts["heads"] = ", ".join(heads) or "none: name a taxonomy with --taxa"
    facts["fingerprint"] = known.fingerprint("fp32")
    return facts


def _agreement(folder: Path) -> str:
    """What the card of a conversion says of how well it agrees."""
    told = read_config(folder).get("merian", {}).get("agreement")
    if not told:
        return ""
    same = told["same"].get("species")
    best = "" if same is None else f", the same best species in {same} of {told['photos']}"
    return f" (cosine to fp32 at least {told['least_cosine']:.5f} on {told['photos']} {told['source']}{best})"


def _few(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3f}" for value in values)
