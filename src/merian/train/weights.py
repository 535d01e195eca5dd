"""What a run begins with: new small towers, an architecture of open_clip with named weights, or a model folder to go on from.

open_clip logs and goes on when a tag is unknown, weights are absent or their keys do not fit; what then trains is random. Here weights are random only where
`pretrained = "random"` says so, and everything else that does not fit is refused with a reason.
"""

from __future__ import annotations

import json
import math
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.model import CLIP, CustomTextCLIP

from merian.core.errors import BadData, BadSetting, Missing, nearest
from merian.core.store import digest
from merian.encode.clip import as_clip
from merian.encode.folder import CONFIG, TOKENIZER
from merian.encode.pixels import Preprocess
from merian.encode.tokens import Tokens
from merian.train.lora import insert
from merian.train.ranks import Ranks
from merian.train.settings import TrainSettings
from merian.train.state import read_state
from merian.train.towers import Towers, build, chance, model_config, preprocess
from merian.train.vocabulary import suited

__all__ = ["PROJECTORS", "RANDOM", "Begun", "Start", "begun"]

RANDOM = "random"
PROJECTORS = "projectors.safetensors"
"""The file beside a model with the projectors that are not open_clip's own."""
NAMES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)
"""Weights in a model folder, in the order in which open_clip takes them."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A model ready to train."""

    model: Any
    config: dict[str, Any]
    """open_clip's `model_cfg`."""
    projectors: dict[str, torch.Tensor] = field(default_factory=dict)
    """Projectors `[w, d]` beside open_clip's own that came with the weights, by name."""

    def into(self, towers: Towers) -> None:
        """Put the projectors that came with the weights in the place of those of `towers`. Raises BadData for other shapes."""
        for name, given in self.projectors.items():
            if name not in towers.projectors:
                continue
            place = towers.projectors[name]
            if place.shape != given.shape:
                raise BadData(f"the projector {name!r}", f"is {list(given.shape)}, the tower's own {list(place.shape)}")
            with torch.no_grad():
                place.copy_(given)


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of a model before its weights are read."""

    settings: TrainSettings
    preprocess: Preprocess
    tokens: Tokens | None = None
    """The tokenizer that the model was trained with; None: one is learned."""
    config: dict[str, Any] | None = None
    weights: Path | None = None
    further: Path | None = None
    """The file of further projectors."""

    @property
    def inputs(self) -> dict[str, str]:
        """The hash of the weights, for the manifest."""
        found = {} if self.weights is None else {"weights": digest(self.weights)}
        return found | ({"image_from": digest(_weights_of(self.settings))} if self.settings.image_from else {})

    def load(self, tokens: Tokens, plain: bool = False) -> Begun:
        """The model that reads `tokens`, with `adapt = "lora"` ready for that unless `plain`.

        Raises BadData when the weights are of another architecture, damaged or not numbers.
        """
        own = self.settings
        if self.config is None:
            config = model_config(own, tokens.size, tokens.context)
            model = build(own, config)
            if own.image_from:
                _see_as(model, _weights_of(own))
            return Begun(model, config)
        model = _skeleton(self.config, own)
        if self.weights is None:
            return Begun(model, self.config)
        further = _put(model, self.weights, own.architecture)
        if self.further is not None:
            further |= read_state(self.further)
        if own.adapt == "lora" and not plain:
            insert(model, own)
        return Begun(model, self.config, further)


def begun(settings: TrainSettings, ranks: Ranks | None = None) -> Start:
    """What the settings `architecture` and `pretrained` name. The first of the `ranks` looks, and downloads, before the others.

    Raises BadSetting for an unknown architecture or tag (with the nearest) and for what does not go together, Missing for files and downloads that are not
    to be had, BadData for a folder that holds no model.
    """
    if ranks is not None and not ranks.first:
        ranks.wait()
    start = _start(settings)
    if ranks is not None and ranks.first:
        ranks.wait()
    return start


def _start(settings: TrainSettings) -> Start:
    named, given = settings.architecture, settings.pretrained
    if named and settings.image_from:
        raise BadSetting(
            "image_from", settings.image_from, "is for new towers; `architecture` has an image tower of its own"
        )
    if not named:
        if given and given != RANDOM:
            raise BadSetting("pretrained", given, "belongs to an architecture: set `architecture` too")
        _frozen_need_weights(settings, random=True)
        return Start(settings, preprocess(settings))
    _frozen_need_weights(settings, random=given == RANDOM)
    if Path(named).is_dir():
        return _from_folder(settings, Path(named))
    if "/" in named or named.startswith("."):
        raise Missing("the model folder", named, f"it must hold {CONFIG} and weights; download it first")
    return _from_name(settings)


def _frozen_need_weights(settings: TrainSettings, random: bool) -> None:
    if settings.adapt != "full" and random:
        raise BadSetting(
            "adapt", settings.adapt, "leaves the towers as they are: it needs a trained model to go on from"
        )


def _from_folder(settings: TrainSettings, folder: Path) -> Start:
    """A model folder in open_clip's layout."""
    path = folder / CONFIG
    if not path.is_file():
        raise Missing("a model", folder, f"a model folder holds {CONFIG}")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        config = document["model_cfg"]
        size, text = _size(config), dict(config["text_cfg"])
        look = Preprocess.from_config(document.get("preprocess_cfg") or {}, size)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadData(path, f"not a configuration of open_clip: {error!r}") from error
    context = int(text.get("context_length", 77))
    if (folder / TOKENIZER).is_file():
        tokens = as_clip(Tokens.load(folder / TOKENIZER, context))
    else:
        tokens = suited(text, str(folder))
    if tokens.size != text.get("vocab_size", 49_408):
        rule = f"has {tokens.size:,} tokens, and the model reads {text.get('vocab_size', 49_408):,}: they do not belong together"
        raise BadData(folder / TOKENIZER, rule)
    given = settings.pretrained
    if given == RANDOM:
        return Start(settings, look, tokens, config)
    if given:
        return Start(settings, look, tokens, config, _file(given))
    weights = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if weights is None:
        raise Missing("the weights", folder, f"a model folder holds {NAMES[0]}; or set pretrained")
    further = folder / PROJECTORS
    return Start(settings, look, tokens, config, weights, further if further.is_file() else None)


