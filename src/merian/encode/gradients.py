"""What goes on inside an image tower on torch for one photo: attention weights, last feature maps, and the slope of a score over either.

Only reading is done here; `merian.explore.explain.saliency` makes maps of what is read. Attention is computed by fused kernels that give no weights
away, so while a photo passes, every call of `scaled_dot_product_attention` and `multi_head_attention_forward` is answered by the same formula written
out, whose weights are kept. So any tower that torch runs can be read (open_clip's VisionTransformer, towers of timm), and none is altered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData, BadSetting, MissingExtra
from merian.encode.folder import WEIGHTS, read_folder
from merian.encode.pixels import Pixels
from merian.encode.torch import ImageGraph

try:
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode
except ImportError as error:
    raise MissingExtra("torch and open_clip", "train") from error

__all__ = ["Inside", "inside", "open_tower"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Inside:
    """What a tower did with one photo. With q tokens, h heads, m directions:

    vector [d], the photo's unit vector; attention: per block [h, q, q], weights whose rows sum to 1; attention_slopes: per block [m, h, q, q], the
    derivative of each score (cosine with a direction) by them; pool [h, r, q] and pool_slopes [m, h, r, q], where r queries of the tower's own gather the
    tokens at the end, else None; features [c, y, x] and feature_slopes [m, c, y, x], of the last maps of a convolutional tower, else None.
    """

    vector: Floats
    attention: tuple[Floats, ...] = ()
    attention_slopes: tuple[Floats, ...] = ()
    pool: Floats | None = None
    pool_slopes: Floats | None = None
    features: Floats | None = None
    feature_slopes: Floats | None = None

    @property
    def kind(self) -> str:
        """ "transformer" or "convolution"."""
        return "transformer" if self.attention else "convolution"


def open_tower(where: str | Path, device: str = "cpu") -> nn.Module:
    """The image tower of a model folder in fp32, as one graph from pixels `[n, s, s, 3]` to unit vectors, not compiled.

    Raises Missing without weights, MissingExtra without open_clip, BadData for weights that do not fit.
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
    return ImageGraph(model.eval(), folder.preprocess).to(device).eval()


def inside(graph: nn.Module, pixels: Pixels, directions: NDArray[np.floating]) -> Inside:
    """What `graph` (of `open_tower`, or any from pixels `[n, s, s, 3]` to unit vectors) does with the photo `pixels [s, s, 3]`.

    Scores are the cosines with the rows of `directions [m, d]` (not scaled). One pass forward and m backward.
    Raises BadSetting for a tower whose attention does not go over all tokens at once (windows, Swin), or that has neither attention nor feature maps.
    """
    place = next((p.device for p in graph.parameters()), torch.device("cpu"))
    given = torch.from_numpy(np.array(pixels[None])).to(place).float().requires_grad_()
    wanted = torch.from_numpy(np.asarray(directions, np.float32)).to(place)
    weights = _Weights()
    maps = _LastMaps(weights.seen)
    handles = [module.register_forward_hook(maps) for module in graph.modules()]
    try:
        with torch.enable_grad(), weights:
            vector = graph(given)
    finally:
        for handle in handles:
            handle.remove()
    scores = vector[0] @ wanted.T
    if maps.last is not None and maps.tell():
        slopes = torch.stack([_slopes(score, [maps.last])[0][0] for score in scores])
        return Inside(_numpy(vector[0]), features=_numpy(maps.last[0]), feature_slopes=_numpy(slopes))
    blocks, pool = _ordered(weights.seen)
    asked = [*blocks, *([] if pool is None else [pool])]
    found = [_slopes(score, asked) for score in scores]
    stacked = [_numpy(torch.stack([of[layer][0] for of in found])) for layer in range(len(asked))]
    return Inside(
        _numpy(vector[0]),
        tuple(_numpy(layer[0]) for layer in blocks),
        tuple(stacked[: len(blocks)]),
        None if pool is None else _numpy(pool[0]),
        None if pool is None else stacked[-1],
    )


