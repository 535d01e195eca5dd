"""Contrastive objectives as named pure functions `(image [n,d], text [n,d], scale, taxa [n]) -> scalar`.

Rows are unit vectors; row i of `text` is the caption drawn for row i of `image`; `scale` multiplies the cosine. With
s_ij = scale * <image_i, text_j> every objective is a cross-entropy of softmax rows and columns of s against targets;
they differ in the targets alone. `tests/reference/test_objectives.py` holds each one's NumPy twin.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

__all__ = ["OBJECTIVES", "Objective", "infonce", "multi_positive"]

Objective = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def infonce(image: torch.Tensor, text: torch.Tensor, scale: torch.Tensor, taxa: torch.Tensor) -> torch.Tensor:
    """CLIP's loss: each image's own caption against all others, and the other way round; `taxa` is not looked at.

    L = 1/2n sum_i [ -log softmax_j(s_ij)[i] - log softmax_j(s_ji)[i] ]. Another image of the same species counts as
    wrong. Source: Radford et al. 2021, figure 3; van den Oord et al. 2018, equation 4.
    """
    logits = scale * image @ text.T
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def multi_positive(image: torch.Tensor, text: torch.Tensor, scale: torch.Tensor, taxa: torch.Tensor) -> torch.Tensor:
    """Every caption of the image's taxon is right, in equal parts, and every image of the caption's taxon.

    With P_i = {j: taxa_j = taxa_i}: L = 1/2n sum_i 1/|P_i| sum_{j in P_i} [ -log softmax_j(s_ij)[j] - log
    softmax_j(s_ji)[j] ]. Equal to `infonce` when no taxon repeats. Source: UniCL, Yang et al. 2022, equations 3 to 5;
    the form "outside the log" of SupCon, Khosla et al. 2020, equation 2.
    """
    logits = scale * image @ text.T
    same = (taxa[:, None] == taxa[None, :]).to(logits.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


OBJECTIVES: dict[str, Objective] = {"infonce": infonce, "multi_positive": multi_positive}