def _from_name(settings: TrainSettings) -> Start:
    """An architecture that open_clip knows by name."""
    named, given = settings.architecture, settings.pretrained
    config = open_clip.get_model_config(named)
    if config is None:
        known = open_clip.list_models()
        raise BadSetting(
            "architecture", named, f"is no model folder and no architecture of open_clip{_hint(named, known)}"
        )
    if "multimodal_cfg" in config:
        raise BadSetting("architecture", named, "writes captions too (CoCa); Merian trains models with two towers")
    tokens = suited(config["text_cfg"], named)
    look = Preprocess(size=_size(config), mode=settings.resize)
    if given == RANDOM:
        return Start(settings, look, tokens, config)
    tags = open_clip.list_pretrained_tags_by_model(named)
    if given in tags:
        told = open_clip.get_pretrained_cfg(named, given)
        look = Preprocess.from_config(
            {k: told.get(k) for k in ("mean", "std", "interpolation", "resize_mode")}, look.size
        )
        # the tag knows which activation its weights were trained with; the configuration of that name may say another
        config["quick_gelu"] = bool(told.get("quick_gelu", False))
        return Start(settings, look, tokens, config, _downloaded(named, given, told))
    if Path(given).is_file():
        return Start(settings, look, tokens, config, Path(given))
    if not given:
        what = f'name the weights: a tag ({", ".join(tags[:4])} ...), a file, or "{RANDOM}"'
        raise BadSetting("pretrained", given, what)
    raise BadSetting("pretrained", given, f"is no file and no tag of {named}{_hint(given, tags)}")


def _hint(word: str, known: list[str]) -> str:
    close = nearest(word, known)
    return f"; nearest: {', '.join(close)}" if close else f"; known are {', '.join(known[:8])} ..."


def _file(given: str) -> Path:
    if not Path(given).is_file():
        raise Missing(
            "the weights", given, "with a model folder, `pretrained` is a file, or empty for the folder's own"
        )
    return Path(given)


def _downloaded(named: str, tag: str, told: dict[str, Any]) -> Path:
    """The weights of a tag, from open_clip's cache or its servers."""
    where = told.get("hf_hub") or told.get("url") or "nowhere"
    remedy = "download it on a machine with a network, and give the file as `pretrained`"
    try:
        path = open_clip.download_pretrained(told)
    except Exception as error:  # open_clip, urllib and the hub each raise errors of their own
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Missing(f"the weights {tag!r} of {named}", where, f"{remedy} ({first})") from error
    if not path:
        raise Missing(f"the weights {tag!r} of {named}", where, remedy)
    return Path(path)