def _slopes(score: torch.Tensor, by: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(score, list(by), retain_graph=True)


def _numpy(tensor: torch.Tensor) -> Floats:
    return np.asarray(tensor.detach().float().cpu().numpy(), np.float32)


def _ordered(seen: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    """The weights [1, h, q, q] of the blocks in their order, and those of a pooling by attention behind them; raises BadSetting for any other order."""
    blocks = [w for w in seen if w.shape[2] == w.shape[3]]
    others = [w for w in seen if w.shape[2] != w.shape[3]]
    whole = bool(blocks) and all(w.shape[0] == 1 and w.shape[2:] == blocks[0].shape[2:] for w in blocks)
    behind = not others or (len(others) == 1 and seen[-1] is others[0] and whole)
    if not whole or not behind or (others and others[0].shape[3] != blocks[0].shape[3]):
        shapes = ", ".join(sorted({str(list(w.shape)) for w in seen})) or "none"
        told = f"needs feature maps, or attention over all tokens of a photo at once, and this tower has {shapes}; take occlusion"
        raise BadSetting("method", "gradient", told)
    return blocks, others[0] if others else None


class _LastMaps:
    """A forward hook that keeps the last square feature maps [1, c, y, x] of more than one place, and when they came."""

    def __init__(self, attention: Sequence[torch.Tensor]) -> None:
        self.attention, self.before, self.convolutions = attention, 0, 0
        self.last: torch.Tensor | None = None

    def __call__(self, module: nn.Module, given: object, out: object) -> None:
        self.convolutions += isinstance(module, nn.Conv2d)
        if isinstance(out, torch.Tensor) and out.ndim == 4 and out.shape[2] == out.shape[3] > 1 and out.requires_grad:
            self.last, self.before = out, len(self.attention)

    def tell(self) -> bool:
        """Whether the tower's last word on places are its feature maps: they come behind all attention, or before one that only pools them."""
        pools = len(self.attention) == 1 and self.convolutions > 1
        return self.before == len(self.attention) or pools


class _Weights(TorchFunctionMode):
    """While it lasts, attention is computed by its formula (Vaswani et al. 2017, equation 1), and its weights [n, h, q, k] are kept in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func is functional.scaled_dot_product_attention:
            return self._attend(*args, **named)
        if func is functional.multi_head_attention_forward:
            return self._multi_head(*args, **named)
        return func(*args, **named)

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        """The attention of q, k, v [n, h, tokens, width] as `scaled_dot_product_attention` has it, but for its dropout; its weights are kept."""
        how = {**dict(zip(("attn_mask", "dropout_p", "is_causal"), rest, strict=False)), **named}
        mask = how.get("attn_mask")
        if how.get("enable_gqa"):
            k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
        scale = float(how.get("scale") or q.shape[-1] ** -0.5)
        logits: torch.Tensor = q @ k.transpose(-2, -1) * scale
        if how.get("is_causal"):
            mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=q.device).tril()
        if mask is not None:
            logits = logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask
        weights = logits.softmax(-1)
        self.seen.append(weights)
        return weights @ v

    def _multi_head(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        width: int,
        heads: int,
        *rest: Any,
        **named: Any,
    ) -> tuple[torch.Tensor, None]:
        """What `multi_head_attention_forward` gives for tokens [q, n, width], without the weights, which are kept. Masks of padding are for texts."""
        names = ("in_proj_weight", "in_proj_bias", "bias_k", "bias_v", "add_zero_attn", "dropout_p")
        told = {**dict(zip((*names, "out_proj_weight", "out_proj_bias"), rest, strict=False)), **named}
        bias = told["in_proj_bias"]
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        if told.get("use_separate_proj_weight"):
            matrices = tuple(told[f"{part}_proj_weight"] for part in "qkv")
        else:
            matrices = told["in_proj_weight"].chunk(3)
        parts = [
            functional.linear(x, w, b).reshape(*x.shape[:2], heads, -1).permute(1, 2, 0, 3)
            for x, w, b in zip((query, key, value), matrices, biases, strict=True)
        ]
        out = self._attend(*parts, attn_mask=told.get("attn_mask")).permute(2, 0, 1, 3).flatten(2)
        return functional.linear(out, told["out_proj_weight"], told["out_proj_bias"]), None
