"""The two towers: any CLIP of open_clip, with a projector of its own for each kind of text that images are compared to.

BioCLIP 2 reads lineages through the image tower's own projector and replayed general captions through a second one that starts as its copy (`continual_proj`).
Here projectors have names, as many as there are parts of a batch; the first, `bio`, is open_clip's own, so that a model loads anywhere without the others.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from open_clip.model import CLIP
from open_clip.transformer import text_global_pool
from torch import nn
from torch.nn import functional as F

from merian.core.chance import stream
from merian.core.errors import BadSetting, nearest
from merian.encode.pixels import Preprocess
from merian.train.lorentz import Lorentz
from merian.train.settings import TrainSettings

__all__ = ["BIO", "Towers", "build", "chance", "model_config", "preprocess"]

Call = Callable[[torch.Tensor], torch.Tensor]

LENGTHS = 4
"""Groups of captions of like length that are encoded together. From taste."""
BIO = "bio"
"""The projector that is open_clip's own."""


class Towers(nn.Module):
    """An open_clip model and the projectors of its image tower."""

    def __init__(
        self, clip: Any, projectors: Sequence[str] = (), hyperbolic: bool = False, classes: int = 0, seed: int = 0
    ) -> None:
        """`projectors` names the further ones, each a copy of the model's own; `hyperbolic` adds `merian.train.lorentz`'s head.

        `classes`: how many class vectors are learnt beside the captions, from a start that `seed` names.

        A tower without a projector of its own (a ResNet, one of timm) gets square matrices behind its output, and none for `bio`.
        """
        super().__init__()
        self.clip = clip
        own = getattr(clip.visual, "proj", None)
        self.pooled = isinstance(own, nn.Parameter)
        start = cast(nn.Parameter, own) if self.pooled else nn.Parameter(torch.eye(_width(clip)))
        self.projectors = nn.ParameterDict({name: nn.Parameter(start.detach().clone()) for name in projectors})
        if self.pooled:
            self.projectors[BIO], clip.visual.proj = start, None
        self.lorentz = Lorentz(start.shape[1]) if hyperbolic else None
        self.classes: nn.Parameter | None = None
        if classes:
            with chance(seed, "classes"):
                self.classes = nn.Parameter(torch.randn(classes, start.shape[1]) * start.shape[1] ** -0.5)
        self.cuts = hasattr(clip, "token_embedding") and getattr(clip, "text_pool_type", "") == "argmax"
        self.layout = torch.preserve_format
        if hasattr(
            clip.visual, "trunk"
        ):  # a tower of timm: convolutions are up to twice as fast on colours that lie together
            self.layout = torch.channels_last
            clip.visual.to(memory_format=self.layout)
        self._run: tuple[Call, Call] = (clip.visual, clip.encode_text)

    def run_by(self, visual: Call, text: Call) -> None:
        """Have other callables run the image and the text tower from now on, such as compiled ones. Captions are then not cut: shapes stay."""
        self._run, self.cuts = (visual, text), False

    def released(self) -> Any:
        """open_clip's model with its own projector, as others load it. These towers are of no use from then on."""
        if self.pooled:
            self.clip.visual.proj = self.projectors[BIO]
        return self.clip

    def images(self, images: torch.Tensor) -> torch.Tensor:
        """What the projectors read `[n, w]`, of images `[n, 3, s, s]`."""
        return self._run[0](images)

    def project(self, seen: torch.Tensor, name: str = BIO, unit: bool = True) -> torch.Tensor:
        """Vectors `[n, d]` by the projector `name`; of length 1 if `unit`."""
        if name in self.projectors:
            seen = seen @ self.projectors[name].to(seen.dtype)
        elif name != BIO:
            raise KeyError(name)
        return F.normalize(seen, dim=-1) if unit else seen

    def texts(self, tokens: torch.Tensor, unit: bool = True) -> torch.Tensor:
        """Vectors `[u, d]`, of length 1 if `unit`, of captions `int64 [u, context]`: what `encode_text` gives, in half the time where captions can be cut.

        They are sorted by length and each group is cut behind its longest: in a causal tower no token sees what follows.
        """
        if not self.cuts:
            read = self._run[1](tokens)
            return F.normalize(read, dim=-1) if unit else read
        ends = tokens.argmax(dim=1)
        order = torch.argsort(ends, stable=True)
        parts = [self._cut(tokens[rows, : int(ends[rows].max()) + 1]) for rows in order.chunk(LENGTHS)]
        read = torch.cat(parts)[torch.argsort(order)]
        return F.normalize(read, dim=-1) if unit else read

    def _cut(self, tokens: torch.Tensor) -> torch.Tensor:
        clip, length = self.clip, tokens.shape[1]
        dtype = clip.transformer.get_cast_dtype()
        x = clip.token_embedding(tokens).to(dtype) + clip.positional_embedding[:length].to(dtype)
        x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length].to(dtype)))
        return cast(torch.Tensor, text_global_pool(x, tokens, "argmax") @ clip.text_projection.to(x.dtype))

    @torch.no_grad()
    def clamp_scale(self, most: float) -> None:
        """Keep the factor of the cosine between 1 and `most`, and the hyperbolic head in its bounds."""
        self.clip.logit_scale.clamp_(0.0, math.log(most))
        if self.lorentz is not None:
            self.lorentz.clamp()

    @property
    def logit_scale(self) -> torch.Tensor:
        """The logarithm of what multiplies a cosine."""
        return cast(torch.Tensor, self.clip.logit_scale)


