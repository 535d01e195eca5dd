"""Every knob of training, with its unit, bound and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.captions import TEXT_TYPES, TextType
from merian.core.settings import knob

__all__ = ["TrainSettings"]

BIOCLIP2 = "BioCLIP 2 (Gu et al. 2025), slurm/train.sh"
CLIP = "CLIP (Radford et al. 2021)"
HERE = "measured on the drawn tree of life, docs/numbers.md"


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How the two towers are built and trained. The defaults suit a few thousand images and two CPU cores."""

    seed: int = knob(0, "Names all chance: initial weights, order, augmentation, text types", ge=0)
    epochs: int = knob(20, "Passes over the training images", ge=1, le=10_000)
    batch: int = knob(
        128, "Images per step; also the number of captions each is told from", unit="images", ge=2, source=HERE
    )
    objective: Literal["multi_positive", "infonce"] = knob(
        "multi_positive",
        "Which captions of a batch count as right: all of the same taxon, or each image's own",
        source="UniCL (Yang et al. 2022) or " + CLIP,
    )
    text_types: tuple[TextType, ...] = knob(
        TEXT_TYPES, "Kinds of caption, one drawn per image and step", source="BioCLIP (Stevens et al. 2024)"
    )
    lr: float = knob(1e-3, "Highest learning rate", gt=0, le=1, source=HERE)
    warmup: float = knob(0.08, "Share of the steps in which the rate rises to it", ge=0, lt=1)
    weight_decay: float = knob(0.2, "Decoupled weight decay (not on biases, norms and scale)", ge=0, source=BIOCLIP2)
    beta2: float = knob(0.98, "AdamW's second decay", gt=0, lt=1, source=BIOCLIP2)
    grad_clip: float = knob(1.0, "Largest norm of the gradient; 0 leaves it as it is", ge=0)
    logit_scale: float = knob(14.3, "Factor of the cosine at the start", gt=0, le=100, source=CLIP + ": 1 / 0.07")
    tower: Literal["vit", "resnet"] = knob("vit", "Image tower: open_clip's VisionTransformer or ModifiedResNet")
    image_size: int = knob(64, "Side of the image that the tower sees", unit="pixels", ge=16, le=1024)
    patch: int = knob(16, "Side of a patch of the vit", unit="pixels", ge=2, le=64, source=HERE)
    patch_dropout: float = knob(
        0.0, "Share of patches hidden while training", ge=0, lt=1, source="Li et al. 2022 (FLIP)"
    )
    width: int = knob(192, "Width of the image tower", ge=8)
    layers: int = knob(4, "Blocks of the vit; of each of the four stages of the resnet", ge=1, le=64)
    head: int = knob(48, "Width of one attention head", ge=4)
    text_width: int = knob(128, "Width of the text tower", ge=8)
    text_layers: int = knob(2, "Blocks of the text tower", ge=1, le=64)
    vocabulary: int = knob(1024, "Most tokens in the vocabulary", ge=258, le=200_000)
    context: int = knob(77, "Most tokens of a caption; fewer are kept when no caption needs them", ge=8, le=512)
    dim: int = knob(128, "Length of an embedding", ge=2)
    resize: Literal["squash", "shortest"] = knob("squash", "How a photo becomes a square", source="BioCLIP squashes")
    crop: float = knob(0.7, "Smallest share of the area that a random crop keeps", gt=0, le=1, source=HERE)
    flip: float = knob(0.5, "How often an image is mirrored", ge=0, le=1)
    colour: float = knob(0.1, "Largest random change of brightness, contrast and saturation", ge=0, lt=1)
    threads: int = knob(0, "Processor threads; 0 takes all. Other numbers may give other last digits", ge=0)
    checkpoint: int = knob(50, "Steps from one checkpoint to the next", unit="steps", ge=1)
    onnx: bool = knob(True, "Export for ONNX Runtime too")
