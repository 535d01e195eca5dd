"""Weights from files, and nothing else from them: safetensors, or what torch reads without running code of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from merian.core.errors import BadData

__all__ = ["SUFFIXES", "read_state"]

SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
WRAPS = ("module.", "_orig_mod.")
"""What DistributedDataParallel and torch.compile put before names."""


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, in fp32 where they are floating-point numbers of less; wrapped ones (`state_dict` of a training checkpoint) too.

    Raises BadData for files of other kinds, cut short, or holding more than tensors.
    """
    if path.suffix not in SUFFIXES:
        raise BadData(path, f"weights are one of {', '.join(SUFFIXES)}")
    held = _safe(path) if path.suffix == ".safetensors" else _torch(path)
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    if not isinstance(held, dict) or not held or not all(isinstance(v, torch.Tensor) for v in held.values()):
        raise BadData(path, "holds no table of weights by name")
    state = {}
    for key, value in held.items():
        name = str(key)
        for wrap in WRAPS:
            name = name.removeprefix(wrap)
        state[name] = value.float() if value.is_floating_point() else value
    return state


def _safe(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise BadData(path, f"is no whole safetensors file: {error}") from error


def _torch(path: Path) -> Any:
    with path.open("rb") as stream:
        if not stream.read(2).startswith((b"PK", b"\x80")):
            raise BadData(path, "is no weights file of torch: neither an archive nor a pickle")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of many kinds, and UnpicklingError for what is no tensor
        if "weights_only" in str(error) or "Unsupported global" in str(error):
            what = "holds more than weights, and reading that could run code of the file; save it as .safetensors"
            raise BadData(path, what) from error
        told = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadData(path, f"is no weights file of torch: {told}") from error