def _width(clip: Any) -> int:
    found = getattr(clip.visual, "output_dim", None) or getattr(clip, "embed_dim", None)
    if found is None:
        projection = getattr(clip, "text_projection", None)
        if projection is None:
            raise BadSetting(
                "architecture",
                type(clip.visual).__name__,
                "tells no length of its vectors: no second projector can be made",
            )
        found = projection.shape[1]
    return int(found)


def preprocess(settings: TrainSettings) -> Preprocess:
    """How photos are decoded for the tower."""
    return Preprocess(size=settings.image_size, mode=settings.resize)


def model_config(settings: TrainSettings, vocabulary: int, context: int) -> dict[str, Any]:
    """The `model_cfg` of open_clip's configuration; raises BadSetting when sizes do not divide."""
    s = settings
    vision: dict[str, Any] = {"image_size": s.image_size, "width": s.width}
    if s.tower == "vit":
        if s.image_size % s.patch:
            raise BadSetting("patch", s.patch, f"must divide image_size = {s.image_size}")
        if s.width % s.head:
            raise BadSetting("head", s.head, f"must divide width = {s.width}")
        vision |= {"patch_size": s.patch, "layers": s.layers, "head_width": s.head, "patch_dropout": s.patch_dropout}
    elif s.tower == "resnet":
        if s.image_size % 32:
            raise BadSetting("image_size", s.image_size, "must be a multiple of 32 for the resnet")
        if s.width * 32 % s.head:
            raise BadSetting("head", s.head, f"must divide 32 x width = {s.width * 32}")
        vision |= {"layers": [s.layers] * 4, "head_width": s.head}
    else:
        vision = _by_timm(s)
    if s.train_size not in (0, s.image_size) and s.tower in ("vit", "resnet"):
        raise BadSetting(
            "train_size", s.train_size, f"goes with towers of convolutions of timm only, not with {s.tower}"
        )
    heads = max(1, s.text_width // 32)
    if s.text_width % heads:
        raise BadSetting("text_width", s.text_width, "must be a multiple of 32")
    text = {
        "context_length": context,
        "vocab_size": vocabulary,
        "width": s.text_width,
        "heads": heads,
        "layers": s.text_layers,
    }
    return {"embed_dim": s.dim, "vision_cfg": vision, "text_cfg": text}


def _by_timm(settings: TrainSettings) -> dict[str, Any]:
    """The `vision_cfg` of a tower that timm knows by name; raises BadSetting for another name, or a size that it does not take."""
    import timm

    name, sides = settings.tower, {settings.image_size, settings.train_size or settings.image_size}
    if not timm.is_model(name):
        known = ["vit", "resnet", *timm.list_models()]
        close = ", ".join(nearest(name, known))
        raise BadSetting("tower", name, f"is none of vit, resnet or timm's {len(known) - 2:,}; nearest: {close}")
    told = timm.get_pretrained_cfg(name)
    if told is not None and told.fixed_input_size and sides != {told.input_size[-1]}:
        raise BadSetting("image_size", settings.image_size, f"must be {told.input_size[-1]} for {name}")
    with torch.device("meta"):
        trunk = timm.create_model(name, num_classes=0)
    if (behind := getattr(trunk, "head_hidden_size", trunk.num_features)) != trunk.num_features:
        rule = (
            f"gives {behind} numbers where open_clip, which builds it, takes {trunk.num_features}: take another tower"
        )
        raise BadSetting("tower", name, rule)
    return {"image_size": settings.image_size, "timm_model_name": name, "timm_model_pretrained": False, "timm_pool": ""}


def build(settings: TrainSettings, config: dict[str, Any]) -> Any:
    """A new CLIP with the initial weights that the seed names."""
    with chance(settings.seed, "weights"):
        model = CLIP(**config, init_logit_scale=math.log(settings.logit_scale))
    return model


@contextlib.contextmanager
def chance(seed: int, *names: str | int) -> Iterator[None]:
    """torch's generator set to a named stream inside the block, and put back behind it: patch dropout asks no other."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(stream(seed, "torch", *names).integers(2**62)))
        yield
