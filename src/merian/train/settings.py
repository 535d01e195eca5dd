"""Every knob of training, with its unit, bound and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merian.core.captions import TEXT_TYPES, TextType
from merian.core.settings import knob

__all__ = ["BatchSettings", "EngineSettings", "ObjectiveSettings", "TowerSettings", "TrainSettings"]

BIOCLIP2 = "BioCLIP 2 (Gu et al. 2025), slurm/train.sh"
CLIP = "CLIP (Radford et al. 2021)"
HERE = "measured on the drawn tree of life, docs/numbers.md"


@dataclass(frozen=True, kw_only=True)
class TowerSettings:
    """The two towers."""

    architecture: str = knob(
        "",
        'An architecture of open_clip ("ViT-L-14", "ViT-B-16" ...), or a model folder to go on from; without one, small towers as said below',
    )
    pretrained: str = knob(
        "", 'The weights of `architecture`: a tag of open_clip ("laion2b_s32b_b82k") or a file; "random" to start anew'
    )
    image_from: str = knob(
        "",
        "A model folder whose image tower new towers begin with, as one that learnt from drawn organisms; their words are learnt from nothing",
    )
    adapt: Literal["full", "lora", "linear", "prototypes"] = knob(
        "full",
        "What is trained: all weights; lora: thin matrices beside frozen ones; linear, prototypes: only a vector for each taxon, on frozen towers",
        source="Hu et al. 2021 (LoRA); Wang et al. 2019 (SimpleShot)",
    )
    lora_rank: int = knob(16, "With lora: rank of what is added to a weight matrix", ge=1, le=1024)
    lora_alpha: float = knob(16.0, "With lora: what is added is multiplied by lora_alpha / lora_rank", gt=0, le=4096)
    drift: int = knob(
        1000,
        "Images on which is told how far a model that went on from another has moved; 0: not told",
        unit="images",
        ge=0,
        le=20_000,
    )
    tower: str = knob(
        "vit",
        'Image tower: "vit" or "resnet", open_clip\'s own with the sizes below, or one of timm by its name ("resnet18", "regnety_004" ...)',
    )
    image_size: int = knob(64, "Side of the image that the tower sees", unit="pixels", ge=16, le=1024)
    train_size: int = knob(
        0,
        "Side of the image while training, 0: image_size; a tower of convolutions learns as much from smaller ones, in less time",
        unit="pixels",
        ge=0,
        le=1024,
        source="Touvron et al. 2019 (FixRes)",
    )
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


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """What a step sees."""

    epochs: int = knob(20, "Passes over the training images", ge=1, le=10_000)
    batch: int = knob(
        128,
        "Images per step over all processes; also the number of captions each is told from",
        unit="images",
        ge=2,
        source=HERE,
    )
    text_types: tuple[TextType, ...] = knob(
        TEXT_TYPES, "Kinds of caption, one drawn per image and step", source="BioCLIP (Stevens et al. 2024)"
    )
    text_per: Literal["image", "batch"] = knob(
        "batch", "Whether a kind of caption is drawn for each image or for a whole batch", source=BIOCLIP2
    )
    negatives: int = knob(
        0,
        "Captions of taxa that a batch does not show, which its images are told from too; pays where all names can be read in a step",
        ge=0,
    )
    cap: int = knob(
        0, "Most images of a species in one pass, others in the next; 0: all", ge=0, source="lepinet 4.13: about 1,000"
    )
    balance: float = knob(
        0.0,
        "How often rare taxa are shown: an image n of whose kind there are counts n^-balance; 0: each image once a pass, 1: each taxon as often",
        ge=0,
        le=1,
        source="Kang et al. 2020 (arXiv:1910.09217), section 4.1",
    )
    order: Literal["global", "shards"] = knob(
        "global", "Shuffle over all images, or shards first and images within a few of them (for slow disks)"
    )
    replay_batch: int = knob(
        0, "Images per step from --replay, with general captions", unit="images", ge=0, source=BIOCLIP2 + ": 10,240"
    )
    traits: float = knob(
        0.5,
        "Weight of captions that tell sex, life stage, habitat and behaviour, read through a projector of their own",
        ge=0,
    )
    crop: float = knob(0.7, "Smallest share of the area that a random crop keeps", gt=0, le=1, source=HERE)
    flip: float = knob(0.5, "How often an image is mirrored", ge=0, le=1)
    colour: float = knob(0.1, "Largest random change of brightness, contrast and saturation", ge=0, lt=1)
    turn: float = knob(0.0, "Largest random turn of an image", unit="degrees", ge=0, le=180)
    erase: float = knob(
        0.0, "How often a patch is taken out of an image", ge=0, le=1, source="Zhong et al. 2020 (Random Erasing)"
    )
    mix: float = knob(
        0.0,
        "Share of the steps whose images are mixed in pairs, blended or a rectangle of one in the other, both captions right by their shares",
        ge=0,
        le=1,
        source="Zhang et al. 2018 (mixup); Yun et al. 2019 (CutMix)",
    )
    cache: Literal["auto", "on", "off"] = knob(
        "auto", "Keep decoded images on the disk while training; auto: when they take less than 20 GB"
    )


@dataclass(frozen=True, kw_only=True)
class ObjectiveSettings:
    """What is right, and how much it counts."""

    objective: Literal["multi_positive", "infonce", "levels", "marginal"] = knob(
        "multi_positive",
        "infonce: each image's own caption; multi_positive: all that fit; levels, marginal: that, and the coarser ranks by name or by sums",
        source="CLIP; UniCL (Yang et al. 2022); see merian.train.objectives",
    )
    level_weights: tuple[float, ...] = knob(
        (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0),
        "With levels or marginal: weights of kingdom ... species beside 1 for the captions themselves",
    )
    logit_scale: float = knob(14.3, "Factor of the cosine at the start", gt=0, le=100, source=CLIP + ": 1 / 0.07")
    logit_scale_max: float = knob(100.0, "Largest factor of the cosine", gt=0, le=1000, source=CLIP + ", section 2.5")
    logit_scale_fixed: bool = knob(False, "Leave the factor of the cosine as it is at the start")
    hyperbolic: bool = knob(
        False,
        "Compare points of a hyperboloid by their distance while training, not directions by their cosine",
        source="Desai et al. 2023 (MERU)",
    )
    entail: float = knob(
        0.2,
        "With hyperbolic: weight of the loss that keeps images in the cones of their captions",
        ge=0,
        source="Desai et al. 2023 (MERU)",
    )
    classes: float = knob(
        0.0,
        "Weight of class vectors that are learnt beside the captions, one for each taxon that is trained on; they are kept as the head `linear`",
        ge=0,
    )
    replay_weight: float = knob(1.0, "Weight of the loss of the replayed captions", ge=0, source=BIOCLIP2)


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """How steps are taken."""

    lr: float = knob(1e-3, "Highest learning rate", gt=0, le=1, source=HERE)
    warmup: float = knob(0.08, "Share of the steps in which the rate rises to it", ge=0, lt=1)
    weight_decay: float = knob(0.2, "Decoupled weight decay (not on biases, norms and scale)", ge=0, source=BIOCLIP2)
    beta2: float = knob(0.98, "AdamW's second decay", gt=0, lt=1, source=BIOCLIP2)
    grad_clip: float = knob(1.0, "Largest norm of the gradient; 0 leaves it as it is", ge=0)
    ema: float = knob(0.0, "Decay of an average of the weights, which is exported instead; 0: none", ge=0, lt=1)
    precision: Literal["fp32", "bf16", "pure_bf16", "rounded_bf16"] = knob(
        "fp32",
        "bf16 computes in bf16 over weights in fp32; pure_bf16 keeps the weights in bf16 too; rounded_bf16 the same with stochastic rounding",
        source="pure_bf16: " + BIOCLIP2,
    )
    chunk: int = knob(
        0,
        "Images that go through the towers at a time (GradCache: the same gradients in less memory); 0: all",
        ge=0,
        source="Gao et al. 2021, arXiv:2101.06983",
    )
    accumulate: int = knob(1, "Batches whose gradients are averaged before a step", ge=1)
    recompute: bool = knob(False, "Compute activations again in the backward pass (gradient checkpointing)")
    compile: bool = knob(False, "Compile the towers with torch.compile; stops when it does not")
    shard_weights: bool = knob(False, "Spread weights and optimizer over the processes (FSDP2)")
    device: Literal["auto", "cpu", "cuda"] = knob("auto", "Where to compute")
    threads: int = knob(
        0, "Processor threads; 0 takes all that the process may use. Other numbers may give other last digits", ge=0
    )
    checkpoint: int = knob(50, "Steps from one checkpoint to the next", unit="steps", ge=1)
    keep: int = knob(1, "Checkpoints to keep", ge=1)
    validate: int = knob(0, "Steps from one validation to the next; 0: at the end of each pass", unit="steps", ge=0)
    tensorboard: bool = knob(False, "Write TensorBoard events too")
    onnx: bool = knob(True, "Export for ONNX Runtime too")


@dataclass(frozen=True, kw_only=True)
class TrainSettings(EngineSettings, ObjectiveSettings, BatchSettings, TowerSettings):
    """How the two towers are built and trained. The defaults suit a few thousand images and two CPU cores."""

    seed: int = knob(0, "Names all chance: initial weights, order, augmentation, text types", ge=0)