def _size(config: dict[str, Any]) -> int:
    size = config["vision_cfg"].get("image_size", 224)
    sides = {int(s) for s in size} if isinstance(size, list | tuple) else {int(size)}
    if len(sides) != 1:
        raise ValueError(f"image_size {size} is not a square")
    return sides.pop()


def _skeleton(config: dict[str, Any], settings: TrainSettings) -> Any:
    """The model of `config` with the initial weights that the seed names."""
    parts = deepcopy(config)
    kind = CustomTextCLIP if parts.pop("custom_text", False) else CLIP
    vision = parts["vision_cfg"]
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    elif settings.patch_dropout:
        vision["patch_dropout"] = settings.patch_dropout
    parts.setdefault("init_logit_scale", math.log(settings.logit_scale))
    try:
        with chance(settings.seed, "weights"):
            return kind(**parts)
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError) as error:
        raise BadData(settings.architecture, f"open_clip builds no model of its configuration: {error}") from error


def _put(model: Any, path: Path, architecture: str) -> dict[str, torch.Tensor]:
    """Load the weights at `path` into `model`, every key and shape in its place; the second projector by its name, where there is one."""
    state = read_state(path)
    further = {}
    for key in [key for key in state if key.split(".")[-1] == "continual_proj"]:
        further["replay"] = state.pop(key)  # BioCLIP 2 trains a second visual projector for replayed captions
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = open_clip.model.convert_to_custom_text_state_dict(state)
    own = model.state_dict()
    for key in ("attn_mask", "text.attn_mask"):
        if key not in own:
            state.pop(key, None)
    for key in ("logit_scale", "logit_bias"):
        if key in state and key in own and state[key].numel() == 1:
            state[key] = state[key].reshape(own[key].shape)
    absent = [f"lacks {key}" for key in own if key not in state]
    strange = [f"has {key}" for key in state if key not in own]
    other = [
        f"{key} is {list(state[key].shape)}, not {list(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    if absent or strange or other:
        raise BadData(path, f"are no weights of {architecture}{_fits(state)}", [*other, *absent, *strange])
    bad = [key for key, value in state.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if bad:
        raise BadData(path, "holds weights that are not numbers", bad)
    model.load_state_dict(state, strict=True)
    return further


def _weights_of(settings: TrainSettings) -> Path:
    """The weights of the model folder `image_from`; raises Missing without any."""
    folder = Path(settings.image_from)
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if path is None:
        raise Missing("the weights", folder, f"image_from is a model folder; one holds {NAMES[0]}")
    return path


def _see_as(model: Any, path: Path) -> None:
    """Give `model` the image tower of the weights at `path`; raises BadData when that is another architecture or size."""
    prefix = "visual."
    given = {name.removeprefix(prefix): value for name, value in read_state(path).items() if name.startswith(prefix)}
    given.pop("continual_proj", None)  # BioCLIP 2's second projector: new towers make their own
    own = model.visual.state_dict()
    other = [
        name
        for name in own.keys() | given.keys()
        if name not in own or name not in given or own[name].shape != given[name].shape
    ]
    if other:
        raise BadData(path, "holds an image tower of another architecture or size", sorted(other))
    model.visual.load_state_dict(given, strict=True)


def _fits(state: dict[str, torch.Tensor]) -> str:
    """Which plain ViT of open_clip the weights would fit, in words."""
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    projection, patches = shapes.get("visual.proj"), shapes.get("visual.conv1.weight")
    places = shapes.get("visual.positional_embedding")
    if projection is None or patches is None or places is None:
        return ""
    depth = len({key.split(".")[3] for key in shapes if key.startswith("visual.transformer.resblocks.")})
    for name in open_clip.list_models():
        config = open_clip.get_model_config(name) or {}
        vision = config.get("vision_cfg", {})
        if "timm_model_name" in vision or not isinstance(vision.get("layers"), int) or config.get("custom_text"):
            continue
        side = vision.get("image_size", 224)
        patch = vision.get("patch_size", 16)
        same = (vision.get("width", 768), config["embed_dim"]) == projection and vision["layers"] == depth
        if same and patch == patches[-1] and isinstance(side, int) and (side // patch) ** 2 + 1 == places[0]:
            return f"; they look like {name}"
    return ""
