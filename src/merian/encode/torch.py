"""The encoder on torch, through open_clip: for a GPU, for models that were not exported, and as the yardstick of the other backends."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData, MissingExtra
from merian.encode.folder import WEIGHTS, FolderEncoder, Run, read_folder
from merian.encode.pixels import Preprocess
from merian.encode.seam import Encoder, Vectors

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtra("torch and open_clip", "train") from error

__all__ = ["ImageGraph", "TextGraph", "open_model"]


class ImageGraph(nn.Module):
    """Pixels `uint8 [n, s, s, 3]` -> unit vectors `[n, d]`: scaling, tower and length 1 in one graph, the form that is exported."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, model: Any, preprocess: Preprocess) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(preprocess.mean).mul(255.0).view(1, 1, 1, 3), persistent=False)
        self.register_buffer("std", torch.tensor(preprocess.std).mul(255.0).view(1, 1, 1, 3), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The unit vectors."""
        scaled = (pixels.float() - self.mean) / self.std
        return cast(torch.Tensor, self.model.encode_image(scaled.permute(0, 3, 1, 2), normalize=True))


class TextGraph(nn.Module):
    """Token numbers `int64 [n, context]` -> unit vectors `[n, d]`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The unit vectors."""
        return cast(torch.Tensor, self.model.encode_text(tokens, normalize=True))


def open_model(where: str, device: str = "cpu", batch: int = 32) -> Encoder:
    """The encoder of the model folder `where` on a torch device.

    Raises MissingExtra without open_clip, BadData for weights that do not fit.
    """
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtra("open_clip", "train") from error
    folder = read_folder(where)
    folder.file(WEIGHTS)
    try:
        model = open_clip.create_model(f"local-dir:{folder.path}", device=device)
    except (RuntimeError, ValueError, TypeError) as error:
        raise BadData(folder.path, f"open_clip does not load it: {error}") from error
    model.eval()
    graphs = {"image": ImageGraph(model, folder.preprocess).to(device), "text": TextGraph(model)}

    def runner(kind: Literal["image", "text"]) -> Run:
        def run(rows: NDArray[np.generic]) -> Vectors:
            with torch.inference_mode():
                given = torch.from_numpy(np.array(rows)).to(device)
                return cast(Vectors, graphs[kind](given).cpu().numpy())

        return run

    return FolderEncoder(folder, folder.tokens(), "torch", runner, batch=batch)
